//! Push notifications with their replies.

use std::sync::Arc;

use crate::flow::{Endpoint, FlowId, Moment};
use crate::proto::{EventKind, Header, State};
use crate::time::Timestamp;

/// One POST of a push notification, complete or not.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct NotificationRow {
    /// Its connection.
    pub flow: FlowId,
    /// Who sent it, as captured.
    pub source: Endpoint,
    /// Who received it, as captured.
    pub listener: Endpoint,
    /// Frame with the first byte.
    pub first: Moment,
    /// Frame that completed it.
    pub last: Moment,
    /// Whether all of it was captured, and is what it should be.
    pub state: State,
    /// HTTP method.
    pub method: Arc<str>,
    /// Request target as sent.
    pub target: Arc<str>,
    /// HTTP minor version.
    pub version: u8,
    /// `id=` of the target, lower case.
    pub request_id: Option<Arc<str>>,
    /// `pid=` of the target.
    pub pid: Option<Arc<str>>,
    /// `Host`.
    pub host: Option<Arc<str>>,
    /// `SOAPAction` without quotes.
    pub soap_action: Option<Arc<str>>,
    /// Names of all header fields, joined by a comma.
    pub header_names: Arc<str>,
    /// Fields that middleboxes add or are told.
    pub proxy_headers: Arc<[Header]>,
    /// Whether the body came in chunks.
    pub chunked: bool,
    /// Bytes of the body.
    pub body_length: u64,
    /// Digest of the body.
    pub body_digest: u64,
    /// Exchange's SubscriptionId.
    pub subscription_id: Option<Arc<str>>,
    /// Server name in it.
    pub server: Option<Arc<str>>,
    /// Creation time in it.
    pub created: Option<Timestamp>,
    /// Subscription GUID in it.
    pub guid: Option<Arc<str>>,
    /// Second GUID in it, taken to be the mailbox.
    pub mailbox: Option<Arc<str>>,
    /// Watermark before the first event.
    pub previous_watermark: Option<Arc<str>>,
    /// Watermark of the last event.
    pub watermark: Option<Arc<str>>,
    /// Whether more follows at once.
    pub more_events: Option<bool>,
    /// Kinds of the events, at most 64.
    pub events: Arc<[EventKind]>,
    /// Digest of the events without watermarks and times.
    pub events_digest: u64,
    /// `ResponseClass`.
    pub response_class: Option<Arc<str>>,
    /// `ResponseCode`.
    pub response_code: Option<Arc<str>>,
    /// The reply.
    pub reply: Option<ReplyRow>,
    /// It is the second copy of the same packets: the row of the first copy. Such a row is evidence and is not counted.
    pub copy_of: Option<usize>,
}

/// The reply to a push notification.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ReplyRow {
    /// Frame with the first byte.
    pub first: Moment,
    /// Frame that completed it.
    pub last: Moment,
    /// Whether all of it was captured.
    pub state: State,
    /// Status code.
    pub status: u16,
    /// `Server`.
    pub server: Option<Arc<str>>,
    /// Fields that middleboxes add.
    pub proxy_headers: Arc<[Header]>,
    /// `SubscriptionStatus`.
    pub result: Option<Arc<str>>,
}

impl NotificationRow {
    /// Whether it counts as a notification that arrived: complete, and no second copy.
    pub fn counts(&self) -> bool {
        self.copy_of.is_none() && matches!(self.state, State::Complete | State::Malformed(_))
    }

    /// Whether it says that nothing happened; `None` when it cannot be told.
    pub fn is_keepalive(&self) -> Option<bool> {
        if self.events.is_empty() {
            return None;
        }
        Some(self.events.iter().all(|event| *event == EventKind::Status))
    }
}

//! Push notifications with their replies.

use std::sync::Arc;

use super::intern::{Interner, Pool};
use super::rows::{Row, Rows};
use super::{LimitHits, Table};
use crate::flow::{Endpoint, FlowId, Moment};
use crate::proto::{
    EventKind, Ews, Guid, Notification, NotificationResult, Recurring, Reply, ReplyHead, Request,
    RequestHead, State, SubscriptionId, Transaction, Watermark,
};
use crate::time::Timestamp;

/// One POST of a push notification, complete or not. What rows have in common is shared: they are many, and rules look
/// at all of them.
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
    /// Request line and fields.
    pub head: Arc<RequestHead>,
    /// What the body says; `None` where it could not be read.
    pub said: Option<Notification>,
    /// Whether the body came in chunks.
    pub chunked: bool,
    /// Bytes of the body.
    pub body_length: u64,
    /// Digest of the body, for comparing bodies of one run.
    pub body_digest: u64,
    /// The reply.
    pub reply: Option<ReplyRow>,
    /// It is the second copy of the same packets: the row of the first copy. Such a row is evidence and is not counted.
    pub copy_of: Option<u32>,
    /// Another connection carried it on while the sender still waited for the answer, as a proxy does that was captured
    /// on both sides: the row of the notification as Exchange sent it. Such a row is evidence and is not counted.
    pub onward_of: Option<u32>,
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
    /// Status line and fields.
    pub head: Arc<ReplyHead>,
    /// `Date`: when the listener replied, by its own clock.
    pub date: Option<Timestamp>,
    /// `SubscriptionStatus`.
    pub result: Option<NotificationResult>,
}

impl NotificationRow {
    /// Whether it counts as a notification that arrived: complete, no second copy, and not carried on by a proxy that
    /// was captured on both sides.
    pub fn counts(&self) -> bool {
        self.is_post() && self.onward_of.is_none()
    }

    /// Whether it is a complete POST that somebody sent, and no second copy.
    pub fn is_post(&self) -> bool {
        self.copy_of.is_none() && matches!(self.state, State::Complete | State::Malformed(_))
    }

    /// Whether it says that nothing happened; `None` when it cannot be told.
    pub fn is_keepalive(&self) -> Option<bool> {
        let events = self.events();
        (!events.is_empty()).then(|| events.iter().all(|event| *event == EventKind::Status))
    }

    /// The error that it reports instead of events: its ResponseCode, else its ResponseClass.
    pub fn error(&self) -> Option<&str> {
        let said = self.recurring()?;
        let class = said.response_class.as_deref().unwrap_or("Success");
        let code = said.response_code.as_deref().unwrap_or("NoError");
        match (class, code) {
            ("Success", "NoError") => None,
            (class, "NoError") => Some(class),
            (_, code) => Some(code),
        }
    }

    /// `id=` of the target, lower case.
    pub fn request_id(&self) -> Option<&Arc<str>> {
        self.head.parameters.id.as_ref()
    }

    /// `pid=` of the target.
    pub fn pid(&self) -> Option<&Arc<str>> {
        self.head.parameters.pid.as_ref()
    }

    /// Exchange's SubscriptionId.
    pub fn subscription_id(&self) -> Option<&Arc<str>> {
        self.recurring()?.subscription_id.as_ref()
    }

    /// What it says as others of its subscription do.
    fn recurring(&self) -> Option<&Recurring> {
        self.said.as_ref().map(|said| &*said.recurring)
    }

    /// What Exchange's SubscriptionId says, unless it is opaque.
    pub fn decoded_id(&self) -> Option<&SubscriptionId> {
        self.recurring()?.decoded_id.as_ref()
    }

    /// The server that it names.
    pub fn server(&self) -> Option<&str> {
        self.decoded_id().map(|id| &*id.server)
    }

    /// When the subscription was created, by it.
    pub fn created(&self) -> Option<Timestamp> {
        self.decoded_id().map(|id| id.created)
    }

    /// Its second GUID, taken to be the mailbox.
    pub fn mailbox(&self) -> Option<Guid> {
        self.decoded_id()?.mailbox
    }

    /// Watermark before the first event.
    pub fn previous_watermark(&self) -> Option<&Watermark> {
        self.said.as_ref()?.previous_watermark.as_ref()
    }

    /// Watermark of the last event.
    pub fn watermark(&self) -> Option<&Watermark> {
        self.said.as_ref()?.watermark.as_ref()
    }

    /// The mailbox database that it names.
    pub fn database(&self) -> Option<Guid> {
        self.watermark()?.database()
    }

    /// Kinds of the events, at most 64.
    pub fn events(&self) -> &[EventKind] {
        self.recurring().map_or(&[], |said| &said.events)
    }

    /// Digest of the events without watermarks and times.
    pub fn events_digest(&self) -> u64 {
        self.said.as_ref().map_or(0, |said| said.events_digest)
    }
}

impl Row for NotificationRow {
    fn completed(&self) -> Moment {
        self.last
    }

    fn flow(&self) -> FlowId {
        self.flow
    }
}

/// The notifications of one shard while the capture is read.
#[derive(Debug)]
pub(crate) struct Notifications {
    rows: Rows<NotificationRow>,
    strings: Interner,
    // A subscription repeats all of them with every keep-alive.
    heads: Pool<RequestHead>,
    recurring: Pool<Recurring>,
}

/// Heads, and what notifications have in common, that a shard finds again by where they stand: the HTTP dissector knows as many in all.
const PLACES: usize = 2048;
/// What a row costs without its strings, which are counted for themselves.
const ROW_BYTES: u64 = 320;

impl Notifications {
    /// A table that may take so many bytes.
    pub(crate) fn new(bytes: u64) -> Self {
        let rows = Rows::new(bytes, ROW_BYTES);
        let limit = rows.limit();
        Notifications {
            rows,
            strings: Interner::new(limit.saturating_mul(2)),
            heads: Pool::new(limit, PLACES),
            recurring: Pool::new(limit, PLACES),
        }
    }

    /// Keeps a transaction that is a push notification; others are not its business.
    pub(crate) fn apply(&mut self, flow: FlowId, ends: [Endpoint; 2], transaction: &Transaction) {
        let Some(request) = transaction.request.as_deref().filter(|request| is_notification(request)) else {
            return;
        };
        let strings = self.strings.bytes() + self.heads.bytes() + self.recurring.bytes();
        if !self.rows.has_room(strings, request.last) {
            return;
        }
        let (source, listener) = transaction.client.ends(ends);
        let row = self.row(flow, source, listener, request, transaction.reply.as_deref());
        self.rows.push(row);
    }

    /// Takes in what another shard has learnt.
    pub(crate) fn absorb(&mut self, other: Self) {
        self.rows.absorb(other.rows);
    }

    /// The rows in the order of completion, and how many did not fit.
    pub(crate) fn finish(self) -> (Table<NotificationRow>, LimitHits) {
        self.rows.into_table("notification rows")
    }

    fn row(
        &mut self,
        flow: FlowId,
        source: Endpoint,
        listener: Endpoint,
        request: &Request,
        reply: Option<&Reply>,
    ) -> NotificationRow {
        let head =
            self.heads.of(&request.head, |head| (Arc::clone(head), size_of::<RequestHead>() + head.length()));
        let said = match &request.ews {
            Some(Ews::Notification(said)) => Some(self.said(said.clone())),
            _ => None,
        };
        self.strings.charge(reply.map_or(0, own_bytes));
        NotificationRow {
            flow,
            source,
            listener,
            first: request.first,
            last: request.last,
            state: request.state.clone(),
            head,
            said,
            chunked: request.body.chunked,
            body_length: request.body.length,
            body_digest: request.body.digest,
            reply: reply.map(|reply| ReplyRow {
                first: reply.first,
                last: reply.last,
                state: reply.state.clone(),
                status: reply.head.status,
                head: Arc::clone(&reply.head),
                date: reply.date,
                result: match &reply.ews {
                    Some(Ews::Result(result)) => Some(result.clone()),
                    _ => None,
                },
            }),
            copy_of: None,
            onward_of: None,
        }
    }

    fn said(&mut self, mut said: Notification) -> Notification {
        let strings = &mut self.strings;
        for mark in [&mut said.previous_watermark, &mut said.watermark] {
            if let Some(Watermark::Opaque(text)) = mark {
                *text = strings.share(text);
            }
        }
        said.recurring = self.recurring.of(&said.recurring, |said| {
            let mut own = Recurring::clone(said);
            let server = own.decoded_id.as_mut().map(|id| &mut id.server);
            let texts = [&mut own.response_class, &mut own.response_code, &mut own.subscription_id];
            let mut is_first = true;
            for text in texts.into_iter().flatten().chain(server) {
                let shared = strings.share(text);
                is_first &= Arc::ptr_eq(&shared, text);
                *text = shared;
            }
            (if is_first { Arc::clone(said) } else { Arc::new(own) }, size_of::<Recurring>())
        });
        said
    }
}

/// Bytes of the texts that the row of a reply has for itself, though most replies share their heads.
fn own_bytes(reply: &Reply) -> usize {
    let word = match &reply.ews {
        Some(Ews::Result(NotificationResult::Other(word))) => word.len(),
        _ => 0,
    };
    reply.head.length() + word
}

/// Whether a request is a push notification: by its SOAPAction or its body, on any port and path; a body that
/// cannot be read counts where the target is Unity Connection's.
fn is_notification(request: &Request) -> bool {
    let action = request.head.soap_action.as_deref().unwrap_or_default();
    let by_action = || {
        action.len() >= ACTION.len()
            && action.as_bytes()[action.len() - ACTION.len()..].eq_ignore_ascii_case(ACTION.as_bytes())
    };
    matches!(request.ews, Some(Ews::Notification(_)))
        || by_action()
        || (&*request.head.method == "POST"
            && request.head.target.contains("/NotificationService/services/NotificationService"))
}

/// The last word of the SOAPAction of a push notification.
const ACTION: &str = "SendNotification";

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_field_can_be_changed_again_and_again_under_one_hash() {
        type Change = fn(&mut Recurring, Option<Arc<str>>);
        let changes: [Change; 6] = [
            |said, text| said.response_class = text,
            |said, text| said.response_code = text,
            |said, text| said.subscription_id = text,
            |said, _| said.more_events = Some(true),
            |said, _| said.events = Arc::from([EventKind::Status]),
            |said, _| said.event_count = 1,
        ];
        let changed = changes.map(|change| {
            let mut said = Recurring::default();
            change(&mut said, Some(Arc::from("other")));
            said
        });
        let seeds = ahash::RandomState::with_seeds(1, 2, 3, 4);
        let hashes: HashSet<u64> = changed.iter().map(|said| seeds.hash_one(said)).collect();
        assert_eq!(hashes.len(), changed.len());
    }
}

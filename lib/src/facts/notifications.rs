//! Push notifications with their replies.

use std::sync::Arc;

use super::intern::{Interner, Memo};
use super::rows::Rows;
use super::{LimitHits, Table};
use crate::flow::{Dir, Endpoint, FlowId, Moment};
use crate::proto::{
    EventKind, Ews, Guid, Notification, NotificationResult, Reply, ReplyHead, Request, RequestHead, State,
    SubscriptionId, Transaction,
};
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
    /// Request line and fields.
    pub head: Arc<RequestHead>,
    /// `id=` of the target, lower case.
    pub request_id: Option<Arc<str>>,
    /// `pid=` of the target.
    pub pid: Option<Arc<str>>,
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
    pub guid: Option<Guid>,
    /// Second GUID in it, taken to be the mailbox.
    pub mailbox: Option<Guid>,
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
    /// Another connection carried it on while the sender still waited for the answer, as a proxy does that was captured
    /// on both sides: the row of the notification as Exchange sent it. Such a row is evidence and is not counted.
    pub onward_of: Option<usize>,
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
    pub date: Option<Arc<str>>,
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
        if self.events.is_empty() {
            return None;
        }
        Some(self.events.iter().all(|event| *event == EventKind::Status))
    }
}

/// The notifications of one shard while the capture is read.
#[derive(Debug)]
pub(crate) struct Notifications {
    rows: Rows<NotificationRow>,
    strings: Interner,
    // A subscription repeats both with every keep-alive; taking them apart cost a third of filing a row.
    heads: Memo<RequestHead, Target>,
    ids: Memo<str, Option<Decoded>>,
}

/// What the target of a request says.
#[derive(Clone, Debug)]
struct Target {
    request_id: Option<Arc<str>>,
    pid: Option<Arc<str>>,
}

/// What a SubscriptionId says.
#[derive(Clone, Debug)]
struct Decoded {
    server: Arc<str>,
    created: Timestamp,
    guid: Guid,
    mailbox: Option<Guid>,
}

/// What a row costs with the strings that are its own.
const ROW_BYTES: u64 = 1024;

impl Notifications {
    /// A table that may take so many bytes.
    pub(crate) fn new(bytes: u64) -> Self {
        let rows = Rows::new(bytes, ROW_BYTES);
        let limit = rows.limit();
        Notifications {
            rows,
            strings: Interner::new(limit.saturating_mul(2)),
            heads: Memo::new(limit),
            ids: Memo::new(limit),
        }
    }

    /// Keeps a transaction that is a push notification; others are not its business.
    pub(crate) fn apply(&mut self, flow: FlowId, [orig, resp]: [Endpoint; 2], transaction: &Transaction) {
        let Some(request) = transaction.request.as_ref().filter(|request| is_notification(request)) else {
            return;
        };
        let strings = self.strings.bytes() + self.heads.bytes() + self.ids.bytes();
        if !self.rows.has_room(strings) {
            return;
        }
        let (source, listener) = match transaction.client {
            Dir::Orig => (orig, resp),
            Dir::Resp => (resp, orig),
        };
        let row = self.row(flow, source, listener, request, transaction.reply.as_ref());
        self.rows.push(row);
    }

    /// Takes in what another shard has learnt.
    pub(crate) fn absorb(&mut self, other: Self) {
        self.rows.absorb(other.rows);
    }

    /// The rows in the order of completion, and how many did not fit.
    pub(crate) fn finish(self) -> (Table<NotificationRow>, LimitHits) {
        let full = self.rows.hits("notification rows");
        (self.rows.into_table(|row| (row.last.frame, row.flow)), full)
    }

    fn row(
        &mut self,
        flow: FlowId,
        source: Endpoint,
        listener: Endpoint,
        request: &Request,
        reply: Option<&Reply>,
    ) -> NotificationRow {
        let strings = &mut self.strings;
        let said = match &request.ews {
            Some(Ews::Notification(notification)) => Some(&**notification),
            _ => None,
        };
        let head_bytes = size_of::<RequestHead>() + request.head.length();
        let (head, Target { request_id, pid }) =
            self.heads.of(Arc::clone(&request.head), head_bytes, |head| Target {
                request_id: query(&head.target, "id").map(|id| strings.intern(&id.to_ascii_lowercase())),
                pid: strings.intern_some(query(&head.target, "pid")),
            });
        let decode = |text: &str| {
            SubscriptionId::decode(text).map(|id| Decoded {
                server: strings.intern(&id.server),
                created: id.created,
                guid: id.guid,
                mailbox: id.mailbox,
            })
        };
        let (subscription_id, decoded) = match said
            .and_then(|said| said.subscription_id.as_ref())
            .map(|id| self.ids.of(Arc::clone(id), id.len(), decode))
        {
            Some((id, decoded)) => (Some(id), decoded),
            None => (None, None),
        };
        let decoded = decoded.as_ref();
        strings.charge(reply.map_or(0, own_bytes));
        let mut share = |text: fn(&Notification) -> &Option<Arc<str>>| {
            said.and_then(|said| text(said).as_ref()).map(|text| strings.share(text))
        };
        NotificationRow {
            flow,
            source,
            listener,
            first: request.first,
            last: request.last,
            state: request.state.clone(),
            head,
            request_id,
            pid,
            chunked: request.body.chunked,
            body_length: request.body.length,
            body_digest: request.body.digest,
            subscription_id,
            server: decoded.map(|id| Arc::clone(&id.server)),
            created: decoded.map(|id| id.created),
            guid: decoded.map(|id| id.guid),
            mailbox: decoded.and_then(|id| id.mailbox),
            previous_watermark: share(|said| &said.previous_watermark),
            watermark: share(|said| &said.watermark),
            more_events: said.and_then(|said| said.more_events),
            events: said.map(|said| Arc::clone(&said.events)).unwrap_or_default(),
            events_digest: said.map_or(0, |said| said.events_digest),
            response_class: share(|said| &said.response_class),
            response_code: share(|said| &said.response_code),
            reply: reply.map(|reply| ReplyRow {
                first: reply.first,
                last: reply.last,
                state: reply.state.clone(),
                status: reply.head.status,
                head: Arc::clone(&reply.head),
                date: reply.date.clone(),
                result: match &reply.ews {
                    Some(Ews::Result(result)) => Some(result.clone()),
                    _ => None,
                },
            }),
            copy_of: None,
            onward_of: None,
        }
    }
}

/// Bytes of the texts that the row of a reply has for itself, though most replies share their heads.
fn own_bytes(reply: &Reply) -> usize {
    let word = match &reply.ews {
        Some(Ews::Result(NotificationResult::Other(word))) => word.len(),
        _ => 0,
    };
    reply.head.length() + reply.date.as_ref().map_or(0, |date| date.len()) + word
}

/// Whether a request is a push notification: by its SOAPAction or its body, on any port and path; a body that
/// cannot be read counts where the target is Unity Connection's.
fn is_notification(request: &Request) -> bool {
    let action = request.head.soap_action.as_deref().unwrap_or_default();
    let by_action = action.len() >= ACTION.len()
        && action.as_bytes()[action.len() - ACTION.len()..].eq_ignore_ascii_case(ACTION.as_bytes());
    by_action
        || matches!(request.ews, Some(Ews::Notification(_)))
        || (&*request.head.method == "POST"
            && request.head.target.contains("/NotificationService/services/NotificationService"))
}

/// The last word of the SOAPAction of a push notification.
const ACTION: &str = "SendNotification";

/// A parameter of the query of a request target.
fn query<'a>(target: &'a str, name: &str) -> Option<&'a str> {
    let (_, query) = target.split_once('?')?;
    let pairs = query.split(['&', ';']).filter_map(|pair| pair.split_once('='));
    pairs.into_iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::query;

    #[test]
    fn parameters_are_found_in_any_order() {
        let target = "http://cuc:7080/N/services/N?pid=77&id=2348c723-2466";
        assert_eq!(query(target, "id"), Some("2348c723-2466"));
        assert_eq!(query(target, "pid"), Some("77"));
        assert_eq!(query("/N/services/N", "id"), None);
    }
}

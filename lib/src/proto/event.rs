//! Protocol facts as the dissectors hand them on.

use std::sync::Arc;

use super::http::auth::Authorization;
use super::imap;
use super::smtp::SmtpReply;
use super::tls::TlsHandshake;
use super::{Rpc, SubscriptionId, Watermark};
use crate::flow::{Dir, Moment};
use crate::time::Timestamp;

/// One protocol fact.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// An HTTP request, its reply, or both (RFC 9110, 3.4).
    Http(Transaction),
    /// A fact of an IMAP connection, and the direction of its client.
    Imap(Dir, Box<imap::Fact>),
    /// An SMTP reply and the command that it answers.
    Smtp(Box<SmtpReply>),
    /// A fact of a DCE/RPC connection (C706).
    Rpc(Box<Rpc>),
    /// A TLS handshake.
    Tls(Box<TlsHandshake>),
}

/// An HTTP request with the final reply that answers it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Transaction {
    /// The direction in which the request goes.
    pub client: Dir,
    /// The request; `None` when only the reply was captured.
    pub request: Option<Box<Request>>,
    /// The final (not 1xx) reply.
    pub reply: Option<Box<Reply>>,
}

/// How far a message was captured.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum State {
    /// All of it.
    Complete,
    /// The connection or the capture ended inside it.
    Cut,
    /// Bytes of it were never captured, or were cut by the snapshot length.
    Gap,
    /// It breaks its protocol although no byte is missing.
    Malformed(Malformed),
}

/// What is wrong with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Malformed {
    /// The head of the HTTP message cannot be parsed.
    Head,
    /// The chunked coding of the body is broken (RFC 9112, 7.1).
    Chunk,
    /// The body is no well-formed XML, or breaks off.
    Xml,
    /// Well-formed XML that is no SOAP message of Exchange.
    Soap,
    /// The head or the body is larger than sibtrace reads.
    TooLong,
}

/// A header field that says something about a middlebox.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Header {
    /// Name as sent.
    pub name: Box<str>,
    /// Value as sent, invalid UTF-8 replaced, at most 256 bytes.
    pub value: Box<str>,
}

/// An HTTP request.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Request {
    /// Frame with its first byte.
    pub first: Moment,
    /// Frame that completed it (or its last captured byte).
    pub last: Moment,
    /// Whether all of it was captured.
    pub state: State,
    /// Request line and fields. A head that comes again is shared, not copied.
    pub head: Arc<RequestHead>,
    /// The body.
    pub body: Body,
    /// What the body says, when it is an Exchange SOAP message.
    pub ews: Option<Ews>,
}

/// Request line and fields of an HTTP request (RFC 9112, 3 and 5).
// Looked up by all of it: heads that differ in one field only may be many, and must not have one hash.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct RequestHead {
    /// Method.
    pub method: Box<str>,
    /// Request target as sent: origin form, absolute form, authority or `*` (RFC 9112, 3.2). Where the head broke off
    /// inside it, its captured part.
    pub target: Box<str>,
    /// What the target says of a push subscription.
    pub parameters: Parameters,
    /// Minor version: 0 or 1.
    pub version: u8,
    /// `Host`.
    pub host: Option<Box<str>>,
    /// `SOAPAction` without quotes.
    pub soap_action: Option<Box<str>>,
    /// `User-Agent`.
    pub user_agent: Option<Box<str>>,
    /// Names of all header fields in their order as sent, joined by a comma.
    pub header_names: Box<str>,
    /// Fields that a proxy or load balancer adds, or that a client sends to a proxy (`Via`, `Forwarded`,
    /// `X-Forwarded-*`, `Proxy-*`, vendor fields …).
    pub proxy_headers: Vec<Header>,
    /// The log-in.
    pub authorization: Option<Authorization>,
    /// What it says when the request is one of MAPI over HTTP.
    pub mapi: Option<MapiRequest>,
}

/// Parameters of the query of a request target by which a listener knows a push subscription.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Parameters {
    /// `id=`, in lower case.
    pub id: Option<Arc<str>>,
    /// `pid=`.
    pub pid: Option<Arc<str>>,
}

impl RequestHead {
    /// Bytes of its text.
    pub(crate) fn length(&self) -> usize {
        let Parameters { id, pid } = &self.parameters;
        let parameters = [id, pid].into_iter().flatten().map(|text| text.len()).sum::<usize>();
        parameters + self.target.len() + self.header_names.len() + length(&self.proxy_headers)
    }
}

impl ReplyHead {
    /// Bytes of its text, but for what Exchange says of itself.
    pub(crate) fn length(&self) -> usize {
        self.server.as_ref().map_or(0, |server| server.len()) + length(&self.proxy_headers)
    }
}

fn length(fields: &[Header]) -> usize {
    fields.iter().map(|field| field.name.len() + field.value.len()).sum()
}

/// A request of MAPI over HTTP (MS-OXCMAPIHTTP 2.2.3.2).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct MapiRequest {
    /// `X-RequestType`.
    pub request_type: Box<str>,
    /// `X-RequestId`.
    pub request_id: Option<Box<str>>,
    /// Digest of the MapiContext cookie.
    pub context: Option<u64>,
}

/// A reply of MAPI over HTTP (MS-OXCMAPIHTTP 2.2.3.3).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct MapiReply {
    /// `X-ResponseCode`.
    pub code: Option<u32>,
    /// Digest of the MapiContext cookie that it sets.
    pub context: Option<u64>,
    /// `X-FEServer`: the Client Access server that took the request.
    pub frontend: Option<Box<str>>,
    /// The mailbox server that answered it.
    pub backend: Option<Box<str>>,
}

/// The final reply to an HTTP request.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Reply {
    /// Frame with its first byte.
    pub first: Moment,
    /// Frame that completed it: for a reply delimited by the close, the FIN.
    pub last: Moment,
    /// Whether all of it was captured.
    pub state: State,
    /// Status line and fields.
    pub head: Arc<ReplyHead>,
    /// `Date` (RFC 9110, 6.6.1), the clock of the server; `None` where it has another form than that of today.
    pub date: Option<Timestamp>,
    /// What the body says, when it is an Exchange SOAP message.
    pub ews: Option<Ews>,
}

/// Status line and fields of a reply, but for those that are new in every one.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ReplyHead {
    /// Status code.
    pub status: u16,
    /// `Server`.
    pub server: Option<Box<str>>,
    /// Fields that a middlebox adds.
    pub proxy_headers: Arc<[Header]>,
    /// Fields by which Exchange and IIS explain themselves.
    pub service: ServiceFields,
    /// What it says when it is one of MAPI over HTTP.
    pub mapi: Option<MapiReply>,
}

/// Fields of a reply by which Exchange and IIS explain themselves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServiceFields {
    /// The schemes of `WWW-Authenticate`.
    pub challenges: Vec<Box<str>>,
    /// `Location`, else `X-MS-Location`: where to go instead.
    pub location: Option<Box<str>>,
    /// `Retry-After`.
    pub retry_after: Option<Box<str>>,
    /// `X-FEServer`: the server that took the request.
    pub frontend: Option<Box<str>>,
    /// `X-CalculatedBETarget`, else `X-BEServer`: the server that it was passed to.
    pub backend: Option<Box<str>>,
    /// `X-CasErrorCode`: what went wrong at the front end.
    pub cas_error: Option<Box<str>>,
}

/// The body of an HTTP message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Body {
    /// Bytes, transfer coding removed.
    pub length: u64,
    /// A digest of the bytes for comparing bodies of one run, another one in the next; 0 where it was not read.
    pub digest: u64,
    /// Whether it came in chunks (RFC 9112, 7.1).
    pub chunked: bool,
}

/// A SOAP message of Exchange Web Services. A message that comes again is shared, not copied.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ews {
    /// A push notification (MS-OXWSNTIF 3.1.4.3, `SendNotification`).
    Notification(Notification),
    /// The listener's answer to it (`SendNotificationResult`).
    Result(NotificationResult),
    /// Any other request.
    Call(Arc<Call>),
    /// Any other reply, or a SOAP fault.
    Answer(Arc<Answer>),
}

/// A request to Exchange Web Services.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Call {
    /// The operation: `Subscribe`, `GetItem` …
    pub operation: Box<str>,
    /// What a `Subscribe` for push notifications asks for.
    pub subscribe: Option<Subscribe>,
}

/// A request for push notifications (MS-OXWSNTIF 3.1.4.3.3.6).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Subscribe {
    /// Where to send them.
    pub url: Option<Box<str>>,
    /// Minutes after which a notification is sent although nothing happened.
    pub status_frequency: Option<u32>,
}

/// The answer of Exchange Web Services to a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Answer {
    /// The operation; a fault names none.
    pub operation: Option<Box<str>>,
    /// It has the code `NoError`.
    pub no_error: bool,
    /// Response codes other than `NoError`, each once; inner ones included.
    pub codes: Vec<Box<str>>,
    /// How long the client shall wait, in milliseconds.
    pub back_off_ms: Option<u64>,
    /// It is a SOAP fault.
    pub is_fault: bool,
    /// The id of a new subscription.
    pub subscription_id: Option<Box<str>>,
}

/// The listener's answer to a push notification.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NotificationResult {
    /// `OK`: go on.
    Ok,
    /// `Unsubscribe`: end the subscription.
    Unsubscribe,
    /// Another word.
    Other(Arc<str>),
}

impl NotificationResult {
    /// The word.
    pub fn name(&self) -> &str {
        match self {
            NotificationResult::Ok => "OK",
            NotificationResult::Unsubscribe => "Unsubscribe",
            NotificationResult::Other(word) => word,
        }
    }
}

/// What a `SendNotification` message says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Notification {
    /// What others of its subscription say as well.
    pub recurring: Arc<Recurring>,
    /// Watermark of the event before the first of these.
    pub previous_watermark: Option<Watermark>,
    /// Watermark of the last event.
    pub watermark: Option<Watermark>,
    /// A digest of the events without their watermarks and time stamps: equal for a message that is sent again.
    pub events_digest: u64,
}

/// What notifications of one subscription have in common.
// Looked up by all of it, as request heads are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Recurring {
    /// `ResponseClass`: `Success`, `Warning` or `Error`.
    pub response_class: Option<Arc<str>>,
    /// `ResponseCode`, `NoError` when all is well.
    pub response_code: Option<Arc<str>>,
    /// Exchange's SubscriptionId, in an error notification from `MessageXml`.
    pub subscription_id: Option<Arc<str>>,
    /// What it says, unless it is opaque.
    pub decoded_id: Option<SubscriptionId>,
    /// Whether more events follow at once.
    pub more_events: Option<bool>,
    /// The kinds of events, in order, at most 64; `event_count` has the number of all.
    pub events: Arc<[EventKind]>,
    /// Number of events.
    pub event_count: u32,
}

/// The kind of an event in a notification (MS-OXWSNTIF 2.2.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
#[allow(missing_docs)]
pub enum EventKind {
    Status,
    NewMail,
    Created,
    Deleted,
    Modified,
    Moved,
    Copied,
    FreeBusyChanged,
}

impl EventKind {
    /// The element's local name.
    pub const fn name(self) -> &'static str {
        match self {
            EventKind::Status => "StatusEvent",
            EventKind::NewMail => "NewMailEvent",
            EventKind::Created => "CreatedEvent",
            EventKind::Deleted => "DeletedEvent",
            EventKind::Modified => "ModifiedEvent",
            EventKind::Moved => "MovedEvent",
            EventKind::Copied => "CopiedEvent",
            EventKind::FreeBusyChanged => "FreeBusyChangedEvent",
        }
    }
}

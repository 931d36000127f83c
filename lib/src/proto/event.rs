//! Protocol facts as the dissectors hand them on.

use super::Rpc;
use super::imap;
use super::smtp::SmtpReply;
use crate::flow::{Dir, Moment};

/// One protocol fact.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// An HTTP request, its reply, or both (RFC 9110, 3.4).
    Http(Box<Transaction>),
    /// A fact of an IMAP connection, and the direction of its client.
    Imap(Dir, Box<imap::Fact>),
    /// An SMTP reply and the command that it answers.
    Smtp(Box<SmtpReply>),
    /// A fact of a DCE/RPC connection (C706).
    Rpc(Box<Rpc>),
}

/// An HTTP request with the final reply that answers it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Transaction {
    /// The direction in which the request goes.
    pub client: Dir,
    /// The request; `None` when only the reply was captured.
    pub request: Option<Request>,
    /// The final (not 1xx) reply.
    pub reply: Option<Reply>,
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
#[derive(Clone, Debug, PartialEq, Eq)]
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
    /// Method.
    pub method: Box<str>,
    /// Request target as sent: origin form, absolute form, authority or `*` (RFC 9112, 3.2). Where the head broke off
    /// inside it, its captured part.
    pub target: Box<str>,
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
    /// The body.
    pub body: Body,
    /// What the body says, when it is an Exchange SOAP message.
    pub ews: Option<Ews>,
    /// What it says when it is one of MAPI over HTTP.
    pub mapi: Option<Box<MapiRequest>>,
}

/// A request of MAPI over HTTP (MS-OXCMAPIHTTP 2.2.3.2).
#[derive(Clone, Debug)]
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
    /// Status code.
    pub status: u16,
    /// `Server`.
    pub server: Option<Box<str>>,
    /// Fields that a middlebox adds.
    pub proxy_headers: Vec<Header>,
    /// `Date` (RFC 9110, 6.6.1), the clock of the server.
    pub date: Option<Box<str>>,
    /// The body.
    pub body: Body,
    /// What the body says, when it is an Exchange SOAP message.
    pub ews: Option<Ews>,
    /// What it says when it is one of MAPI over HTTP.
    pub mapi: Option<Box<MapiReply>>,
}

/// The body of an HTTP message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Body {
    /// Bytes, transfer coding removed.
    pub length: u64,
    /// A digest of the bytes for comparing bodies; 0 where it was not read.
    pub digest: u64,
    /// Whether it came in chunks (RFC 9112, 7.1).
    pub chunked: bool,
}

/// A SOAP message of Exchange Web Services.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ews {
    /// A push notification (MS-OXWSNTIF 3.1.4.3, `SendNotification`).
    Notification(Box<Notification>),
    /// The listener's answer to it (`SendNotificationResult`).
    Result(NotificationResult),
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
    Other(Box<str>),
}

/// What a `SendNotification` message says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Notification {
    /// `ResponseClass`: `Success`, `Warning` or `Error`.
    pub response_class: Option<Box<str>>,
    /// `ResponseCode`, `NoError` when all is well.
    pub response_code: Option<Box<str>>,
    /// Exchange's SubscriptionId, in an error notification from `MessageXml`.
    pub subscription_id: Option<Box<str>>,
    /// Watermark of the event before the first of these.
    pub previous_watermark: Option<Box<str>>,
    /// Watermark of the last event.
    pub watermark: Option<Box<str>>,
    /// Whether more events follow at once.
    pub more_events: Option<bool>,
    /// The kinds of events, in order, at most 64; `event_count` has the number of all.
    pub events: Vec<EventKind>,
    /// Number of events.
    pub event_count: u32,
    /// A digest of the events without their watermarks and time stamps: equal for a message that is sent again.
    pub events_digest: u64,
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

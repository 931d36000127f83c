//! What is kept of messages: which ones are of interest, and what their bodies say.

use std::sync::Arc;

use super::body::Framing;
use super::coding::Coding;
use super::exchange::Method;
use super::head::{Announced, Fields, RawReply, RawRequest};
use super::lane::{End, Plan};
use super::{auth, mapi, proxy};
use crate::proto::digest::digest;
use crate::proto::ews::{self, Reading};
use crate::proto::query::query;
use crate::proto::{Body, Ews, Malformed, Parameters, ReplyHead, RequestHead, ServiceFields, State};
use crate::time::Timestamp;

/// Whether a request is of interest: one to Exchange, or one that may carry SOAP. With a head that broke off, fields
/// may be missing.
fn matters(head: &RawRequest<'_>, is_whole: bool) -> bool {
    if is_exchange(head.target) {
        return true;
    }
    if !head.method.eq_ignore_ascii_case("POST") {
        return false;
    }
    let target = head.target.as_bytes();
    head.fields.value("SOAPAction").is_some()
        || mapi::is_request(head.target, head.fields)
        || match head.fields.value("Content-Type") {
            Some(kind) => is_xml(kind),
            None => is_whole,
        }
        || memchr::memmem::find(target, b"NotificationService").is_some()
}

/// Whether a target lies in a virtual directory of Exchange: Web Services, or the mailboxes of WebDAV.
fn is_exchange(target: &str) -> bool {
    let target = target.as_bytes();
    let begins = |at: usize, folder: &[u8]| {
        target.get(at..at + folder.len()).is_some_and(|part| part.eq_ignore_ascii_case(folder))
    };
    memchr::memchr_iter(b'/', target).any(|at| begins(at, b"/ews/") || begins(at, b"/exchange/"))
}

/// Whether the body of a request of interest is read, and how it is coded.
fn reads_request(fields: Fields<'_>) -> Option<Coding> {
    let kind = fields.value("Content-Type");
    let is_read = fields.value("SOAPAction").is_some() || kind.is_none_or(is_xml);
    Coding::of(fields).filter(|_| is_read)
}

/// What the head of a request tells.
#[derive(Clone)]
pub(super) struct Asked {
    pub(super) method: Method,
    /// What is kept of it, if the request is of interest, and how sound it is.
    pub(super) head: Option<(Arc<RequestHead>, State)>,
    /// Bytes that are kept of it.
    pub(super) held: usize,
    pub(super) plan: Plan,
}

/// Reads the head of a request. One that broke off may lack fields.
pub(super) fn asked(head: &RawRequest<'_>, is_whole: bool) -> Asked {
    let matters = matters(head, is_whole);
    let method = match head.method {
        "HEAD" => Method::Head,
        "CONNECT" => Method::Connect,
        _ => Method::Other,
    };
    let framing = match head.fields.announced() {
        Announced::Nothing => Some(Framing::Length(0)),
        Announced::Length(length) => Some(Framing::Length(length)),
        Announced::Chunked => Some(Framing::Chunked),
        Announced::Unknown | Announced::Conflict => None,
    };
    let keep = reads_request(head.fields).filter(|_| matters);
    let kept = matters.then(|| kept(head));
    Asked {
        method,
        held: kept.as_ref().map_or(0, RequestHead::length),
        head: kept.map(|kept| (kept.into(), soundness(head.is_sound))),
        plan: framing.map_or(Plan::Unknown, |framing| Plan::Body { framing, keep }),
    }
}

fn kept(head: &RawRequest<'_>) -> RequestHead {
    let length = head.fields.iter().map(|(name, _)| name.len() + 1).sum::<usize>();
    let mut names = String::with_capacity(length.saturating_sub(1));
    for (name, _) in head.fields.iter() {
        if !names.is_empty() {
            names.push(',');
        }
        names.push_str(name);
    }
    let action = head.fields.text("SOAPAction");
    RequestHead {
        method: head.method.into(),
        target: head.target.into(),
        parameters: Parameters {
            id: query(head.target, "id").map(|id| id.to_ascii_lowercase().into()),
            pid: query(head.target, "pid").map(Arc::from),
        },
        version: head.version,
        host: head.fields.text("Host"),
        soap_action: action.map(|action| action.trim_matches('"').into()),
        user_agent: head.fields.text("User-Agent"),
        header_names: names.into(),
        proxy_headers: proxy::headers(head.fields),
        authorization: auth::authorization(head.fields),
        mapi: mapi::request(head.target, head.fields),
    }
}

/// What the head of a reply tells.
#[derive(Clone, Debug)]
pub(super) struct Answered {
    pub(super) status: u16,
    pub(super) announced: Announced,
    coding: Option<Coding>,
    is_xml: Option<bool>,
    /// What is kept of it, if that was asked for.
    pub(super) said: Option<Said>,
}

/// What is kept of the head of a reply.
#[derive(Clone, Debug)]
pub(super) struct Said {
    pub(super) head: Arc<ReplyHead>,
    pub(super) state: State,
    pub(super) date: Option<Timestamp>,
}

/// Reads the head of a reply; what may be kept of it only if it `matters`.
pub(super) fn answered(head: &RawReply<'_>, matters: bool) -> Answered {
    let fields = head.fields;
    Answered {
        status: head.status,
        announced: fields.announced(),
        coding: Coding::of(fields),
        is_xml: fields.value("Content-Type").map(is_xml),
        said: matters.then(|| Said {
            head: Arc::new(ReplyHead {
                status: head.status,
                server: fields.text("Server"),
                proxy_headers: proxy::headers(fields).into(),
                service: service(fields),
                mapi: mapi::reply(fields),
            }),
            state: soundness(head.is_sound),
            date: fields.value("Date").and_then(date),
        }),
    }
}

/// What the value of a `Date` says.
pub(super) fn date(value: &[u8]) -> Option<Timestamp> {
    Timestamp::from_http_date(std::str::from_utf8(value).ok()?)
}

impl Answered {
    /// Whether the body is read, and how it is coded. One whose request is not known must say that it is XML.
    pub(super) fn reads(&self, request_known: bool) -> Option<Coding> {
        self.coding.filter(|_| self.is_xml.unwrap_or(request_known))
    }
}

/// What Exchange says of itself.
fn service(fields: Fields<'_>) -> ServiceFields {
    ServiceFields {
        challenges: auth::challenges(fields),
        location: fields.text("Location").or_else(|| fields.text("X-MS-Location")),
        retry_after: fields.text("Retry-After"),
        frontend: fields.text("X-FEServer"),
        backend: fields.text("X-CalculatedBETarget").or_else(|| fields.text("X-BEServer")),
        cas_error: fields.text("X-CasErrorCode"),
    }
}

/// What the end of a message says about it; `state` is that of its head, `digest` that of its body if it was taken.
pub(super) fn conclude(end: &End<'_>, state: State, digest: Option<u128>) -> (State, Option<Ews>) {
    let bytes = end.body.unwrap_or_default();
    let is_whole = end.state == State::Complete;
    let reading = match bytes {
        // Log-in by NTLM sends requests without a body first.
        [] => Reading::default(),
        _ => match end.coding.decode(bytes) {
            Some(decoded) => ews::read(&decoded.bytes, is_whole && decoded.is_whole, None),
            None => ews::read(bytes, is_whole, digest),
        },
    };
    let state = match (&end.state, state) {
        (State::Complete, State::Complete) => reading.malformed.map_or(State::Complete, State::Malformed),
        (State::Complete, head) => head,
        (end, _) => end.clone(),
    };
    (state, reading.ews)
}

/// The body that ends, and its digest.
pub(super) fn body(end: &End<'_>) -> (Body, u128) {
    let bytes = end.body.unwrap_or_default();
    let digest = if bytes.is_empty() { 0 } else { digest(bytes) };
    (Body { length: end.length, digest: digest as u64, chunked: end.chunked }, digest)
}

fn soundness(is_sound: bool) -> State {
    if is_sound { State::Complete } else { State::Malformed(Malformed::Head) }
}

/// `text/xml`, `application/xml`, `application/soap+xml` and their like.
fn is_xml(content_type: &[u8]) -> bool {
    let kind = content_type.split(|&byte| byte == b';').next().unwrap_or_default();
    kind.windows(b"xml".len()).any(|part| part.eq_ignore_ascii_case(b"xml"))
}

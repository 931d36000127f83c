//! Dissectors: the bytes of one connection in, events out. They say what was on the wire and never judge.

pub mod dcerpc;
mod digest;
pub mod event;
mod ews;
mod guid;
mod http;
pub mod imap;
mod lately;
mod lines;
pub mod ntlm;
mod place;
mod query;
pub mod sasl;
mod secret;
mod session;
pub mod smtp;
pub mod subscription_id;
pub mod tls;
pub mod watermark;
pub mod x509;
mod xml;

pub use dcerpc::{Interface, Rpc};
pub use event::{
    Answer, Body, Call, Event, EventKind, Ews, Header, Malformed, MapiReply, MapiRequest, Notification,
    NotificationResult, Parameters, Recurring, Reply, ReplyHead, Request, RequestHead, ServiceFields, State,
    Subscribe, Transaction,
};
pub use guid::Guid;
pub use http::Authorization;
pub use ntlm::Ntlm;
pub use sasl::{Credentials, Mechanism};
pub use secret::Secret;
pub(crate) use session::Session;
pub use subscription_id::SubscriptionId;
pub use tls::TlsHandshake;
pub use watermark::Watermark;

use std::ops::ControlFlow;

use crate::flow::{Close, Dir, Endpoint, Moment};

/// The protocols that can be recognised. A new one is a line here.
static PROTOCOLS: [Protocol; 6] =
    [dcerpc::http::PROTOCOL, http::PROTOCOL, imap::PROTOCOL, smtp::PROTOCOL, tls::PROTOCOL, dcerpc::PROTOCOL];

/// How a protocol is recognised and dissected.
struct Protocol {
    /// As `extract connections` names it.
    name: &'static str,
    /// Ports of either end on which it is asked before the others. They decide nothing else.
    ports: &'static [u16],
    /// Judges the first bytes of one direction, at most [`Probe::LIMIT`] of them. Where `more` is false no
    /// others will come, and [`Probe::More`] counts as no.
    probe: fn(first: &[u8], more: bool) -> Probe,
    /// Makes the dissector for a connection whose `Dir` began with the bytes that [`Protocol::probe`] claimed. It is
    /// given all bytes of the connection from the first one on.
    start: fn(Ends, Dir, &[u8]) -> Box<dyn Dissector>,
}

/// What a protocol says of the first bytes of a direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Probe {
    /// They are mine.
    Yes,
    /// They are not.
    No,
    /// They allow both.
    More,
}

impl Probe {
    /// Bytes by which a protocol is known or refused.
    pub(crate) const LIMIT: usize = 64;
}

/// Turns the ordered bytes of one connection into events. It never needs another connection.
pub(crate) trait Dissector {
    /// Payload in order. `at` is the frame that completed it.
    ///
    /// `Break(n)` hands the connection on: what follows `bytes[..n]`, and all further bytes of the other
    /// direction, speak another protocol (CONNECT, Upgrade, STARTTLS). The dissector is dropped then.
    fn data(&mut self, dir: Dir, bytes: &[u8], at: Moment, out: &mut Vec<Event>) -> ControlFlow<usize>;

    /// `length` bytes that were never captured come next in `dir`.
    fn gap(&mut self, dir: Dir, length: u64, at: Moment, out: &mut Vec<Event>);

    /// `dir` ended in order with a FIN.
    fn fin(&mut self, dir: Dir, at: Moment, out: &mut Vec<Event>);

    /// Nothing more comes: the connection was reset, closed, or the capture ended.
    fn end(&mut self, close: Close, at: Moment, out: &mut Vec<Event>);

    /// Nothing in the rest of the connection can matter: no more bytes are wanted.
    fn done(&self) -> bool {
        false
    }

    /// How many bytes come next in `dir` that are only counted, whatever they are.
    fn passes_over(&self, _dir: Dir) -> u64 {
        0
    }

    /// Bytes of the capture that are kept because what they belong to is not whole yet.
    fn held(&self) -> usize;
}

/// The two ends of the connection that is dissected.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ends {
    /// Originator.
    pub(crate) orig: Endpoint,
    /// Responder.
    pub(crate) resp: Endpoint,
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn every_protocol_has_words_for_fuzzing() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/dict/dissect");
        for protocol in &PROTOCOLS {
            let words = folder.join(protocol.name).with_extension("dict");
            assert!(words.is_file(), "{} is missing", words.display());
        }
    }
}

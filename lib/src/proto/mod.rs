//! Dissectors: the bytes of one connection in, events out. They say what was on the wire and never judge.

pub mod event;

pub use event::{
    Body, Event, EventKind, Ews, Header, Malformed, Notification, NotificationResult, Reply, Request, State,
    Transaction,
};

use crate::flow::{Close, Dir, Endpoint, Moment};

/// What a dissector says of the first bytes of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Probe {
    /// It is this protocol.
    Yes,
    /// It is not.
    No,
    /// The bytes so far allow both.
    More,
}

/// Turns the ordered bytes of one connection into events. It never needs another connection.
pub(crate) trait Dissector {
    /// Payload in order. `at` is the frame that completed it.
    fn data(&mut self, dir: Dir, bytes: &[u8], at: Moment, out: &mut Vec<Event>);

    /// `length` bytes that were never captured come next in `dir`.
    fn gap(&mut self, dir: Dir, length: u64, at: Moment, out: &mut Vec<Event>);

    /// `dir` ended in order with a FIN.
    fn fin(&mut self, dir: Dir, at: Moment, out: &mut Vec<Event>);

    /// Nothing more comes: the connection was reset, closed, or the capture ended.
    fn end(&mut self, close: Close, at: Moment, out: &mut Vec<Event>);

    /// The protocol, as `extract connections` names it.
    fn name(&self) -> &'static str;

    /// Nothing in the rest of the connection can matter: no more bytes are wanted.
    fn done(&self) -> bool {
        false
    }
}

/// The two ends of the connection that is dissected.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ends {
    /// Originator.
    pub(crate) orig: Endpoint,
    /// Responder.
    pub(crate) resp: Endpoint,
}

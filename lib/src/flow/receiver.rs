//! What a flow asks of the stage above it.

use super::{Close, Dir, Endpoint, FlowId, Moment};

/// Takes the ordered bytes of connections. The flow stage knows nothing else of the protocols above it.
///
/// For each direction the calls come in stream order: every byte once, as data or as part of a gap.
pub(crate) trait Receiver {
    /// What the receiver remembers of one connection.
    type State;

    /// The first payload of a connection is about to come. `None`: nobody is interested, and no other call will be
    /// made for this connection.
    fn open(&mut self, flow: &FlowRef) -> Option<Self::State>;

    /// The next bytes of one direction. `at` is the frame with which the stream became complete up to the last of
    /// them, which is not the frame that carried them when they had to wait for an earlier one.
    fn data(
        &mut self,
        flow: &FlowRef,
        state: &mut Self::State,
        dir: Dir,
        bytes: &[u8],
        at: Moment,
    ) -> Interest;

    /// The next `length` bytes of one direction are not in the capture.
    fn gap(&mut self, flow: &FlowRef, state: &mut Self::State, dir: Dir, length: u64, at: Moment)
    -> Interest;

    /// One direction has handed on everything before its FIN.
    fn fin(&mut self, flow: &FlowRef, state: &mut Self::State, dir: Dir, at: Moment);

    /// There is nothing more to come in either direction.
    fn end(&mut self, flow: &FlowRef, state: Self::State, close: Close, at: Moment);
}

/// Whether a receiver wants more of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Interest {
    /// More of it.
    GoOn,
    /// More of it; these bytes were only counted, so that nobody minds if a later copy has others.
    Counted,
    /// No further call for this connection: its state is dropped, its payload no longer kept.
    Refused,
}

/// A connection as its receiver sees it. None of this changes after the first payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FlowRef {
    /// Its place among the connections of the vantage point.
    pub(crate) id: FlowId,
    /// The originator.
    pub(crate) orig: Endpoint,
    /// The responder.
    pub(crate) resp: Endpoint,
}

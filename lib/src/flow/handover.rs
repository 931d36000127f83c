//! From the streams of a flow to the receiver above.

use super::outlet::Sink;
use super::{Close, Dir, FlowRef, Interest, Moment, Receiver};

/// Who takes the payload of a flow.
#[derive(Debug)]
pub(super) enum Reader<S> {
    /// There was no payload yet.
    Unasked,
    /// A receiver, with its state.
    Reading(Box<S>),
    /// Nobody, or nobody any more.
    Nobody,
}

impl<S> Reader<S> {
    /// Asks the receiver at the first payload.
    pub(super) fn ask<R: Receiver<State = S>>(&mut self, flow: &FlowRef, receiver: &mut R) {
        if let Reader::Unasked = self {
            *self = receiver.open(flow).map_or(Reader::Nobody, |state| Reader::Reading(Box::new(state)));
        }
    }

    pub(super) fn is_nobody(&self) -> bool {
        matches!(self, Reader::Nobody)
    }

    pub(super) fn is_reading(&self) -> bool {
        matches!(self, Reader::Reading(_))
    }

    /// Tells the receiver that there is nothing more to come.
    pub(super) fn dismiss<R: Receiver<State = S>>(
        &mut self,
        flow: &FlowRef,
        close: Close,
        at: Moment,
        receiver: &mut R,
    ) {
        if let Reader::Reading(state) = std::mem::replace(self, Reader::Nobody) {
            receiver.end(flow, *state, close, at);
        }
    }
}

/// Hands one direction to the receiver until that refuses.
pub(super) struct Handover<'a, R: Receiver> {
    pub(super) flow: FlowRef,
    pub(super) dir: Dir,
    pub(super) reader: &'a mut Reader<R::State>,
    pub(super) receiver: &'a mut R,
}

impl<R: Receiver> Handover<'_, R> {
    fn tell(&mut self, call: impl FnOnce(&mut R, &FlowRef, &mut R::State, Dir) -> Interest) -> Interest {
        let Reader::Reading(state) = &mut *self.reader else {
            return Interest::Refused;
        };
        let interest = call(self.receiver, &self.flow, state, self.dir);
        if interest == Interest::Refused {
            *self.reader = Reader::Nobody;
        }
        interest
    }
}

impl<R: Receiver> Sink for Handover<'_, R> {
    fn data(&mut self, bytes: &[u8], at: Moment) -> Interest {
        self.tell(|receiver, flow, state, dir| receiver.data(flow, state, dir, bytes, at))
    }

    fn gap(&mut self, length: u64, at: Moment) {
        self.tell(|receiver, flow, state, dir| receiver.gap(flow, state, dir, length, at));
    }
}

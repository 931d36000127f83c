//! Stubs that come in several fragments (C706, 12.6.2.1), put together as far as they are read.

use std::collections::VecDeque;

use super::event::Span;

/// Bytes of a stub that are kept from its beginning.
const HEAD: usize = 16 << 10;
/// Bytes that are kept from its end: the return code stands there.
const TAIL: usize = 64;
/// Stubs of one direction that may arrive at the same time.
const OPEN: usize = 64;

/// The stub of one call in one direction.
#[derive(Debug)]
pub(super) struct Stub {
    call_id: u32,
    head: Vec<u8>,
    tail: Vec<u8>,
    pub(super) span: Span,
    /// Digest of the first fragment.
    pub(super) digest: u64,
    /// Nothing of it is missing so far.
    pub(super) whole: bool,
}

impl Stub {
    pub(super) fn new(call_id: u32, span: Span, digest: u64) -> Self {
        Stub { call_id, head: Vec::new(), tail: Vec::new(), span, digest, whole: true }
    }

    pub(super) fn add(&mut self, mut bytes: &[u8]) {
        let room = HEAD - self.head.len();
        let (head, rest) = bytes.split_at(room.min(bytes.len()));
        self.head.extend_from_slice(head);
        bytes = rest.get(rest.len().saturating_sub(TAIL)..).unwrap_or_default();
        self.tail.extend_from_slice(bytes);
        let excess = self.tail.len().saturating_sub(TAIL);
        self.tail.drain(..excess);
    }

    /// Its beginning, and its end where that is too far from it.
    pub(super) fn bytes(mut self) -> Vec<u8> {
        self.head.append(&mut self.tail);
        self.head
    }
}

/// The stubs of one direction that are arriving.
#[derive(Debug, Default)]
pub(super) struct Fragments(VecDeque<Stub>);

impl Fragments {
    /// The call's stub so far. The fragments of a call follow each other by their call id.
    pub(super) fn take(&mut self, call_id: u32) -> Option<Stub> {
        let index = self.0.iter().rposition(|stub| stub.call_id == call_id)?;
        self.0.remove(index)
    }

    /// Bytes that are kept.
    pub(super) fn held(&self) -> usize {
        self.0.iter().map(|stub| stub.head.capacity() + stub.tail.capacity()).sum()
    }

    pub(super) fn put(&mut self, stub: Stub) {
        if self.0.len() == OPEN {
            self.0.pop_front();
        }
        self.0.push_back(stub);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::Moment;

    #[test]
    fn of_a_long_stub_beginning_and_end_are_kept() {
        let span = Span { first: Moment::default(), last: Moment::default() };
        let mut stub = Stub::new(1, span, 0);
        let long: Vec<u8> = (0..50_000u32).map(|number| number as u8).collect();
        long.chunks(4000).for_each(|piece| stub.add(piece));
        let kept = stub.bytes();
        assert_eq!(kept.len(), HEAD + TAIL);
        assert_eq!(kept[HEAD..], long[50_000 - TAIL..]);
        assert_eq!(kept[..HEAD], long[..HEAD]);
    }
}

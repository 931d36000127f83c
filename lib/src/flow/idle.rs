//! Which of many connections has been idle longest.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use crate::time::Timestamp;

/// For each place a time before which its connection was not idle, the earliest first.
///
/// Connections mostly come in the order of time, and so do their entries: a queue takes them. Only what is early for
/// it, as is a connection that was looked at and found to go on, needs a heap. A flood of SYNs in one heap of all
/// spent a third of its time there.
#[derive(Debug, Default)]
pub(super) struct Idle {
    in_order: VecDeque<Entry>,
    early: BinaryHeap<Reverse<Entry>>,
}

type Entry = (Timestamp, u32);

/// A connection that may be the one idle longest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Candidate {
    /// It was not idle before.
    pub(super) since: Timestamp,
    pub(super) place: u32,
    /// Whether all that were there when it came were candidates before it.
    pub(super) is_in_order: bool,
}

impl Idle {
    /// The connection at `place` was not idle before `since`.
    pub(super) fn push(&mut self, since: Timestamp, place: u32) {
        let entry = (since, place);
        if self.in_order.back().is_none_or(|last| *last <= entry) {
            self.in_order.push_back(entry);
        } else {
            self.early.push(Reverse(entry));
        }
    }

    /// Takes out the earliest time, and of those with the same one the lowest place.
    pub(super) fn pop(&mut self) -> Option<Candidate> {
        let early = self.early.peek().map(|Reverse(entry)| entry);
        let is_in_order = match (self.in_order.front(), early) {
            (Some(next), Some(early)) => next <= early,
            (next, _) => next.is_some(),
        };
        let (since, place) = if is_in_order { self.in_order.pop_front()? } else { self.early.pop()?.0 };
        Some(Candidate { since, place, is_in_order })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_earliest_comes_first_in_whatever_order_they_came() {
        let at = |seconds: i64| Timestamp::from_nanos(seconds * 1_000_000_000);
        let mut idle = Idle::default();
        for (seconds, place) in [(3, 0), (5, 1), (4, 2), (5, 0), (1, 3), (9, 4)] {
            idle.push(at(seconds), place);
        }
        let order: Vec<Candidate> = std::iter::from_fn(|| idle.pop()).collect();
        let expected =
            [(1, 3, false), (3, 0, true), (4, 2, false), (5, 0, false), (5, 1, true), (9, 4, true)];
        let candidate = |(seconds, place, is_in_order)| Candidate { since: at(seconds), place, is_in_order };
        assert_eq!(order, expected.map(candidate));
    }
}

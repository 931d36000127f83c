//! Who belongs to whom: partners by index, each used once.

use std::collections::VecDeque;

/// Pairs of items of the two captures.
#[derive(Clone, Debug, Default)]
pub(super) struct Links {
    /// The partner at the Cisco side, by index at Exchange.
    forward: Vec<Option<usize>>,
    /// The partner at Exchange, by index at the Cisco side.
    back: Vec<Option<usize>>,
}

impl Links {
    /// No pairs yet, of so many items at Exchange and at the Cisco side.
    pub(super) fn new(exchange: usize, cuc: usize) -> Self {
        Links { forward: vec![None; exchange], back: vec![None; cuc] }
    }

    /// Pairs two items. Whether both were free.
    pub(super) fn link(&mut self, exchange: usize, cuc: usize) -> bool {
        let (Some(forward), Some(back)) = (self.forward.get_mut(exchange), self.back.get_mut(cuc)) else {
            return false;
        };
        if forward.is_some() || back.is_some() {
            return false;
        }
        (*forward, *back) = (Some(cuc), Some(exchange));
        true
    }

    /// Dissolves all pairs but those that `keep` wants.
    pub(super) fn retain(&mut self, keep: impl Fn(usize, usize) -> bool) {
        for exchange in 0..self.forward.len() {
            if let Some(cuc) = self.forward[exchange].filter(|cuc| !keep(exchange, *cuc)) {
                (self.forward[exchange], self.back[cuc]) = (None, None);
            }
        }
    }

    /// The partner of an item at Exchange.
    pub(super) fn at_cuc(&self, exchange: usize) -> Option<usize> {
        self.forward.get(exchange).copied().flatten()
    }

    /// The partner of an item at the Cisco side.
    pub(super) fn at_exchange(&self, cuc: usize) -> Option<usize> {
        self.back.get(cuc).copied().flatten()
    }

    /// All pairs, in the order of Exchange.
    pub(super) fn pairs(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        self.forward.iter().enumerate().filter_map(|(exchange, cuc)| Some((exchange, (*cuc)?)))
    }

    /// Items at Exchange without a partner.
    pub(super) fn free_at_exchange(&self) -> impl Iterator<Item = usize> + '_ {
        self.forward.iter().enumerate().filter(|(_, cuc)| cuc.is_none()).map(|(exchange, _)| exchange)
    }

    /// Items at the Cisco side without a partner.
    pub(super) fn free_at_cuc(&self) -> impl Iterator<Item = usize> + '_ {
        self.back.iter().enumerate().filter(|(_, exchange)| exchange.is_none()).map(|(cuc, _)| cuc)
    }
}

/// Candidates of the same key that are looked at before the oldest is taken: hostile captures may have millions.
const LOOKED_AT: usize = 8;

/// Takes a candidate that `suits` best: the first of the oldest few that does, else the oldest.
pub(super) fn take(candidates: &mut VecDeque<usize>, suits: impl Fn(usize) -> bool) -> Option<usize> {
    let best = candidates.iter().take(LOOKED_AT).position(|candidate| suits(*candidate));
    candidates.remove(best.unwrap_or(0))
}

/// How far the two times of one thing may lie apart, in nanoseconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    /// The second may come so much earlier than expected: the error of the clocks.
    pub(super) early: i64,
    /// It may come so much later: retransmissions and proxies take their time.
    pub(super) late: i64,
}

/// Pairs the items of two lists in the order of time whose times agree, each with the first that does. `exchange`
/// has the times at which they are expected at the Cisco side.
pub(super) fn align(exchange: &[(i64, usize)], cuc: &[(i64, usize)], window: Window, links: &mut Links) {
    let mut next = 0;
    for &(expected, item) in exchange {
        while cuc.get(next).is_some_and(|(time, _)| *time < expected.saturating_sub(window.early)) {
            next += 1;
        }
        let Some(&(time, partner)) = cuc.get(next) else { return };
        if time <= expected.saturating_add(window.late) && links.link(item, partner) {
            next += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_linked_is_not_linked_again() {
        let mut links = Links::new(3, 2);
        assert!(links.link(2, 0));
        assert!(!links.link(2, 1) && !links.link(1, 0) && !links.link(0, 9));
        assert_eq!((links.at_cuc(2), links.at_exchange(0)), (Some(0), Some(2)));
        assert_eq!(links.free_at_exchange().collect::<Vec<_>>(), [0, 1]);
        links.retain(|_, _| false);
        assert_eq!(links.pairs().count(), 0);
        assert!(links.link(1, 0));
    }

    #[test]
    fn a_lost_item_does_not_take_the_partner_of_the_next() {
        let mut links = Links::new(3, 2);
        let window = Window { early: 2, late: 10 };
        align(&[(0, 0), (30, 1), (60, 2)], &[(31, 0), (59, 1)], window, &mut links);
        assert_eq!(links.pairs().collect::<Vec<_>>(), [(1, 0), (2, 1)]);
    }
}

//! Who ended a connection by a reset: one of its hosts, or something between them.
//!
//! A reset that reaches one end in the name of the other, and that the other end's capture does not show, was made on the
//! way. Through a proxy the one that a host itself sent counts, as proxies pass resets on in their own name.

use std::collections::HashMap;

use super::SHORTLY;
use super::witness::Witness;
use crate::compare::{Comparison, Pair, is_opened_at_exchange};
use crate::flow::{Close, Connection, Dir, Reset};
use crate::rules::View;

/// Who reset a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Resetter {
    /// The host at the Exchange side.
    Exchange,
    /// The host at the Cisco side.
    Cuc,
    /// A proxy or firewall between them.
    Between,
}

impl Resetter {
    /// In words, for a sentence.
    pub const fn name(self) -> &'static str {
        match self {
            Resetter::Exchange => "the Exchange side",
            Resetter::Cuc => "the Cisco side",
            Resetter::Between => "something between",
        }
    }
}

/// Who reset the connections seen at both ends, by stream at Exchange, where that can be told.
pub(super) fn resets(views: [&View<'_>; 2], matched: &Comparison) -> HashMap<usize, Resetter> {
    let witnesses = [0, 1].map(|vantage| Witness::new(views, vantage, matched));
    let resetter = |pair: Pair| {
        let rows =
            [views[0].facts.connections.get(pair.exchange)?, views[1].facts.connections.get(pair.cuc)?];
        Some((pair.exchange, resetter(rows, pair.kind.is_one_connection(), &witnesses)?))
    };
    matched.connections().filter_map(resetter).collect()
}

fn resetter(rows: [&Connection; 2], one_connection: bool, witnesses: &[Witness<'_>; 2]) -> Option<Resetter> {
    let seen = rows.map(|row| row.reset.filter(|_| row.close == Close::Rst));
    if seen == [None, None] {
        return None;
    }
    let opened_at_exchange = is_opened_at_exchange(rows[0], rows[1])?;
    // Which vantage point is beside the sender that the reset names.
    let beside = |reset: &Reset| usize::from((reset.from == Dir::Orig) != opened_at_exchange);
    let own = [0, 1].map(|vantage: usize| seen[vantage].is_some_and(|reset| beside(&reset) == vantage));
    match own {
        [true, false] => return Some(Resetter::Exchange),
        [false, true] => return Some(Resetter::Cuc),
        // Both hosts gave it up: neither of the two was the first for certain.
        [true, true] => return None,
        [false, false] => {}
    }
    if !one_connection {
        return Some(Resetter::Between);
    }
    let unseen_beyond = |vantage: usize| {
        let Some(reset) = seen[vantage] else { return false };
        let far = 1 - vantage;
        // The other capture was running before: it has the connection.
        seen[far].is_some()
            || witnesses[far].would_have_seen((reset.at, reset.at), 0..SHORTLY, [rows[far].resp.port])
    };
    (unseen_beyond(0) || unseen_beyond(1)).then_some(Resetter::Between)
}

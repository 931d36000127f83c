//! What became of connections that one end tried to open, by what the capture at the other end shows of them.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

use super::witness::Witness;
use super::{SHORTLY, Try};
use crate::compare::{Comparison, is_opened_at_exchange};
use crate::facts::{Outcome, outcome};
use crate::flow::{Connection, Dir, Endpoint, FlowId};
use crate::rules::View;

/// The tries of the hosts beside one capture, judged by the other.
pub(super) struct Tries<'v> {
    vantage: usize,
    near: &'v View<'v>,
    far: &'v View<'v>,
    matched: &'v Comparison,
    witness: Witness<'v>,
    /// Where connections of these hosts arrived as the same packets.
    arrived: HashSet<(IpAddr, Endpoint)>,
    /// The same without the port.
    met: HashSet<(IpAddr, IpAddr)>,
    /// Hosts whose connections come from the other end.
    foreign: HashSet<IpAddr>,
}

impl<'v> Tries<'v> {
    /// Those of the capture at `vantage`.
    pub(super) fn new(views: [&'v View<'v>; 2], vantage: usize, matched: &'v Comparison) -> Self {
        let mut tries = Tries {
            vantage,
            near: views[vantage],
            far: views[1 - vantage],
            matched,
            witness: Witness::new(views, 1 - vantage, matched),
            arrived: HashSet::new(),
            met: HashSet::new(),
            foreign: HashSet::new(),
        };
        for pair in matched.connections().filter(|pair| pair.kind.is_one_connection()) {
            let (exchange, cuc) =
                (&views[0].facts.connections[pair.exchange], &views[1].facts.connections[pair.cuc]);
            let row = [exchange, cuc][vantage];
            tries.arrived.insert((row.orig.ip, row.resp));
            tries.met.insert((row.orig.ip, row.resp.ip));
            if is_opened_at_exchange(exchange, cuc).is_some_and(|at_exchange| at_exchange != (vantage == 0)) {
                tries.foreign.insert(row.orig.ip);
            }
        }
        tries
    }

    /// What became of each connection that was not opened, where that can be told.
    pub(super) fn judged(&self) -> HashMap<FlowId, Try> {
        let rows = self.near.facts.connections.iter().enumerate();
        rows.filter_map(|(stream, row)| Some((row.id, self.judge(stream, row)?))).collect()
    }

    fn judge(&self, stream: usize, row: &Connection) -> Option<Try> {
        let refused = match outcome(row)? {
            Outcome::Connected => return None,
            Outcome::Refused => true,
            Outcome::Unreachable(_) | Outcome::Unanswered => false,
        };
        if self.foreign.contains(&row.orig.ip) {
            return None;
        }
        let Some((partner, kind)) = self.matched.partner(self.vantage, stream) else {
            return match refused {
                true => (self.has_gone_missing(row) && self.saw_all(row)).then_some(Try::RefusedBetween),
                false => self.has_gone_missing(row).then_some(Try::NeverArrived),
            };
        };
        let there = self.far.facts.connections.get(partner).filter(|_| kind.is_one_connection())?;
        // Without the SYN the one who answered it seems to have begun.
        let responder = if there.syn.is_none() && there.orig == row.resp { Dir::Orig } else { Dir::Resp };
        if there.reset.is_some_and(|reset| reset.from == responder) {
            return Some(Try::Refused);
        }
        if there.syn_ack.is_some() && !refused {
            return Some(Try::AnswerLost);
        }
        let silent = self.would_have_seen(row) && self.saw_all(row);
        silent.then_some(if refused { Try::RefusedBetween } else { Try::Ignored })
    }

    /// Whether the other capture never lost a packet of this service: one that does now and then may have lost the one
    /// packet that matters.
    fn saw_all(&self, row: &Connection) -> bool {
        self.far.sight.losses(row.resp.port).next().is_none()
    }

    fn would_have_seen(&self, row: &Connection) -> bool {
        let last = row.last_syn().unwrap_or(row.first());
        self.witness.would_have_seen((row.first(), last), -SHORTLY..SHORTLY, [row.resp.port])
    }

    /// Whether the other capture would have shown the SYN, had it arrived: others that went the same way did, or
    /// others between the same hosts, and the capture is not limited to their ports.
    fn has_gone_missing(&self, row: &Connection) -> bool {
        let hosts = (row.orig.ip, row.resp.ip);
        let is_unlimited = || self.far.facts.coverage.hosts.contains_key(&row.orig.ip);
        let comes_through =
            self.arrived.contains(&(row.orig.ip, row.resp)) || self.met.contains(&hosts) && is_unlimited();
        comes_through && self.would_have_seen(row)
    }
}

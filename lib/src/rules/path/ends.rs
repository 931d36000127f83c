//! What became of everything that left Exchange, judged by both captures.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

use super::witness::Witness;
use super::{Fate, LATEST, Loss, SHORTLY, Try};
use crate::compare::{Comparison, Pair, PairKind};
use crate::facts::{NotificationRow, Outcome, VantageFacts, outcome};
use crate::flow::{Close, Connection, Dir, Endpoint, FlowId, Moment};
use crate::rules::View;
use crate::time::Timestamp;

/// Both ends while the path between them is judged.
pub(super) struct Ends<'v> {
    exchange: &'v View<'v>,
    cuc: &'v View<'v>,
    matched: &'v Comparison,
    ways: Ways,
    /// The capture at the Cisco side.
    there: Witness<'v>,
    /// When the Cisco host itself did not accept a connection, and where; in time order.
    refusals: Vec<(Timestamp, Endpoint)>,
}

/// What carried notifications from one address at Exchange to one destination.
#[derive(Debug, Default)]
struct Way {
    /// Where they arrived.
    listeners: HashSet<Endpoint>,
    /// The same connections arrived.
    whole: bool,
    /// Others carried them on.
    proxied: bool,
}

type Ways = HashMap<(IpAddr, Endpoint), Way>;

/// Where and how what left Exchange arrived, by its source and destination there.
fn ways(exchange: &VantageFacts, cuc: &VantageFacts, matched: &Comparison, pairs: &[Pair]) -> Ways {
    let mut ways = Ways::new();
    let mut add = |source: IpAddr, towards: Endpoint, listener: Endpoint, kind: PairKind| {
        let way = ways.entry((source, towards)).or_default();
        way.whole |= kind.is_one_connection();
        way.proxied |= kind == PairKind::Proxy;
        // A pool of translated addresses is small.
        if way.listeners.len() < 16 {
            way.listeners.insert(listener);
        }
    };
    for pair in pairs {
        let (one, two) = (&exchange.notifications[pair.exchange], &cuc.notifications[pair.cuc]);
        add(one.source.ip, one.listener, two.listener, pair.kind);
    }
    for pair in matched.connections() {
        let (one, two) = (&exchange.connections[pair.exchange], &cuc.connections[pair.cuc]);
        add(one.orig.ip, one.resp, two.resp, pair.kind);
    }
    ways
}

impl<'v> Ends<'v> {
    pub(super) fn new(
        exchange: &'v View<'v>,
        cuc: &'v View<'v>,
        matched: &'v Comparison,
        notifications: &[Pair],
    ) -> Self {
        Ends {
            ways: ways(exchange.facts, cuc.facts, matched, notifications),
            there: Witness::new([exchange, cuc], 1, matched),
            refusals: refusals(cuc.facts),
            exchange,
            cuc,
            matched,
        }
    }

    /// What became of a notification, by its row at Exchange.
    pub(super) fn fate(&self, row: usize) -> Fate {
        let rows = &self.exchange.facts.notifications;
        let sent = &rows[row];
        if !sent.counts() {
            return Fate::Unknown;
        }
        let arrival = self.matched.arrival(row);
        if let Some(arrival) = arrival.filter(|row| self.cuc.facts.notifications[*row].counts()) {
            return Fate::Arrived(arrival);
        }
        self.loss(sent).unwrap_or(Fate::Unknown)
    }

    fn loss(&self, sent: &NotificationRow) -> Option<Fate> {
        // Who answers 200 has taken it; then the capture at the Cisco side missed it.
        if sent.reply.as_ref().is_some_and(|reply| reply.status == 200) {
            return None;
        }
        let way = self.ways.get(&(sent.source.ip, sent.listener))?;
        let connection = self.exchange.connection(sent.flow)?;
        let ports = way.listeners.iter().map(|listener| listener.port);
        if !self.there.would_have_seen((sent.last, sent.last), -SHORTLY..LATEST, ports) {
            return None;
        }
        let sender = connection.side(if connection.orig == sent.source { Dir::Orig } else { Dir::Resp });
        let ended = connection.close != Close::Open || self.outlasts(self.exchange, connection.last().time);
        if sender.unanswered {
            return (ended || sender.retransmitted > 0).then_some(Fate::Lost(Loss::Unacknowledged));
        }
        // Where the packets arrive as they left, the host itself acknowledged it.
        let same = self
            .exchange
            .facts
            .connections
            .number(sent.flow)
            .and_then(|stream| self.matched.carried_on(stream));
        let arrived = same.map_or(way.whole, |(_, kind)| kind.is_one_connection());
        let fate = match self.was_refused(sent.last, way) {
            true => Fate::TurnedAway,
            false => Fate::Lost(Loss::Taken),
        };
        (!arrived && way.proxied && ended).then_some(fate)
    }

    /// Whether the Cisco host turned away who should have passed it on.
    fn was_refused(&self, left: Moment, way: &Way) -> bool {
        let Some(at) = self.matched.clock.as_ref().and_then(|clock| clock.to_cuc(left)) else { return true };
        let shifted = |by: i64| Timestamp::from_nanos(at.nanos().saturating_add(by));
        let next = self.refusals.partition_point(|(time, _)| *time < shifted(-SHORTLY));
        let meanwhile = self.refusals[next..].iter().take_while(|(time, _)| *time <= shifted(LATEST));
        meanwhile.into_iter().any(|(_, listener)| way.listeners.contains(listener))
    }

    /// Whether a capture goes on long enough after a moment.
    fn outlasts(&self, view: &View<'_>, at: Timestamp) -> bool {
        view.end().is_some_and(|end| end.time.since(at) > LATEST)
    }
}

/// The connections that the Cisco side saw and that were not opened there, in time order.
fn refusals(cuc: &VantageFacts) -> Vec<(Timestamp, Endpoint)> {
    let refused = |row: &&Connection| !matches!(outcome(row), None | Some(Outcome::Connected));
    let refused = cuc.connections.iter().filter(refused);
    let mut refusals: Vec<_> = refused.map(|row| (row.first().time, row.resp)).collect();
    refusals.sort_unstable();
    refusals
}

/// The connections that Exchange could not open, in time order.
pub(super) fn vain(
    exchange: &VantageFacts,
    tries: &HashMap<FlowId, Try>,
) -> Vec<(Timestamp, IpAddr, Option<Try>)> {
    let failed = |row: &&Connection| !matches!(outcome(row), None | Some(Outcome::Connected));
    let failed = exchange.connections.iter().filter(failed);
    let mut vain: Vec<_> =
        failed.map(|row| (row.first().time, row.orig.ip, tries.get(&row.id).copied())).collect();
    vain.sort_by_key(|(at, ..)| *at);
    vain
}

//! The path between two vantage points: what became of each notification that left Exchange.
//!
//! A notification is lost only where the other capture would have shown it: it was running, saw others on the same
//! way, lost nothing at that time, and the clocks leave no doubt which time that is.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::View;
use crate::compare::{Comparison, Pair, PairKind};
use crate::facts::{Facts, NotificationRow, Outcome, VantageFacts, outcome};
use crate::flow::{Close, Connection, Dir, Endpoint, FlowId, Moment};
use crate::time::Timestamp;

/// A notification that has not arrived after this time will not: Exchange's next try is due (nanoseconds).
const LATEST: i64 = 30_000_000_000;
/// What is lost to a capture shortly before may have been the notification (nanoseconds).
const SHORTLY: i64 = 5_000_000_000;
/// Clocks that are known worse than this tell no absence (nanoseconds).
const WORST_CLOCK: i64 = 10_000_000_000;

/// Both ends of the path, matched.
#[derive(Debug)]
pub struct Path {
    /// Which row of one end is which of the other.
    pub matched: Comparison,
    /// The notifications seen at both ends, in the order of Exchange; the lost ones left out.
    pub pairs: Vec<Pair>,
    /// By row at Exchange.
    fates: Vec<Fate>,
    /// What became of connections that Exchange could not open.
    tries: HashMap<FlowId, Try>,
    /// When Exchange tried in vain, from which address, and what became of it; in time order.
    vain: Vec<(Timestamp, IpAddr, Option<Try>)>,
    /// The subscriptions at Exchange by their `id=`.
    subscriptions: HashMap<Arc<str>, usize>,
}

/// What became of a notification that left Exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fate {
    /// It arrived: the row at the Cisco side.
    Arrived(usize),
    /// It did not arrive.
    Lost(Loss),
    /// The capture at the Cisco side cannot tell.
    Unknown,
}

/// How it is known that a notification was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Loss {
    /// The Cisco side neither saw nor acknowledged it.
    Unacknowledged,
    /// Something between took it and never passed it on.
    Taken,
}

/// What became of a connection that Exchange tried to open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Try {
    /// Its SYN never arrived.
    NeverArrived,
    /// Its SYN arrived and was answered; the answer was lost on the way back.
    AnswerLost,
    /// Its SYN arrived and was not answered.
    Ignored,
    /// The Cisco host itself refused it.
    Refused,
    /// Something between refused it in the name of the Cisco host.
    RefusedBetween,
}

/// Who is to blame for a notification that did not come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Blame {
    /// Exchange did not send.
    Exchange,
    /// It was sent and lost on the way, or no connection came through.
    Path,
    /// The Cisco host did not take it.
    Cuc,
}

impl Blame {
    /// The word that values of findings use.
    pub const fn name(self) -> &'static str {
        match self {
            Blame::Exchange => "exchange",
            Blame::Path => "path",
            Blame::Cuc => "cuc",
        }
    }

    /// What it means for a gap, in a sentence.
    pub(super) const fn sentence(self) -> &'static str {
        match self {
            Blame::Exchange => " Exchange did not send in that time: its own capture shows no try.",
            Blame::Path => " Exchange did send in that time: it was lost on the way.",
            Blame::Cuc => " Exchange did try in that time: the Cisco host itself refused.",
        }
    }
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

impl Path {
    /// The path between two views, the Exchange side first; `None` for one.
    pub(super) fn new(facts: &Facts, views: &[View<'_>]) -> Option<Self> {
        let ([exchange, cuc], Some(matched)) = (views, Comparison::new(facts)) else {
            return None;
        };
        let all = matched.notifications(facts);
        let ends = Ends {
            refusals: refusals(cuc.facts),
            ways: ways(exchange.facts, cuc.facts, &matched, &all),
            exchange,
            cuc,
            matched: &matched,
        };
        let fates: Vec<Fate> = (0..exchange.facts.notifications.len()).map(|row| ends.fate(row)).collect();
        let tries = ends.tries();
        let vain = vain(exchange.facts, &tries);
        let ids = exchange.facts.subscriptions.iter().enumerate();
        let subscriptions = ids.map(|(index, one)| (Arc::clone(&one.request_id), index)).collect();
        let arrived = |pair: &Pair| {
            let seen = exchange.facts.notifications[pair.exchange].counts()
                || cuc.facts.notifications[pair.cuc].counts();
            seen && !matches!(fates[pair.exchange], Fate::Lost(_))
        };
        let pairs = all.into_iter().filter(arrived).collect();
        Some(Path { pairs, fates, tries, vain, subscriptions, matched })
    }

    /// What became of a notification at Exchange, by its row.
    pub fn fate(&self, row: usize) -> Fate {
        self.fates.get(row).copied().unwrap_or(Fate::Unknown)
    }

    /// The notifications at Exchange that were lost: their rows, and how that is known.
    pub fn lost(&self) -> impl Iterator<Item = (usize, Loss)> + '_ {
        self.fates.iter().enumerate().filter_map(|(row, fate)| match fate {
            Fate::Lost(loss) => Some((row, *loss)),
            _ => None,
        })
    }

    /// Notifications seen at one place only, of which the other cannot tell: the vantage point and the row.
    pub fn unmatched<'a>(&'a self, facts: &'a Facts) -> impl Iterator<Item = (usize, usize)> + 'a {
        let rows = |vantage: usize| {
            let rows = facts.vantages.get(vantage).map_or(&[][..], |facts| &facts.notifications);
            rows.iter().enumerate().filter(|(_, row)| row.counts()).map(move |(row, _)| (vantage, row))
        };
        let alone = |&(vantage, row): &(usize, usize)| match vantage {
            0 => self.matched.arrival(row).is_none() && self.fate(row) == Fate::Unknown,
            _ => self.matched.departure(row).is_none(),
        };
        rows(0).chain(rows(1)).filter(alone)
    }

    /// Connections seen at both places that carry no notification that was.
    pub fn other_connections<'a>(&'a self, facts: &'a Facts) -> impl Iterator<Item = Pair> + 'a {
        let exchange = facts.vantages.first();
        let told: HashSet<FlowId> = exchange
            .map(|facts| facts.notifications.iter().filter(|row| row.counts()).map(|row| row.flow).collect())
            .unwrap_or_default();
        self.matched.connections().filter(move |pair| {
            exchange
                .and_then(|facts| facts.connections.get(pair.exchange))
                .is_some_and(|row| !told.contains(&row.id))
        })
    }

    /// When notifications of the subscription `id` reached the Cisco side between two of its frames, although its own
    /// capture does not show them: Exchange has the listener's 200. By the clock of the Cisco side.
    pub(super) fn unseen_arrivals(
        &self,
        views: &[View<'_>],
        id: &str,
        (from, to): (Moment, Moment),
    ) -> Vec<Timestamp> {
        let (Some(exchange), Some(clock)) = (views.first(), self.matched.clock.as_ref()) else {
            return Vec::new();
        };
        let Some((start, end)) = clock.to_exchange(from).zip(clock.to_exchange(to)) else {
            return Vec::new();
        };
        let Some(subscription) = self.subscriptions.get(id).map(|one| &exchange.facts.subscriptions[*one])
        else {
            return Vec::new();
        };
        let rows = &exchange.facts.notifications;
        let next = subscription.rows.partition_point(|row| rows[*row].last.time <= start);
        let sent = subscription.rows[next..].iter().take_while(|row| rows[**row].last.time < end);
        let missed = sent.filter(|row| {
            self.fates[**row] == Fate::Unknown
                && rows[**row].reply.as_ref().is_some_and(|reply| reply.status == 200)
        });
        missed.filter_map(|row| clock.to_cuc(rows[*row].last)).collect()
    }

    /// What became of a connection that Exchange could not open.
    pub(super) fn try_of(&self, flow: FlowId) -> Option<Try> {
        self.tries.get(&flow).copied()
    }

    /// Who is to blame for a silence of the subscription `id` between two frames of the view `of`; `None` where the
    /// capture at Exchange cannot tell.
    pub(super) fn blame(
        &self,
        views: &[View<'_>],
        of: &View<'_>,
        id: &str,
        gap: (Moment, Moment),
    ) -> Option<Blame> {
        let exchange = views.first()?;
        let own = of.first_capture == exchange.first_capture;
        let clock = self.matched.clock.as_ref()?;
        let (start, end) = match own {
            true => (gap.0.time, gap.1.time),
            false => (clock.to_exchange(gap.0)?, clock.to_exchange(gap.1)?),
        };
        let (first, last) = exchange.facts.coverage.first.zip(exchange.facts.coverage.last)?;
        let subscription = &exchange.facts.subscriptions[*self.subscriptions.get(id)?];
        // Enough of the silence must lie within Exchange's capture for a try to be due.
        let due = of.config.interval_on(subscription.port) + Duration::from_nanos(LATEST as u64);
        let end = end.min(last.time);
        if first.time > start || end < start.after(due) {
            return None;
        }
        let start = start.after(Duration::from_nanos(SHORTLY as u64));
        let rows = &exchange.facts.notifications;
        let next = subscription.rows.partition_point(|row| rows[*row].last.time <= start);
        // A silence that begins with a lost notification is Exchange's giving up.
        let begins = subscription.rows[..next].last().filter(|_| own);
        if begins.is_some_and(|row| matches!(self.fates[*row], Fate::Lost(_))) {
            return Some(Blame::Path);
        }
        let mut sent = subscription.rows[next..].iter().take_while(|row| rows[**row].last.time < end);
        if sent.clone().any(|row| matches!(self.fates[*row], Fate::Lost(_))) {
            return Some(Blame::Path);
        }
        if sent.any(|row| !own || self.fates[*row] == Fate::Unknown) {
            return None;
        }
        let next = self.vain.partition_point(|(at, ..)| *at < start);
        let within = self.vain[next..].iter().take_while(|(at, ..)| *at < end);
        let mut vain = within.filter(|(_, source, _)| subscription.sources.contains(source)).peekable();
        if vain.peek().is_some() {
            return vain.find_map(|(.., fate)| *fate).map(|fate| match fate {
                Try::NeverArrived | Try::AnswerLost | Try::RefusedBetween => Blame::Path,
                Try::Ignored | Try::Refused => Blame::Cuc,
            });
        }
        let sight = &exchange.sight;
        let blind = sight.seen(start, end).len() > 1 || sight.lost_something(subscription.port, start, end);
        (!blind).then_some(Blame::Exchange)
    }
}

/// Both ends while the path between them is judged.
struct Ends<'v> {
    exchange: &'v View<'v>,
    cuc: &'v View<'v>,
    matched: &'v Comparison,
    ways: Ways,
    /// When the Cisco host itself did not accept a connection, and where; in time order.
    refusals: Vec<(Timestamp, Endpoint)>,
}

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

impl Ends<'_> {
    fn fate(&self, row: usize) -> Fate {
        let rows = &self.exchange.facts.notifications;
        let sent = &rows[row];
        if !sent.counts() {
            return Fate::Unknown;
        }
        let arrival = self.matched.arrival(row);
        if let Some(arrival) = arrival.filter(|row| self.cuc.facts.notifications[*row].counts()) {
            return Fate::Arrived(arrival);
        }
        self.loss(sent).map_or(Fate::Unknown, Fate::Lost)
    }

    fn loss(&self, sent: &NotificationRow) -> Option<Loss> {
        // Who answers 200 has taken it; then the capture at the Cisco side missed it.
        if sent.reply.as_ref().is_some_and(|reply| reply.status == 200) {
            return None;
        }
        let way = self.ways.get(&(sent.source.ip, sent.listener))?;
        let connection = self.exchange.connection(sent.flow)?;
        if !self.would_have_seen(sent.last, way) {
            return None;
        }
        let sender = connection.side(if connection.orig == sent.source { Dir::Orig } else { Dir::Resp });
        let ended = connection.close != Close::Open || self.outlasts(self.exchange, connection.last.time);
        if sender.unanswered {
            return (ended || sender.retransmitted > 0).then_some(Loss::Unacknowledged);
        }
        // Where the packets arrive as they left, the host itself acknowledged it.
        let same = self.exchange.facts.stream(sent.flow).and_then(|stream| self.matched.carried_on(stream));
        let arrived = same.map_or(way.whole, |(_, kind)| kind.is_one_connection());
        (!arrived && way.proxied && ended && !self.was_refused(sent.last, way)).then_some(Loss::Taken)
    }

    /// Whether the capture at the Cisco side would have shown what left Exchange at that moment.
    fn would_have_seen(&self, left: Moment, way: &Way) -> bool {
        let Some(clock) = self.matched.clock.as_ref().filter(|clock| clock.uncertainty < WORST_CLOCK) else {
            return false;
        };
        let Some(at) = clock.to_cuc(left).filter(|_| !clock.is_set_at(left.frame)) else { return false };
        let cuc = self.cuc;
        let doubt = clock.uncertainty.saturating_add(SHORTLY);
        let (from, to) = (shifted(at, -doubt), shifted(at, LATEST + clock.uncertainty));
        let coverage = &cuc.facts.coverage;
        let runs = coverage.first.is_some_and(|first| first.time <= from)
            && coverage.last.is_some_and(|last| last.time >= to);
        let between_files = coverage.silences.iter().any(|silence| {
            silence.from.frame.file() != silence.to.frame.file()
                && silence.from.time < to
                && silence.to.time > from
        });
        let set = cuc.sight.steps().iter().any(|step| {
            let (one, two) = (step.before.time.min(step.after.time), step.before.time.max(step.after.time));
            one <= to && two >= from
        });
        let ports = way.listeners.iter().map(|listener| listener.port);
        runs && !between_files
            && !set
            && cuc.sight.seen(from, to).len() == 1
            && !ports.into_iter().any(|port| cuc.sight.lost_something(port, from, to))
            && cuc.facts.files.iter().all(|file| file.drops == 0 && file.cut_packets == 0)
            && !cuc.is_one_way()
    }

    /// Whether the Cisco host turned away who should have passed it on.
    fn was_refused(&self, left: Moment, way: &Way) -> bool {
        let Some(at) = self.matched.clock.as_ref().and_then(|clock| clock.to_cuc(left)) else { return true };
        let next = self.refusals.partition_point(|(time, _)| *time < shifted(at, -SHORTLY));
        let meanwhile = self.refusals[next..].iter().take_while(|(time, _)| *time <= shifted(at, LATEST));
        meanwhile.into_iter().any(|(_, listener)| way.listeners.contains(listener))
    }

    /// Whether a capture goes on long enough after a moment.
    fn outlasts(&self, view: &View<'_>, at: Timestamp) -> bool {
        view.end().is_some_and(|end| end.time.since(at) > LATEST)
    }

    fn tries(&self) -> HashMap<FlowId, Try> {
        let connections = self.exchange.facts.connections.iter().enumerate();
        connections
            .filter_map(|(stream, connection)| Some((connection.id, self.attempt(stream, connection)?)))
            .collect()
    }

    fn attempt(&self, stream: usize, connection: &Connection) -> Option<Try> {
        let refused = match outcome(connection)? {
            Outcome::Connected => return None,
            Outcome::Refused => true,
            Outcome::Unreachable(_) | Outcome::Unanswered => false,
        };
        let Some((partner, kind)) = self.matched.carried_on(stream) else {
            let way = self.ways.get(&(connection.orig.ip, connection.resp))?;
            let gone = way.whole && self.would_have_seen(connection.first, way);
            return gone.then_some(if refused { Try::RefusedBetween } else { Try::NeverArrived });
        };
        let there = self.cuc.facts.connections.get(partner).filter(|_| kind.is_one_connection())?;
        if there.reset.is_some_and(|reset| reset.from == Dir::Resp) {
            return Some(Try::Refused);
        }
        Some(match (refused, there.syn_ack.is_some()) {
            (true, _) => Try::RefusedBetween,
            (false, true) => Try::AnswerLost,
            (false, false) => Try::Ignored,
        })
    }
}

/// The connections that the Cisco side saw and that were not opened there, in time order.
fn refusals(cuc: &VantageFacts) -> Vec<(Timestamp, Endpoint)> {
    let refused = |row: &&Connection| !matches!(outcome(row), None | Some(Outcome::Connected));
    let refused = cuc.connections.iter().filter(refused);
    let mut refusals: Vec<_> = refused.map(|row| (row.first.time, row.resp)).collect();
    refusals.sort_unstable();
    refusals
}

/// The connections that Exchange could not open, in time order.
fn vain(exchange: &VantageFacts, tries: &HashMap<FlowId, Try>) -> Vec<(Timestamp, IpAddr, Option<Try>)> {
    let failed = |row: &&Connection| !matches!(outcome(row), None | Some(Outcome::Connected));
    let failed = exchange.connections.iter().filter(failed);
    let mut vain: Vec<_> =
        failed.map(|row| (row.first.time, row.orig.ip, tries.get(&row.id).copied())).collect();
    vain.sort_by_key(|(at, ..)| *at);
    vain
}

fn shifted(at: Timestamp, by: i64) -> Timestamp {
    Timestamp::from_nanos(at.nanos().saturating_add(by))
}

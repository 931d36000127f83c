//! Two vantage points of the same traffic: which notification and which connection of one is which of the other,
//! what happened to it in between, and how far the clocks are apart.
//!
//! ```text
//! sequence numbers -> connections      never ambiguous; survive address translation
//! random numbers of TLS -> connections      never ambiguous; survive proxies
//! connections, Date, events -> notifications      survive proxies
//! all of these -> clock -> the rest by content and time
//! ```
//!
//! Everything is linear in the number of rows: rows of one key are paired in the order of time.

mod bytes;
mod clock;
mod content;
mod kind;
mod links;
mod transport;

pub use clock::{Clock, Jump};
pub use kind::PairKind;

use crate::facts::{Facts, NotificationRow, VantageFacts};
use crate::flow::Connection;
use clock::Sample;
use links::Links;

/// The captures of both ends of the same traffic, matched with each other.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Comparison {
    /// Exchange's clock against the Cisco side's; `None` where nothing tells it beyond doubt.
    pub clock: Option<Clock>,
    notifications: Links,
    connections: Links,
    /// Kinds of connections, by stream at Exchange.
    kinds: Vec<Option<PairKind>>,
}

/// One thing seen at both places: indices into the rows of the two vantage points.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pair {
    /// The row at Exchange.
    pub exchange: usize,
    /// The row at the Cisco side.
    pub cuc: usize,
    /// What happened in between.
    pub kind: PairKind,
}

impl Comparison {
    /// Matches the two vantage points of `facts`, the Exchange side first; `None` unless there are two.
    pub fn new(facts: &Facts) -> Option<Self> {
        match facts.vantages.as_slice() {
            [exchange, cuc] => Some(Matching::new(exchange, cuc).finish()),
            _ => None,
        }
    }

    /// The notifications seen at both places, in the order of Exchange.
    pub fn notifications(&self, facts: &Facts) -> Vec<Pair> {
        let [exchange, cuc] = facts.vantages.as_slice() else { return Vec::new() };
        let pairs = self.notifications.pairs();
        let kind = |(one, two)| self.kind_of((exchange, cuc), (one, two));
        pairs.map(|pair| Pair { exchange: pair.0, cuc: pair.1, kind: kind(pair) }).collect()
    }

    /// The connections seen at both places, in the order of Exchange.
    pub fn connections(&self) -> impl Iterator<Item = Pair> + '_ {
        let kind = |stream: usize| self.kinds.get(stream).copied().flatten().unwrap_or(PairKind::Unmatched);
        self.connections.pairs().map(move |(exchange, cuc)| Pair { exchange, cuc, kind: kind(exchange) })
    }

    /// The notification of the Cisco side that one of Exchange is.
    pub fn arrival(&self, at_exchange: usize) -> Option<usize> {
        self.notifications.at_cuc(at_exchange)
    }

    /// The notification of Exchange that one of the Cisco side is.
    pub fn departure(&self, at_cuc: usize) -> Option<usize> {
        self.notifications.at_exchange(at_cuc)
    }

    /// The stream at the Cisco side that carries on a stream at Exchange, and how.
    pub fn carried_on(&self, stream: usize) -> Option<(usize, PairKind)> {
        Some((self.connections.at_cuc(stream)?, (*self.kinds.get(stream)?)?))
    }

    /// The stream at Exchange that a stream at the Cisco side carries on, and how.
    pub fn came_from(&self, stream: usize) -> Option<(usize, PairKind)> {
        let exchange = self.connections.at_exchange(stream)?;
        Some((exchange, (*self.kinds.get(exchange)?)?))
    }

    /// The stream at the other end that a stream of a vantage point is, and how.
    pub fn partner(&self, vantage: usize, stream: usize) -> Option<(usize, PairKind)> {
        match vantage {
            0 => self.carried_on(stream),
            _ => self.came_from(stream),
        }
    }

    fn kind_of(&self, (exchange, cuc): (&VantageFacts, &VantageFacts), pair: (usize, usize)) -> PairKind {
        let (one, two) = (&exchange.notifications[pair.0], &cuc.notifications[pair.1]);
        let carried_on = exchange.connections.number(one.flow).and_then(|stream| self.carried_on(stream));
        // Two streams that are no pair and carry the same notification: something passed it on.
        let Some((_, kind)) = carried_on else { return PairKind::Proxy };
        let connections = exchange.connection(one.flow).zip(cuc.connection(two.flow));
        let unclear = connections.is_some_and(|(one, two)| kind::is_terminated(one, two).is_none());
        match unclear && !kind::message_changes(one, two).is_empty() {
            // No translator rewrites what is said.
            true => PairKind::Proxy,
            false => kind,
        }
    }
}

/// What differs between the two sightings of a notification, in words.
pub fn notification_changes(exchange: &VantageFacts, cuc: &VantageFacts, pair: &Pair) -> Vec<String> {
    let (one, two) = (&exchange.notifications[pair.exchange], &cuc.notifications[pair.cuc]);
    let connections = exchange.connection(one.flow).zip(cuc.connection(two.flow));
    let mut changed = connections.map_or_else(Vec::new, |(one, two)| kind::connection_changes(one, two));
    changed.extend(kind::message_changes(one, two));
    changed
}

/// What differs between the two sightings of a connection, in words.
pub fn connection_changes(exchange: &Connection, cuc: &Connection) -> Vec<String> {
    kind::connection_changes(exchange, cuc)
}

/// How much longer the reply to a notification took at Exchange than at the Cisco side, in nanoseconds.
pub fn added_latency(exchange: &NotificationRow, cuc: &NotificationRow) -> Option<i64> {
    let waited = |row: &NotificationRow| Some(row.reply.as_ref()?.first.time.since(row.last.time));
    Some(waited(exchange)?.saturating_sub(waited(cuc)?))
}

/// How much the answer to the SYN of one connection was delayed between the two places, in nanoseconds.
pub fn connection_latency(exchange: &Connection, cuc: &Connection) -> Option<i64> {
    let waited = |row: &Connection| Some(row.syn_ack.as_ref()?.at.time.since(row.syn.as_ref()?.at.time));
    Some(waited(exchange)?.saturating_sub(waited(cuc)?).saturating_abs())
}

/// Whether Exchange opened a connection that was seen at both places; `None` where nothing tells.
pub fn is_opened_at_exchange(exchange: &Connection, cuc: &Connection) -> Option<bool> {
    transport::is_opened_at_exchange(exchange, cuc)
}

/// The matching while it is done.
struct Matching<'f> {
    exchange: &'f VantageFacts,
    cuc: &'f VantageFacts,
    connections: Links,
    notifications: Links,
}

impl<'f> Matching<'f> {
    fn new(exchange: &'f VantageFacts, cuc: &'f VantageFacts) -> Self {
        Matching {
            exchange,
            cuc,
            connections: Links::new(exchange.connections.len(), cuc.connections.len()),
            notifications: Links::new(exchange.notifications.len(), cuc.notifications.len()),
        }
    }

    fn finish(mut self) -> Comparison {
        let clock = self.anchor();
        if let Some(clock) = &clock {
            self.by_time(clock);
        }
        self.connections_of_notifications();
        self.by_packets(clock.as_ref());
        let clock = clock.or_else(|| Clock::of(self.connection_samples())).or_else(|| self.by_rhythm());
        self.by_bytes(clock.as_ref());
        let clock = clock.map(|known| known.refined(self.samples()));
        let kinds = self.kinds();
        Comparison { clock, notifications: self.notifications, connections: self.connections, kinds }
    }

    /// Pairs what is the same beyond doubt, and sets the clock by it.
    fn anchor(&mut self) -> Option<Clock> {
        let (exchange, cuc) = (&self.exchange.connections, &self.cuc.connections);
        transport::by_numbers(exchange, cuc, &mut self.connections);
        transport::by_syn(exchange, cuc, &mut self.connections);
        transport::by_stack(exchange, cuc, &mut self.connections);
        bytes::by_random(self.exchange, self.cuc, &mut self.connections);
        content::by_connection(self.exchange, self.cuc, &self.connections, &mut self.notifications);
        content::by_ends(self.exchange, self.cuc, &mut self.notifications);
        let (exchange, cuc) = (&self.exchange.notifications, &self.cuc.notifications);
        content::by_date(exchange, cuc, &mut self.notifications);
        content::by_date_of_cut(exchange, cuc, &mut self.notifications);
        if let Some(clock) = Clock::of(self.samples()) {
            return Some(clock);
        }
        content::by_events(exchange, cuc, &mut self.notifications);
        let clock = Clock::of(self.samples())?;
        self.by_time(&clock);
        if content::explains(self.exchange, self.cuc, &clock, &self.notifications) {
            return Some(clock);
        }
        self.notifications.retain(|_, _| false);
        None
    }

    fn by_time(&mut self, clock: &Clock) {
        let (exchange, cuc) = (&self.exchange.notifications, &self.cuc.notifications);
        content::by_time(exchange, cuc, clock, &mut self.notifications);
        content::by_subscription(exchange, cuc, clock, &mut self.notifications);
    }

    /// The connections that carry notifications seen at both places.
    fn connections_of_notifications(&mut self) {
        for (one, two) in self.notifications.pairs() {
            let (one, two) = (&self.exchange.notifications[one], &self.cuc.notifications[two]);
            let streams =
                self.exchange.connections.number(one.flow).zip(self.cuc.connections.number(two.flow));
            if let Some((one, two)) = streams {
                self.connections.link(one, two);
            }
        }
    }

    fn by_packets(&mut self, clock: Option<&Clock>) {
        let (exchange, cuc) = (&self.exchange.connections, &self.cuc.connections);
        transport::by_ends(exchange, cuc, clock, &mut self.connections);
    }

    fn by_rhythm(&mut self) -> Option<Clock> {
        let (exchange, cuc) = (&self.exchange.connections, &self.cuc.connections);
        let any = bytes::by_rhythm(exchange, cuc, &mut self.connections);
        let clock = Clock::of(self.connection_samples()).filter(|_| any)?;
        Some(clock.guessed())
    }

    fn by_bytes(&mut self, clock: Option<&Clock>) {
        let (exchange, cuc) = (&self.exchange.connections, &self.cuc.connections);
        match clock {
            Some(clock) => bytes::by_time(exchange, cuc, clock, &mut self.connections),
            None => bytes::by_singularity(exchange, cuc, &mut self.connections),
        }
    }

    fn samples(&self) -> Vec<Sample> {
        let mut samples = self.connection_samples();
        for (one, two) in self.notifications.pairs() {
            let (one, two) = (&self.exchange.notifications[one], &self.cuc.notifications[two]);
            samples.extend(content::samples(one, two));
        }
        samples
    }

    fn connection_samples(&self) -> Vec<Sample> {
        let row = |(one, two): (usize, usize)| (&self.exchange.connections[one], &self.cuc.connections[two]);
        self.connections.pairs().map(row).flat_map(|(one, two)| transport::samples(one, two)).collect()
    }

    fn kinds(&self) -> Vec<Option<PairKind>> {
        let rows = self.exchange.connections.iter().enumerate();
        rows.map(|(stream, row)| {
            let partner = self.cuc.connections.get(self.connections.at_cuc(stream)?)?;
            Some(kind::kind(row, partner))
        })
        .collect()
    }
}

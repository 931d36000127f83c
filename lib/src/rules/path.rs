//! The path between two vantage points: what became of each notification that left Exchange.
//!
//! A notification is lost only where the other capture would have shown it: it was running, saw others on the same
//! way, lost nothing at that time, and the clocks leave no doubt which time that is.

mod ends;
mod resets;
mod tries;
mod witness;

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::View;
use crate::compare::{Comparison, Pair};
use crate::facts::Facts;
use crate::flow::{FlowId, Moment};
use crate::time::Timestamp;
use ends::Ends;
pub use resets::Resetter;
use tries::Tries;

/// A notification that has not arrived after this time will not: Exchange's next try is due (nanoseconds).
const LATEST: i64 = 30_000_000_000;
/// What is lost to a capture shortly before may have been the notification (nanoseconds).
const SHORTLY: i64 = 5_000_000_000;

/// Both ends of the path, matched.
#[derive(Debug)]
pub struct Path {
    /// Which row of one end is which of the other.
    pub matched: Comparison,
    /// The notifications seen at both ends, in the order of Exchange; the lost ones left out.
    pub pairs: Vec<Pair>,
    /// By row at Exchange.
    fates: Vec<Fate>,
    /// What became of connections that either end could not open, by vantage point.
    tries: [HashMap<FlowId, Try>; 2],
    /// Who ended connections by a reset, by stream at Exchange.
    resets: HashMap<usize, Resetter>,
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
    /// The Cisco host accepted no connection of who should have passed it on.
    TurnedAway,
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

/// What became of a connection that one end tried to open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Try {
    /// Its SYN never arrived.
    NeverArrived,
    /// Its SYN arrived and was answered; the answer was lost on the way back.
    AnswerLost,
    /// Its SYN arrived and was not answered.
    Ignored,
    /// The host itself refused it.
    Refused,
    /// Something between refused it in the name of the host.
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

impl Path {
    /// The path between two views, the Exchange side first; `None` for one.
    pub(super) fn new(facts: &Facts, views: &[View<'_>]) -> Option<Self> {
        let ([exchange, cuc], Some(matched)) = (views, Comparison::new(facts)) else {
            return None;
        };
        let all = matched.notifications(facts);
        let ends = Ends::new(exchange, cuc, &matched, &all);
        let fates: Vec<Fate> = (0..exchange.facts.notifications.len()).map(|row| ends.fate(row)).collect();
        let tries = [0, 1].map(|vantage| Tries::new([exchange, cuc], vantage, &matched).judged());
        let vain = ends::vain(exchange.facts, &tries[0]);
        let resets = resets::resets([exchange, cuc], &matched);
        let ids = exchange.facts.subscriptions.iter().enumerate();
        let subscriptions = ids.map(|(index, one)| (Arc::clone(&one.request_id), index)).collect();
        let arrived = |pair: &Pair| {
            let seen = exchange.facts.notifications[pair.exchange].counts()
                || cuc.facts.notifications[pair.cuc].counts();
            seen && !matches!(fates[pair.exchange], Fate::Lost(_))
        };
        let pairs = all.into_iter().filter(arrived).collect();
        Some(Path { pairs, fates, tries, resets, vain, subscriptions, matched })
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
            let facts = facts.vantages.get(vantage).into_iter();
            let rows = facts.flat_map(|facts| facts.notifications.iter().enumerate());
            rows.filter(|(_, row)| row.counts()).map(move |(row, _)| (vantage, row))
        };
        let alone = |&(vantage, row): &(usize, usize)| match vantage {
            0 => {
                let unexplained = matches!(self.fate(row), Fate::Unknown | Fate::TurnedAway);
                unexplained && self.matched.arrival(row).is_none()
            }
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

    /// What became of a connection that could not be opened, as seen at a vantage point.
    pub(super) fn try_of(&self, vantage: usize, flow: FlowId) -> Option<Try> {
        self.tries.get(vantage)?.get(&flow).copied()
    }

    /// Who reset a connection that was seen at both ends, by its stream at a vantage point.
    pub fn resetter(&self, vantage: usize, stream: usize) -> Option<Resetter> {
        let at_exchange = match vantage {
            0 => stream,
            _ => self.matched.came_from(stream)?.0,
        };
        self.resets.get(&at_exchange).copied()
    }

    /// Who reset the connections that were seen at both ends, once for each.
    pub fn resets(&self) -> impl Iterator<Item = Resetter> + '_ {
        self.resets.values().copied()
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
        let clock = self.matched.clock.as_ref().filter(|clock| !clock.is_guess)?;
        let (start, end) = match own {
            true => (gap.0.time, gap.1.time),
            false => (clock.to_exchange(gap.0)?, clock.to_exchange(gap.1)?),
        };
        let (first, last) = exchange.facts.coverage.first.zip(exchange.facts.notified_until())?;
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
        if sent.clone().any(|row| self.fates[*row] == Fate::TurnedAway) {
            return Some(Blame::Cuc);
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
        let blind = !sight.saw_all(start, end) || sight.lost_something(subscription.port, start, end);
        (!blind).then_some(Blame::Exchange)
    }
}

//! Where a capture was blind: stretches in which what is absent proves nothing.

use std::cell::LazyCell;
use std::collections::HashSet;
use std::net::IpAddr;

use super::census::{Census, is_attempt};
use super::jumps::forward_jumps;
use super::stalls::stalls;
use crate::config::Config;
use crate::facts::{ClockStep, VantageFacts};
use crate::flow::{Connection, FlowId, Moment};
use crate::time::Timestamp;

/// A connection that is first seen in its middle later than this is no left-over from before the capture (ns).
const UNDER_WAY: i64 = 60_000_000_000;

/// What one capture could not see.
#[derive(Debug, Default)]
pub struct Sight {
    /// Stretches in which the capture itself stood still: others' packets are usual and there are none.
    stalls: Vec<(Timestamp, Timestamp)>,
    /// Connections whose payload was lost to the capture, by time: a notification may have been among it.
    blind: Vec<(Timestamp, IpAddr, u16)>,
    /// Stretches with lost packets, by port of the responder, merged and in order.
    losses: Vec<(u16, Timestamp, Timestamp)>,
    /// Places where the capture's clock jumped, in either direction, in the order of frames.
    steps: Vec<ClockStep>,
}

impl Sight {
    pub(super) fn new(facts: &VantageFacts, census: &Census<'_>, config: &Config) -> Self {
        // Most captures lose nothing, and then nobody asks.
        let told: LazyCell<HashSet<FlowId>, _> = LazyCell::new(|| {
            facts.notifications.iter().filter(|row| row.is_post()).map(|row| row.flow).collect()
        });
        let begin = facts.coverage.first.map(|first| first.time);
        let mut blind = Vec::new();
        let mut losses = Vec::new();
        for connection in census.incomplete.iter().filter(|connection| !is_attempt(connection)) {
            let Connection { orig, resp, .. } = connection;
            for (from, to) in losses_in(connection, begin) {
                losses.push((resp.port, from, to));
                if !told.contains(&connection.id) || from > connection.first().time {
                    // Without the SYN it is not known who opened it.
                    blind.extend([(from, orig.ip, resp.port), (from, resp.ip, orig.port)]);
                }
            }
        }
        blind.sort_unstable();
        Sight { stalls: stalls(facts, config), blind, losses: merge(losses), steps: steps(facts) }
    }

    /// Places where the clock of the capture jumped, in either direction, in the order of frames.
    pub fn steps(&self) -> &[ClockStep] {
        &self.steps
    }

    /// Whether the clock of the capture jumped between two frames.
    pub fn clock_jumped(&self, from: Moment, to: Moment) -> bool {
        self.steps.iter().any(|step| match step.after.time > step.before.time {
            // Frames of several files that overlap are in no order.
            true => step.before.time >= from.time && step.after.time <= to.time,
            false => step.before.frame >= from.frame && step.after.frame <= to.frame,
        })
    }

    /// Stretches in which the capture itself stood still, in the order of time.
    pub fn stalls(&self) -> &[(Timestamp, Timestamp)] {
        &self.stalls
    }

    /// Stretches in which packets of connections to `port` were lost to the capture, apart and in the order of time.
    pub fn losses(&self, port: u16) -> impl Iterator<Item = (Timestamp, Timestamp)> + '_ {
        let start = self.losses.partition_point(|loss| loss.0 < port);
        let losses = self.losses[start..].iter().take_while(move |loss| loss.0 == port);
        losses.map(|(_, from, to)| (*from, *to))
    }

    /// Whether packets of connections to `port` were lost to the capture between two moments.
    pub fn lost_something(&self, port: u16, from: Timestamp, to: Timestamp) -> bool {
        let next = self.losses.partition_point(|loss| (loss.0, loss.2) < (port, from));
        self.losses.get(next).is_some_and(|loss| loss.0 == port && loss.1 <= to)
    }

    /// The stretches between `from` and `to` that the capture did see: what remains when its stalls are cut out.
    pub fn seen(&self, from: Timestamp, to: Timestamp) -> impl Iterator<Item = (Timestamp, Timestamp)> + '_ {
        let mut stalls = self.stalls.iter().filter(move |(start, end)| *start < to && *end > from);
        let mut rest = Some(from);
        std::iter::from_fn(move || {
            let at = rest.take()?;
            let Some((start, end)) = stalls.next() else {
                return Some((at, to));
            };
            rest = Some(at.max(*end));
            Some((at, *start))
        })
    }

    /// Whether the capture never stood still between `from` and `to`.
    pub fn saw_all(&self, from: Timestamp, to: Timestamp) -> bool {
        self.seen(from, to).nth(1).is_none()
    }

    /// The moments between `from` and `to` at which one of `sources` opened a connection to `port` whose payload
    /// the capture lost.
    pub fn blind_moments<'a>(
        &'a self,
        sources: &'a [IpAddr],
        port: u16,
        from: Timestamp,
        to: Timestamp,
    ) -> impl Iterator<Item = Timestamp> + 'a {
        let start = self.blind.partition_point(|blind| blind.0 <= from);
        let within = self.blind[start..].iter().take_while(move |blind| blind.0 < to);
        within.filter(move |blind| blind.2 == port && sources.contains(&blind.1)).map(|blind| blind.0)
    }
}

fn steps(facts: &VantageFacts) -> Vec<ClockStep> {
    let mut steps = facts.coverage.steps.clone();
    steps.extend(forward_jumps(facts));
    steps.sort_by_key(|step| step.before.frame);
    steps
}

/// The stretches of a connection in which the capture lost packets: bytes are missing; the beginning is, although
/// the capture was under way; or another connection between the same ends came after its close.
fn losses_in(
    connection: &Connection,
    begin: Option<Timestamp>,
) -> impl Iterator<Item = (Timestamp, Timestamp)> + use<> {
    let (first, last) = (connection.first().time, connection.last().time);
    let holes = connection.sides.iter().any(|side| side.missing > 0 || side.acked_unseen);
    let headless = connection.syn.is_none() && begin.is_some_and(|begin| first.since(begin) > UNDER_WAY);
    let whole = holes.then_some((first, last)).or(headless.then_some((first, first)));
    whole.into_iter().chain(connection.rare().after_close.map(|at| (at.time, last)))
}

/// Joins stretches of one port that touch, in order of port and time.
fn merge(mut spans: Vec<(u16, Timestamp, Timestamp)>) -> Vec<(u16, Timestamp, Timestamp)> {
    spans.sort_unstable();
    let mut merged: Vec<(u16, Timestamp, Timestamp)> = Vec::new();
    for (port, from, to) in spans {
        match merged.last_mut() {
            Some(last) if last.0 == port && from <= last.2 => last.2 = last.2.max(to),
            _ => merged.push((port, from, to)),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::new(seconds, 0)
    }

    #[test]
    fn stretches_with_losses_are_found_by_port_and_time() {
        let losses = merge(vec![
            (7080, at(50), at(60)),
            (7080, at(10), at(20)),
            (7080, at(15), at(30)),
            (25, at(5), at(99)),
        ]);
        let sight = Sight { losses, ..Sight::default() };
        assert!(sight.lost_something(7080, at(25), at(28)));
        assert!(sight.lost_something(7080, at(31), at(50)));
        assert!(!sight.lost_something(7080, at(31), at(49)));
        assert!(!sight.lost_something(7080, at(61), at(99)));
        assert!(!sight.lost_something(143, at(0), at(99)));
        let listed: Vec<_> = sight.losses(7080).collect();
        assert_eq!(listed, [(at(10), at(30)), (at(50), at(60))]);
    }

    #[test]
    fn what_remains_between_stalls_was_seen() {
        let sight = Sight { stalls: vec![(at(100), at(400)), (at(500), at(600))], ..Sight::default() };
        let seen = |from, to| sight.seen(at(from), at(to)).collect::<Vec<_>>();
        assert_eq!(seen(0, 50), [(at(0), at(50))]);
        assert_eq!(seen(50, 550), [(at(50), at(100)), (at(400), at(500)), (at(600), at(550))]);
        assert!(sight.saw_all(at(0), at(100)) && !sight.saw_all(at(0), at(101)));
    }
}

//! Stretches in which the capture itself stood still.
//!
//! A silence of everyone may be a sniffer that stopped, or a network on which nobody but Exchange speaks and Exchange
//! is silent. It is a stall when others are usual, by what the rest of the capture shows of them. ARP and the like
//! that come with the notifications, and a burst at the beginning, do not make others usual.

use std::collections::HashSet;

use crate::config::Config;
use crate::facts::{Silence, VantageFacts};
use crate::flow::{Connection, FlowId};
use crate::time::Timestamp;

/// Fewer packets than this missing from a silent stretch may be chance.
const EXPECTED: f64 = 20.0;
/// Frames other than IP come from bridges by themselves at least this often (per second); ARP follows traffic.
const BRIDGES: f64 = 0.1;
/// A silence that is hardly longer than so many others is how this capture is.
const COMMON: usize = 3;
/// Where silences are common, others are usual when they ended at least so many of them.
const ENDED: usize = 5;
/// What Exchange sends begins within this time of the packet that ends a silence (nanoseconds): ARP comes first.
const SHORTLY: i64 = 1_000_000_000;

/// The stretches, in the order of the silences.
pub(super) fn stalls(facts: &VantageFacts, config: &Config) -> Vec<(Timestamp, Timestamp)> {
    let silences = &facts.coverage.silences;
    let mut lengths: Vec<i64> = silences.iter().map(Silence::length).collect();
    lengths.sort_unstable();
    let rare = |silence: &&Silence| {
        let like_it = lengths.len() - lengths.partition_point(|other| *other < silence.length() / 3);
        like_it <= COMMON
    };
    let mut candidates = silences.iter().filter(rare).peekable();
    if candidates.peek().is_none() {
        return Vec::new();
    }
    let others = Others::new(facts, config);
    let stalls = candidates.filter(|silence| others.are_missed_in(silence));
    stalls.map(|silence| (silence.from.time, silence.to.time)).collect()
}

/// What the capture shows beside notifications.
struct Others {
    begin: Timestamp,
    end: Timestamp,
    /// Packets of IP.
    packets: f64,
    /// Frames of anything else.
    frames: f64,
    /// All silences together (nanoseconds).
    silent: i64,
    /// When they ended a silence, in order.
    heard: Vec<Timestamp>,
}

impl Others {
    fn new(facts: &VantageFacts, config: &Config) -> Self {
        let coverage = &facts.coverage;
        let told: HashSet<FlowId> = facts.notifications.iter().map(|row| row.flow).collect();
        let notifies = |connection: &&Connection| {
            told.contains(&connection.id) || config.ports.notify.contains(&connection.resp.port)
        };
        let size = |connection: &Connection| connection.sides.iter().map(|side| side.packets).sum::<u64>();
        let (theirs, others): (Vec<&Connection>, Vec<&Connection>) =
            facts.connections.iter().partition(notifies);
        let notifying: u64 = theirs.iter().map(|connection| size(connection)).sum();
        let segments: u64 = others.iter().map(|connection| size(connection)).sum();
        let datagrams: u64 = coverage.hosts.values().map(|host| host.sent).sum();
        let packets = segments.saturating_add(datagrams);
        let mut starts: Vec<Timestamp> = theirs.iter().map(|connection| connection.first().time).collect();
        starts.sort_unstable();
        let by_exchange = |at: Timestamp| {
            let next = starts.partition_point(|start| *start < at);
            starts.get(next).is_some_and(|start| start.since(at) <= SHORTLY)
        };
        let ends = coverage.silences.iter().map(|silence| silence.to.time);
        let mut heard: Vec<Timestamp> = ends.filter(|at| !by_exchange(*at)).collect();
        heard.sort_unstable();
        Others {
            begin: coverage.first.map(|first| first.time).unwrap_or_default(),
            end: coverage.last.map(|last| last.time).unwrap_or_default(),
            packets: packets as f64,
            frames: coverage.packets.saturating_sub(notifying).saturating_sub(packets) as f64,
            silent: coverage.silences.iter().map(Silence::length).fold(0, i64::saturating_add),
            heard,
        }
    }

    /// Whether they would have been heard in a silence if the capture had gone on.
    fn are_missed_in(&self, silence: &Silence) -> bool {
        let length = silence.length();
        let rest = self.end.since(self.begin).saturating_sub(length).max(1);
        if self.silent.saturating_sub(length) > rest / 2 {
            return self.are_usual_beside(silence);
        }
        let expected = |number: f64| number / rest as f64 * length as f64;
        let bridged = self.frames / (rest as f64 / 1e9) >= BRIDGES;
        expected(self.packets) >= EXPECTED || bridged && expected(self.frames) >= EXPECTED
    }

    /// Whether they were never silent for a third as long in the rest of the capture.
    fn are_usual_beside(&self, silence: &Silence) -> bool {
        let (from, to) = (silence.from.time, silence.to.time);
        let heard = || self.heard.iter().copied().filter(|at| *at <= from || *at > to);
        let before = heard().filter(|at| *at <= from).chain([from]);
        let after = heard().filter(|at| *at > to).chain([self.end]);
        let longest = longest_pause(self.begin, before).max(longest_pause(to, after));
        heard().count() >= ENDED && longest <= silence.length() / 3
    }
}

fn longest_pause(begin: Timestamp, moments: impl Iterator<Item = Timestamp>) -> i64 {
    let pauses = moments.scan(begin, |last, at| Some(at.since(std::mem::replace(last, at))));
    pauses.max().unwrap_or(0)
}

//! What the capture could have seen. Rules about silence ask here first.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

use ahash::RandomState;

use crate::flow::{FlowKey, Moment};
use crate::time::Timestamp;

/// A pause of all hosts that is longer than this is remembered.
const SILENCE: i64 = 20_000_000_000;
/// Time going back by more than this is a clock step; less is the jitter of several capture queues.
const STEP: i64 = 1_000_000_000;
/// Silences and steps that are kept: of silences the longest.
const KEPT: usize = 4096;
/// Pairs of hosts that are kept.
const PAIRS: usize = 65_536;

/// What one capture point could have seen.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Coverage {
    /// Earliest packet.
    pub first: Option<Moment>,
    /// Latest packet.
    pub last: Option<Moment>,
    /// Packets of all kinds.
    pub packets: u64,
    /// Stretches without a packet of anyone, longer than 20 seconds, in time order.
    pub silences: Vec<Silence>,
    /// Places where time goes back.
    pub steps: Vec<ClockStep>,
    /// Hosts seen in packets other than TCP, complete once the capture has been read.
    pub hosts: BTreeMap<IpAddr, Host>,
    /// The same of pairs of hosts, with port 0, while it is read: a tree of hosts took a tenth of the time of a capture
    /// full of media streams, and to look both up three times what it takes for the pair.
    met: Met,
}

/// Pairs of hosts, each with what was seen between them.
#[derive(Clone, Debug, Default)]
struct Met {
    pairs: Vec<(FlowKey, Pair)>,
    places: HashMap<FlowKey, usize, RandomState>,
    /// The place of the last one: media streams come in runs.
    latest: usize,
}

/// A stretch without a packet of anyone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Silence {
    /// The last packet before it.
    pub from: Moment,
    /// The first packet after it.
    pub to: Moment,
}

/// A place where the capture's clock jumped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockStep {
    /// The last packet before it.
    pub before: Moment,
    /// The first packet after it.
    pub after: Moment,
}

/// What was seen of a host outside TCP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Host {
    /// Packets that it sent.
    pub sent: u64,
    /// Packets that were sent to it.
    pub received: u64,
    /// When it was first seen.
    pub first: Timestamp,
    /// When it was last seen.
    pub last: Timestamp,
}

/// What was seen between two hosts outside TCP.
#[derive(Clone, Copy, Debug)]
struct Pair {
    /// Packets that the smaller and the larger one sent.
    sent: [u64; 2],
    first: Timestamp,
    last: Timestamp,
}

impl Coverage {
    /// Counts one packet, `timed` if its record says when it came. Cheap: it is called for every packet of the capture.
    #[inline(always)]
    pub(crate) fn packet(&mut self, at: Moment, timed: bool) {
        self.packets += 1;
        if !timed {
            return;
        }
        match self.last {
            Some(last) if at.time.follows(last.time, SILENCE) => self.last = Some(at),
            Some(last) => self.step(last, at),
            None => (self.first, self.last) = (Some(at), Some(at)),
        }
    }

    /// Time goes on by much, or back.
    #[cold]
    fn step(&mut self, last: Moment, at: Moment) {
        let pause = at.time.since(last.time);
        if pause >= 0 {
            self.silence(Silence { from: last, to: at });
            self.last = Some(at);
            return;
        }
        if pause < -STEP && self.steps.len() < KEPT {
            self.steps.push(ClockStep { before: last, after: at });
        }
        if pause < -STEP {
            // After a step backwards the new time is the time.
            self.last = Some(at);
        }
        if self.first.is_some_and(|first| at.time < first.time) {
            self.first = Some(at);
        }
    }

    fn silence(&mut self, silence: Silence) {
        // To make room for one at a time would take a search through all for each.
        if self.silences.len() == 2 * KEPT {
            self.keep_longest();
        }
        self.silences.push(silence);
    }

    fn keep_longest(&mut self) {
        let mut lengths: Vec<i64> = self.silences.iter().map(Silence::length).collect();
        if lengths.len() > KEPT {
            let (_, &mut least, _) = lengths.select_nth_unstable_by(KEPT - 1, |a, b| b.cmp(a));
            self.silences.retain(|silence| silence.length() >= least);
            self.silences.truncate(KEPT);
        }
    }

    /// Counts a packet that is not TCP, between hosts with this key without ports; what TCP shows of a host stands in
    /// the connections.
    pub(crate) fn datagram(&mut self, (key, from_low): (FlowKey, bool), time: Timestamp) {
        if let Some(pair) = self.met.pair(key, time) {
            pair.sent[usize::from(!from_low)] += 1;
            pair.first = pair.first.min(time);
            pair.last = pair.last.max(time);
        }
    }

    /// The capture ends.
    pub(crate) fn finish(mut self) -> Self {
        self.keep_longest();
        for (key, Pair { sent: [from_low, from_high], first, last }) in std::mem::take(&mut self.met).pairs {
            for (end, sent, received) in [(key.low(), from_low, from_high), (key.high(), from_high, from_low)]
            {
                let host = self.hosts.entry(end.ip).or_insert(Host { first, last, ..Host::default() });
                host.sent += sent;
                host.received += received;
                host.first = host.first.min(first);
                host.last = host.last.max(last);
            }
        }
        self
    }

    /// Length of the capture in seconds.
    pub fn span(&self) -> f64 {
        match (self.first, self.last) {
            (Some(first), Some(last)) => last.time.seconds_since(first.time),
            _ => 0.0,
        }
    }
}

impl Met {
    /// What was seen between two hosts, which may be new at that time; `None` where there are too many.
    fn pair(&mut self, key: FlowKey, time: Timestamp) -> Option<&mut Pair> {
        if self.pairs.get(self.latest).is_none_or(|(latest, _)| *latest != key) {
            self.latest = self.place(key, time)?;
        }
        self.pairs.get_mut(self.latest).map(|(_, pair)| pair)
    }

    fn place(&mut self, key: FlowKey, time: Timestamp) -> Option<usize> {
        if let Some(place) = self.places.get(&key) {
            return Some(*place);
        }
        if self.pairs.len() == PAIRS {
            return None;
        }
        self.pairs.push((key, Pair { sent: [0; 2], first: time, last: time }));
        self.places.insert(key, self.pairs.len() - 1);
        Some(self.pairs.len() - 1)
    }
}

impl Silence {
    /// Length in nanoseconds.
    pub fn length(&self) -> i64 {
        self.to.time.since(self.from.time)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_has_what_all_its_pairs_have() {
        let [a, b, c] = ["10.0.0.1", "10.0.0.2", "10.0.0.3"].map(|ip| ip.parse::<IpAddr>().unwrap());
        let mut coverage = Coverage::default();
        for (src, dst, second) in [(b, a, 5), (a, b, 3), (b, c, 9), (c, c, 4)] {
            coverage.datagram(FlowKey::between((&src, 0), (&dst, 0)), Timestamp::new(second, 0));
        }
        let hosts = coverage.finish().hosts;
        let host = |sent, received, [first, last]: [i64; 2]| Host {
            sent,
            received,
            first: Timestamp::new(first, 0),
            last: Timestamp::new(last, 0),
        };
        let wanted = [(a, host(1, 1, [3, 5])), (b, host(2, 1, [3, 9])), (c, host(1, 2, [4, 9]))];
        assert_eq!(hosts, BTreeMap::from(wanted));
    }
}

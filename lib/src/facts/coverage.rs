//! What the capture could have seen. Rules about silence ask here first.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

use ahash::RandomState;

use crate::capture::Head;
use crate::flow::{FrameId, Moment};
use crate::time::Timestamp;

/// A pause of all hosts that is longer than this is remembered.
const SILENCE: i64 = 20_000_000_000;
/// Time going back by more than this is a clock step; less is the jitter of several capture queues.
const STEP: i64 = 1_000_000_000;
/// Silences and steps that are kept: of silences the longest.
const KEPT: usize = 4096;
/// Hosts that are kept.
const HOSTS: usize = 65_536;

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
    /// The same while it is read: a tree took a tenth of the time of a capture full of media streams.
    met: HashMap<IpAddr, Host, RandomState>,
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

impl Coverage {
    /// Counts one packet. Cheap: it is called for every packet of the capture.
    pub(crate) fn packet(&mut self, file: u16, head: &Head) {
        self.packets += 1;
        if !head.timed {
            return;
        }
        let at = Moment { frame: FrameId::new(file, head.frame), time: head.time };
        match self.last {
            Some(last) if (0..=SILENCE).contains(&at.time.since(last.time)) => self.last = Some(at),
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

    /// Counts a packet that is not TCP; what TCP shows of a host stands in the connections.
    pub(crate) fn datagram(&mut self, src: IpAddr, dst: IpAddr, time: Timestamp) {
        for (ip, sent) in [(src, true), (dst, false)] {
            if self.met.len() >= HOSTS && !self.met.contains_key(&ip) {
                continue;
            }
            let host = self.met.entry(ip).or_insert(Host { first: time, last: time, ..Host::default() });
            host.sent += u64::from(sent);
            host.received += u64::from(!sent);
            host.first = host.first.min(time);
            host.last = host.last.max(time);
        }
    }

    /// The capture ends.
    pub(crate) fn finish(mut self) -> Self {
        self.keep_longest();
        self.hosts = std::mem::take(&mut self.met).into_iter().collect();
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

impl Silence {
    /// Length in nanoseconds.
    pub fn length(&self) -> i64 {
        self.to.time.since(self.from.time)
    }
}

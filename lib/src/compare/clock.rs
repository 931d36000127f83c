//! How far the clocks of two captures are apart.
//!
//! A packet that goes to the Cisco side arrives after it left: the difference of its two times bounds the offset from
//! one side. A packet that comes back bounds it from the other. The narrowest of both bounds leave half a round trip
//! of doubt (the two-way estimate of RFC 5905). The bounds are taken anew every few minutes, so that drifting clocks and
//! clocks that were set are followed.

use crate::flow::{FrameId, Moment};
use crate::time::Timestamp;

/// Bounds are collected over this time at most: clocks drift (nanoseconds).
const STRETCH: i64 = 300_000_000_000;
/// Bounds that contradict each other by less are the jitter of the capturing hosts.
const JITTER: i64 = 200_000;
/// Clocks that are apart by this much more than before were set, and did not just drift.
const JUMP: i64 = 1_000_000_000;
/// No packet takes so much longer than another (nanoseconds).
const LEAP: i64 = 60_000_000_000;
/// No clock of a computer is worse than this (parts per million).
const WORST_DRIFT: i64 = 1000;
/// The doubt where packets of one direction only were matched.
const ONE_WAY: i64 = 1_000_000_000;
/// Over a shorter time drift cannot be told from the jitter of the path (nanoseconds).
const DRIFT_SPAN: i64 = 600_000_000_000;

/// One packet, or one byte of a message, at both places.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sample {
    pub(super) exchange: Moment,
    pub(super) cuc: Moment,
    pub(super) bound: Bound,
}

/// What a sample says of Exchange's clock minus the Cisco side's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bound {
    /// It is at least so much: the packet went to the Cisco side.
    AtLeast,
    /// It is at most so much: the packet came from the Cisco side.
    AtMost,
}

/// The clock of the capture at Exchange, held against that of the capture at the Cisco side.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Clock {
    /// Exchange's clock minus the Cisco side's, in nanoseconds.
    pub offset: i64,
    /// The offset may be so much more or less, in nanoseconds.
    pub uncertainty: i64,
    /// How much faster Exchange's clock runs, in parts per million, where the captures are long enough to tell.
    pub drift: Option<f64>,
    /// Places where one of the clocks was set.
    pub jumps: Vec<Jump>,
    /// It rests on the rhythm of connections that all say the same: enough to pair them, too little to call anything
    /// lost.
    pub is_guess: bool,
    /// In the order of frames.
    stretches: Vec<Stretch>,
}

/// A place where one of the two clocks was set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Jump {
    /// The last packet at Exchange that was matched before it.
    pub before: Moment,
    /// The first packet at Exchange that was matched after it.
    pub after: Moment,
    /// By how much the offset changed, in nanoseconds.
    pub by: i64,
}

/// A few minutes of samples that agree.
#[derive(Clone, Copy, Debug)]
struct Stretch {
    /// First and last sample, as seen at Exchange.
    exchange: (Moment, Moment),
    /// The same as seen at the Cisco side.
    cuc: (Moment, Moment),
    at_least: Option<i64>,
    at_most: Option<i64>,
    offset: i64,
    doubt: i64,
}

/// Whose frames are asked about.
type Side = fn(&Stretch) -> (Moment, Moment);

impl Clock {
    /// The clock that explains all samples; `None` without any.
    pub(super) fn of(mut samples: Vec<Sample>) -> Option<Self> {
        samples.sort_by_key(|sample| (sample.exchange.frame, sample.cuc.frame));
        let mut stretches: Vec<Stretch> = Vec::new();
        for sample in &samples {
            let taken = stretches.last_mut().is_some_and(|last| last.take(sample));
            if !taken {
                stretches.push(Stretch::beginning(sample));
            }
        }
        settle(&mut stretches);
        let jumps: Vec<Jump> = stretches.windows(2).filter_map(|pair| jump(&pair[0], &pair[1])).collect();
        let (offset, uncertainty) = overall(longest_run(&stretches))?;
        let drift = drift(longest_run(&stretches), uncertainty);
        Some(Clock { offset, uncertainty, drift, jumps, is_guess: false, stretches })
    }

    /// The same, as one that may be wrong.
    pub(super) fn guessed(self) -> Self {
        Clock { is_guess: true, ..self }
    }

    /// The same with more samples.
    pub(super) fn refined(self, samples: Vec<Sample>) -> Self {
        let is_guess = self.is_guess;
        Clock::of(samples).map_or(self, |clock| Clock { is_guess, ..clock })
    }

    /// When a frame at Exchange was captured by the clock of the Cisco side; `None` where a clock was being set.
    pub fn to_cuc(&self, at: Moment) -> Option<Timestamp> {
        let offset = self.offset_at(at, |stretch| stretch.exchange)?;
        Some(Timestamp::from_nanos(at.time.nanos().saturating_sub(offset)))
    }

    /// When a frame at the Cisco side was captured by the clock of Exchange; `None` where a clock was being set.
    pub fn to_exchange(&self, at: Moment) -> Option<Timestamp> {
        let offset = self.offset_at(at, |stretch| stretch.cuc)?;
        Some(Timestamp::from_nanos(at.time.nanos().saturating_add(offset)))
    }

    fn offset_at(&self, at: Moment, side: Side) -> Option<i64> {
        let last = |stretch: &Stretch| side(stretch).1.frame;
        let after = self.stretches.partition_point(|stretch| last(stretch) < at.frame);
        let (Some(one), Some(two)) =
            (after.checked_sub(1).and_then(|before| self.stretches.get(before)), self.stretches.get(after))
        else {
            return self.stretches.get(after).or(self.stretches.last()).map(|stretch| stretch.offset);
        };
        if side(two).0.frame <= at.frame {
            return Some(two.offset);
        }
        if jump(one, two).is_some() {
            return None;
        }
        let (from, to) = (side(one).1.time, side(two).0.time);
        let part = at.time.seconds_since(from) / to.seconds_since(from).max(1e-9);
        let change = two.offset.saturating_sub(one.offset) as f64;
        Some(one.offset.saturating_add((change * part.clamp(0.0, 1.0)) as i64))
    }

    /// When a frame of the vantage point `from` (0 is Exchange) was captured by the clock of the other.
    pub fn to_other(&self, from: usize, at: Moment) -> Option<Timestamp> {
        match from {
            0 => self.to_cuc(at),
            _ => self.to_exchange(at),
        }
    }

    /// Whether a packet at Exchange lies between two places at which the clocks differ as by a jump.
    pub fn is_set_at(&self, frame: FrameId) -> bool {
        self.jumps.iter().any(|jump| (jump.before.frame..=jump.after.frame).contains(&frame))
    }

    /// The whole hours (or half hours) that the offset amounts to, when it is so near to them that one of the time
    /// zones must be wrong.
    pub fn time_zone(&self) -> Option<f64> {
        const HALF_HOUR: i64 = 1_800_000_000_000;
        const NEAR: i64 = 90_000_000_000;
        let halves = self.offset.saturating_add(self.offset.signum() * HALF_HOUR / 2) / HALF_HOUR;
        let rest = self.offset % HALF_HOUR;
        let rest = if rest.abs() > HALF_HOUR / 2 { rest - rest.signum() * HALF_HOUR } else { rest };
        (halves != 0 && halves.abs() <= 28 && rest.abs() <= NEAR).then_some(halves as f64 / 2.0)
    }
}

impl Sample {
    fn offset(&self) -> i64 {
        self.exchange.time.since(self.cuc.time)
    }
}

impl Stretch {
    fn beginning(sample: &Sample) -> Self {
        let mut stretch = Stretch {
            exchange: (sample.exchange, sample.exchange),
            cuc: (sample.cuc, sample.cuc),
            at_least: None,
            at_most: None,
            offset: 0,
            doubt: 0,
        };
        stretch.narrow(sample);
        stretch
    }

    /// Takes a sample that belongs here.
    fn take(&mut self, sample: &Sample) -> bool {
        let lasts = sample.exchange.time.since(self.exchange.0.time);
        let offset = sample.offset();
        let contradicts = match sample.bound {
            Bound::AtLeast => self.at_most.is_some_and(|most| offset > most.saturating_add(JITTER)),
            Bound::AtMost => self.at_least.is_some_and(|least| offset < least.saturating_sub(JITTER)),
        };
        // Bounds from the same side do not contradict each other, but no packet is so late.
        let known = match sample.bound {
            Bound::AtLeast => self.at_least,
            Bound::AtMost => self.at_most,
        };
        let leaps = known.is_some_and(|known| known.saturating_sub(offset).saturating_abs() > LEAP);
        if !(0..STRETCH).contains(&lasts) || contradicts || leaps {
            return false;
        }
        self.exchange.1 = sample.exchange;
        self.cuc = (self.cuc.0.min(sample.cuc), self.cuc.1.max(sample.cuc));
        self.narrow(sample);
        true
    }

    fn narrow(&mut self, sample: &Sample) {
        let offset = sample.offset();
        match sample.bound {
            Bound::AtLeast => self.at_least = Some(self.at_least.map_or(offset, |known| known.max(offset))),
            Bound::AtMost => self.at_most = Some(self.at_most.map_or(offset, |known| known.min(offset))),
        }
    }
}

/// Fills in the offset of every stretch; one that was bounded from one side only is taken to be as wide as the others.
fn settle(stretches: &mut [Stretch]) {
    let mut halves: Vec<i64> = stretches.iter().filter_map(half).collect();
    halves.sort_unstable();
    let usual = halves.get(halves.len() / 2).copied();
    for stretch in stretches {
        let doubt = half(stretch).or(usual).unwrap_or(ONE_WAY);
        let aside = half(stretch).or(usual).unwrap_or(0);
        stretch.doubt = doubt;
        stretch.offset = match (stretch.at_least, stretch.at_most) {
            (Some(least), _) => least.saturating_add(aside),
            (None, Some(most)) => most.saturating_sub(aside),
            (None, None) => 0,
        };
    }
}

fn half(stretch: &Stretch) -> Option<i64> {
    Some((stretch.at_most?.saturating_sub(stretch.at_least?) / 2).max(0))
}

fn jump(one: &Stretch, two: &Stretch) -> Option<Jump> {
    let by = two.offset.saturating_sub(one.offset);
    let apart = two.exchange.0.time.since(one.exchange.1.time).saturating_abs();
    let drift = apart / 1_000_000 * WORST_DRIFT;
    // The time between is the one thing that a jump may falsify.
    let drift = drift.min(by.saturating_abs() / 2);
    let explained = one.doubt.saturating_add(two.doubt).saturating_add(drift).saturating_add(JUMP);
    (by.saturating_abs() > explained).then_some(Jump { before: one.exchange.1, after: two.exchange.0, by })
}

/// The longest row of stretches without a jump.
fn longest_run(stretches: &[Stretch]) -> &[Stretch] {
    let runs = stretches.chunk_by(|one, two| jump(one, two).is_none());
    runs.reduce(|longest, run| if run.len() > longest.len() { run } else { longest }).unwrap_or_default()
}

/// Offset and uncertainty of a row of stretches: where all bounds agree, what they leave; else the middle.
fn overall(run: &[Stretch]) -> Option<(i64, i64)> {
    let least = run.iter().filter_map(|stretch| stretch.at_least).max();
    let most = run.iter().filter_map(|stretch| stretch.at_most).min();
    if let (Some(least), Some(most)) = (least, most)
        && least <= most
    {
        let half = most.saturating_sub(least) / 2;
        return Some((least.saturating_add(half), half));
    }
    let low = run.iter().map(|stretch| stretch.offset.saturating_sub(stretch.doubt)).min()?;
    let high = run.iter().map(|stretch| stretch.offset.saturating_add(stretch.doubt)).max()?;
    let middle = run.get(run.len() / 2)?;
    let doubt = high.saturating_sub(middle.offset).max(middle.offset.saturating_sub(low));
    Some((middle.offset, doubt))
}

/// The slope of the offsets by least squares, when it is more than their doubt explains.
fn drift(run: &[Stretch], uncertainty: i64) -> Option<f64> {
    let (first, last) = (run.first()?, run.last()?);
    let span = last.exchange.0.time.since(first.exchange.0.time);
    if run.len() < 3 || span < DRIFT_SPAN || uncertainty == 0 {
        return None;
    }
    let at = |stretch: &Stretch| stretch.exchange.0.time.seconds_since(first.exchange.0.time);
    let number = run.len() as f64;
    let mean_at = run.iter().map(at).sum::<f64>() / number;
    let offset = |stretch: &Stretch| stretch.offset.saturating_sub(first.offset) as f64 / 1e9;
    let mean_offset = run.iter().map(offset).sum::<f64>() / number;
    let (mut covariance, mut variance) = (0.0, 0.0);
    for stretch in run {
        let away = at(stretch) - mean_at;
        covariance += away * (offset(stretch) - mean_offset);
        variance += away * away;
    }
    let slope = covariance / variance.max(1e-9);
    let doubt = run.iter().map(|stretch| stretch.doubt).max().unwrap_or(0) as f64 / 1e9;
    (slope.abs() * span as f64 / 1e9 > 2.0 * doubt).then_some(slope * 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: i64 = 1_000_000;
    const S: i64 = 1_000_000_000;

    /// A request to the Cisco side and the answer, `delay` each way, when Exchange's clock is ahead by `offset`.
    fn exchange(number: u64, at: i64, delay: i64, offset: i64) -> [Sample; 2] {
        let moment = |frame: u64, nanos: i64| Moment {
            frame: FrameId::new(0, frame),
            time: Timestamp::from_nanos(1_000_000 * S + nanos),
        };
        let frame = number * 10;
        [
            Sample {
                exchange: moment(frame, at + offset),
                cuc: moment(frame, at + delay),
                bound: Bound::AtLeast,
            },
            Sample {
                exchange: moment(frame + 1, at + 2 * delay + offset),
                cuc: moment(frame + 1, at + delay),
                bound: Bound::AtMost,
            },
        ]
    }

    fn clock(offset_at: impl Fn(i64) -> i64) -> Clock {
        let samples = (0..120).flat_map(|n| exchange(n as u64, n * 60 * S, 20 * MS, offset_at(n * 60 * S)));
        Clock::of(samples.collect()).unwrap()
    }

    #[test]
    fn both_directions_give_the_offset_and_half_the_round_trip_its_doubt() {
        let clock = clock(|_| -2500 * MS);
        assert_eq!((clock.offset, clock.uncertainty), (-2500 * MS, 20 * MS));
        assert!(clock.jumps.is_empty() && clock.drift.is_none() && clock.time_zone().is_none());
    }

    #[test]
    fn the_quickest_packets_decide() {
        let slow = exchange(1, 0, 900 * MS, 5 * S);
        let quick = exchange(2, 60 * S, 3 * MS, 5 * S);
        let clock = Clock::of(slow.into_iter().chain(quick).collect()).unwrap();
        assert_eq!((clock.offset, clock.uncertainty), (5 * S, 3 * MS));
    }

    #[test]
    fn drift_is_followed_and_told() {
        let clock = clock(|at| at / 5000);
        assert!((clock.drift.unwrap() - 200.0).abs() < 20.0, "{:?}", clock.drift);
        assert!(clock.jumps.is_empty());
        let [sample, _] = exchange(60, 3600 * S, 20 * MS, 3600 * S / 5000);
        let expected = clock.to_cuc(sample.exchange).unwrap();
        assert!(expected.since(sample.cuc.time).abs() < 100 * MS);
    }

    #[test]
    fn a_clock_that_was_set_is_noticed_and_both_parts_are_mapped() {
        for hour in [3600 * S, -3600 * S] {
            let clock = clock(|at| if at < 3000 * S { S } else { S + hour });
            assert_eq!(clock.jumps.len(), 1);
            assert!((clock.jumps[0].by - hour).abs() < S);
            for (n, offset) in [(10, S), (100, S + hour)] {
                let [sample, _] = exchange(n, n as i64 * 60 * S, 20 * MS, offset);
                let expected = clock.to_cuc(sample.exchange).unwrap();
                assert!(expected.since(sample.cuc.time).abs() < 50 * MS);
                let back = clock.to_exchange(sample.cuc).unwrap();
                assert!(back.since(sample.exchange.time).abs() < 50 * MS);
            }
        }
    }

    #[test]
    fn whole_hours_are_a_time_zone() {
        assert_eq!(clock(|_| -7 * 3600 * S + 30 * S).time_zone(), Some(-7.0));
        assert_eq!(clock(|_| 19_800 * S).time_zone(), Some(5.5));
        assert_eq!(clock(|_| 1500 * S).time_zone(), None);
        assert_eq!(clock(|_| 20 * S).time_zone(), None);
    }

    #[test]
    fn one_direction_alone_leaves_a_second_of_doubt() {
        let samples = (0..9).map(|n| exchange(n, n as i64 * S, MS, 0)[0]).collect();
        assert_eq!(Clock::of(samples).unwrap().uncertainty, ONE_WAY);
        assert!(Clock::of(Vec::new()).is_none());
    }
}

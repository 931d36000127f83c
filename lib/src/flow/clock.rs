//! The sender's own clock, as the timestamp option shows it (RFC 7323, 3): it goes on at its pace when the clock of
//! the capturing host is set.

use super::{ClockJump, Moment};
use crate::packet::{Tcp, TcpOption, tcp_options};

/// The pace is taken over at least this time, in nanoseconds.
const BASELINE: i64 = 1_000_000_000;
/// After this time the pace is taken anew, before the timestamps come round (49 days at a tick a millisecond).
const LONGEST: i64 = 10 * 86_400 * 1_000_000_000;
/// Pauses shorter than this are not looked at, in nanoseconds.
const PAUSE: i64 = 20_000_000_000;

/// The timestamps of one direction.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct SenderClock {
    /// The first timestamp, from which the pace is taken.
    first: Option<Tick>,
    /// The value of the latest one.
    last: u32,
}

/// A segment with its timestamp.
#[derive(Clone, Copy, Debug)]
struct Tick {
    at: Moment,
    value: u32,
}

impl SenderClock {
    /// Takes a segment that is no SYN, with the one `before` it in its direction. A pause of the capture's clock that is
    /// much longer than the sender's own clock says is a jump.
    #[inline]
    pub(super) fn tick(&mut self, before: Option<Moment>, at: Moment, tcp: &Tcp<'_>) -> Option<ClockJump> {
        let value = timestamp(tcp.options)?;
        if let (Some(_), Some(before)) = (&self.first, before)
            && at.time.follows(before.time, PAUSE)
        {
            self.last = value;
            return None;
        }
        self.pause(before, Tick { at, value })
    }

    /// The first timestamp, or one after a pause: hardly any.
    #[cold]
    fn pause(&mut self, before: Option<Moment>, now: Tick) -> Option<ClockJump> {
        let last = std::mem::replace(&mut self.last, now.value);
        let (Some(first), Some(before)) = (&mut self.first, before) else {
            self.first = Some(now);
            return None;
        };
        let pause = now.at.time.since(before.time);
        let known = before.time.since(first.at.time);
        if known < BASELINE {
            return None;
        }
        let pace = f64::from(last.wrapping_sub(first.value)) / known as f64;
        let lived = f64::from(now.value.wrapping_sub(last)) / pace;
        let jumped = pace > 0.0 && lived < pause as f64 / 2.0 && pause as f64 - lived > PAUSE as f64;
        if jumped || known > LONGEST {
            *first = now;
        }
        jumped.then(|| ClockJump { before, after: now.at, by: pause - lived as i64 })
    }
}

/// Two NOPs and the kind and length of a timestamp option.
const ALONE: u32 = 0x0101_080a;

/// The value of the timestamp option. Nearly all stacks send it behind two NOPs and nothing else.
#[inline]
fn timestamp(options: &[u8]) -> Option<u32> {
    if options.is_empty() {
        return None;
    }
    match options.as_chunks() {
        ([kind, value, _], []) if u32::from_be_bytes(*kind) == ALONE => Some(u32::from_be_bytes(*value)),
        _ => searched(options),
    }
}

#[cold]
fn searched(options: &[u8]) -> Option<u32> {
    tcp_options(options).find_map(|option| match option {
        TcpOption::Timestamps(value, _) => Some(value),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::FrameId;
    use crate::time::Timestamp;

    fn jumps(ticks: &[(i64, u32)]) -> usize {
        let (mut clock, mut before) = (SenderClock::default(), None);
        let segment = |(number, &(seconds, value)): (usize, &(i64, u32))| {
            let at = Moment { frame: FrameId::new(0, number as u64 + 1), time: Timestamp::new(seconds, 0) };
            let [a, b, c, d] = value.to_be_bytes();
            let options = [1, 1, 8, 10, a, b, c, d, 0, 0, 0, 0];
            let tcp = Tcp {
                src_port: 1,
                dst_port: 2,
                seq: 0,
                ack: 0,
                flags: 0x10,
                window: 1,
                options: &options,
                payload: &[],
                payload_len: 0,
            };
            clock.tick(before.replace(at), at, &tcp).is_some()
        };
        ticks.iter().enumerate().map(segment).filter(|jumped| *jumped).count()
    }

    #[test]
    fn a_pause_that_the_sender_did_not_live_through_is_a_jump() {
        assert_eq!(jumps(&[(0, 0), (10, 10_000), (7300, 25_000), (7310, 35_000)]), 1);
    }

    #[test]
    fn time_that_goes_back_is_no_jump() {
        assert_eq!(jumps(&[(0, 0), (10, 10_000), (i64::MIN, 0), (20, 20_000)]), 0);
        assert_eq!(jumps(&[(0, 0), (10, 10_000), (-7300, 9_000), (20, 20_000)]), 0);
    }

    #[test]
    fn a_pause_that_both_clocks_lived_through_is_none_at_any_pace() {
        for per_second in [1, 2, 100, 250, 1000] {
            let ticks: Vec<_> = [0, 10, 7300, 7310].iter().map(|s| (*s, (*s as u32) * per_second)).collect();
            assert_eq!(jumps(&ticks), 0, "{per_second} ticks a second");
        }
    }
}

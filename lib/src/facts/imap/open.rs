//! How many connections and sessions were open when: computed from their intervals, never counted while reading.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use super::ImapSession;
use crate::flow::Moment;

/// A count as a function of time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Level(Vec<(Moment, u64)>);

/// A stretch of time; without an end it goes on after the capture.
type Interval = (Moment, Option<Moment>);

impl Level {
    /// How many of the stretches of time, each with its begin and its end, cover a moment. One without an end goes on
    /// after the capture.
    pub fn of(intervals: impl IntoIterator<Item = (Moment, Option<Moment>)>) -> Self {
        let mut changes: Vec<(Moment, bool)> = Vec::new();
        for (from, to) in intervals {
            changes.push((from, true));
            changes.extend(to.map(|to| (to, false)));
        }
        // What ends in a frame makes room for what begins in it.
        changes.sort_unstable();
        let mut steps: Vec<(Moment, u64)> = Vec::new();
        let mut now = 0u64;
        for (at, opens) in changes {
            now = if opens { now + 1 } else { now.saturating_sub(1) };
            match steps.last_mut() {
                Some(last) if last.0 == at => last.1 = now,
                _ => steps.push((at, now)),
            }
        }
        Level(steps)
    }

    /// The moments at which it changes, each with the count from then on.
    pub fn steps(&self) -> &[(Moment, u64)] {
        &self.0
    }

    /// The count after `at`.
    pub fn at(&self, at: Moment) -> u64 {
        let after = self.0.partition_point(|step| step.0 <= at);
        after.checked_sub(1).map_or(0, |last| self.0[last].1)
    }

    /// The highest count in the last seconds up to `at`: a server notices later than the capture that a session ended.
    pub fn lately(&self, at: Moment) -> u64 {
        const LATELY: f64 = 2.0;
        /// A burst of changes need not be followed to its beginning.
        const CHANGES: usize = 64;
        let after = self.0.partition_point(|step| step.0 <= at);
        let mut highest = 0;
        for (since, count) in self.0[..after].iter().rev().take(CHANGES) {
            highest = highest.max(*count);
            if at.time.seconds_since(since.time) > LATELY {
                break;
            }
        }
        highest
    }

    /// The highest count, and when it was reached first.
    pub fn peak(&self) -> Option<(Moment, u64)> {
        let highest = self.0.iter().map(|step| step.1).max()?;
        self.0.iter().find(|step| step.1 == highest).copied()
    }
}

/// What was open on each server.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Counts {
    /// Authenticated sessions, by server and account.
    pub by_user: BTreeMap<(IpAddr, Arc<str>), Level>,
    /// Connections, by server and client address.
    pub by_ip: BTreeMap<(IpAddr, IpAddr), Level>,
    /// Connections, by server.
    pub total: BTreeMap<IpAddr, Level>,
}

impl Counts {
    pub(super) fn new(sessions: &[ImapSession]) -> Self {
        let mut by_user: BTreeMap<_, Vec<Interval>> = BTreeMap::new();
        let mut by_ip: BTreeMap<_, Vec<Interval>> = BTreeMap::new();
        let mut total: BTreeMap<_, Vec<Interval>> = BTreeMap::new();
        for session in sessions {
            let server = session.server.ip;
            if let (Some(from), Some(account)) = (session.authenticated, &session.account) {
                by_user.entry((server, Arc::clone(account))).or_default().push((from, session.closed));
            }
            // The server never counted one that it turned away at the door.
            if session.turned_away.is_none() {
                let open = (session.opened, session.closed);
                by_ip.entry((server, session.client.ip)).or_default().push(open);
                total.entry(server).or_default().push(open);
            }
        }
        Counts { by_user: levels(by_user), by_ip: levels(by_ip), total: levels(total) }
    }

    /// Sessions of an account on a server.
    pub fn user(&self, server: IpAddr, account: &Arc<str>) -> Option<&Level> {
        self.by_user.get(&(server, Arc::clone(account)))
    }

    /// Connections of a client to a server.
    pub fn ip(&self, server: IpAddr, client: IpAddr) -> Option<&Level> {
        self.by_ip.get(&(server, client))
    }
}

fn levels<K: Ord>(intervals: BTreeMap<K, Vec<Interval>>) -> BTreeMap<K, Level> {
    intervals.into_iter().map(|(key, intervals)| (key, Level::of(intervals))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::testing::moment;
    use proptest::prelude::*;

    #[test]
    fn the_peak_is_where_it_was_reached_first() {
        let at = |frame: u64| moment(frame, frame as i64);
        let level = Level::of([(at(1), Some(at(4))), (at(2), None), (at(5), Some(at(6)))]);
        assert_eq!(level.peak(), Some((at(2), 2)));
        assert_eq!([0, 1, 3, 4, 5, 9].map(|frame| level.at(at(frame))), [0, 1, 2, 1, 2, 1]);
        assert_eq!((level.lately(at(5)), level.lately(at(20))), (2, 1));
        assert_eq!(Level::default().peak(), None);
    }

    proptest! {
        #[test]
        fn a_level_counts_the_intervals_that_cover_a_moment(
            intervals in prop::collection::vec((0u64..40, prop::option::of(0u64..20)), 0..20),
            asked in 0u64..60,
        ) {
            let at = |frame: u64| moment(frame, frame as i64);
            let all: Vec<_> = intervals.iter().map(|(from, length)| (*from, length.map(|l| from + l + 1))).collect();
            let covering = all.iter().filter(|(from, to)| *from <= asked && to.is_none_or(|to| to > asked)).count();
            let level = Level::of(all.iter().map(|(from, to)| (at(*from), to.map(at))));
            prop_assert_eq!(level.at(at(asked)), covering as u64);
        }
    }
}

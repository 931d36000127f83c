//! What the two ends of a path say together.

use std::collections::BTreeMap;

use crate::compare::{PairKind, added_latency};
use crate::facts::Facts;
use crate::rules::{self, Resetter};

/// Two vantage points matched with each other.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Path {
    /// Notifications by what happened to them between the two points.
    pub pairs: BTreeMap<String, u64>,
    /// Other connections that were seen at both points, likewise.
    pub connections: BTreeMap<String, u64>,
    /// Connections of both kinds that ended with a reset, by who sent it.
    pub resets: Resets,
    /// Complete notifications at the Exchange side.
    pub sent: u64,
    /// Complete notifications at the Cisco side.
    pub received: u64,
    /// Notifications that were sent and did not arrive.
    pub lost: u64,
    /// Notifications that the Cisco side replied to.
    pub answered: u64,
    /// Replies that came back to the Exchange side.
    pub returned: u64,
    /// How much longer Exchange waited for a reply than the Cisco side took, in microseconds; `None` without replies.
    pub added_latency_us: Option<Percentiles>,
    /// Exchange's clock minus the Cisco side's, in microseconds; `None` where it cannot be told.
    pub clock_offset_us: Option<i64>,
    /// The offset may be so much more or less, in microseconds.
    pub clock_uncertainty_us: Option<i64>,
    /// How much faster Exchange's clock runs, in parts per million, where that can be told.
    pub clock_drift_ppm: Option<f64>,
    /// How often one of the clocks was set while both captures ran.
    pub clock_jumps: u64,
    /// The wrong time zone that the offset amounts to, in hours.
    pub time_zone_h: Option<f64>,
}

/// Who reset connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Resets {
    /// The host at the Exchange side.
    pub exchange: u64,
    /// The host at the Cisco side.
    pub cuc: u64,
    /// A proxy or firewall between them.
    pub between: u64,
}

/// How a quantity is distributed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Percentiles {
    /// Half of all values are not larger.
    pub p50: i64,
    /// Nine of ten are not larger.
    pub p90: i64,
    /// 99 of 100 are not larger.
    pub p99: i64,
}

impl Path {
    pub(super) fn new(facts: &Facts, path: &rules::Path) -> Option<Self> {
        let [exchange, cuc] = facts.vantages.as_slice() else { return None };
        let none: BTreeMap<String, u64> =
            PairKind::ALL.iter().map(|kind| (kind.name().to_owned(), 0)).collect();
        let (mut pairs, mut connections) = (none.clone(), none);
        for pair in &path.pairs {
            *pairs.entry(pair.kind.name().to_owned()).or_default() += 1;
        }
        for pair in path.other_connections(facts) {
            *connections.entry(pair.kind.name().to_owned()).or_default() += 1;
        }
        connections.retain(|kind, _| kind != PairKind::Lost.name() && kind != PairKind::Unmatched.name());
        let lost = path.lost().count() as u64;
        pairs.insert(PairKind::Lost.name().to_owned(), lost);
        pairs.insert(PairKind::Unmatched.name().to_owned(), path.unmatched(facts).count() as u64);
        let latencies = path.pairs.iter().filter_map(|pair| {
            added_latency(&exchange.notifications[pair.exchange], &cuc.notifications[pair.cuc])
        });
        let count = |facts: &crate::facts::VantageFacts, replied: bool| {
            let rows = facts.notifications.iter().filter(|row| row.counts());
            rows.filter(|row| !replied || row.reply.is_some()).count() as u64
        };
        let clock = path.matched.clock.as_ref();
        Some(Path {
            pairs,
            connections,
            resets: Resets::of(path.resets()),
            sent: count(exchange, false),
            received: count(cuc, false),
            lost,
            answered: count(cuc, true),
            returned: count(exchange, true),
            added_latency_us: Percentiles::of(latencies.map(|nanos| nanos / 1000).collect()),
            clock_offset_us: clock.map(|clock| clock.offset / 1000),
            clock_uncertainty_us: clock.map(|clock| clock.uncertainty / 1000),
            clock_drift_ppm: clock.and_then(|clock| clock.drift),
            clock_jumps: clock.map_or(0, |clock| clock.jumps.len() as u64),
            time_zone_h: clock.and_then(|clock| clock.time_zone()),
        })
    }
}

impl Resets {
    fn of(resetters: impl Iterator<Item = Resetter>) -> Self {
        let mut resets = Resets::default();
        for resetter in resetters {
            *match resetter {
                Resetter::Exchange => &mut resets.exchange,
                Resetter::Cuc => &mut resets.cuc,
                Resetter::Between => &mut resets.between,
            } += 1;
        }
        resets
    }
}

impl Percentiles {
    /// By the nearest rank; `None` without values.
    fn of(mut values: Vec<i64>) -> Option<Self> {
        values.sort_unstable();
        let rank =
            |percent: usize| values.get((values.len() * percent).div_ceil(100).saturating_sub(1)).copied();
        Some(Percentiles { p50: rank(50)?, p90: rank(90)?, p99: rank(99)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_occur() {
        assert_eq!(Percentiles::of(Vec::new()), None);
        assert_eq!(Percentiles::of(vec![7]), Some(Percentiles { p50: 7, p90: 7, p99: 7 }));
        let hundred = Percentiles::of((1..=100).rev().collect());
        assert_eq!(hundred, Some(Percentiles { p50: 50, p90: 90, p99: 99 }));
    }
}

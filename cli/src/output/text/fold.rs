//! Findings that are one trouble: the subscriptions of one source that fail in the same way at the same time.

use std::collections::HashMap;
use std::net::IpAddr;

use sibtrace::rules::{Finding, SubjectKind};
use sibtrace::{Config, Facts};

/// Findings that are shown as one block: the first tells the story, all are named.
#[derive(Debug)]
pub(crate) struct Block<'a> {
    /// In the order of the report; at least one.
    pub(crate) findings: Vec<&'a Finding>,
    /// The source that they share, when there is more than one.
    pub(crate) source: Option<IpAddr>,
}

/// The findings in blocks, in the order of their first findings.
pub(crate) fn blocks<'a>(findings: &'a [Finding], facts: &Facts, config: &Config) -> Vec<Block<'a>> {
    fold(findings, &homes(facts, config))
}

fn fold<'a>(findings: &'a [Finding], homes: &HashMap<&str, Home>) -> Vec<Block<'a>> {
    let mut blocks: Vec<Block<'a>> = Vec::new();
    // Findings of one rule come in time order, so the latest block of a kind is the only one to join.
    let mut latest = HashMap::new();
    for finding in findings {
        let home = match finding.subject.kind {
            SubjectKind::Subscription => homes.get(finding.subject.id.as_str()),
            _ => None,
        };
        let Some(home) = home else {
            blocks.push(Block { findings: vec![finding], source: None });
            continue;
        };
        let kind = (finding.rule.as_ref(), finding.severity, finding.confidence, home.source);
        let index = *latest.entry(kind).or_insert(blocks.len());
        let joins = blocks.get(index).is_some_and(|block| {
            let before = block.findings.last().map_or(finding.first, |last| last.first);
            finding.first.since(before) <= home.interval
        });
        if joins {
            blocks[index].findings.push(finding);
            blocks[index].source = Some(home.source);
            continue;
        }
        latest.insert(kind, blocks.len());
        blocks.push(Block { findings: vec![finding], source: None });
    }
    blocks
}

/// Where a subscription's notifications come from, and how far apart they are.
struct Home {
    source: IpAddr,
    /// Keep-alive interval in nanoseconds: what happens within one is the same time.
    interval: i64,
}

/// Homes by `id=` of the subscription; those of several sources have none.
fn homes<'a>(facts: &'a Facts, config: &Config) -> HashMap<&'a str, Home> {
    let subscriptions = facts.vantages.iter().flat_map(|vantage| &vantage.subscriptions);
    subscriptions
        .filter_map(|subscription| {
            let [source] = subscription.sources.as_slice() else {
                return None;
            };
            let home = Home {
                source: *source,
                interval: sibtrace::time::nanos(config.interval_on(subscription.port)),
            };
            Some((&*subscription.request_id, home))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use sibtrace::time::Timestamp;

    use super::*;
    use crate::output::text::samples;

    const MINUTE: i64 = 60_000_000_000;

    /// One finding per (subscription, minute), told by `homes` to come from .1 (a, b, c) and .2 (d).
    fn folded(findings: &[(&str, i64)]) -> Vec<Vec<String>> {
        let template = samples::report().findings.swap_remove(1);
        let findings: Vec<Finding> = findings
            .iter()
            .map(|(id, minute)| {
                let mut finding = template.clone();
                finding.subject.id = (*id).to_owned();
                finding.first = Timestamp::from_nanos(minute * MINUTE);
                finding
            })
            .collect();
        let home = |source: [u8; 4]| Home { source: source.into(), interval: 5 * MINUTE };
        let homes = HashMap::from([
            ("a", home([10, 0, 0, 1])),
            ("b", home([10, 0, 0, 1])),
            ("c", home([10, 0, 0, 1])),
            ("d", home([10, 0, 0, 2])),
        ]);
        let ids =
            |block: &Block<'_>| block.findings.iter().map(|finding| finding.subject.id.clone()).collect();
        fold(&findings, &homes).iter().map(ids).collect()
    }

    #[test]
    fn one_trouble_of_one_source_is_one_block() {
        assert_eq!(folded(&[("a", 0), ("d", 1), ("b", 2), ("c", 4)]), [vec!["a", "b", "c"], vec!["d"]]);
    }

    #[test]
    fn troubles_far_apart_are_two() {
        assert_eq!(folded(&[("a", 0), ("b", 6), ("c", 7)]), [vec!["a"], vec!["b", "c"]]);
    }

    #[test]
    fn a_subject_without_a_home_stands_alone() {
        assert_eq!(folded(&[("x", 0), ("x", 0), ("a", 0)]), [vec!["x"], vec!["x"], vec!["a"]]);
    }
}

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
    let homes = homes(facts, config);
    let mut blocks: Vec<Block<'a>> = Vec::new();
    // Findings of one rule come in time order, so the latest block of a kind is the only one to join.
    let mut latest = HashMap::new();
    for finding in findings {
        let home = match finding.subject.kind {
            SubjectKind::Subscription => homes.get(finding.subject.id.as_str()),
            _ => None,
        };
        let Some(home) = home else {
            blocks.push(Block {
                findings: vec![finding],
                source: None,
            });
            continue;
        };
        let kind = (
            finding.rule.as_ref(),
            finding.severity,
            finding.confidence,
            home.source,
        );
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
        blocks.push(Block {
            findings: vec![finding],
            source: None,
        });
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

//! Hand-made facts for the tests of rules.

use super::{Context, Finding, Findings, Rule};
use crate::capture::FileInfo;
use crate::config::Config;
use crate::facts::testing::moment;
use crate::facts::{Facts, VantageFacts};
use crate::flow::Connection;

/// The facts of a capture of one file, `sib.cap`, which lasts from second 0 to second `end` and has these connections.
pub(crate) fn capture(end: i64, connections: Vec<Connection>) -> VantageFacts {
    let mut facts = VantageFacts::default();
    let (first, last) = (moment(1, 0), moment(5000, end));
    facts.files.push(FileInfo {
        path: "sib.cap".into(),
        packets: 5000,
        first: Some(first.time),
        last: Some(last.time),
        last_frame: 5000,
        ..FileInfo::default()
    });
    (facts.coverage.first, facts.coverage.last) = (Some(first), Some(last));
    facts.coverage.packets = 5000;
    facts.connections = connections.into();
    facts
}

/// What one rule says of one vantage point.
pub(crate) fn findings(rule: &dyn Rule, facts: VantageFacts, config: &Config) -> Vec<Finding> {
    let facts = Facts { vantages: vec![facts], partial: false };
    let meta = rule.meta();
    let mut out = Findings::new(&meta);
    rule.check(&Context::new(&facts, config), &mut out);
    out.finish()
}

//! With little memory less is known, and nothing else: every capture of testdata is judged with hardly any, and what is
//! then called proven was so before.

mod samples;

use std::collections::BTreeSet;
use std::path::Path;

use samples::{captures_below, testdata};
use sibtrace::rules::Confidence;
use sibtrace::{Analyzer, Capture, Config};

#[test]
fn what_found_no_room_proves_nothing() {
    let mut met = 0;
    for path in captures_below(&testdata()) {
        let (usual, _) = proven(&path, Config::default().memory);
        for memory in [256 << 10, 1 << 20] {
            let (said, hits) = proven(&path, memory);
            let new: Vec<_> = said.difference(&usual).collect();
            assert!(new.is_empty(), "{} with {memory} bytes: {new:?}", path.display());
            met += usize::from(hits);
        }
    }
    assert!(met > 50, "limits were met in {met} runs");
}

/// Rules and subjects of the proven findings, and whether any limit was met.
fn proven(path: &Path, memory: u64) -> (BTreeSet<(String, String)>, bool) {
    let mut config = Config::default();
    config.memory = memory;
    let analyzer = Analyzer::new(config).expect("the default settings are valid");
    let Ok(capture) = Capture::open(path) else { return Default::default() };
    let (facts, _) = analyzer.facts([capture], &mut ());
    let report = analyzer.judge(&facts);
    let findings = report.findings.into_iter().filter(|finding| finding.confidence == Confidence::Proven);
    let said = findings.map(|finding| (finding.rule.to_string(), finding.subject.id));
    (said.collect(), report.limits.iter().any(|limit| limit.hits > 0))
}

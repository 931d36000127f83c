//! Dissection: each protocol on traffic of its own. What reading and reassembly cost is in `read` and `stream`.

use criterion::{Criterion, criterion_group, criterion_main};
use sibtrace::{Analyzer, Capture, Config, Facts};
use sibtrace_benches::{MIB, measure, traffic};
use sibtrace_lab::bulk::Kind;

criterion_group!(benches, protocols);
criterion_main!(benches);

fn protocols(c: &mut Criterion) {
    let mut group = c.benchmark_group("dissect");
    for (name, kind) in [("notifications", Kind::Dense), ("imap literals", Kind::Fat)] {
        measure(&mut group, name, &traffic(kind, 8 * MIB), gather);
    }
    group.finish();
}

/// Everything but the rules.
fn gather(capture: Capture) -> Facts {
    let analyzer = Analyzer::new(Config::default()).expect("the default settings are valid");
    analyzer.facts([capture], &mut ()).0
}

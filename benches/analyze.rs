//! The whole job, from bytes to report, by kind of traffic.

use criterion::{Criterion, criterion_group, criterion_main};
use sibtrace_benches::{MIB, diagnose, measure, traffic};
use sibtrace_lab::bulk::Kind;

criterion_group!(benches, kinds);
criterion_main!(benches);

fn kinds(c: &mut Criterion) {
    let mut group = c.benchmark_group("analyze");
    group.sample_size(20);
    for (name, kind) in
        [("mixed", Kind::Mixed), ("dense", Kind::Dense), ("tiny", Kind::Tiny), ("fat", Kind::Fat)]
    {
        measure(&mut group, name, &traffic(kind, 16 * MIB), diagnose);
    }
    group.finish();
}

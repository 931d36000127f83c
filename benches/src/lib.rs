//! What the benches share: traffic, made in memory, and the jobs that are measured, through sibtrace's public face.

use std::hint::black_box;

use criterion::{BatchSize, BenchmarkGroup, Throughput, measurement::WallTime};
use sibtrace::{Analyzer, Capture, Config, Report};
use sibtrace_lab::bulk::{self, Kind};

/// One mebibyte.
pub const MIB: u64 = 1 << 20;

/// A capture of about `bytes` bytes, always the same.
pub fn traffic(kind: Kind, bytes: u64) -> Vec<u8> {
    let mut capture = Vec::new();
    bulk::write(kind, bytes, 1, &mut capture).expect("a vector takes everything");
    capture
}

/// Opens a capture in memory.
pub fn open(capture: Vec<u8>) -> Capture {
    Capture::from_bytes("bench.pcap", capture).expect("the lab writes captures")
}

/// The whole job with one thread.
pub fn diagnose(capture: Capture) -> Report {
    let mut config = Config::default();
    config.threads = 1;
    let analyzer = Analyzer::new(config).expect("the default settings are valid");
    analyzer.run([capture]).expect("memory can be read")
}

/// Measures a job on a capture in memory; the copy that each run consumes is made outside the measured time.
pub fn measure<T>(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    capture: &[u8],
    job: impl Fn(Capture) -> T,
) {
    group.throughput(Throughput::Bytes(capture.len() as u64)).bench_function(name, |bencher| {
        let copy = || open(capture.to_vec());
        bencher.iter_batched(copy, |capture| black_box(job(capture)), BatchSize::PerIteration);
    });
}

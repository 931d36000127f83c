//! Reading: from bytes to records, and from records to packets.

use std::fs;
use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use sibtrace::{Capture, packet};
use sibtrace_benches::{MIB, measure, open, traffic};
use sibtrace_lab::bulk::Kind;
use sibtrace_lab::container::{Compression, Container, MICRO, Order, Record};

criterion_group!(benches, formats, files, slicing);
criterion_main!(benches);

/// Walks all records.
fn records(capture: Capture) -> u64 {
    capture.records().map(|record| u64::from(record.expect("the capture is whole").original_len())).sum()
}

fn formats(c: &mut Criterion) {
    let pcap = traffic(Kind::Mixed, 8 * MIB);
    let pcapng = Container::NgEnhanced { order: Order::Little, resolution: MICRO }.write(&stored(&pcap), 1);
    let gzip = Compression::Gzip.pack(pcap.clone());
    let zstd = Compression::Zstd.pack(pcap.clone());
    let mut group = c.benchmark_group("read");
    for (name, capture) in [("pcap", &pcap), ("pcapng", &pcapng), ("gzip", &gzip), ("zstd", &zstd)] {
        measure(&mut group, name, capture, records);
    }
    group.finish();
}

/// The records of a capture, to be stored in another format.
fn stored(pcap: &[u8]) -> Vec<Record> {
    let records = open(pcap.to_vec()).records().map(|record| record.expect("the capture is whole"));
    let store = |record: sibtrace::capture::Record| {
        Record::new(record.time().nanos() as u64, record.bytes().to_vec(), usize::MAX)
    };
    records.map(store).collect()
}

/// A rotated set of many small files.
fn files(c: &mut Criterion) {
    const FILES: usize = 200;
    let folder = std::env::temp_dir().join(format!("sibtrace-bench-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("there is a folder for temporary files");
    let records = stored(&traffic(Kind::Mixed, 4 * MIB));
    let mut bytes = 0;
    let paths = records.chunks(records.len().div_ceil(FILES)).zip(0..).map(|(part, number)| {
        let path = folder.join(format!("{number:03}.pcap"));
        let file = Container::PcapMicro(Order::Little).write(part, 1);
        bytes += file.len() as u64;
        fs::write(&path, file).expect("the file can be written");
        path
    });
    let paths: Vec<_> = paths.collect();
    let mut group = c.benchmark_group("read");
    group.throughput(Throughput::Bytes(bytes)).bench_function("200 files", |bencher| {
        bencher.iter(|| {
            let set = Capture::open_set(&paths).expect("the files are there");
            black_box(self::records(set))
        });
    });
    group.finish();
    fs::remove_dir_all(folder).expect("the folder is there");
}

/// Layer by layer on every packet, which is more than the whole job does.
fn slicing(c: &mut Criterion) {
    let mut group = c.benchmark_group("slice");
    for (name, kind) in [("mixed", Kind::Mixed), ("tiny", Kind::Tiny)] {
        let records: Vec<_> =
            open(traffic(kind, 4 * MIB)).records().map(|record| record.expect("it is whole")).collect();
        group.throughput(Throughput::Elements(records.len() as u64)).bench_function(name, |bencher| {
            bencher.iter(|| {
                for record in &records {
                    black_box(packet::slice(record.link_type(), record.bytes()));
                }
            });
        });
    }
    group.finish();
}

//! The report depends neither on how many threads make it nor on how the packets are stored.

use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use serde_json::{Value, json};
use sibtrace::{Analyzer, Capture, Config, Report};

/// The report on a capture with so many threads.
fn analyze(capture: Capture, threads: usize) -> sibtrace::error::Result<Report> {
    within(Config::default().memory, capture, threads)
}

/// The same when the stores may take so many bytes.
fn within(memory: u64, capture: Capture, threads: usize) -> sibtrace::error::Result<Report> {
    let mut config = Config::default();
    (config.memory, config.threads) = (memory, threads);
    Analyzer::new(config).expect("the default settings are valid").run([capture])
}

/// The reports as JSON, the second one with hardly any memory; `None` for what is no capture.
fn report(path: &Path, threads: usize) -> Option<[String; 2]> {
    let report = |memory| {
        let report = within(memory, Capture::open(path).ok()?, threads).ok()?;
        Some(serde_json::to_string(&report).expect("a report is plain data"))
    };
    Some([report(Config::default().memory)?, report(LITTLE)?])
}

/// So little memory that four notifications fill a shard's table.
const LITTLE: u64 = 64 << 10;

fn testdata() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata")
}

#[test]
fn any_number_of_threads_gives_the_same_bytes() {
    let mut compared = 0;
    for folder in fs::read_dir(testdata()).expect("testdata is here").flatten().map(|entry| entry.path()) {
        let Ok(files) = fs::read_dir(&folder) else { continue };
        for path in files.flatten().map(|entry| entry.path()) {
            if let Some(alone) = report(&path, 1) {
                for threads in [2, 3, 8] {
                    assert_eq!(
                        report(&path, threads).as_ref(),
                        Some(&alone),
                        "{threads} threads, {}",
                        path.display()
                    );
                }
                compared += 1;
            }
        }
    }
    assert!(compared > 50, "{compared} captures were found");
}

/// A classic pcap file, taken apart.
struct Pcap {
    header: Vec<u8>,
    records: Vec<Vec<u8>>,
}

impl Pcap {
    /// `None` for other formats, and for what is damaged.
    fn read(path: &Path) -> Option<Self> {
        let bytes = fs::read(path).ok()?;
        let (header, mut rest) = bytes.split_at_checked(24)?;
        let is_plain = header.starts_with(&[0xd4, 0xc3, 0xb2, 0xa1]);
        let mut records = Vec::new();
        while is_plain && !rest.is_empty() {
            let length = u32::from_le_bytes(rest.get(8..12)?.try_into().ok()?);
            let (record, after) = rest.split_at_checked(16 + length as usize)?;
            records.push(record.to_vec());
            rest = after;
        }
        // Files are ordered by their first timestamps, so time must not go back.
        let in_order = records.is_sorted_by_key(|record| stamp(record));
        (records.len() > 20 && in_order).then(|| Pcap { header: header.to_vec(), records })
    }

    fn file(&self, records: &[Vec<u8>]) -> Vec<u8> {
        [&self.header[..], &records.concat()].concat()
    }

    /// The packets in files that begin at these records. Packets of one time stay together: nothing else would tell
    /// which file is the earlier one.
    fn split(&self, cuts: &[usize]) -> Vec<Vec<u8>> {
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % self.records.len()).collect();
        cuts.retain(|&cut| cut > 0 && stamp(&self.records[cut]) > stamp(&self.records[cut - 1]));
        cuts.extend([0, self.records.len()]);
        cuts.sort_unstable();
        cuts.dedup();
        cuts.windows(2).map(|cut| self.file(&self.records[cut[0]..cut[1]])).collect()
    }
}

/// Seconds and microseconds of a record.
fn stamp(record: &[u8]) -> (u32, u32) {
    let field = |at: usize| u32::from_le_bytes([record[at], record[at + 1], record[at + 2], record[at + 3]]);
    (field(0), field(4))
}

#[derive(Clone, Copy, Debug)]
enum Packing {
    Plain,
    Gzip,
    Zstd,
    Lz4,
}

impl Packing {
    fn pack(self, bytes: &[u8]) -> Vec<u8> {
        match self {
            Packing::Plain => bytes.to_vec(),
            Packing::Gzip => {
                let mut coder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
                coder.write_all(bytes).expect("memory takes every byte");
                coder.finish().expect("memory takes every byte")
            }
            Packing::Zstd => zstd::encode_all(bytes, 1).expect("memory takes every byte"),
            Packing::Lz4 => {
                let mut coder = lz4_flex::frame::FrameEncoder::new(Vec::new());
                coder.write_all(bytes).expect("memory takes every byte");
                coder.finish().expect("memory takes every byte")
            }
        }
    }
}

/// Bytes that come in pieces of any size, and only once.
struct Pipe {
    file: fs::File,
    most: usize,
}

impl Pipe {
    fn open(path: &Path, most: usize) -> sibtrace::error::Result<Capture> {
        let file = fs::File::open(path).expect("it was written");
        Capture::from_reader(path, Pipe { file, most })
    }
}

impl Read for Pipe {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = buffer.len().min(self.most);
        self.file.read(&mut buffer[..most])
    }
}

/// A report without what says how the packets are stored: evidence names its frames as numbered through all files.
fn stripped(report: &Report) -> Value {
    let mut report = serde_json::to_value(report).expect("a report is plain data");
    let mut before = vec![0];
    for capture in report["captures"].as_array().expect("there are captures") {
        before.push(before[before.len() - 1] + capture["packets"].as_u64().expect("packets are counted"));
    }
    report["captures"] = json!(before.last());
    let findings = report["findings"].as_array_mut().expect("there are findings");
    // They speak of files, and how many packets each holds.
    findings.retain(|finding| !finding["rule"].as_str().is_some_and(|rule| rule.starts_with("capture-")));
    for finding in findings {
        finding["wireshark_filter"] = Value::Null;
        for item in finding["evidence"].as_array_mut().expect("there is evidence") {
            let file = item["capture"].take().as_u64().expect("it has a file") as usize;
            item["frame"] = json!(before[file] + item["frame"].as_u64().expect("it has a frame"));
        }
    }
    report
}

/// What is tried: one capture of each family, whole and in order.
fn handful() -> Vec<(PathBuf, Pcap)> {
    let families =
        ["healthy", "keepalive-missing", "imap-auth-throttled", "mapi-affinity-break", "notify-rejected"];
    let mut found = Vec::new();
    for family in families {
        let folder = fs::read_dir(testdata().join(family)).expect("testdata has this family");
        let mut files: Vec<PathBuf> = folder.flatten().map(|entry| entry.path()).collect();
        files.sort();
        found.extend(files.into_iter().find_map(|path| Some((path.clone(), Pcap::read(&path)?))));
    }
    assert!(found.len() > 2, "{} captures are suited", found.len());
    found
}

#[test]
fn any_way_to_store_the_packets_gives_the_same_report() {
    let captures = handful();
    let whole: Vec<Value> = captures
        .iter()
        .map(|(path, _)| {
            stripped(&analyze(Capture::open(path).expect("it is a capture"), 1).expect("it can be read"))
        })
        .collect();
    let folder = std::env::temp_dir().join(format!("sibtrace-same-{}", std::process::id()));
    let packing =
        prop_oneof![Just(Packing::Plain), Just(Packing::Gzip), Just(Packing::Zstd), Just(Packing::Lz4)];
    // Files, or pipes that give so many bytes at a time.
    let pieces = proptest::option::of(1usize..5000);
    let cuts = proptest::collection::vec(any::<usize>(), 0..10);
    let ways = (0..captures.len(), 1usize..9, packing, pieces, cuts);
    let config = ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() };
    let mut runner = proptest::test_runner::TestRunner::new(config);
    let result = runner.run(&ways, |(index, threads, packing, pieces, cuts)| {
        let (path, pcap) = &captures[index];
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder)?;
        let mut files = Vec::new();
        for (number, bytes) in pcap.split(&cuts).iter().enumerate() {
            // The order of names is not the order of time.
            files.push(folder.join(format!("{}.pcap", 99 - number)));
            fs::write(&files[number], packing.pack(bytes))?;
        }
        let capture = match pieces {
            None => Capture::open_set(files),
            Some(most) => {
                let pipes = files.iter().map(|path| Pipe::open(path, most));
                pipes.collect::<sibtrace::error::Result<Vec<_>>>().and_then(Capture::join)
            }
        };
        let capture = capture.expect("they are captures");
        let report = stripped(&analyze(capture, threads).expect("they can be read"));
        prop_assert_eq!(&report, &whole[index], "{}", path.display());
        Ok(())
    });
    let _ = fs::remove_dir_all(&folder);
    result.expect("every way gives the same report");
}

//! Several files as one capture, and the public face.

use std::io::{Cursor, Read};
use std::path::PathBuf;

use super::build::{Pcap, START};
use crate::capture::{Capture, Reader, Vantage};
use crate::error::Error;

/// A folder of its own for a test, removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(test: &str) -> Self {
        let path = std::env::temp_dir().join(format!("sibtrace-{test}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    /// A file with packets at these microseconds, which are also their content.
    fn file(&self, name: &str, times: &[u32]) -> PathBuf {
        let records = times.iter().map(|&at| Pcap::MICROS.record(at, &at.to_le_bytes(), 4));
        let path = self.0.join(name);
        std::fs::write(
            &path,
            [Pcap::MICROS.header()].into_iter().chain(records).flatten().collect::<Vec<_>>(),
        )
        .unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        _ = std::fs::remove_dir_all(&self.0);
    }
}

/// File and microsecond of every record in every run.
fn runs(reader: &mut Reader) -> Vec<Vec<(u16, u32)>> {
    let mut runs = Vec::new();
    while let Some(run) = reader.next().unwrap() {
        let heads = &run.chunk.heads[run.heads.clone()];
        let micros = |time: i64| (time / 1000 - i64::from(START) * 1_000_000) as u32;
        runs.push(heads.iter().map(|head| (run.file, micros(head.time.nanos()))).collect());
    }
    runs
}

#[test]
fn files_are_ordered_by_time_and_not_by_name() {
    let folder = Folder::new("order");
    let paths = [
        folder.file("a", &[30, 31]),
        folder.file("b", &[]),
        folder.file("c", &[10, 20]),
        folder.file("d", &[21]),
    ];
    let mut reader = Capture::open_set(&paths).unwrap().into_reader();
    assert_eq!(runs(&mut reader), [vec![(0, 10), (0, 20)], vec![(1, 21)], vec![(2, 30), (2, 31)]]);
    let names: Vec<_> = reader.files().iter().map(|info| info.path.file_name().unwrap()).collect();
    assert_eq!(names, ["c", "d", "a", "b"]);
    assert!(reader.files().iter().all(|info| info.notes.is_empty()));
    assert_eq!(reader.progress(), (24 * 4 + 20 * 5, Some(24 * 4 + 20 * 5)));
}

#[test]
fn files_that_overlap_are_merged_by_time_and_said_to_overlap() {
    let folder = Folder::new("overlap");
    let paths = [
        folder.file("late", &[20, 40, 40, 60]),
        folder.file("early", &[10, 20, 50, 30, 40]),
        folder.file("last", &[60]),
    ];
    let mut reader = Capture::open_set(paths.iter()).unwrap().into_reader();
    let expected: [&[(u16, u32)]; 5] = [
        &[(0, 10), (0, 20)],
        &[(1, 20), (1, 40), (1, 40)],
        &[(0, 50), (0, 30), (0, 40)],
        &[(1, 60)],
        &[(2, 60)],
    ];
    assert_eq!(runs(&mut reader), expected);
    let notes: Vec<_> = reader.files().iter().map(|info| info.notes.len()).collect();
    assert_eq!(notes, [0, 1, 0], "a file that begins when another ends does not overlap");
    assert!(reader.files()[1].notes[0].starts_with("overlaps with "));
}

#[test]
fn a_file_that_vanishes_ends_neither_the_others_nor_the_report() {
    let folder = Folder::new("vanish");
    let paths = [folder.file("a", &[1]), folder.file("b", &[2]), folder.file("c", &[3])];
    let capture = Capture::open_set(&paths).unwrap();
    std::fs::remove_file(&paths[1]).unwrap();
    let results: Vec<_> = capture.records().map(|record| record.map(|record| record.file())).collect();
    assert!(matches!(results[..], [Ok(0), Err(Error::Open { .. }), Ok(2)]), "{results:?}");
}

#[test]
fn records_outlive_the_reading_and_know_where_they_come_from() {
    let file = Pcap::MICROS.file(&[b"one", b"two"]);
    let capture = Capture::from_reader("-", Cursor::new(file)).unwrap().at(Vantage::Cuc);
    assert_eq!(capture.vantage(), Some(Vantage::Cuc));
    let records: Vec<_> = capture.records().collect::<Result<_, _>>().unwrap();
    let seen: Vec<_> = records.iter().map(|r| (r.file(), r.frame(), r.bytes(), r.original_len())).collect();
    assert_eq!(seen, [(0, 1, &b"one"[..], 3), (0, 2, &b"two"[..], 3)]);
}

#[test]
fn what_was_read_before_reading_failed_is_handed_out() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::Error::other("bad sector"))
        }
    }
    let file = Pcap::MICROS.file(&[b"one", b"two"]);
    let length = file.len() as u64;
    let mut records = Capture::from_reader("-", Cursor::new(file).chain(Broken)).unwrap().records();
    let frames: Vec<_> = records.by_ref().take(2).map(|record| record.unwrap().frame()).collect();
    assert_eq!(frames, [1, 2]);
    let error = records.next().unwrap().unwrap_err();
    assert!(matches!(error, Error::Read { offset, .. } if offset == length), "{error}");
    assert!(records.next().is_none());
}

#[test]
fn the_same_buffer_is_filled_again_when_it_is_given_back() {
    let packet = [7; 1000];
    let file = Pcap::MICROS.file(&vec![&packet[..]; 5000]);
    let mut reader = Capture::from_bytes("five.pcap", file).unwrap().into_reader();
    let mut buffers = std::collections::BTreeSet::new();
    while let Some(run) = reader.next().unwrap() {
        buffers.insert(run.chunk.bytes.as_ptr());
    }
    assert_eq!(reader.files()[0].packets, 5000);
    // The first one was filled when the capture was opened.
    assert!(buffers.len() <= 2, "{} buffers", buffers.len());
}

#[test]
fn what_cannot_be_opened_is_named() {
    let folder = Folder::new("open");
    assert!(matches!(Capture::open(folder.0.join("none")), Err(Error::Open { .. })));
    assert!(matches!(Capture::open(&folder.0), Err(Error::Open { .. })));
    assert!(matches!(Capture::open_set(Vec::<PathBuf>::new()), Err(Error::NoInput { .. })));
    std::fs::write(folder.0.join("text"), "no capture at all, but a text").unwrap();
    let error = Capture::open(folder.0.join("text")).unwrap_err();
    assert!(error.to_string().contains("not a capture: it begins with \"no c\""), "{error}");
}

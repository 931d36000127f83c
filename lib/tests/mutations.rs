//! Damaged captures do no harm: every capture of testdata, cut and changed at random places, through the entry points
//! of the fuzz targets. The chance is the same in every run.

mod entry;

use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::Rng;
use proptest::test_runner::{RngAlgorithm, TestRng};
use sibtrace::Capture;
use sibtrace::follow::Content;

/// Larger captures would only take longer.
const LARGEST: u64 = 128 << 10;

fn testdata() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata")
}

/// Every capture of testdata that is small enough.
fn captures() -> Vec<Vec<u8>> {
    let mut folders = vec![testdata()];
    let mut paths = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("testdata is there") {
            let entry = entry.expect("an entry can be read");
            let (path, about) = (entry.path(), entry.metadata().expect("an entry can be read"));
            let is_source = path.ends_with("lab");
            if about.is_dir() && !is_source {
                folders.push(path);
            } else if about.is_file() && about.len() <= LARGEST && path.to_string_lossy().contains("cap") {
                paths.push(path);
            }
        }
    }
    paths.sort();
    paths.iter().map(|path| fs::read(path).expect("the capture is there")).collect()
}

fn chance() -> TestRng {
    TestRng::deterministic_rng(RngAlgorithm::ChaCha)
}

/// A place in `bytes`.
fn place(rng: &mut TestRng, bytes: &[u8]) -> usize {
    (rng.next_u64() % bytes.len().max(1) as u64) as usize
}

/// Changes some bytes, fewer or more of them.
fn change(rng: &mut TestRng, bytes: &mut [u8]) {
    for _ in 0..1 << (rng.next_u32() % 6) {
        let at = place(rng, bytes);
        if let Some(byte) = bytes.get_mut(at) {
            *byte = rng.next_u32() as u8;
        }
    }
}

#[test]
fn damaged_captures_are_read_and_diagnosed() {
    let mut rng = chance();
    let captures = captures();
    assert!(captures.len() > 50, "testdata was found");
    for original in &captures {
        entry::analyze(original);
        let cut = &original[..place(&mut rng, original)];
        entry::capture(cut);
        entry::analyze(cut);
        for _ in 0..3 {
            let mut changed = original.clone();
            change(&mut rng, &mut changed);
            entry::capture(&changed);
            entry::analyze(&changed);
        }
    }
}

#[test]
fn damaged_packets_are_sliced() {
    let mut rng = chance();
    for capture in captures().into_iter().step_by(5) {
        let Ok(capture) = Capture::from_bytes("mutated", capture) else { continue };
        for record in capture.records().map_while(Result::ok).take(50) {
            let mut bytes = vec![record.link_type().0 as u8];
            bytes.extend_from_slice(record.bytes());
            change(&mut rng, &mut bytes[1..]);
            entry::packet(&bytes);
            bytes.truncate(place(&mut rng, &bytes));
            entry::packet(&bytes);
        }
    }
}

#[test]
fn damaged_dialogues_are_dissected() {
    let mut rng = chance();
    let capture = testdata().join("first/SIBTrace.cap");
    for stream in 0..20 {
        let capture = Capture::open(&capture).expect("the example is there");
        let Some(followed) = capture.follow(stream, &mut ()).expect("it can be read") else { break };
        for size in [1, 10, 255] {
            let mut dialogue = vec![0, size];
            for piece in &followed.pieces {
                if let Content::Bytes(bytes) = &piece.content {
                    dialogue.extend_from_slice(bytes);
                    dialogue.extend_from_slice(entry::TURN);
                }
            }
            entry::dissect(&dialogue);
            change(&mut rng, &mut dialogue[2..]);
            entry::dissect(&dialogue);
        }
    }
}

#[test]
fn segments_of_any_kind_and_order_are_reassembled() {
    let mut rng = chance();
    for _ in 0..300 {
        let mut bytes = vec![0; place(&mut rng, &[0; 2000])];
        rng.fill_bytes(&mut bytes);
        entry::stream(&bytes);
    }
}

#[test]
fn what_once_did_harm_does_none_now() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/regressions");
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.expect("an entry can be read").path();
        let bytes = fs::read(&path).expect("the file is there");
        for target in [entry::capture, entry::packet, entry::stream, entry::dissect, entry::analyze] {
            target(&bytes);
        }
    }
}

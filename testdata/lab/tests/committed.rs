//! The files in `testdata` are what the scenarios make.

use flate2::read::MultiGzDecoder;
use serde_json::Value;
use sibtrace_lab::scenarios;
use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::path::Path;

#[test]
fn the_committed_captures_and_labels_are_what_the_generator_makes() {
    let testdata = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for (path, made) in scenarios::files() {
        let committed = fs::read(testdata.join(&path)).unwrap_or_else(|error| panic!("{path}: {error}"));
        assert!(
            plain(&path, &committed) == plain(&path, &made),
            "{path} differs; run `cargo run -p sibtrace-lab -- write testdata`"
        );
    }
}

#[test]
fn every_scenario_has_its_own_file_names() {
    let mut names = BTreeSet::new();
    for (path, _) in scenarios::files() {
        assert!(names.insert(path.clone()), "{path} is written twice");
    }
}

#[test]
fn every_rule_folder_has_a_hit_that_expects_its_rule_and_a_miss_that_does_not() {
    let mut hits = BTreeSet::new();
    let mut misses = BTreeSet::new();
    for (path, bytes) in scenarios::files() {
        let Some((folder, name)) = path.split_once('/') else { panic!("{path} is in no folder") };
        if !name.ends_with(".label.json") {
            continue;
        }
        let label: Value = serde_json::from_slice(&bytes).unwrap();
        let expects =
            |rule: &str| label["expect"].as_array().unwrap().iter().any(|finding| finding["rule"] == rule);
        for forbidden in label["forbid"].as_array().unwrap() {
            assert!(!expects(forbidden.as_str().unwrap()), "{path} expects what it forbids");
        }
        if name.starts_with("hit") {
            assert!(expects(folder), "{path} does not expect its rule at all");
            hits.insert(folder.to_owned());
        } else if name.starts_with("miss") {
            assert!(!expects(folder), "{path} expects what it must miss");
            misses.insert(folder.to_owned());
        }
    }
    assert_eq!(hits, misses);
    assert!(hits.len() > 50, "the folders of the rules were found");
}

/// The content under the compression, whose bytes may differ between versions of a compressor.
fn plain(path: &str, bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    match path.rsplit('.').next() {
        Some("gz") => MultiGzDecoder::new(bytes).read_to_end(&mut out),
        Some("zst") => zstd::stream::copy_decode(bytes, &mut out).map(|()| 0),
        Some("lz4") => lz4_flex::frame::FrameDecoder::new(bytes).read_to_end(&mut out),
        _ => return bytes.to_vec(),
    }
    .unwrap_or_else(|error| panic!("{path}: {error}"));
    out
}

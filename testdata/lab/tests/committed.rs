//! The files in `testdata` are what the scenarios make.

use flate2::read::MultiGzDecoder;
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

//! The report does not depend on how many threads make it.

use std::fs;
use std::path::Path;

use sibtrace::{Analyzer, Capture, Config};

/// The report as JSON; `None` for what is no capture.
fn report(path: &Path, threads: usize) -> Option<String> {
    let mut config = Config::default();
    config.threads = threads;
    let capture = Capture::open(path).ok()?;
    let report = Analyzer::new(config).expect("the default settings are valid").run([capture]).ok()?;
    Some(serde_json::to_string(&report).expect("a report is plain data"))
}

#[test]
fn any_number_of_threads_gives_the_same_bytes() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata");
    let mut compared = 0;
    for folder in fs::read_dir(root).expect("testdata is here").flatten().map(|entry| entry.path()) {
        let Ok(files) = fs::read_dir(&folder) else { continue };
        for path in files.flatten().map(|entry| entry.path()) {
            if let Some(alone) = report(&path, 1) {
                for threads in [2, 3] {
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

//! The README shows what the program really prints.

use std::path::Path;
use std::process::Command;

#[test]
fn the_sample_report_is_the_beginning_of_a_real_one() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let readme = std::fs::read_to_string(root.join("README.md")).expect("the README");
    let sample =
        readme.split("```text\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a sample");
    let run = Command::new(env!("CARGO_BIN_EXE_sibtrace"))
        .args(["analyze", "testdata/first/SIBTrace.cap"])
        .env("COLUMNS", "100")
        .current_dir(&root)
        .output()
        .expect("the program runs");
    let printed = String::from_utf8(run.stdout).expect("text");
    assert!(sample.lines().count() > 10, "a sample worth the name");
    assert!(printed.starts_with(sample), "the README shows\n{sample}\nthe program prints\n{printed}");
}

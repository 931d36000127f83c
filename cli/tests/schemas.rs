//! Everything that is written by the captures of `testdata/` keeps to the schemas that are shipped.
#![allow(clippy::unwrap_used)] // Helpers outside of test functions may fail as tests do.

use std::path::{Path, PathBuf};
use std::process::Command;

use jsonschema::Validator;
use serde_json::Value;
use sibtrace::records::Kind;

fn sibtrace(args: &[&str], files: &[PathBuf]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_sibtrace")).args(args).args(files).output().unwrap();
    assert!(output.status.success(), "{args:?} {files:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn validator(path: &str) -> Validator {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    let schema: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    jsonschema::validator_for(&schema).unwrap()
}

fn check(validator: &Validator, written: &Value, what: &str) {
    let errors: Vec<String> =
        validator.iter_errors(written).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(errors.is_empty(), "{what}: {errors:#?}");
}

/// One capture of each rule's folder, and some of special shapes.
fn captures() -> Vec<PathBuf> {
    let testdata = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata");
    let is_capture = |path: &PathBuf| {
        path.is_file() && path.extension().is_some_and(|suffix| suffix == "pcap" || suffix == "pcapng")
    };
    let mut folders: Vec<PathBuf> = testdata.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    let first = |folder: &PathBuf| {
        let mut files: Vec<PathBuf> =
            folder.read_dir().ok()?.map(|entry| entry.unwrap().path()).filter(is_capture).collect();
        files.sort();
        files.into_iter().next()
    };
    folders.iter().filter_map(first).collect()
}

#[test]
fn reports_and_findings_keep_to_their_schemas() {
    let (report, finding) = (validator("../lib/schema/report.json"), validator("../lib/schema/finding.json"));
    let sarif = validator("tests/sarif.schema.json");
    let captures = captures();
    assert!(captures.len() > 30);
    for capture in captures {
        let (name, file) = (capture.display().to_string(), std::slice::from_ref(&capture));
        let written = sibtrace(&["analyze", "--format", "json"], file);
        let written: Value = serde_json::from_str(&written).unwrap();
        check(&report, &written, &name);
        let lines = sibtrace(&["analyze", "--format", "ndjson"], file);
        let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(written["findings"], Value::Array(lines.clone()));
        lines.iter().for_each(|line| check(&finding, line, &name));
        let log = serde_json::from_str(&sibtrace(&["analyze", "--format", "sarif"], file)).unwrap();
        check(&sarif, &log, &name);
    }
}

#[test]
fn records_keep_to_their_schemas_and_csv_has_the_same_fields_in_the_same_order() {
    let mut empty = 0;
    // Pairs need two captures; see below.
    for kind in Kind::ALL.into_iter().filter(|kind| *kind != Kind::Pairs) {
        let schema = validator(&format!("../lib/schema/{}.json", kind.name()));
        let mut seen = 0;
        for capture in captures().iter().step_by(2) {
            let extract = |format| {
                sibtrace(&["extract", kind.name(), "--format", format], std::slice::from_ref(capture))
            };
            let (lines, csv) = (extract("ndjson"), extract("csv"));
            let head = csv.lines().next().unwrap();
            for line in lines.lines() {
                let record: Value = serde_json::from_str(line).unwrap();
                check(&schema, &record, &capture.display().to_string());
                let fields: Vec<&String> = record.as_object().unwrap().keys().collect();
                assert_eq!(fields, head.split(',').collect::<Vec<_>>());
                seen += 1;
            }
            empty += u64::from(lines.is_empty());
        }
        assert!(seen > 0, "no capture has {}", kind.name());
    }
    assert!(empty > 0, "the header without rows was not tried");
}

#[test]
fn two_vantage_points_keep_to_the_schemas_too() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/notify-lost-in-path");
    let [exchange, cuc] =
        ["hit-exchange.pcapng", "hit-cuc.pcap"].map(|name| folder.join(name).display().to_string());
    let ends = ["--exchange", &exchange, "--cuc", &cuc];
    let report = sibtrace(&[&["compare", "--format", "json"], &ends[..]].concat(), &[]);
    let report: Value = serde_json::from_str(&report).unwrap();
    assert!(report["path"]["lost"].as_u64() > Some(0));
    check(&validator("../lib/schema/report.json"), &report, "compare");
    let schema = validator("../lib/schema/pairs.json");
    let pairs = sibtrace(&[&["extract", "pairs", "--format", "ndjson"], &ends[..]].concat(), &[]);
    assert!(!pairs.is_empty());
    for line in pairs.lines() {
        check(&schema, &serde_json::from_str(line).unwrap(), "pairs");
    }
}

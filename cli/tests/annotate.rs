//! `sibtrace annotate`, held against what Wireshark reads of its output. Without tshark only sibtrace reads it.
#![allow(clippy::unwrap_used)] // Helpers outside of test functions may fail as tests do.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

fn testdata(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata").join(name)
}

fn sibtrace(args: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_sibtrace")).args(args).output().unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// What tshark prints; `None` where there is no tshark.
fn tshark(file: &Path, args: &[&str]) -> Option<String> {
    let output = Command::new("tshark").args(["-n", "-r"]).arg(file).args(args).output().ok()?;
    assert!(output.status.success(), "{file:?}: {}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).unwrap())
}

/// What must not change, a line a packet. The digest is of its bytes.
const PACKETS: [&str; 16] = [
    "-o",
    "frame.generate_md5_hash:TRUE",
    "-T",
    "fields",
    "-e",
    "frame.number",
    "-e",
    "frame.time_epoch",
    "-e",
    "frame.len",
    "-e",
    "frame.cap_len",
    "-e",
    "frame.md5_hash",
    "-e",
    "frame.encap_type",
];
/// Classic pcap has none.
const INTERFACES: [&str; 6] = ["-T", "fields", "-e", "frame.interface_name", "-e", "frame.interface_id"];

#[test]
fn the_packets_stay_as_they_are_whatever_the_format() {
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("copy.pcapng");
    for name in [
        "links/pcap-big.pcap",
        "links/pcap-nano.pcap",
        "links/pcap-modified.pcap",
        "links/pcapng-big.pcapng",
        "links/pcapng-binary-time.pcapng",
        "links/pcapng-decorated.pcapng",
        "links/pcapng-interfaces.pcapng",
        "links/pcapng-obsolete.pcapng",
        "links/pcapng-sections.pcapng",
        "links/pcapng-simple.pcapng",
        "links/gzip.pcap.gz",
        "links/zstd.pcap.zst",
        "links/sll2.pcap",
        "broken/snapped.pcap",
        "notify-rejected/hit.pcap",
    ] {
        let original = testdata(name);
        let (from, to) = (original.to_str().unwrap(), copy.to_str().unwrap());
        sibtrace(&["annotate", from, "-o", to]);
        let records = |path| sibtrace(&["extract", "connections", "--format", "ndjson", path]);
        assert_eq!(records(to), records(from), "{name}");
        assert_eq!(tshark(&copy, &PACKETS), tshark(&original, &PACKETS), "{name}");
        if name.ends_with("pcapng") {
            assert_eq!(tshark(&copy, &INTERFACES), tshark(&original, &INTERFACES), "{name}");
        }
    }
}

#[test]
fn each_evidence_frame_has_a_comment_and_the_section_the_verdict() {
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("copy.pcapng");
    let original = testdata("notify-rejected/hit.pcap");
    sibtrace(&["annotate", original.to_str().unwrap(), "-o", copy.to_str().unwrap()]);
    let report = sibtrace(&["analyze", original.to_str().unwrap(), "--format", "json"]);
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    let findings = report["findings"].as_array().unwrap();
    let mut frames: Vec<u64> = findings
        .iter()
        .flat_map(|finding| finding["evidence"].as_array().unwrap())
        .map(|evidence| evidence["frame"].as_u64().unwrap())
        .collect();
    frames.sort_unstable();
    frames.dedup();
    assert!(!frames.is_empty());

    let bytes = std::fs::read(&copy).unwrap();
    let holds = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(holds("sibtrace finding 1: error notify-rejected"));
    assert!(holds(&format!("sibtrace {}: ", env!("CARGO_PKG_VERSION"))));

    let filter = "frame.comment contains \"sibtrace finding\"";
    if let Some(commented) = tshark(&copy, &["-Y", filter, "-T", "fields", "-e", "frame.number"]) {
        let commented: Vec<u64> = commented.lines().map(|line| line.parse().unwrap()).collect();
        assert_eq!(commented, frames);
    }
    // A report's filter finds the same frames in the copy as in the original.
    let filter = findings[0]["wireshark_filter"].as_str().unwrap();
    assert_eq!(tshark(&copy, &["-Y", filter, "-x"]), tshark(&original, &["-Y", filter, "-x"]));
}

#[test]
fn an_excerpt_holds_whole_connections_and_says_where_they_come_from() {
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("copy.pcapng");
    let original = testdata("subscription-stale/hit.pcap");
    let (from, to) = (original.to_str().unwrap(), copy.to_str().unwrap());
    sibtrace(&["annotate", "--only-evidence", from, "-o", to]);
    let rows = |path| -> Vec<serde_json::Value> {
        let text = sibtrace(&["extract", "connections", "--format", "ndjson", path]);
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let (kept, all) = (rows(to), rows(from));
    assert!(!kept.is_empty() && kept.len() < all.len());
    let report = sibtrace(&["analyze", from, "--format", "json"]);
    // A frame that only shows that the capture goes on needs no connection.
    let needed = |row: &&serde_json::Value| report.contains(row["community_id"].as_str().unwrap());
    assert!(kept.iter().any(|row| needed(&row)));
    for row in kept.iter().filter(needed) {
        let same = |other: &&serde_json::Value| other["community_id"] == row["community_id"];
        let before = all.iter().find(same).unwrap();
        for field in ["orig_packets", "resp_packets", "orig_bytes", "resp_bytes", "handshake", "close"] {
            assert_eq!(row[field], before[field], "{field}");
        }
    }
    if let Some(comments) = tshark(&copy, &["-T", "fields", "-e", "frame.time_epoch", "-e", "frame.comment"])
    {
        for line in comments.lines() {
            let (time, comment) = line.split_once('\t').unwrap();
            let frame = comment.rsplit("original frame ").next().unwrap();
            let filter = format!("frame.number == {frame}");
            let there =
                tshark(&original, &["-Y", &filter, "-T", "fields", "-e", "frame.time_epoch"]).unwrap();
            assert_eq!(there.trim(), time);
        }
    }
}

#[test]
fn standard_input_can_be_annotated() {
    let original = testdata("links/gzip.pcap.gz");
    let mut child = Command::new(env!("CARGO_BIN_EXE_sibtrace"))
        .args(["annotate", "-", "-o", "-", "-q"])
        .stdin(std::fs::File::open(original).unwrap())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut copy = Vec::new();
    std::io::Read::read_to_end(&mut child.stdout.take().unwrap(), &mut copy).unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(copy[..4], [0x0a, 0x0d, 0x0d, 0x0a]);
}

//! `--redact`: no name or address of a capture reaches any output, and pseudonyms are the same in all of them.
#![allow(clippy::unwrap_used)] // Helpers outside of test functions may fail as tests do.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

const KINDS: [&str; 8] =
    ["notifications", "subscriptions", "imap", "smtp", "mapi", "tls", "ews", "connections"];
/// Fields that hold a name or an address.
const NAMES: [&str; 25] = [
    "src_ip",
    "dst_ip",
    "client_ip",
    "server_ip",
    "orig_ip",
    "resp_ip",
    "host",
    "user",
    "domain",
    "workstation",
    "request_id",
    "subscription_id",
    "subscription_ids",
    "servers",
    "subscription_server",
    "server_name",
    "sources",
    "watermark",
    "pid",
    "community_id",
    "sni",
    "subject_cn",
    "issuer_cn",
    "san",
    "frontend",
];

fn sibtrace(args: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_sibtrace")).args(args).output().unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn names(value: &Value, key: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => fields.iter().for_each(|(key, value)| names(value, key, found)),
        Value::Array(list) => list.iter().for_each(|value| names(value, key, found)),
        Value::String(name) if NAMES.contains(&key) => drop(found.insert(name.clone())),
        _ => {}
    }
}

/// All names of a capture, from the records themselves.
fn names_of(capture: &str, redact: &[&str]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for kind in KINDS {
        let rows = sibtrace(&[&["extract", kind, "--format", "ndjson", capture], redact].concat());
        for row in rows.lines() {
            names(&serde_json::from_str(row).unwrap(), "", &mut found);
        }
    }
    found
}

/// Whether a name stands in a text as a word of its own.
fn holds(text: &str, name: &str) -> bool {
    let (text, name) = (text.to_lowercase(), name.to_lowercase());
    let part = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    text.match_indices(&name)
        .any(|(at, _)| !part(text[..at].chars().next_back()) && !part(text[at + name.len()..].chars().next()))
}

#[test]
fn no_name_reaches_any_output() {
    let testdata = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata");
    let folder = tempfile::tempdir().unwrap();
    for name in [
        "subscription-stale/hit.pcap",
        "imap-auth-rejected/hit.pcap",
        "notify-source-proxy/hit.pcap",
        "tls-san-mismatch/hit.pcap",
        "mapi-affinity-break/hit-balancer.pcap",
        "smtp-rejected/hit.pcap",
        "capture-snaplen/hit.pcap",
    ] {
        let capture = testdata.join(name);
        let capture = capture.to_str().unwrap();
        let names = names_of(capture, &[]);
        assert!(names.len() > 3, "{name}: {names:?}");
        let mut outputs: Vec<(String, String)> = ["text", "json", "ndjson", "sarif", "html"]
            .map(|format| {
                (format.to_owned(), sibtrace(&["analyze", "-v", "--redact", "--format", format, capture]))
            })
            .into();
        for kind in KINDS {
            for format in ["csv", "text"] {
                let rows = sibtrace(&["extract", kind, "--redact", "--format", format, capture]);
                outputs.push((format!("{kind} {format}"), rows));
            }
        }
        let connections =
            sibtrace(&["extract", "connections", "--format", "ndjson", capture]).lines().count();
        for stream in (0..connections.min(4)).map(|stream| stream.to_string()) {
            let followed = sibtrace(&["follow", "--redact", "--stream", &stream, capture]);
            outputs.push((format!("stream {stream}"), followed));
        }
        let annotated = folder.path().join("copy.pcapng");
        sibtrace(&["annotate", "--redact", "-q", capture, "-o", annotated.to_str().unwrap()]);
        let bytes = std::fs::read(&annotated).unwrap();
        let comments = String::from_utf8_lossy(&bytes);
        let comments: String =
            comments.split("sibtrace finding ").skip(1).filter_map(|rest| rest.split(']').next()).collect();
        assert!(!comments.is_empty());
        outputs.push(("comments".to_owned(), comments));
        for (output, text) in outputs {
            for secret in &names {
                assert!(!holds(&text, secret), "{name}: {secret} in {output}");
            }
            assert!(!text.contains(capture), "{name}: the path in {output}");
        }
    }
}

#[test]
fn a_name_has_the_same_pseudonym_in_every_output() {
    let capture = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/subscription-stale/hit.pcap");
    let capture = capture.to_str().unwrap();
    let report: Value =
        serde_json::from_str(&sibtrace(&["analyze", "--redact", "--format", "json", capture])).unwrap();
    let rows = names_of(capture, &["--redact"]);
    for finding in report["findings"].as_array().unwrap() {
        let subject = finding["subject"]["id"].as_str().unwrap();
        assert!(rows.contains(subject), "{subject} in {rows:?}");
    }
    // The table of subscriptions is made from the facts, not from the report.
    let text = sibtrace(&["analyze", "--redact", capture]);
    let subject = report["findings"][0]["subject"]["id"].as_str().unwrap();
    assert!(text.contains(&format!("\n{}…  stale ", &subject[..8])), "{text}");
    let source = report["summary"]["notifications"]["sources"][0]["ip"].as_str().unwrap();
    assert!(rows.contains(source));
    assert!(text.contains(&format!("  {source} ")), "{text}");
    assert!(source.parse::<std::net::IpAddr>().is_ok());
}

#[test]
fn a_stream_is_followed_with_the_pseudonyms_of_the_records() {
    let capture = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/smtp-rejected/hit.pcap");
    let capture = capture.to_str().unwrap();
    let rows = sibtrace(&["extract", "smtp", "--redact", "--format", "ndjson", capture]);
    let plain = sibtrace(&["follow", "--stream", "1", capture]);
    let redacted = sibtrace(&["follow", "--redact", "--stream", "1", capture]);
    assert!(plain.contains("EHLO uccx01"), "{plain}");
    let hello = rows.split('"').find(|text| text.starts_with("EHLO ")).unwrap();
    assert!(hello.ends_with(".example") && redacted.contains(&format!("{hello}\n")), "{hello}: {redacted}");
    // A log-in is the same account in the table and in the finding.
    let account = rows.split('"').find_map(|text| text.strip_prefix("AUTH LOGIN ")).unwrap();
    assert_eq!(account, "domain-1\\\\user-1");
    let report = sibtrace(&["analyze", "--redact", "--format", "json", capture]);
    assert!(report.contains(account), "{report}");

    let raw = Command::new(env!("CARGO_BIN_EXE_sibtrace"))
        .args(["follow", "--redact", "--raw", "--stream", "1", capture])
        .output()
        .unwrap();
    assert_eq!(raw.status.code(), Some(2));
    assert!(raw.stdout.is_empty());
}

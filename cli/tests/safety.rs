//! Captured strings reach no output in a form in which they could act: on a terminal, in a browser, in a spreadsheet,
//! in a viewer of SARIF, in Wireshark.
#![allow(clippy::unwrap_used)] // Helpers outside of test functions may fail as tests do.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// A command, and what must hold of its output besides.
type Check = (&'static [&'static str], fn(&str));

/// What somebody might put into a name. Each is followed by a mark by which it is found again.
const EVIL: [(&str, &str); 12] = [
    ("colours", "\x1b[31mred"),
    ("a window title", "\x1b]0;title\x07"),
    ("C1 controls", "\u{9b}2J\u{85}"),
    ("text turned round", "user\u{202e}gpj"),
    ("isolates", "\u{2066}a\u{2069}"),
    ("nothing to be seen", "zero\u{200b}width\u{feff}"),
    ("lines", "line\u{2028}paragraph\u{2029}"),
    ("markup", "<script>alert(1)</script><img src=x onerror=alert(1)>"),
    ("an attribute's end", "'><svg onload=alert(1)>"),
    ("a formula", "=cmd|'/C calc'!A0"),
    ("another formula", "@SUM(1+1)"),
    ("a link and a placeholder", "[click](http://evil.example) {0} `code`"),
];

/// A capture of IMAP log-ins that are refused, one for each string: as the user's name, and as what the server says.
fn capture() -> Vec<u8> {
    let mut file = Vec::from(*b"\xd4\xc3\xb2\xa1\x02\0\x04\0\0\0\0\0\0\0\0\0\0\0\x04\0\x01\0\0\0");
    for (number, (_, evil)) in (0u16..).zip(EVIL) {
        let port = 40_000 + number;
        let mut seqs = [1000u32, 5000];
        let mut send = |second: u32, from_client: bool, flags: u8, payload: &[u8]| {
            let (own, other) = if from_client { (0, 1) } else { (1, 0) };
            let ends = [([10, 1, 1, 1], port), ([10, 1, 1, 2], 143)];
            let (src, dst) = (ends[own], ends[other]);
            let mut packet = vec![0; 12];
            packet.extend([8, 0, 0x45, 0]);
            packet.extend((40 + payload.len() as u16).to_be_bytes());
            packet.extend([0, 0, 0x40, 0, 64, 6, 0, 0]);
            packet.extend(src.0);
            packet.extend(dst.0);
            packet.extend(src.1.to_be_bytes());
            packet.extend(dst.1.to_be_bytes());
            packet.extend(seqs[own].to_be_bytes());
            packet.extend(seqs[other].to_be_bytes());
            packet.extend([0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
            packet.extend(payload);
            seqs[own] += payload.len() as u32 + u32::from(flags & 0x03 != 0);
            let length = packet.len() as u32;
            for field in [1_700_000_000 + u32::from(number) * 60 + second, 0, length, length] {
                file.extend(field.to_le_bytes());
            }
            file.extend(packet);
        };
        send(0, true, 0x02, b"");
        send(0, false, 0x12, b"");
        send(1, false, 0x18, b"* OK The Microsoft Exchange IMAP4 service is ready.\r\n");
        send(2, true, 0x18, format!("a LOGIN \"{evil}EVIL\" \"pass-4711\"\r\n").as_bytes());
        send(3, false, 0x18, format!("a NO {evil}EVIL\r\n").as_bytes());
    }
    file
}

fn sibtrace(args: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_sibtrace")).args(args).output().unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Whether a character does something else than to be seen.
fn acts(c: char) -> bool {
    c != '\n' && c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// Every string value of a JSON text under a key.
fn strings<'a>(value: &'a Value, key: &str, found: &mut Vec<&'a str>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value.as_str().filter(|_| name == key) {
                    Some(text) => found.push(text),
                    None => strings(value, key, found),
                }
            }
        }
        Value::Array(list) => list.iter().for_each(|value| strings(value, key, found)),
        _ => {}
    }
}

fn no_markup(page: &str) {
    assert_eq!(page.matches("<script").count(), 1);
    for evil in ["<img", "<svg onload", "<script>alert"] {
        assert!(!page.contains(evil), "{evil}");
    }
}

fn no_formula(table: &str) {
    for line in table.lines().skip(1) {
        // Between quotes a comma is no end of a cell; what matters here is how a cell begins.
        for cell in line.split(',').map(|cell| cell.trim_start_matches('"')) {
            let number = cell.parse::<f64>().is_ok();
            assert!(number || !cell.starts_with(['=', '+', '-', '@']), "{cell} in {line}");
        }
    }
}

fn no_link_and_no_placeholder(log: &str) {
    let log: Value = serde_json::from_str(log).unwrap();
    let mut texts = Vec::new();
    strings(&log["runs"][0]["results"], "text", &mut texts);
    assert!(texts.iter().any(|text| text.contains("click")));
    for text in texts {
        assert!(!text.replace("\\]", "").contains("]("), "{text}");
        assert!(!text.replace("{{", "").contains('{'), "{text}");
    }
}

fn is_json(text: &str) {
    text.lines().for_each(|line| drop(serde_json::from_str::<Value>(line).unwrap()));
}

#[test]
fn no_captured_string_acts_in_any_output() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("evil.pcap");
    std::fs::write(&file, capture()).unwrap();
    let file = file.to_str().unwrap();
    let any: fn(&str) = |_| {};
    let outputs: [Check; 11] = [
        (&["analyze", "-v", "--color", "never"], any),
        (&["analyze", "-q"], any),
        (&["analyze", "--format", "json"], |text| drop(serde_json::from_str::<Value>(text).unwrap())),
        (&["analyze", "--format", "ndjson"], is_json),
        (&["analyze", "--format", "sarif"], no_link_and_no_placeholder),
        (&["analyze", "--format", "html"], no_markup),
        (&["analyze", "--format", "html", "--redact"], no_markup),
        (&["extract", "imap", "--format", "csv"], no_formula),
        (&["extract", "imap", "--format", "ndjson"], is_json),
        (&["extract", "imap"], any),
        (&["follow", "--stream", "0"], any),
    ];
    for (args, check) in outputs {
        let written = sibtrace(&[args, &[file]].concat());
        assert!(
            args.contains(&"--redact") || written.to_lowercase().contains("evil"),
            "{args:?} shows nothing of it"
        );
        if let Some(at) = written.find(acts) {
            let around: String = written[at..].chars().take(20).collect();
            panic!("{args:?} lets through {around:?}");
        }
        assert!(!written.contains("pass-4711"), "{args:?} shows the password");
        check(&written);
    }
}

#[test]
fn no_captured_string_acts_in_wireshark_or_on_the_terminal_of_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("evil\x1b[31m\u{202e}.pcap");
    std::fs::write(&file, capture()).unwrap();
    let copy = folder.path().join("copy.pcapng");
    let output = Command::new(env!("CARGO_BIN_EXE_sibtrace"))
        .args(["annotate", "--only-evidence", "--redact", "-o"])
        .args([&copy, &file])
        .output()
        .unwrap();
    assert!(output.status.success());
    assert!(!String::from_utf8(output.stderr).unwrap().contains(acts));

    sibtrace(&["annotate", "-q", file.to_str().unwrap(), "-o", copy.to_str().unwrap()]);
    let comments = comments(&copy);
    assert!(comments.iter().any(|comment| comment.to_lowercase().contains("evil")));
    for comment in comments {
        assert!(!comment.contains(acts), "{comment:?}");
    }
}

/// The comments of a pcapng file.
fn comments(path: &Path) -> Vec<String> {
    let bytes = std::fs::read(path).unwrap();
    let start = b"sibtrace finding ";
    let places = bytes.windows(start.len()).enumerate().filter(|(_, window)| window == start);
    let comment = |(at, _): (usize, &[u8])| {
        // The length of an option stands before its value.
        let length = usize::from(u16::from_le_bytes([bytes[at - 2], bytes[at - 1]]));
        String::from_utf8(bytes[at..at + length].to_vec()).unwrap()
    };
    places.map(comment).collect()
}

//! Captured strings reach no output in a form in which they could act: on a terminal, in a browser, in a spreadsheet,
//! in a viewer of SARIF, in Wireshark.
#![allow(clippy::unwrap_used)] // Helpers outside of test functions may fail as tests do.

mod talk;

use std::path::Path;
use std::process::Command;

use serde_json::Value;
use sibtrace::records::Kind;
use sibtrace_lab::cuc::Lab;
use sibtrace_lab::ews;
use sibtrace_lab::tcp::Side;
use talk::{connection, lines, write};

/// What must hold of an output.
type Check = fn(&str);

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

/// A capture in which each of the strings stands everywhere a captured string is shown from: names of users, hosts and
/// servers, header fields, texts of replies, what SOAP says, names in certificates.
fn capture(path: &Path) {
    let mut lab = Lab::new("evil");
    for ((_, evil), minute) in EVIL.into_iter().zip(0..) {
        let name = format!("{evil}EVIL");
        for (port, said, second) in [
            (143, lines(&imap(&name)), 0),
            (25, lines(&smtp(&name)), 10),
            (7080, notification(&name), 20),
            (80, call(&name), 30),
            (443, handshake(&name), 40),
        ] {
            connection(&mut lab, minute * 60 + second, port, &said);
        }
    }
    write(lab, path);
}

fn imap(name: &str) -> Vec<String> {
    vec![
        "S: * OK The Microsoft Exchange IMAP4 service is ready.".to_owned(),
        format!("C: a LOGIN \"{name}\" \"pass-4711\""),
        format!("S: a NO {name}"),
    ]
}

fn smtp(name: &str) -> Vec<String> {
    vec![
        format!("S: 220 {name} Microsoft ESMTP MAIL Service ready"),
        format!("C: EHLO {name}"),
        format!("S: 250 {name} Hello"),
        format!("C: MAIL FROM:<{name}@example.com>"),
        format!("S: 550 5.7.60 {name}"),
        format!("C: {name}"),
        format!("S: 500 5.3.3 Unrecognized command {name}"),
    ]
}

/// A notification that is refused.
fn notification(name: &str) -> Vec<(Side, Vec<u8>)> {
    let body = ews::error_body(&markup(name), &markup(name));
    let request =
        ews::post(&format!("/{}", name.replace(' ', "")), name, body.len(), &[format!("Via: 1.1 {name}")]);
    let reply = format!("HTTP/1.1 500 {name}\r\nServer: {name}\r\nContent-Length: 0\r\n\r\n");
    vec![(Side::Originator, [request, body.into_bytes()].concat()), (Side::Responder, reply.into_bytes())]
}

/// A call of Exchange Web Services that is refused.
fn call(name: &str) -> Vec<(Side, Vec<u8>)> {
    let name_in_soap = markup(name);
    let body = ews::soap(&format!(
        "<m:Subscribe><m:PushSubscriptionRequest><t:URL>http://{name_in_soap}/</t:URL></m:PushSubscriptionRequest></m:Subscribe>"
    ));
    let request = format!(
        "POST /EWS/Exchange.asmx HTTP/1.1\r\nHost: {name}\r\nUser-Agent: {name}\r\nContent-Type: text/xml\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let fault = ews::soap(&format!(
        "<m:SubscribeResponse><m:ResponseMessages><m:SubscribeResponseMessage ResponseClass=\"Error\"><m:MessageText>\
         {name_in_soap}</m:MessageText><m:ResponseCode>{name_in_soap}</m:ResponseCode></m:SubscribeResponseMessage>\
         </m:ResponseMessages></m:SubscribeResponse>"
    ));
    let reply = format!(
        "HTTP/1.1 200 OK\r\nServer: {name}\r\nX-FEServer: {name}\r\nContent-Type: text/xml\r\nContent-Length: {}\r\n\r\n{fault}",
        fault.len()
    );
    vec![(Side::Originator, request.into_bytes()), (Side::Responder, reply.into_bytes())]
}

/// Text as it stands in XML.
fn markup(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('\"', "&quot;")
}

/// A TLS handshake (RFC 5246) that the client breaks off because of the certificate.
fn handshake(name: &str) -> Vec<(Side, Vec<u8>)> {
    let record = |kind: u8, body: &[u8]| [&[kind, 3, 3][..], &length(body, 2), body].concat();
    let message = |kind: u8, body: &[u8]| record(22, &[&[kind][..], &length(body, 3), body].concat());
    let own_name = [&[0][..], &length(name.as_bytes(), 2), name.as_bytes()].concat();
    let names = [length(&own_name, 2), own_name].concat();
    let extension = [vec![0, 0], length(&names, 2), names].concat();
    let random = [7; 32];
    let hello =
        [&[3, 3][..], &random, &[0, 0, 2, 0xc0, 0x2f, 1, 0], &length(&extension, 2), &extension].concat();
    let answer = [&[3, 3][..], &random, &[0, 0xc0, 0x2f, 0, 0, 0]].concat();
    let certificate = certificate(name);
    let one = [length(&certificate, 3), certificate].concat();
    let chain = [length(&one, 3), one].concat();
    const UNKNOWN_CA: [u8; 2] = [2, 48];
    vec![
        (Side::Originator, message(1, &hello)),
        (Side::Responder, [message(2, &answer), message(11, &chain), message(14, b"")].concat()),
        (Side::Originator, record(21, &UNKNOWN_CA)),
    ]
}

/// A certificate (RFC 5280, 4.1) with this name in its subject, its issuer and its alternative names. Nobody signed it.
fn certificate(name: &str) -> Vec<u8> {
    const RSA: &[u8] = b"\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b\x05\0";
    let seq = |parts: &[Vec<u8>]| der(0x30, &parts.concat());
    let common = seq(&[der(0x31, &seq(&[der(6, b"\x55\x04\x03"), der(12, name.as_bytes())]))]);
    let alternatives = der(4, &seq(&[der(0x82, name.as_bytes())]));
    let key = seq(&[RSA.to_vec(), der(3, &[&[0][..], &seq(&[der(2, &[0x55; 128]), der(2, &[3])])].concat())]);
    let time = |text: &str| der(23, text.as_bytes());
    let to_be_signed = seq(&[
        der(0xa0, &der(2, &[2])),
        der(2, &[1]),
        RSA.to_vec(),
        common.clone(),
        seq(&[time("120101000000Z"), time("350101000000Z")]),
        common,
        key,
        der(0xa3, &seq(&[seq(&[der(6, b"\x55\x1d\x11"), alternatives])])),
    ]);
    seq(&[to_be_signed, RSA.to_vec(), der(3, &[0; 129])])
}

/// A value of DER (X.690, 10.1) with a length of two bytes at most.
fn der(tag: u8, value: &[u8]) -> Vec<u8> {
    let length = match value.len() {
        short @ ..0x80 => vec![short as u8],
        _ => [vec![0x82], length(value, 2)].concat(),
    };
    [vec![tag], length, value.to_vec()].concat()
}

/// The length of `value` in so many bytes.
fn length(value: &[u8], bytes: usize) -> Vec<u8> {
    value.len().to_be_bytes()[8 - bytes..].to_vec()
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
    capture(&file);
    let file = file.to_str().unwrap();
    let any: Check = |_| {};
    let outputs: [(&[&str], Check); 10] = [
        (&["analyze", "-v", "--color", "never"], any),
        (&["analyze", "-q"], any),
        (&["analyze", "--format", "json"], |text| drop(serde_json::from_str::<Value>(text).unwrap())),
        (&["analyze", "--format", "ndjson"], is_json),
        (&["analyze", "--format", "sarif"], no_link_and_no_placeholder),
        (&["analyze", "--format", "html"], no_markup),
        (&["analyze", "--format", "html", "--redact"], no_markup),
        (&["follow", "--stream", "0"], any),
        (&["follow", "--stream", "1"], any),
        (&["follow", "--stream", "4"], any),
    ];
    for (args, check) in outputs {
        let shown = !args.contains(&"--redact");
        does_not_act(&[args, &[file]].concat(), shown, check);
    }
    // The others hold no name that somebody chose.
    let named = [Kind::Notifications, Kind::Imap, Kind::Smtp, Kind::Tls, Kind::Ews];
    let formats: [(&str, Check); 4] =
        [("csv", no_formula), ("ndjson", is_json), ("json", any), ("text", any)];
    for kind in Kind::ALL.into_iter().filter(|kind| *kind != Kind::Pairs) {
        for (format, check) in formats {
            does_not_act(&["extract", kind.name(), "--format", format, file], named.contains(&kind), check);
        }
    }
    let ends = ["--exchange", file, "--cuc", file];
    does_not_act(&[&["compare", "-v"][..], &ends].concat(), true, any);
    does_not_act(&[&["extract", "pairs", "--format", "csv"][..], &ends].concat(), false, no_formula);
}

/// Runs a command, whose output must show captured strings where `shown` is true.
#[track_caller]
fn does_not_act(args: &[&str], shown: bool, check: Check) {
    let written = sibtrace(args);
    assert!(!shown || written.to_lowercase().contains("evil"), "{args:?} shows nothing of it");
    if let Some(at) = written.find(acts) {
        let around: String = written[at..].chars().take(20).collect();
        panic!("{args:?} lets through {around:?}");
    }
    assert!(!written.contains("pass-4711"), "{args:?} shows the password");
    check(&written);
}

#[test]
fn no_captured_string_acts_in_wireshark_or_on_the_terminal_of_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("evil\x1b[31m\u{202e}.pcap");
    capture(&file);
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

//! Passwords, NTLM responses and SASL messages in a capture stay out of everything that is written about it.
#![allow(clippy::unwrap_used, clippy::expect_used)] // Helpers outside of test functions may fail as tests do.

mod talk;

use std::path::Path;
use std::process::{Command, Output};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sibtrace::records::Kind;
use sibtrace_lab::cuc::Lab;
use sibtrace_lab::rpc::EMSMDB;
use sibtrace_lab::tcp::Side;
use talk::{connection, lines, write};

/// Every password holds this, and nothing else in the capture does.
const SENTINEL: &str = "Sentinel";
/// Every message holds this. `follow`, which shows what was sent, shows it too.
const MESSAGE: &str = "Dear Dr. Bodkin, the diagnosis";
/// Connections in the capture.
const STREAMS: u64 = 17;

/// What must not appear: the passwords as planted, decoded or not.
struct Planted(Vec<String>);

impl Planted {
    /// A password of its own.
    fn password(&mut self, name: &str) -> String {
        let password = format!("{SENTINEL}-{name}-94c1");
        self.0.push(password.clone());
        password
    }

    /// Bytes in base64, of which no part may appear.
    fn base64(&mut self, bytes: impl AsRef<[u8]>) -> String {
        let text = STANDARD.encode(bytes);
        self.0.push(text.clone());
        text
    }
}

/// An NTLM message of type 3 (MS-NLMP 2.2.1.3) of `CORP\agent` with this response.
fn ntlm(response: &[u8]) -> Vec<u8> {
    let utf16 = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    let fields =
        [response.to_vec(), response.to_vec(), utf16("CORP"), utf16("agent"), utf16("DESK07"), Vec::new()];
    let mut message = b"NTLMSSP\0\x03\0\0\0".to_vec();
    let mut offset = 64u32;
    for field in &fields {
        let length = (field.len() as u16).to_le_bytes();
        message.extend([length, length].concat());
        message.extend(offset.to_le_bytes());
        offset += field.len() as u32;
    }
    // NTLMSSP_NEGOTIATE_UNICODE, and no version is filled in.
    message.extend(1u32.to_le_bytes());
    fields.iter().for_each(|field| message.extend(field));
    message
}

/// A bind to the mailbox interface (C706, 12.6) and the AUTH3 with the answer to a challenge that follows (MS-RPCE, 2.2.2.5).
fn rpc(message: &[u8]) -> Vec<(Side, Vec<u8>)> {
    let pdu = |kind: u8, body: &[u8], token: &[u8]| {
        let length = (16 + body.len() + 8 + token.len()) as u16;
        let mut pdu = [&[5, 0, kind, 3, 0x10, 0, 0, 0][..], &length.to_le_bytes()].concat();
        pdu.extend((token.len() as u16).to_le_bytes());
        // The call, the body, and how it is protected: NTLM, encrypted.
        pdu.extend([&[1, 0, 0, 0][..], body, &[10, 6, 0, 0, 0, 0, 0, 0], token].concat());
        pdu
    };
    let (uuid, version) = EMSMDB;
    let bind = [
        &[0xd0, 0x16, 0xd0, 0x16, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0][..],
        &uuid,
        &version.to_le_bytes(),
        &[
            0x04, 0x5d, 0x88, 0x8a, 0xeb, 0x1c, 0xc9, 0x11, 0x9f, 0xe8, 0x08, 0, 0x2b, 0x10, 0x48, 0x60, 2,
            0, 0, 0,
        ],
    ];
    let negotiate = b"NTLMSSP\0\x01\0\0\0\x07\x82\x08\xa2\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
    vec![
        (Side::Originator, pdu(0x0b, &bind.concat(), negotiate)),
        (Side::Originator, pdu(0x10, &[0; 4], message)),
    ]
}

/// A capture with log-ins of every kind, and what was planted in it.
fn capture(path: &Path) -> Planted {
    let mut lab = Lab::new("secrets");
    let mut planted = Planted(Vec::new());
    let line = |text: &str| text.to_owned();
    let begin = || {
        vec![
            line("S: 220 ex01.corp.example.com Microsoft ESMTP MAIL Service ready"),
            line("C: EHLO uccx"),
            line("S: 250 AUTH NTLM LOGIN PLAIN"),
        ]
    };

    let password = planted.password("smtp-login");
    let blob = planted.base64(&password);
    let mut smtp = begin();
    smtp.extend([
        line("C: AUTH LOGIN"),
        line("S: 334 VXNlcm5hbWU6"),
        format!("C: {}", STANDARD.encode("CORP\\agent")),
        line("S: 334 UGFzc3dvcmQ6"),
        format!("C: {blob}"),
        line("S: 535 5.7.3 Authentication unsuccessful"),
        format!("C: {blob}"),
        format!("S: 500 5.3.3 Unrecognized command '{blob}'"),
    ]);
    connection(&mut lab, 1, 25, &lines(&smtp));
    // The same without its beginning, on a port that says nothing.
    connection(&mut lab, 5, 2525, &lines(&smtp[2..]));

    let password = planted.password("smtp-plain");
    let blob = planted.base64(format!("\0agent\0{password}"));
    let mut smtp = begin();
    smtp.extend([
        format!("C: AUTH PLAIN {blob}"),
        format!("S: 535 5.7.8 Error: authentication failed: {blob}"),
    ]);
    connection(&mut lab, 10, 587, &lines(&smtp));

    let blob = planted.base64(ntlm(b"24 bytes SMTP response 1"));
    let mut smtp = begin();
    smtp.extend([
        line("C: AUTH NTLM"),
        line("S: 334 "),
        line("C: TlRMTVNTUAABAAAAB4IIogAAAAAAAAAAAAAAAAAAAAA="),
        line("S: 334 TlRMTVNTUAACAAAAAAAAADgAAAAFgomiAAAAAAAAAAAAAAAAAAAAAA=="),
        format!("C: {blob}"),
        line("S: 535 5.7.3 Authentication unsuccessful"),
    ]);
    connection(&mut lab, 15, 25, &lines(&smtp));

    let greeting = || line("S: * OK The Microsoft Exchange IMAP4 service is ready.");
    let password = planted.password("imap-login");
    let imap = [
        greeting(),
        format!("C: a1 LOGIN CORP\\agent \"{password}\""),
        line("S: a1 NO LOGIN failed."),
        format!("C: a2 LOGIN agent {{{}}}", password.len()),
        line("S: + Ready for additional command text."),
        format!("C: {password}"),
        line("S: a2 NO LOGIN failed."),
    ];
    connection(&mut lab, 20, 143, &lines(&imap));

    let password = planted.password("imap-plain");
    let plain = planted.base64(format!("\0agent\0{password}"));
    let response = planted.base64(ntlm(b"24 bytes IMAP response 2"));
    let imap = [
        greeting(),
        format!("C: b1 AUTHENTICATE PLAIN {plain}"),
        line("S: b1 NO AUTHENTICATE failed."),
        line("C: b2 AUTHENTICATE NTLM"),
        line("S: +"),
        line("C: TlRMTVNTUAABAAAAB4IIogAAAAAAAAAAAAAAAAAAAAA="),
        line("S: + TlRMTVNTUAACAAAAAAAAADgAAAAFgomiAAAAAAAAAAAAAAAAAAAAAA=="),
        format!("C: {response}"),
        line("S: b2 NO AUTHENTICATE failed."),
    ];
    connection(&mut lab, 25, 143, &lines(&imap));

    let password = planted.password("http-basic");
    let basic = planted.base64(format!("agent:{password}"));
    let response = planted.base64(ntlm(b"24 bytes HTTP response 3"));
    for (second, scheme, blob) in [(30, "Basic", basic), (35, "NTLM", response)] {
        let http = [
            format!(
                "C: POST /EWS/Exchange.asmx HTTP/1.1\r\nHost: ex01\r\nAuthorization: {scheme} {blob}\r\nContent-Length: 0\r\n"
            ),
            line("S: HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n"),
        ];
        connection(&mut lab, second, 80, &lines(&http));
    }

    // What is new every time is no less a secret while it lasts.
    let token = planted.base64(b"a token that lets its bearer in");
    let ticket =
        planted.base64([&b"\x60\x82\x01\x00\x06\x06\x2b\x06\x01\x05\x05\x02"[..], &[0x5a; 244]].concat());
    let digest = planted.password("http-digest");
    let credentials = [
        format!("Authorization: Bearer {token}"),
        format!("Authorization: Negotiate {ticket}"),
        format!("Authorization: Digest username=\"agent\", response=\"{digest}\""),
        format!("Proxy-Authorization: Basic {}", planted.base64("agent:proxy-password-5521")),
    ];
    for (second, field) in (40..).zip(credentials) {
        let http = [
            format!("C: GET /EWS/Exchange.asmx HTTP/1.1\r\nHost: ex01\r\n{field}\r\n"),
            line("S: HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n"),
        ];
        connection(&mut lab, second, 80, &lines(&http));
    }
    let bearer = planted.base64("user=agent\x01auth=Bearer mail-token-7714\x01\x01");
    let imap =
        [greeting(), format!("C: c1 AUTHENTICATE XOAUTH2 {bearer}"), line("S: c1 NO AUTHENTICATE failed.")];
    connection(&mut lab, 50, 143, &lines(&imap));
    let mut smtp = begin();
    smtp.extend([format!("C: AUTH XOAUTH2 {bearer}"), line("S: 535 5.7.3 Authentication unsuccessful")]);
    connection(&mut lab, 52, 587, &lines(&smtp));

    let smtp = [
        line("S: 220 ex01.corp.example.com Microsoft ESMTP MAIL Service ready"),
        line("C: EHLO uccx"),
        line("S: 250 Hello"),
        line("C: MAIL FROM:<a@example.com>"),
        line("S: 250 2.1.0 Sender OK"),
        line("C: RCPT TO:<b@example.com>"),
        line("S: 250 2.1.5 Recipient OK"),
        line("C: DATA"),
        line("S: 354 Start mail input; end with <CRLF>.<CRLF>"),
        format!("C: Subject: report\r\n\r\n{MESSAGE}\r\n."),
        line("S: 550 5.7.1 Message rejected"),
    ];
    connection(&mut lab, 53, 25, &lines(&smtp));
    let imap = [
        greeting(),
        line("C: d1 FETCH 1 BODY[]"),
        format!("S: * 1 FETCH (BODY[] {{{}}}\r\n{MESSAGE})", MESSAGE.len()),
        line("S: d1 OK FETCH completed."),
    ];
    connection(&mut lab, 54, 143, &lines(&imap));

    planted.0.push("RPC response 4".to_owned());
    connection(&mut lab, 55, 135, &rpc(&ntlm(b"24 bytes RPC response 4.")));

    write(lab, path);
    planted
}

fn run(folder: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sibtrace"));
    command.args(args).current_dir(folder);
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("SIBTRACE_")) {
        command.env_remove(name);
    }
    command.output().unwrap()
}

#[test]
fn no_output_shows_a_secret() {
    let folder = tempfile::tempdir().unwrap();
    let planted = capture(&folder.path().join("a.pcap"));
    let mut runs: Vec<Vec<String>> = Vec::new();
    for format in ["text", "json", "ndjson", "html", "sarif"] {
        runs.push(["analyze", "a.pcap", "-v", "--format", format].map(str::to_owned).to_vec());
    }
    for format in ["text", "json", "ndjson"] {
        let both = ["compare", "--exchange", "a.pcap", "--cuc", "a.pcap", "-v", "--format", format];
        runs.push(both.map(str::to_owned).to_vec());
    }
    for kind in Kind::ALL {
        for format in ["text", "json", "ndjson", "csv"] {
            let files: &[&str] = match kind {
                Kind::Pairs => &["--exchange", "a.pcap", "--cuc", "a.pcap"],
                _ => &["a.pcap"],
            };
            let args = ["extract", kind.name(), "--format", format];
            runs.push(args.iter().chain(files).map(|arg| arg.to_string()).collect());
        }
    }
    for stream in 0..STREAMS {
        runs.push(["follow", "a.pcap", "-v", "--stream", &stream.to_string()].map(str::to_owned).to_vec());
    }
    for args in runs {
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let output = run(folder.path(), &args);
        assert_eq!(output.status.code(), Some(0), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        let written = [output.stdout, output.stderr].concat();
        let written = String::from_utf8_lossy(&written);
        assert!(!written.contains(SENTINEL), "{args:?} shows a password: {written}");
        for secret in &planted.0 {
            assert!(!written.contains(secret.as_str()), "{args:?} shows {secret}: {written}");
        }
        assert!(args[0] == "follow" || !written.contains(MESSAGE), "{args:?} shows a message: {written}");
    }
    let output = run(folder.path(), &["follow", "a.pcap", "--stream", &STREAMS.to_string()]);
    assert_eq!(output.status.code(), Some(2), "there are more connections, which nobody followed");
}

#[test]
fn no_comment_in_a_copy_shows_a_secret() {
    let folder = tempfile::tempdir().unwrap();
    let planted = capture(&folder.path().join("a.pcap"));
    let output = run(folder.path(), &["annotate", "a.pcap", "-v", "-o", "copy.pcapng"]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let count = |name: &str, secret: &str| {
        let bytes = std::fs::read(folder.path().join(name)).unwrap();
        bytes.windows(secret.len()).filter(|window| *window == secret.as_bytes()).count()
    };
    // The packets hold them; whatever is added must not.
    for secret in planted.0.iter().map(String::as_str).chain([SENTINEL]) {
        assert_eq!(count("copy.pcapng", secret), count("a.pcap", secret), "{secret}");
    }
}

#[test]
fn the_names_beside_the_secrets_are_shown() {
    let folder = tempfile::tempdir().unwrap();
    capture(&folder.path().join("a.pcap"));
    let output = run(folder.path(), &["extract", "smtp", "a.pcap", "--format", "csv"]);
    let written = String::from_utf8_lossy(&output.stdout);
    for shown in ["AUTH LOGIN CORP\\agent", "AUTH PLAIN agent", "AUTH NTLM CORP\\agent"] {
        assert!(written.contains(shown), "{shown}: {written}");
    }
}

//! Passwords, NTLM responses and SASL messages in a capture stay out of everything that is written about it.
#![allow(clippy::unwrap_used, clippy::expect_used)] // Helpers outside of test functions may fail as tests do.

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::process::{Command, Output};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sibtrace::records::Kind;
use sibtrace_lab::container::{Container, Order, Record};
use sibtrace_lab::cuc::{Lab, at};
use sibtrace_lab::link::Link;
use sibtrace_lab::site::{far, near};
use sibtrace_lab::tcp::{Conversation, Side, Stack};

/// Every password holds this, and nothing else in the capture does.
const SENTINEL: &str = "Sentinel";

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

/// The lines of a connection: `C: ` from the client, `S: ` from the server.
fn connection(lab: &mut Lab, second: u64, port: u16, lines: &[String]) {
    let client = near(IpAddr::V4(Ipv4Addr::new(10, 10, 50, 21)), Stack::Linux);
    let server = far(IpAddr::V4(Ipv4Addr::new(10, 10, 20, 11)), Stack::Windows);
    let source = lab.next_port();
    let mut talk = Conversation::new(&mut lab.trace, at(0, second), (client, source), (server, port));
    talk.handshake();
    for line in lines {
        let (who, text) = line.split_at(3);
        let side = if who == "C: " { Side::Originator } else { Side::Responder };
        talk.send(side, format!("{text}\r\n").as_bytes());
    }
    talk.fin(Side::Responder);
    talk.fin(Side::Originator);
    talk.ack(Side::Responder);
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
    connection(&mut lab, 1, 25, &smtp);
    // The same without its beginning, on a port that says nothing.
    connection(&mut lab, 5, 2525, &smtp[2..]);

    let password = planted.password("smtp-plain");
    let blob = planted.base64(format!("\0agent\0{password}"));
    let mut smtp = begin();
    smtp.extend([
        format!("C: AUTH PLAIN {blob}"),
        format!("S: 535 5.7.8 Error: authentication failed: {blob}"),
    ]);
    connection(&mut lab, 10, 587, &smtp);

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
    connection(&mut lab, 15, 25, &smtp);

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
    connection(&mut lab, 20, 143, &imap);

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
    connection(&mut lab, 25, 143, &imap);

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
        connection(&mut lab, second, 80, &http);
    }

    lab.trace.sort();
    let packets = lab.trace.packets.iter().zip(1..);
    let records: Vec<Record> = packets
        .map(|(packet, number)| Record::new(packet.time, Link::Ethernet.wrap(packet, number), usize::MAX))
        .collect();
    let file = Container::PcapMicro(Order::Little).write(&records, Link::Ethernet.number());
    std::fs::write(path, file).unwrap();
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
    for format in ["text", "json", "ndjson"] {
        runs.push(["analyze", "a.pcap", "-v", "--format", format].map(str::to_owned).to_vec());
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
    for stream in 0..8 {
        runs.push(["follow", "a.pcap", "--stream", &stream.to_string()].map(str::to_owned).to_vec());
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

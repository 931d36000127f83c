//! What the fuzz targets and the test with mutated captures have in common: arbitrary bytes in, by the public face.

#![allow(dead_code, unreachable_pub)]

use sibtrace::capture::LinkType;
use sibtrace::flow::Dir;
use sibtrace::follow::{Content, Follow};
use sibtrace::proto::Ntlm;
use sibtrace::proto::x509::{Certificate, ServerName};
use sibtrace::records::{Kind, records};
use sibtrace::{Analyzer, Capture, Config, Facts, Report, Vantage, packet};

/// The bytes are a capture file.
pub fn capture(data: &[u8]) {
    let Ok(capture) = Capture::from_bytes("fuzz", data.to_vec()) else { return };
    for record in capture.records() {
        let Ok(record) = record else { return };
        assert!(record.bytes().len() <= data.len() || record.bytes().len() <= 262_144);
    }
}

/// The bytes are a packet, on any link.
pub fn packet(data: &[u8]) {
    let Some((&link, bytes)) = data.split_first() else { return };
    let packet = packet::slice(LinkType(u32::from(link)), bytes);
    if let Some(tcp) = packet.tcp() {
        assert!(tcp.payload.len() <= bytes.len() && tcp.payload.len() as u64 <= u64::from(tcp.payload_len));
        for option in packet::tcp_options(tcp.options) {
            std::hint::black_box(option);
        }
    }
    let icmp = |v6| packet::quoted(bytes, v6);
    std::hint::black_box((icmp(false), icmp(true)));
}

/// The bytes say which segments of one connection come, in which order, and what they hold: per segment one byte
/// for flags and direction, two for the sequence number, one for the length.
pub fn stream(data: &[u8]) {
    let mut pcap = Pcap::new();
    let mut rest = data;
    while let [control, high, low, length, more @ ..] = rest {
        let (payload, after) = more.split_at(usize::from(*length).min(more.len()));
        let direction = control >> 7 == 1;
        let seq = u32::from(u16::from_be_bytes([*high, *low])).wrapping_sub(300);
        pcap.segment(7080, direction, control & 0x1f, seq, payload);
        rest = after;
    }
    let mut config = Config::default();
    config.payload_digest = true;
    // Little room, so that the limits are met.
    config.memory = 1 << 16;
    learn(&pcap.bytes, config);
    if let Ok(Some(followed)) = pcap.open().follow(0, &mut ()) {
        std::hint::black_box(followed.pieces.len());
    }
}

/// Where the direction of a dialogue turns, in the bytes that [`dissect`] takes.
pub const TURN: &[u8] = b"\xff\xff";

/// Where the servers of the dialogues listen: dissectors are asked in the order of ports first.
const PORTS: [u16; 8] = [7080, 50020, 80, 443, 143, 25, 135, 9999];

/// A connection as the bytes that [`dissect`] takes; what was not captured is left out.
pub fn dialogue(followed: &Follow, size: u8) -> Vec<u8> {
    let port = PORTS.iter().position(|port| *port == followed.resp.port).unwrap_or(PORTS.len() - 1);
    let mut dialogue = vec![port as u8, size];
    let mut turn = Dir::Orig;
    for piece in &followed.pieces {
        if let Content::Bytes(bytes) = &piece.content {
            if piece.dir != turn {
                dialogue.extend_from_slice(TURN);
                turn = piece.dir;
            }
            dialogue.extend_from_slice(bytes);
        }
    }
    dialogue
}

/// The bytes are a dialogue without losses: the port, the size of the segments, then what the sides say in turn.
pub fn dissect(data: &[u8]) {
    let [port, size, said @ ..] = data else { return };
    let mut rest = said;
    let port = PORTS[usize::from(*port) % PORTS.len()];
    let mut pcap = Pcap::new();
    let mut next = [1_u32; 2];
    let mut turn = 0;
    while !rest.is_empty() {
        let at = rest.windows(TURN.len()).position(|window| window == TURN);
        let said = &rest[..at.unwrap_or(rest.len())];
        for part in said.chunks(usize::from(*size).max(1) * 4) {
            pcap.segment(port, turn % 2 == 1, 0x18, next[turn % 2], part);
            next[turn % 2] += part.len() as u32;
        }
        turn += 1;
        rest = at.map_or(&[][..], |at| &rest[at + TURN.len()..]);
    }
    for (direction, next) in [(false, next[0]), (true, next[1])] {
        pcap.segment(port, direction, 0x11, next, b"");
    }
    learn(&pcap.bytes, Config::default());
}

/// The bytes are the body of a notification and of its reply, and of a call of Exchange Web Services and of its answer.
pub fn xml(data: &[u8]) {
    const POST: &str = "POST /EWS/Exchange.asmx HTTP/1.1\r\nHost: mail\r\n";
    const OK: &str = "HTTP/1.1 200 OK\r\n";
    for port in [7080, 80] {
        let mut pcap = Pcap::new();
        for (from_server, start) in [(false, POST), (true, OK)] {
            let head = format!(
                "{start}Content-Type: text/xml; charset=utf-8\r\nContent-Length: {}\r\n\r\n",
                data.len()
            );
            let message = [head.as_bytes(), data].concat();
            let mut seq = 1;
            for part in message.chunks(1400) {
                pcap.segment(port, from_server, 0x18, seq, part);
                seq += part.len() as u32;
            }
        }
        learn(&pcap.bytes, Config::default());
    }
}

/// The bytes are an NTLM message, or text or a token that holds one.
pub fn ntlm(data: &[u8]) {
    for bytes in [Some(data), Ntlm::find(data)].into_iter().flatten() {
        std::hint::black_box((Ntlm::parse(bytes), Ntlm::parse_base64(bytes)));
    }
}

/// The bytes are a certificate, or text with some of them, each of which may have issued each.
pub fn x509(data: &[u8]) {
    let mut certificates = Certificate::read_pem(data);
    certificates.truncate(4);
    certificates.push(Certificate::read(data));
    let name = ServerName::new("mail.example.com");
    for certificate in &certificates {
        if let Some(fields) = &certificate.fields {
            std::hint::black_box((fields.name(), fields.issuer_name()));
            let alternatives = fields.san.as_ref();
            std::hint::black_box(alternatives.map(|names| names.list()));
            std::hint::black_box((name.is_among_alternatives(fields), name.is_common_name(fields)));
            let constraints = fields.constraints.as_ref().zip(alternatives);
            std::hint::black_box(constraints.and_then(|(constraints, names)| constraints.forbidden(names)));
        }
        for issuer in &certificates {
            std::hint::black_box((certificate.names_issuer(issuer), certificate.names_key_of(issuer)));
            std::hint::black_box(certificate.signed_by(issuer));
        }
    }
}

/// The bytes are a capture file that is diagnosed.
pub fn analyze(data: &[u8]) {
    study(data);
}

/// What is seen and found in a capture file, if the bytes are one.
pub fn study(data: &[u8]) -> Option<(Facts, Report)> {
    learn(data, Config::default())
}

/// The bytes are a capture file of one end; the other end has the first half of it.
pub fn compare(data: &[u8]) {
    let capture = |data: &[u8]| Capture::from_bytes("fuzz", data.to_vec());
    let (Ok(one), Ok(two)) = (capture(data), capture(&data[..data.len() / 2])) else { return };
    let analyzer = Analyzer::new(Config::default()).expect("no rule is named");
    let (facts, _) = analyzer.facts([one.at(Vantage::Exchange), two.at(Vantage::Cuc)], &mut ());
    std::hint::black_box(analyzer.judge(&facts));
    std::hint::black_box(records(Kind::Pairs, &facts, analyzer.config()).count());
}

fn learn(capture: &[u8], mut config: Config) -> Option<(Facts, Report)> {
    // Alone or shared out: the same input always takes the same way.
    config.threads = 1 + capture.len() % 2;
    let capture = Capture::from_bytes("fuzz", capture.to_vec()).ok()?;
    let analyzer = Analyzer::new(config).expect("no rule is named");
    let (facts, _) = analyzer.facts([capture], &mut ());
    for kind in Kind::ALL {
        std::hint::black_box(records(kind, &facts, analyzer.config()).count());
    }
    let report = analyzer.judge(&facts);
    Some((facts, report))
}

/// A capture of one connection in the making.
struct Pcap {
    bytes: Vec<u8>,
    count: u32,
}

impl Pcap {
    fn new() -> Self {
        let mut bytes = Vec::new();
        // Little-endian microseconds, version 2.4, link type 101: bare IP packets.
        for word in [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 262_144, 101] {
            bytes.extend_from_slice(&word.to_le_bytes());
        }
        Pcap { bytes, count: 0 }
    }

    fn segment(&mut self, port: u16, from_server: bool, flags: u8, seq: u32, payload: &[u8]) {
        const HEADERS: usize = 40;
        let length = (HEADERS + payload.len()) as u32;
        self.count += 1;
        for word in [1_700_000_000, self.count, length, length] {
            self.bytes.extend_from_slice(&word.to_le_bytes());
        }
        let (client, server) = ([10, 0, 0, 1], [10, 0, 0, 2]);
        let (src, dst) = if from_server { (server, client) } else { (client, server) };
        let (from, to) = if from_server { (port, 40_000) } else { (40_000, port) };
        self.bytes.extend_from_slice(&[0x45, 0]);
        self.bytes.extend_from_slice(&(length as u16).to_be_bytes());
        self.bytes.extend_from_slice(&(self.count as u16).to_be_bytes());
        self.bytes.extend_from_slice(&[0x40, 0, 64, 6, 0, 0]);
        self.bytes.extend_from_slice(&[src, dst].concat());
        self.bytes.extend_from_slice(&[from.to_be_bytes(), to.to_be_bytes()].concat());
        self.bytes.extend_from_slice(&seq.to_be_bytes());
        self.bytes.extend_from_slice(&0_u32.to_be_bytes());
        self.bytes.extend_from_slice(&[0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
        self.bytes.extend_from_slice(payload);
    }

    fn open(self) -> Capture {
        Capture::from_bytes("fuzz", self.bytes).expect("it is a capture")
    }
}

//! Large captures for benchmarks.
//!
//! A block of traffic is made once, with every care, and then written again and again. Each time
//! the records' times move on and the sequence numbers are shifted, so that every repetition holds
//! new connections; those of a flood come from new sources too, and the watermarks of busy
//! mailboxes move on. This runs at the speed of a copy.

mod moving;

use self::moving::{MARK, WATERMARK_STEP, watermarks};
use crate::container::Record;
use crate::cuc::{Lab, at};
use crate::link::Link;
use crate::rng::Rng;
use crate::site::{self, CUC, CUC_PORT, Delivery, EXCHANGE, far, near};
use crate::tcp::{Conversation, Host, Side, Stack};
use crate::time::{MICROSECOND, MILLISECOND, Nanos, SECOND};
use crate::trace::Trace;
use crate::wire::{self, IpFields};
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// What a capture is full of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Kind {
    /// Notifications are 5 % of the bytes, the rest is other traffic; frames of about 700 bytes.
    Mixed,
    /// Nothing but notifications: keep-alives, of which half repeat their watermark and half never do.
    Dense,
    /// A flood of SYNs for the port of notifications, each from another source, in frames of 66 bytes, the smallest that a
    /// SYN with options has.
    Tiny,
    /// IMAP literals in full frames on port 143.
    Fat,
}

/// Writes a little-endian microsecond pcap that is about `bytes` large, and never larger.
///
/// # Errors
/// When `out` does.
pub fn write(kind: Kind, bytes: u64, seed: u64, out: &mut impl Write) -> io::Result<()> {
    let mut block = Block::new(kind, seed);
    let header = crate::container::Container::PcapMicro(crate::container::Order::Little).write(&[], 1);
    let mut room = bytes.saturating_sub(header.len() as u64) as usize;
    out.write_all(&header)?;
    while room > 0 {
        let whole = block.fitting(room);
        out.write_all(&block.bytes[..whole])?;
        if whole < block.bytes.len() {
            break;
        }
        room -= whole;
        block.advance();
    }
    out.flush()
}

/// The finished records, and where each one's header begins.
struct Block {
    bytes: Vec<u8>,
    starts: Vec<usize>,
    /// Records with watermarks of busy mailboxes, by their starts, and where in them each of these begins.
    marks: Vec<(usize, usize)>,
    span_us: u64,
    source_step: u32,
}

/// How far the sources of a flood move: beyond those of one repetition.
const SOURCE_STEP: u32 = 1 << 17;

impl Block {
    fn new(kind: Kind, seed: u64) -> Self {
        let mut lab = Lab::new("bulk");
        lab.trace = Trace::new(Rng::new(seed));
        // Keep-alives come once a block, so that repetition keeps their rhythm.
        let span = 300 * SECOND;
        match kind {
            Kind::Mixed => {
                notifications(&mut lab, 185, span);
                other_traffic(&mut lab, span, 7_600);
            }
            Kind::Dense => notifications(&mut lab, 3_000, span),
            Kind::Tiny => syns(&mut lab.trace, span, 100_000),
            Kind::Fat => literals(&mut lab.trace, span, 24),
        }
        lab.trace.sort();
        let source_step = if kind == Kind::Tiny { SOURCE_STEP } else { 0 };
        let mut block = Self {
            bytes: Vec::new(),
            starts: Vec::new(),
            marks: Vec::new(),
            span_us: span / MICROSECOND,
            source_step,
        };
        for packet in &lab.trace.packets {
            let mut frame = Link::Ethernet.wrap(packet, 0);
            // Ethernet's minimum, without the checksum.
            frame.resize(frame.len().max(60), 0);
            block.push(&Record::new(packet.time, frame, usize::MAX));
        }
        block
    }

    fn push(&mut self, record: &Record) {
        self.starts.push(self.bytes.len());
        if let [previous, last] = watermarks(&record.data)[..]
            && record.data[previous..][..MARK] != record.data[last..][..MARK]
        {
            self.marks.extend([previous, last].map(|mark| (self.bytes.len(), mark)));
        }
        let seconds = (record.time / SECOND) as u32;
        let micros = (record.time % SECOND / MICROSECOND) as u32;
        let length = record.data.len() as u32;
        for number in [seconds, micros, length, record.original] {
            self.bytes.extend_from_slice(&number.to_le_bytes());
        }
        self.bytes.extend_from_slice(&record.data);
    }

    /// The length of as many whole records as fit into `room`.
    fn fitting(&self, room: usize) -> usize {
        if room >= self.bytes.len() {
            return self.bytes.len();
        }
        let after = self.starts.partition_point(|start| *start <= room);
        self.starts[after - 1]
    }

    fn advance(&mut self) {
        for &start in &self.starts {
            let end = start + 16 + read_length(&self.bytes[start..]);
            let record = &mut self.bytes[start..end];
            moving::time(record, self.span_us);
            moving::segment(&mut record[16..], self.source_step);
        }
        for &(start, mark) in &self.marks {
            moving::watermark(&mut self.bytes[start + 16..], mark);
        }
    }
}

fn read_length(record: &[u8]) -> usize {
    u32::from_le_bytes([record[8], record[9], record[10], record[11]]) as usize
}

/// One keep-alive of each of so many subscriptions, every second one of a busy mailbox.
fn notifications(lab: &mut Lab, count: u64, span: Nanos) {
    for place in 0..count {
        let octet = 11 + (place % 16) as u8;
        let source = IpAddr::V4(Ipv4Addr::new(10, 10, 20, octet));
        let how = Delivery::direct(far(source, Stack::Windows), near(CUC, Stack::Linux), CUC_PORT);
        let mut subscription = lab.subscribe(at(0, 0) - 90_000 * SECOND, &how);
        let moment = at(0, 0) + place * span / count;
        if place % 2 == 0 {
            lab.keep_alive(&mut subscription, moment);
        } else {
            let body = subscription.busy_body(moment, WATERMARK_STEP);
            lab.post(&subscription, site::Kind::KeepAlive, body.into_bytes(), moment, &how);
        }
    }
}

/// Downloads of binary data, TLS-like records and media streams.
fn other_traffic(lab: &mut Lab, span: Nanos, kilobytes: usize) {
    let noise = lab.trace.rng.bytes(1 << 17);
    let mut left = kilobytes * 1000;
    let mut turn: u64 = 0;
    while left > 0 {
        let moment = at(0, 0) + turn * 170 * MILLISECOND % (span - 20 * SECOND);
        let client = near(IpAddr::V4(Ipv4Addr::new(10, 10, 50, (turn % 250) as u8 + 1)), Stack::Linux);
        let server = far(IpAddr::V4(Ipv4Addr::new(10, 20, 0, (turn % 13) as u8 + 1)), Stack::Linux);
        let size = match turn % 3 {
            0 => download(lab, moment, client, server, &noise),
            1 => records(lab, moment, client, server, &noise),
            _ => media(&mut lab.trace, moment, client, server, &noise),
        };
        left = left.saturating_sub(size);
        turn += 1;
    }
}

fn download(lab: &mut Lab, moment: Nanos, client: Host, server: Host, noise: &[u8]) -> usize {
    let from = (lab.trace.rng.between(0, 1 << 16)) as usize;
    let size = lab.trace.rng.between(30_000, 60_000) as usize;
    let port = lab.next_port();
    let mut talk = Conversation::new(&mut lab.trace, moment, (client, port), (server, 9100));
    talk.handshake();
    talk.send(Side::Originator, &noise[from..from + 200]);
    for part in noise[from..from + size].chunks(5600) {
        talk.send(Side::Responder, part);
        talk.ack(Side::Originator);
    }
    talk.fin(Side::Responder);
    talk.fin(Side::Originator);
    talk.ack(Side::Responder);
    size
}

/// Records that look like TLS application data (RFC 8446, 5.2), without a TLS handshake.
fn records(lab: &mut Lab, moment: Nanos, client: Host, server: Host, noise: &[u8]) -> usize {
    let port = lab.next_port();
    let mut talk = Conversation::new(&mut lab.trace, moment, (client, port), (server, 8443));
    talk.handshake();
    let mut size = 0;
    for turn in 0..12 {
        for (side, length) in [(Side::Originator, 300 + turn * 17), (Side::Responder, 900 + turn * 31)] {
            let mut record = vec![0x17, 3, 3, (length >> 8) as u8, length as u8];
            record.extend_from_slice(&noise[turn * 1000..turn * 1000 + length]);
            talk.send(side, &record);
            size += length;
        }
        talk.wait(40 * MILLISECOND);
    }
    talk.fin(Side::Originator);
    talk.fin(Side::Responder);
    talk.ack(Side::Originator);
    size
}

/// RTP of G.711 (RFC 3551): 160 bytes every 20 ms.
fn media(trace: &mut Trace, moment: Nanos, client: Host, server: Host, noise: &[u8]) -> usize {
    let port = 16_384 + trace.rng.between(0, 8_000) as u16 * 2;
    let ends = (SocketAddr::new(client.ip, port), SocketAddr::new(server.ip, port + 2));
    for turn in 0..16_u16 {
        let mut payload = vec![0x80, 0];
        payload.extend_from_slice(&turn.to_be_bytes());
        payload.extend_from_slice(&(u32::from(turn) * 160).to_be_bytes());
        payload.extend_from_slice(&[1, 2, 3, 4]);
        payload.extend_from_slice(&noise[usize::from(turn) * 160..][..160]);
        let fields = IpFields { ttl: client.ttl(), ident: turn };
        let packet = wire::udp(ends.0, ends.1, fields, &payload);
        trace.push(moment + u64::from(turn) * 20 * MILLISECOND, (client.mac, server.mac), packet, None);
    }
    16 * 214
}

fn syns(trace: &mut Trace, span: Nanos, count: u64) {
    let to = near(CUC, Stack::Linux);
    for place in 0..count {
        let from = IpAddr::V4(Ipv4Addr::from_bits(0x6440_0000 + place as u32));
        let port = 1024 + trace.rng.between(0, 60_000) as u16;
        let connection = (far(from, Stack::Windows), port);
        Conversation::new(trace, at(0, 0) + place * span / count, connection, (to, CUC_PORT)).syn(0);
    }
}

/// Sessions that fetch one large message after the other.
fn literals(trace: &mut Trace, span: Nanos, count: u64) {
    let noise = trace.rng.bytes(200_000);
    let text: Vec<u8> = noise.iter().map(|byte| b'A' + byte % 26).collect();
    let server = Host { mss: 1460, ..far(EXCHANGE, Stack::Windows) };
    for place in 0..count {
        let client = near(IpAddr::V4(Ipv4Addr::new(10, 10, 50, place as u8 + 1)), Stack::Windows);
        let began = at(0, 0) + place * span / count / 2;
        let mut talk = Conversation::new(trace, began, (client, 50_000 + place as u16), (server, 143));
        talk.handshake();
        talk.send(Side::Responder, b"* OK The Microsoft Exchange IMAP4 service is ready.\r\n");
        talk.send(Side::Originator, b"a1 LOGIN agent secret\r\n");
        talk.send(Side::Responder, b"a1 OK LOGIN completed.\r\n");
        for turn in 2..4 {
            talk.send(Side::Originator, format!("a{turn} FETCH {turn} BODY[]\r\n").as_bytes());
            talk.send(Side::Responder, format!("* {turn} FETCH (BODY[] {{{}}}\r\n", text.len()).as_bytes());
            for part in text.chunks(14_600) {
                talk.send(Side::Responder, part);
                talk.ack(Side::Originator);
            }
            talk.send(Side::Responder, format!(")\r\na{turn} OK FETCH completed.\r\n").as_bytes());
        }
        talk.send(Side::Originator, b"a9 LOGOUT\r\n");
        talk.send(Side::Responder, b"* BYE signing off.\r\na9 OK LOGOUT completed.\r\n");
        talk.fin(Side::Responder);
        talk.fin(Side::Originator);
        talk.ack(Side::Responder);
    }
}

#[cfg(test)]
mod tests {
    use super::moving::IP;
    use super::*;
    use crate::wire::{Segment, protocol};

    #[test]
    fn repetitions_have_the_checksums_that_fresh_packets_would_have() {
        for kind in [Kind::Mixed, Kind::Dense, Kind::Tiny] {
            let mut block = Block::new(kind, 7);
            for _ in 0..3 {
                block.advance();
            }
            let mut checked = 0;
            for &start in &block.starts {
                let ip = &block.bytes[start + 16 + IP..start + 16 + read_length(&block.bytes[start..])];
                let ip = &ip[..usize::from(u16::from_be_bytes([ip[2], ip[3]]))];
                if ip[9] == protocol::TCP {
                    assert_eq!(ip, rebuilt(ip));
                    checked += 1;
                }
            }
            assert!(checked > 1000);
        }
    }

    #[test]
    fn watermarks_of_busy_mailboxes_follow_each_other() {
        let mut block = Block::new(Kind::Dense, 7);
        assert_eq!(block.marks.len(), 3_000, "two of every second subscription");
        let texts = |block: &Block| -> Vec<String> {
            let text = |&(start, mark): &(usize, usize)| &block.bytes[start + 16 + mark..][..MARK];
            block.marks.iter().map(|mark| String::from_utf8(text(mark).to_vec()).unwrap()).collect()
        };
        let before = texts(&block);
        block.advance();
        for (before, after) in before.chunks(2).zip(texts(&block).chunks(2)) {
            assert_eq!(before[1], after[0]);
            assert_ne!(after[0], after[1]);
        }
    }

    /// The same packet from its fields, with checksums worked out from nothing.
    fn rebuilt(ip: &[u8]) -> Vec<u8> {
        let word = |at: usize| u32::from_be_bytes([ip[at], ip[at + 1], ip[at + 2], ip[at + 3]]);
        let short = |at: usize| u16::from_be_bytes([ip[at], ip[at + 1]]);
        let end = |at: usize, port: usize| SocketAddr::new(Ipv4Addr::from(word(at)).into(), short(port));
        let payload = 20 + usize::from(ip[32] >> 4) * 4;
        let segment = Segment {
            seq: word(24),
            ack: word(28),
            flags: ip[33],
            window: short(34),
            options: &ip[40..payload],
            payload: &ip[payload..],
        };
        let fields = IpFields { ttl: ip[8], ident: short(4) };
        wire::tcp(end(12, 20), end(16, 22), fields, &segment)
    }

    #[test]
    fn a_capture_is_cut_between_records_and_never_larger_than_asked() {
        for bytes in [24, 1_000, 100_001] {
            let mut out = Vec::new();
            write(Kind::Tiny, bytes, 1, &mut out).unwrap();
            assert!(out.len() as u64 <= bytes);
            assert_eq!((out.len() - 24) % (16 + 66), 0);
        }
    }
}

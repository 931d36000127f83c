//! Capture files: classic pcap and pcapng in all their forms, and compression around them.

use crate::time::{Nanos, SECOND};
use std::io::Write;

/// One captured frame, ready to be stored.
#[derive(Debug, Clone)]
pub struct Record {
    /// When it was captured.
    pub time: Nanos,
    /// The stored bytes.
    pub data: Vec<u8>,
    /// Its length on the wire.
    pub original: u32,
}

impl Record {
    /// A record that keeps at most `snaplen` bytes of `frame`.
    pub fn new(time: Nanos, mut frame: Vec<u8>, snaplen: usize) -> Self {
        let original = frame.len() as u32;
        frame.truncate(snaplen);
        Self { time, data: frame, original }
    }
}

/// Byte order of a file's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Least significant byte first.
    Little,
    /// Most significant byte first.
    Big,
}

/// How packets stand in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Container {
    /// Classic pcap with microseconds.
    PcapMicro(Order),
    /// Classic pcap with nanoseconds.
    PcapNano(Order),
    /// Kuznetzov's pcap: 24-byte record headers.
    PcapModified(Order),
    /// Classic pcap that claims a snapshot length of 64 in its header and does not keep to it.
    PcapLying,
    /// pcapng with Enhanced Packet Blocks; `resolution` is the raw `if_tsresol`.
    NgEnhanced {
        /// Byte order of the section.
        order: Order,
        /// `if_tsresol`.
        resolution: u8,
    },
    /// pcapng with Simple Packet Blocks: no times at all.
    NgSimple,
    /// pcapng with the obsolete Packet Block.
    NgObsolete,
    /// pcapng, frames in turn on two interfaces of different resolution and link type number.
    NgInterfaces,
    /// pcapng in two sections of different byte order.
    NgSections,
    /// pcapng with comments, a name block, a custom block and an Interface Statistics Block that counts `drops`.
    NgDecorated {
        /// `isb_ifdrop` of the statistics block.
        drops: u64,
    },
}

/// Microseconds, the default of `if_tsresol`.
pub const MICRO: u8 = 6;

impl Container {
    /// The file's bytes.
    pub fn write(self, records: &[Record], link: u16) -> Vec<u8> {
        match self {
            Self::PcapMicro(order) => pcap(records, link, order, 0xa1b2_c3d4, 262_144),
            Self::PcapNano(order) => pcap(records, link, order, 0xa1b2_3c4d, 262_144),
            Self::PcapModified(order) => pcap(records, link, order, 0xa1b2_cd34, 262_144),
            Self::PcapLying => pcap(records, link, Order::Little, 0xa1b2_c3d4, 64),
            Self::NgEnhanced { order, resolution } => {
                let mut file = Ng::new(order);
                file.interface(link, resolution);
                for record in records {
                    file.enhanced(0, resolution, record, None);
                }
                file.out
            }
            Self::NgSimple => {
                let mut file = Ng::new(Order::Little);
                file.interface(link, MICRO);
                for record in records {
                    file.simple(record);
                }
                file.out
            }
            Self::NgObsolete => {
                let mut file = Ng::new(Order::Little);
                file.interface(link, MICRO);
                for record in records {
                    file.obsolete(record);
                }
                file.out
            }
            Self::NgInterfaces => {
                let mut file = Ng::new(Order::Little);
                let resolutions = [MICRO, 9];
                for resolution in resolutions {
                    file.interface(link, resolution);
                }
                for (record, number) in records.iter().zip(0..) {
                    file.enhanced(number % 2, resolutions[(number % 2) as usize], record, None);
                }
                file.out
            }
            Self::NgSections => {
                let (first, second) = records.split_at(records.len() / 2);
                let mut out = Self::NgEnhanced { order: Order::Little, resolution: MICRO }.write(first, link);
                out.extend(Self::NgEnhanced { order: Order::Big, resolution: 9 }.write(second, link));
                out
            }
            Self::NgDecorated { drops } => {
                let mut file = Ng::new(Order::Little);
                file.interface(link, 9);
                file.names();
                for (record, number) in records.iter().zip(1_u32..) {
                    let comment = (number % 10 == 1).then_some("a comment of the engineer who captured");
                    file.enhanced(0, 9, record, comment);
                }
                file.custom();
                file.statistics(records.last().map_or(0, |record| record.time), drops);
                file.out
            }
        }
    }
}

/// Compression around a capture file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// As it is.
    None,
    /// gzip, in two members when the file is large enough to be cut.
    Gzip,
    /// zstd.
    Zstd,
    /// The lz4 frame format.
    Lz4,
}

impl Compression {
    /// `bytes`, compressed.
    ///
    /// # Panics
    /// Never: writing to memory does not fail.
    pub fn pack(self, bytes: Vec<u8>) -> Vec<u8> {
        match self {
            Self::None => bytes,
            Self::Gzip => {
                let mut out = Vec::new();
                for member in bytes.chunks(bytes.len().div_ceil(2).max(1)) {
                    let mut gzip = flate2::write::GzEncoder::new(&mut out, flate2::Compression::best());
                    gzip.write_all(member).expect("memory takes every byte");
                    gzip.finish().expect("memory takes every byte");
                }
                out
            }
            Self::Zstd => zstd::encode_all(&bytes[..], 19).expect("memory takes every byte"),
            Self::Lz4 => {
                let mut lz4 = lz4_flex::frame::FrameEncoder::new(Vec::new());
                lz4.write_all(&bytes).expect("memory takes every byte");
                lz4.finish().expect("memory takes every byte")
            }
        }
    }
}

/// The start of the `number`th record (from 1) in a classic pcap file made here.
pub fn pcap_offset(records: &[Record], number: u64) -> usize {
    let before = records.iter().take(number as usize - 1);
    24 + before.map(|record| 16 + record.data.len()).sum::<usize>()
}

fn pcap(records: &[Record], link: u16, order: Order, magic: u32, snaplen: u32) -> Vec<u8> {
    let mut out = Writer { order, out: Vec::new() };
    out.u32(magic);
    out.u16(2);
    out.u16(4);
    for number in [0, 0, snaplen, u32::from(link)] {
        out.u32(number);
    }
    let unit = if magic == 0xa1b2_3c4d { 1 } else { 1_000 };
    for record in records {
        out.u32((record.time / SECOND) as u32);
        out.u32((record.time % SECOND / unit) as u32);
        out.u32(record.data.len() as u32);
        out.u32(record.original);
        if magic == 0xa1b2_cd34 {
            // Interface index, link protocol, packet type, padding (libpcap's pcap_sf_patched_pkthdr).
            out.u32(2);
            out.u16(0x0800);
            out.u16(0);
        }
        out.out.extend_from_slice(&record.data);
    }
    out.out
}

struct Writer {
    order: Order,
    out: Vec<u8>,
}

impl Writer {
    fn u16(&mut self, number: u16) {
        match self.order {
            Order::Little => self.out.extend_from_slice(&number.to_le_bytes()),
            Order::Big => self.out.extend_from_slice(&number.to_be_bytes()),
        }
    }

    fn u32(&mut self, number: u32) {
        match self.order {
            Order::Little => self.out.extend_from_slice(&number.to_le_bytes()),
            Order::Big => self.out.extend_from_slice(&number.to_be_bytes()),
        }
    }

    fn u64_halves(&mut self, number: u64) {
        self.u32((number >> 32) as u32);
        self.u32(number as u32);
    }

    fn u64(&mut self, number: u64) {
        match self.order {
            Order::Little => self.out.extend_from_slice(&number.to_le_bytes()),
            Order::Big => self.out.extend_from_slice(&number.to_be_bytes()),
        }
    }

    fn padded(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
        self.out.resize(self.out.len().next_multiple_of(4), 0);
    }

    fn option(&mut self, code: u16, value: &[u8]) {
        self.u16(code);
        self.u16(value.len() as u16);
        self.padded(value);
    }
}

/// A pcapng section (draft-ietf-opsawg-pcapng).
struct Ng {
    order: Order,
    out: Vec<u8>,
}

impl Ng {
    fn new(order: Order) -> Self {
        let mut file = Self { order, out: Vec::new() };
        let mut body = file.body();
        body.u32(0x1a2b_3c4d);
        body.u16(1);
        body.u16(0);
        body.u64(u64::MAX); // section length unknown
        body.option(4, b"sibtrace-lab");
        body.option(0, &[]);
        file.block(0x0a0d_0d0a, body);
        file
    }

    fn body(&self) -> Writer {
        Writer { order: self.order, out: Vec::new() }
    }

    fn block(&mut self, kind: u32, body: Writer) {
        let length = body.out.len() as u32 + 12;
        let mut block = self.body();
        block.u32(kind);
        block.u32(length);
        block.out.extend_from_slice(&body.out);
        block.u32(length);
        self.out.extend_from_slice(&block.out);
    }

    fn interface(&mut self, link: u16, resolution: u8) {
        let mut body = self.body();
        body.u16(link);
        body.u16(0);
        body.u32(0);
        body.option(2, b"eth0");
        body.option(9, &[resolution]);
        body.option(0, &[]);
        self.block(1, body);
    }

    fn enhanced(&mut self, interface: u32, resolution: u8, record: &Record, comment: Option<&str>) {
        let mut body = self.body();
        body.u32(interface);
        body.u64_halves(ticks(record.time, resolution));
        body.u32(record.data.len() as u32);
        body.u32(record.original);
        body.padded(&record.data);
        if let Some(comment) = comment {
            body.option(1, comment.as_bytes());
            body.option(0, &[]);
        }
        self.block(6, body);
    }

    fn simple(&mut self, record: &Record) {
        let mut body = self.body();
        body.u32(record.original);
        body.padded(&record.data);
        self.block(3, body);
    }

    fn obsolete(&mut self, record: &Record) {
        let mut body = self.body();
        body.u16(0); // interface
        body.u16(0xffff); // drop count unknown
        body.u64_halves(ticks(record.time, MICRO));
        body.u32(record.data.len() as u32);
        body.u32(record.original);
        body.padded(&record.data);
        self.block(2, body);
    }

    fn names(&mut self) {
        let mut body = self.body();
        let entry = [&[10, 10, 20, 11], &b"ex01.corp.example.com\0"[..]].concat();
        body.option(1, &entry);
        body.option(0, &[]);
        self.block(4, body);
    }

    fn custom(&mut self) {
        let mut body = self.body();
        body.u32(32_473); // the enterprise number for examples (RFC 5612)
        body.padded(b"not a packet");
        self.block(0x0bad, body);
    }

    fn statistics(&mut self, time: Nanos, drops: u64) {
        let mut body = self.body();
        body.u32(0);
        body.u64_halves(ticks(time, 9));
        let count = match self.order {
            Order::Little => drops.to_le_bytes(),
            Order::Big => drops.to_be_bytes(),
        };
        body.option(5, &count);
        body.option(0, &[]);
        self.block(5, body);
    }
}

/// Nanoseconds in units of `if_tsresol`: a power of ten, or of two with the top bit.
fn ticks(time: Nanos, resolution: u8) -> u64 {
    let exponent = u32::from(resolution & 0x7f);
    let per_second = if resolution & 0x80 == 0 { 10_u128.pow(exponent) } else { 1_u128 << exponent };
    (u128::from(time) * per_second / u128::from(SECOND)) as u64
}

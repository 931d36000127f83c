//! Classic pcap: a file header and records one after the other.
//!
//! <https://datatracker.ietf.org/doc/draft-ietf-opsawg-pcap/>, and the two variants that are still met: the
//! records with 24-byte headers of Alexey Kuznetzov's patch (magic `a1b2cd34`), and the lengths in reverse order
//! of tcpdump before version 2.3.

use super::walk::{FILE_HEADER, MAX_PACKET, Order, Probe, Stop, Walk, Window};
use super::{FileInfo, Head, LinkType};
use crate::time::Timestamp;

/// Length of the part of a record header that all variants have.
const RECORD_HEADER: usize = 16;

/// Length of a record header of the modified format.
const MODIFIED_RECORD_HEADER: usize = 24;

/// How a pcap file is to be read.
#[derive(Debug)]
pub(super) struct Pcap {
    order: Order,
    nanos_per_tick: i64,
    record_header: usize,
    lengths: Lengths,
    link: LinkType,
}

/// In which order a record header states the two lengths.
#[derive(Clone, Copy, Debug)]
enum Lengths {
    CapturedFirst,
    OriginalFirst,
    /// Version 2.3 was written in both ways: the captured length is the smaller one.
    SmallerIsCaptured,
}

/// The fields of a record header.
struct Fields {
    second: u32,
    fraction: u32,
    captured: u32,
    original: u32,
}

impl Pcap {
    /// Reads the file header; `None` if it is that of another format.
    pub(super) fn open(header: &[u8; FILE_HEADER]) -> Option<Self> {
        let magic = Order::Little.u32(header, 0);
        let order = match magic {
            0xa1b2_c3d4 | 0xa1b2_3c4d | 0xa1b2_cd34 => Order::Little,
            0xd4c3_b2a1 | 0x4d3c_b2a1 | 0x34cd_b2a1 => Order::Big,
            _ => return None,
        };
        let magic = order.u32(header, 0);
        Some(Pcap {
            order,
            nanos_per_tick: if magic == 0xa1b2_3c4d { 1 } else { 1000 },
            record_header: if magic == 0xa1b2_cd34 { MODIFIED_RECORD_HEADER } else { RECORD_HEADER },
            lengths: match (order.u16(header, 4), order.u16(header, 6)) {
                // DG/UX tcpdump calls itself 543.0.
                (2, ..3) | (543, 0) => Lengths::OriginalFirst,
                (2, 3) => Lengths::SmallerIsCaptured,
                _ => Lengths::CapturedFirst,
            },
            // The upper half says how long frame check sequences are.
            link: LinkType(order.u32(header, 20) & 0xffff),
        })
    }

    #[inline]
    fn fields(&self, header: &[u8; RECORD_HEADER]) -> Fields {
        let [second, fraction, third, fourth] = self.order.words(header);
        let lengths = (third, fourth);
        let (captured, original) = match self.lengths {
            Lengths::CapturedFirst => lengths,
            Lengths::OriginalFirst => (lengths.1, lengths.0),
            Lengths::SmallerIsCaptured => (lengths.0.min(lengths.1), lengths.0.max(lengths.1)),
        };
        Fields { second, fraction, captured, original }
    }

    /// No 32 bits of seconds are too many to be counted in nanoseconds.
    #[inline]
    fn time(&self, fields: &Fields) -> Timestamp {
        Timestamp::from_nanos(
            i64::from(fields.second) * 1_000_000_000 + i64::from(fields.fraction) * self.nanos_per_tick,
        )
    }

    /// Walks the records of a window. Inlined: for each kind of file that is named where it is called.
    #[inline(always)]
    fn records(
        &self,
        window: Window<'_>,
        mut at: usize,
        heads: &mut Vec<Head>,
        info: &mut FileInfo,
    ) -> (usize, Stop) {
        let mut frame = info.last_frame;
        let stop = loop {
            let rest = &window.bytes[at..];
            let Some(header) = rest.first_chunk::<RECORD_HEADER>() else {
                break Stop::Short(self.record_header);
            };
            let fields = self.fields(header);
            if fields.captured > MAX_PACKET {
                break Stop::Corrupt(format!("a record of {} bytes", fields.captured));
            }
            let length = self.record_header + fields.captured as usize;
            if rest.len() < length {
                break Stop::Short(length);
            }
            if fields.captured == 0 && *header == [0; RECORD_HEADER] {
                // Blocks that were never written to disk. Wireshark counts them as frames, and so must we.
                info.last_frame = frame;
                info.damage(info.damage_here(
                    window.offset_of(at),
                    length as u64,
                    "zeros instead of records",
                ));
                frame += 1;
                at += length;
                continue;
            }
            frame += 1;
            let head = Head {
                frame,
                time: self.time(&fields),
                timed: true,
                glance: None,
                link: self.link,
                interface: 0,
                offset: (at + self.record_header) as u32,
                captured: fields.captured,
                original: fields.original,
            };
            info.count(&head);
            heads.push(head);
            at += length;
        };
        info.last_frame = frame;
        (at, stop)
    }
}

impl Walk for Pcap {
    fn walk(
        &mut self,
        window: Window<'_>,
        at: usize,
        heads: &mut Vec<Head>,
        info: &mut FileInfo,
    ) -> (usize, Stop) {
        match (self.order, self.lengths) {
            // Nearly all files. Not to ask for every record which kind of file this is saves a hundredth of all instructions.
            (Order::Little, Lengths::CapturedFirst) => {
                let usual = Pcap { order: Order::Little, lengths: Lengths::CapturedFirst, ..*self };
                usual.records(window, at, heads, info)
            }
            _ => self.records(window, at, heads, info),
        }
    }

    fn probe(&self, bytes: &[u8]) -> Probe {
        let Some(header) = bytes.first_chunk::<RECORD_HEADER>() else {
            return Probe::Short(RECORD_HEADER);
        };
        let fields = self.fields(header);
        let plausible = (1..=MAX_PACKET).contains(&fields.captured)
            && (fields.captured..=MAX_PACKET).contains(&fields.original)
            && i64::from(fields.fraction) * self.nanos_per_tick < 1_000_000_000;
        if !plausible {
            return Probe::No;
        }
        Probe::Record {
            length: self.record_header + fields.captured as usize,
            second: Some(i64::from(fields.second)),
        }
    }
}

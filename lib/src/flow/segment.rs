//! The payload of one packet, by sequence number and by stream offset.

use super::Moment;
use super::arriving::Arriving;
use crate::packet::Tcp;

/// No window is larger (RFC 7323, 2.3), so nothing that belongs to the connection is farther ahead.
pub(super) const FARTHEST: u64 = 1 << 30;

/// The payload of a packet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Segment<'a> {
    /// Sequence number of the first byte.
    pub(super) seq: u32,
    /// What was captured.
    pub(super) bytes: &'a [u8],
    /// Bytes on the wire; more than `bytes` when the snapshot length cut it.
    pub(super) length: u32,
    /// Its frame.
    pub(super) at: Moment,
}

impl<'a> Segment<'a> {
    /// What a packet carries.
    pub(super) fn of(packet: &Arriving<'a>) -> Self {
        let tcp = packet.tcp;
        Segment {
            // A SYN takes a sequence number before the data that comes with it.
            seq: tcp.seq.wrapping_add(u32::from(tcp.has(Tcp::SYN))),
            bytes: tcp.payload,
            length: tcp.payload_len,
            at: packet.at,
        }
    }
}

/// How a segment relates to those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arrival {
    /// It begins where the stream ended, or later.
    New,
    /// It begins before the highest byte seen, and brings bytes not seen before.
    Late,
    /// It brings nothing new.
    Old,
}

/// A segment in terms of stream offsets, without what lies below offset 0.
pub(super) struct Part<'a> {
    pub(super) start: u64,
    /// End of what was captured of it.
    pub(super) captured: u64,
    pub(super) end: u64,
    pub(super) bytes: &'a [u8],
    pub(super) at: Moment,
}

impl<'a> Part<'a> {
    /// `start` is the offset of the segment's first byte. `None` if nothing is left.
    pub(super) fn new(start: i64, segment: &Segment<'a>) -> Option<Self> {
        let below = u64::try_from(start.saturating_neg()).unwrap_or(0);
        let length = u64::from(segment.length).max(segment.bytes.len() as u64);
        if below >= length {
            return None;
        }
        let start = u64::try_from(start).unwrap_or(0);
        let bytes = segment.bytes.get(below as usize..).unwrap_or_default();
        let end = start + (length - below);
        Some(Part { start, captured: start + bytes.len() as u64, end, bytes, at: segment.at })
    }

    /// `from..to` of what was captured; empty if it does not reach.
    pub(super) fn slice(&self, from: u64, to: u64) -> &'a [u8] {
        slice(self.bytes, self.start, from, to)
    }
}

/// `from..to` of `bytes`, which begin at `start`; empty if they do not reach.
pub(super) fn slice(bytes: &[u8], start: u64, from: u64, to: u64) -> &[u8] {
    let range = from.saturating_sub(start) as usize..to.saturating_sub(start) as usize;
    bytes.get(range).unwrap_or_default()
}

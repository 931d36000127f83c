//! The unit of reading: a block of file bytes and the records that lie in it.

use std::ops::Range;
use std::sync::Arc;

use super::LinkType;
use crate::time::Timestamp;

/// A block of file bytes with the heads of the records that lie wholly in it. Buffers are reused.
#[derive(Debug, Default)]
pub(crate) struct Chunk {
    /// File bytes.
    pub(crate) bytes: Vec<u8>,
    /// The records, in file order.
    pub(crate) heads: Vec<Head>,
    /// The stretches of bytes that are whole records, in file order: one, unless the file is damaged.
    pub(crate) intact: Vec<Range<usize>>,
}

/// Where one packet lies in its chunk, and what its record says of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    /// Position of the record in its file, from 1, as Wireshark numbers frames.
    pub(crate) frame: u64,
    /// When it was captured; for a record without a time (pcapng SPB), that of the packet before it.
    pub(crate) time: Timestamp,
    /// Whether the record has a time of its own.
    pub(crate) timed: bool,
    /// What the [`Glance`] of the reader said of it.
    pub(crate) glance: Option<u8>,
    /// Link-layer type of the interface.
    pub(crate) link: LinkType,
    /// Interface number in the file (pcapng: over all sections), 0 for pcap.
    pub(crate) interface: u32,
    /// First byte of the packet in the chunk.
    pub(crate) offset: u32,
    /// Bytes that were captured.
    pub(crate) captured: u32,
    /// Bytes that the packet had on the wire.
    pub(crate) original: u32,
}

impl Chunk {
    /// Has something said of every packet.
    pub(super) fn look(&mut self, glance: Glance) {
        for head in &mut self.heads {
            let packet = self.bytes.get(head.offset as usize..).unwrap_or_default();
            head.glance = glance(head.link, packet.get(..head.captured as usize).unwrap_or_default());
        }
    }

    /// The captured bytes of a packet of this chunk.
    pub(crate) fn packet(&self, head: &Head) -> &[u8] {
        &self.bytes[head.offset as usize..][..head.captured as usize]
    }
}

/// Says something of a packet while the reader has its bytes in the cache.
pub(crate) type Glance = fn(LinkType, &[u8]) -> Option<u8>;

/// Neighbouring records of one chunk that come next in the order of time.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    /// Index of the file in its capture, in order of first timestamps.
    pub(crate) file: u16,
    /// Where the records lie.
    pub(crate) chunk: Arc<Chunk>,
    /// Which of the chunk's heads.
    pub(crate) heads: Range<usize>,
}

impl Run {
    /// Bytes of the chunk from the first packet to the end of the last one.
    pub(crate) fn bytes(&self) -> usize {
        match self.chunk.heads.get(self.heads.clone()) {
            Some([first, .., last]) => {
                (last.offset as usize + last.captured as usize).saturating_sub(first.offset as usize)
            }
            Some([only]) => only.captured as usize,
            _ => 0,
        }
    }
}

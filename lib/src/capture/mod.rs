//! Capture files: from bytes to records.
//!
//! A [`Capture`] is one vantage point: one file, or the files of a rotated set. It is read in chunks of about a
//! megabyte from a small pool of reused buffers; records are slices of a chunk.

mod chunk;

pub(crate) use chunk::{Chunk, Head, Run};

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::time::Timestamp;

/// A link-layer type, as numbered by <https://www.tcpdump.org/linktypes.html>.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkType(pub u32);

/// Where a capture was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "lowercase")
)]
pub enum Vantage {
    /// On or beside the Exchange server.
    Exchange,
    /// On or beside the Cisco server.
    Cuc,
    /// Somewhere between.
    Other,
}

/// What was found in one capture file, complete once the file has been read.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct FileInfo {
    /// The file as it was named.
    pub path: PathBuf,
    /// `pcap` or `pcapng`.
    pub format: &'static str,
    /// `gzip`, `zstd` or `lz4`.
    pub compression: Option<&'static str>,
    /// Records by link-layer type, with the number of packets of each.
    pub link_types: BTreeMap<LinkType, u64>,
    /// Packets; other records that take a frame number are not counted.
    pub packets: u64,
    /// Captured bytes of all packets.
    pub bytes: u64,
    /// Packets of which fewer bytes were captured than were on the wire.
    pub cut_packets: u64,
    /// The shortest snapshot length at which a packet was cut.
    pub cut_at: Option<u32>,
    /// The first packet that was cut.
    pub first_cut_frame: Option<u64>,
    /// Earliest packet time.
    pub first: Option<Timestamp>,
    /// Latest packet time.
    pub last: Option<Timestamp>,
    /// Number of the last frame.
    pub last_frame: u64,
    /// The file ends inside a record.
    pub truncated: Option<Damage>,
    /// Corrupt or impossible records in mid-file, at most 16, each with what was skipped.
    pub damaged: Vec<Damage>,
    /// How many such places there were in all.
    pub damaged_places: u64,
    /// Packets that the capturing program says it lost (pcapng interface statistics).
    pub drops: u64,
    /// Things worth saying about the file that are no findings, as sentences.
    pub notes: Vec<String>,
}

/// A place where a capture file is not what it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Damage {
    /// Byte offset in the (uncompressed) file.
    pub offset: u64,
    /// The last frame before it; 0 when there is none.
    pub after_frame: u64,
    /// Bytes that were passed over to find the next record, or that are left at the end.
    pub skipped: u64,
    /// What is wrong there.
    pub cause: String,
}

/// The captures of one vantage point: one file, or the files of a rotated set.
#[derive(Debug)]
pub struct Capture {
    _private: (),
}

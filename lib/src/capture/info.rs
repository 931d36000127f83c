//! What is learned of a capture file besides its packets.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::{Head, LinkType};
use crate::time::Timestamp;

/// Damaged places that are listed one by one.
const LISTED_DAMAGE: usize = 16;

/// How many times its size a compressed capture may unpack to before that is said. Apache POI's `ZipSecureFile` takes
/// more than this for a decompression bomb as well.
const USUAL_INFLATION: u64 = 100;

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
    /// The latest packets of one link-layer type that do not stand in `link_types` yet.
    pub(crate) alike: Option<(LinkType, u64)>,
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

impl FileInfo {
    /// Counts a packet that is found. The walk from record to record, which waits for memory, has the time for it; a loop
    /// of its own took a hundredth of the time of mixed traffic.
    #[inline(always)]
    pub(super) fn count(&mut self, head: &Head) {
        self.packets += 1;
        self.bytes += u64::from(head.captured);
        match &mut self.alike {
            Some((link, packets)) if *link == head.link => *packets += 1,
            _ => {
                self.settle();
                self.alike = Some((head.link, 1));
            }
        }
        if head.captured < head.original {
            self.count_cut(head);
        }
        if head.timed && self.last.is_none_or(|last| head.time > last) {
            self.last = Some(head.time);
        }
        if head.timed && self.first.is_none_or(|first| head.time < first) {
            self.first = Some(head.time);
        }
    }

    /// What was counted stands in its place.
    pub(super) fn settle(&mut self) {
        if let Some((link, packets)) = self.alike.take() {
            *self.link_types.entry(link).or_default() += packets;
        }
    }

    #[cold]
    fn count_cut(&mut self, head: &Head) {
        self.cut_packets += 1;
        self.cut_at = Some(self.cut_at.map_or(head.captured, |cut| cut.min(head.captured)));
        self.first_cut_frame.get_or_insert(head.frame);
    }

    /// Notes that a compressed file of so many bytes has unpacked to unusually many.
    pub(super) fn note_inflation(&mut self, stored: u64, unpacked: u64) {
        let times = unpacked / stored.max(1);
        if times > USUAL_INFLATION {
            self.notes.push(format!("unpacks to {times} times its size: {stored} bytes to {unpacked}"));
        }
    }

    /// Notes a damaged place in mid-file. One that begins where the last one ended, for the same cause, continues it.
    pub(super) fn damage(&mut self, damage: Damage) {
        if let Some(last) = self.damaged.last_mut()
            && last.offset + last.skipped == damage.offset
            && last.cause == damage.cause
        {
            last.skipped += damage.skipped;
            return;
        }
        self.damaged_places += 1;
        if self.damaged.len() < LISTED_DAMAGE {
            self.damaged.push(damage);
        }
    }

    /// A damaged place after the last frame that was read.
    pub(super) fn damage_here(&self, offset: u64, skipped: u64, cause: impl Into<String>) -> Damage {
        Damage { offset, after_frame: self.last_frame, skipped, cause: cause.into() }
    }
}

//! What walking from record to record means for every file format.

use super::{FileInfo, Head};

/// As much of a file as it takes to tell its format.
pub(super) const FILE_HEADER: usize = 24;

/// Longest packet that a record can hold. The largest that libpcap writes and Wireshark reads; the
/// snapshot length in a file header is no limit, for many programs write what they like there.
pub(super) const MAX_PACKET: u32 = 262_144;

/// The bytes of a file that are in memory.
#[derive(Clone, Copy)]
pub(super) struct Window<'a> {
    /// The bytes.
    pub(super) bytes: &'a [u8],
    /// Offset of the first of them in the (uncompressed) file.
    pub(super) offset: u64,
    /// Whether the file ends with them.
    pub(super) last: bool,
}

impl Window<'_> {
    /// Offset in the file of a position in the window.
    pub(super) fn offset_of(&self, at: usize) -> u64 {
        self.offset + at as u64
    }
}

/// Why a walk cannot go on.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// The next record needs this many bytes in all.
    Short(usize),
    /// What stands there cannot be a record, because …
    Corrupt(String),
}

/// What a candidate for a record looks like, when the thread has been lost.
pub(super) enum Probe {
    /// Like a record of this length, captured at this second.
    Record { length: usize, second: Option<i64> },
    /// It takes this many bytes to tell.
    Short(usize),
    /// Like no record.
    No,
}

/// A file format: knows how long records are and where their packets lie.
pub(super) trait Walk: Send {
    /// Walks the records of a window from position `at` and appends the heads of packets. Says where it stopped
    /// and why.
    fn walk(
        &mut self,
        window: Window<'_>,
        at: usize,
        heads: &mut Vec<Head>,
        info: &mut FileInfo,
    ) -> (usize, Stop);

    /// Judges whether a record may begin here. Stricter than [`walk`](Walk::walk), for most places hold none.
    fn probe(&self, bytes: &[u8]) -> Probe;
}

/// The byte order of a file or section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Little,
    Big,
}

impl Order {
    /// The 16-bit field at `at`, which must lie in the array.
    #[inline]
    pub(super) fn u16<const N: usize>(self, bytes: &[u8; N], at: usize) -> u16 {
        let field = [bytes[at], bytes[at + 1]];
        match self {
            Order::Little => u16::from_le_bytes(field),
            Order::Big => u16::from_be_bytes(field),
        }
    }

    /// The 32-bit field at `at`, which must lie in the array.
    #[inline]
    pub(super) fn u32<const N: usize>(self, bytes: &[u8; N], at: usize) -> u32 {
        let field = [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]];
        match self {
            Order::Little => u32::from_le_bytes(field),
            Order::Big => u32::from_be_bytes(field),
        }
    }

    /// The four 32-bit fields of a record header, with one look at the order for all.
    #[inline]
    pub(super) fn words(self, bytes: &[u8; 16]) -> [u32; 4] {
        let (fields, _) = bytes.as_chunks::<4>();
        let words = std::array::from_fn(|i| u32::from_le_bytes(fields[i]));
        match self {
            Order::Little => words,
            Order::Big => words.map(u32::swap_bytes),
        }
    }

    /// A 16-bit field with this value.
    pub(super) fn bytes_u16(self, value: u16) -> [u8; 2] {
        match self {
            Order::Little => value.to_le_bytes(),
            Order::Big => value.to_be_bytes(),
        }
    }

    /// A 32-bit field with this value.
    pub(super) fn bytes_u32(self, value: u32) -> [u8; 4] {
        match self {
            Order::Little => value.to_le_bytes(),
            Order::Big => value.to_be_bytes(),
        }
    }

    /// A 64-bit number.
    pub(super) fn u64(self, bytes: [u8; 8]) -> u64 {
        match self {
            Order::Little => u64::from_le_bytes(bytes),
            Order::Big => u64::from_be_bytes(bytes),
        }
    }
}

//! The first bytes of one direction as a digest: what remains of a connection's identity when a proxy has given it
//! other addresses, ports and sequence numbers.

use super::Moment;

/// Bytes that count: enough for the random values of a TLS hello, or for the first commands of a mail client.
const COUNTED: u16 = 256;
const WORD: u16 = 8;

/// The first bytes of a direction.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Opening {
    /// The frame of the very first one.
    pub at: Moment,
    /// Its sequence number.
    pub seq: u32,
    length: u16,
    digest: u64,
}

impl Opening {
    /// What they are.
    pub fn prefix(&self) -> Prefix {
        Prefix { length: self.length, digest: self.digest }
    }
}

/// A digest of the first bytes of a direction, at most 256 of them. It does not depend on how they were cut into
/// segments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Prefix {
    length: u16,
    /// Of words of eight bytes: their products, turned so that the place of each matters.
    digest: u64,
}

/// An opening of which more may come.
#[derive(Debug, Default)]
pub(super) struct Beginning {
    at: Moment,
    prefix: Prefix,
    /// The bytes after the last whole word.
    rest: u64,
}

impl Beginning {
    /// Takes the bytes at `offset`. What lies behind a hole does not count.
    pub(super) fn take(&mut self, offset: u64, bytes: &[u8], at: Moment) {
        let length = self.prefix.length;
        if length >= COUNTED || offset != u64::from(length) {
            return;
        }
        if length == 0 {
            self.at = at;
        }
        self.extend(bytes);
    }

    /// What came, if anything; `seq` is the number of the first byte.
    pub(super) fn finish(&self, seq: u32) -> Option<Opening> {
        let mut prefix = self.prefix;
        if !prefix.length.is_multiple_of(WORD) {
            prefix.mix(self.rest);
        }
        let Prefix { length, digest } = prefix;
        (length > 0).then_some(Opening { at: self.at, seq, length, digest })
    }

    fn extend(&mut self, bytes: &[u8]) {
        let prefix = &mut self.prefix;
        let bytes = bytes.get(..usize::from(COUNTED - prefix.length)).unwrap_or(bytes);
        let is_aligned = prefix.length.is_multiple_of(WORD);
        let (words, rest) = if is_aligned { bytes.as_chunks() } else { (&[][..], bytes) };
        for word in words {
            prefix.mix(u64::from_le_bytes(*word));
        }
        prefix.length += 8 * words.len() as u16;
        for byte in rest {
            self.rest |= u64::from(*byte) << (prefix.length % WORD * 8);
            prefix.length += 1;
            if prefix.length.is_multiple_of(WORD) {
                prefix.mix(std::mem::take(&mut self.rest));
            }
        }
    }
}

impl Prefix {
    /// How many bytes.
    pub fn length(&self) -> u16 {
        self.length
    }

    fn mix(&mut self, word: u64) {
        // Words are multiplied before they are joined, so that none waits for the product of the one before.
        self.digest = (self.digest ^ word.wrapping_mul(0x9e37_79b9_7f4a_7c15)).rotate_left(29);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opening(pieces: &[(u64, &[u8])]) -> Option<Prefix> {
        let mut beginning = Beginning::default();
        pieces.iter().for_each(|(offset, bytes)| beginning.take(*offset, bytes, Moment::default()));
        beginning.finish(0).map(|opening| opening.prefix())
    }

    #[test]
    fn segments_do_not_matter_and_bytes_do() {
        let whole = opening(&[(0, b"hello")]);
        assert_eq!(whole, opening(&[(0, b"he"), (2, b"l"), (3, b"lo")]));
        let long = std::array::from_fn::<u8, 100, _>(|at| at as u8);
        for cut in 0..long.len() {
            let pieces = [(0, &long[..cut]), (cut as u64, &long[cut..])];
            assert_eq!(opening(&[(0, &long)]), opening(&pieces), "{cut}");
        }
        assert_ne!(whole, opening(&[(0, b"hellO")]));
        assert_ne!(whole, opening(&[(0, b"hello!")]));
    }

    #[test]
    fn it_ends_at_a_hole_and_at_its_limit() {
        assert_eq!(opening(&[(0, b"he"), (3, b"lo")]), opening(&[(0, b"he")]));
        let long = [7; 1000];
        assert_eq!(opening(&[(0, &long)]), opening(&[(0, &long[..256])]));
    }
}

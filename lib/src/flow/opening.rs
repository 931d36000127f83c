//! The first bytes of one direction as a digest: what remains of a connection's identity when a proxy has given it
//! other addresses, ports and sequence numbers.

/// Bytes that count: enough for the random values of a TLS hello, or for the first commands of a mail client.
const COUNTED: u16 = 256;

/// A digest of the first bytes of a direction, at most 256 of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Opening {
    /// How many bytes.
    pub length: u16,
    /// Their digest (64-bit FNV-1a, which does not depend on how they were cut into segments).
    pub digest: u64,
}

impl Default for Opening {
    fn default() -> Self {
        Opening { length: 0, digest: 0xcbf2_9ce4_8422_2325 }
    }
}

impl Opening {
    /// Takes the bytes at `offset`. What lies behind a hole does not count.
    pub(super) fn take(&mut self, offset: u64, bytes: &[u8]) {
        if self.length >= COUNTED || offset != u64::from(self.length) {
            return;
        }
        for byte in bytes.iter().take(usize::from(COUNTED - self.length)) {
            self.digest = (self.digest ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
            self.length += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opening(pieces: &[(u64, &[u8])]) -> Opening {
        let mut opening = Opening::default();
        pieces.iter().for_each(|(offset, bytes)| opening.take(*offset, bytes));
        opening
    }

    #[test]
    fn segments_do_not_matter_and_bytes_do() {
        let whole = opening(&[(0, b"hello")]);
        assert_eq!(whole, opening(&[(0, b"he"), (2, b"l"), (3, b"lo")]));
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

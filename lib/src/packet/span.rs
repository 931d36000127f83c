//! The bytes of one layer, with what the snapshot length took from them.

/// Captured bytes of a layer, and how many more of it were on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) cut: u32,
    /// Whether a length field said where it ends. The length in the capture's record is no such field: some programs
    /// write what they kept.
    bounded: bool,
}

impl<'a> Span<'a> {
    /// A frame of which `original` bytes were on the wire.
    pub(super) fn new(bytes: &'a [u8], original: u32) -> Self {
        Span { bytes, cut: original.saturating_sub(len32(bytes)), bounded: false }
    }

    /// Bytes of which nothing was cut.
    pub(super) fn whole(bytes: &'a [u8]) -> Self {
        Span { bytes, cut: 0, bounded: true }
    }

    /// The same bytes, of which a length field inside may tell that more was cut before they were sent.
    pub(super) fn unbounded(self) -> Self {
        Span { bounded: false, ..self }
    }

    /// What follows a header of `len` bytes; `None` when the header was not captured in full.
    pub(super) fn skip(self, len: usize) -> Option<Self> {
        Some(Span { bytes: self.bytes.get(len..)?, ..self })
    }

    /// A header of fixed length and what follows it.
    pub(super) fn split<const N: usize>(self) -> Option<(&'a [u8; N], Self)> {
        let (head, bytes) = self.bytes.split_first_chunk()?;
        Some((head, Span { bytes, ..self }))
    }

    /// The first `len` bytes, as a length field of the header before says. Within a layer whose own length is known it
    /// reaches no further than that.
    pub(super) fn limit(self, len: usize) -> Self {
        match self.bytes.get(..len) {
            Some(bytes) => Span::whole(bytes),
            None => {
                let cut = u32::try_from(len - self.bytes.len()).unwrap_or(u32::MAX);
                Span { cut: if self.bounded { cut.min(self.cut) } else { cut }, bounded: true, ..self }
            }
        }
    }

    /// Length on the wire.
    pub(super) fn wire_len(self) -> u32 {
        u32::try_from(self.bytes.len()).unwrap_or(u32::MAX).saturating_add(self.cut)
    }
}

fn len32(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX)
}

/// The 16-bit field at `at`, in network byte order.
pub(super) fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().copied().map(u16::from_be_bytes)
}

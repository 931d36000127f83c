//! The bytes of one layer, with what the snapshot length took from them.

/// Captured bytes of a layer, and how many more of it were on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) cut: u32,
}

impl<'a> Span<'a> {
    /// Bytes of which `original` were on the wire.
    pub(super) fn new(bytes: &'a [u8], original: u32) -> Self {
        let captured = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        Span {
            bytes,
            cut: original.saturating_sub(captured),
        }
    }

    /// Bytes that were captured in full.
    pub(super) fn whole(bytes: &'a [u8]) -> Self {
        Span { bytes, cut: 0 }
    }

    /// What follows a header of `len` bytes; `None` when the header was not captured in full.
    pub(super) fn skip(self, len: usize) -> Option<Self> {
        Some(Span {
            bytes: self.bytes.get(len..)?,
            ..self
        })
    }

    /// A header of fixed length and what follows it.
    pub(super) fn split<const N: usize>(self) -> Option<(&'a [u8; N], Self)> {
        let (head, bytes) = self.bytes.split_first_chunk()?;
        Some((head, Span { bytes, ..self }))
    }

    /// The first `len` bytes, as a length field of the layer before counts them. What is not there was cut, even
    /// when the record does not say so: some programs write the captured length as the original one.
    pub(super) fn limit(self, len: usize) -> Self {
        match self.bytes.get(..len) {
            Some(bytes) => Span::whole(bytes),
            None => Span {
                bytes: self.bytes,
                cut: u32::try_from(len - self.bytes.len()).unwrap_or(u32::MAX),
            },
        }
    }

    /// Length on the wire.
    pub(super) fn wire_len(self) -> u32 {
        u32::try_from(self.bytes.len())
            .unwrap_or(u32::MAX)
            .saturating_add(self.cut)
    }
}

/// The 16-bit field at `at`, in network byte order.
pub(super) fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().copied().map(u16::from_be_bytes)
}

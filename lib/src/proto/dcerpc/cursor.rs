//! Reading numbers in the byte order that a PDU declares.

use crate::proto::Guid;

/// Byte order of integers (C706, 14.1: the data representation label).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Little,
    Big,
}

/// A place in some bytes. Every read past the end is `None`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
    order: Order,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(bytes: &'a [u8], at: usize, order: Order) -> Self {
        Cursor { bytes, at, order }
    }

    pub(super) fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let end = self.at.checked_add(length)?;
        let taken = self.bytes.get(self.at..end)?;
        self.at = end;
        Some(taken)
    }

    pub(super) fn skip(&mut self, length: usize) -> Option<()> {
        self.take(length).map(drop)
    }

    /// Goes on to the next multiple of `size`.
    pub(super) fn align(&mut self, size: usize) -> Option<()> {
        self.skip(self.at.next_multiple_of(size) - self.at)
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        let bytes = *self.take(2)?.first_chunk()?;
        Some(match self.order {
            Order::Little => u16::from_le_bytes(bytes),
            Order::Big => u16::from_be_bytes(bytes),
        })
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        let bytes = *self.take(4)?.first_chunk()?;
        Some(match self.order {
            Order::Little => u32::from_le_bytes(bytes),
            Order::Big => u32::from_be_bytes(bytes),
        })
    }

    /// A UUID, its first three fields in the byte order of the PDU.
    pub(super) fn guid(&mut self) -> Option<Guid> {
        let mut bytes: [u8; 16] = *self.take(16)?.first_chunk()?;
        if self.order == Order::Big {
            bytes[0..4].reverse();
            bytes[4..6].reverse();
            bytes[6..8].reverse();
        }
        Some(Guid(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_byte_orders_name_the_same_uuid() {
        let little: [u8; 16] =
            [0, 0xdb, 0xf1, 0xa4, 0x47, 0xca, 0x67, 0x10, 0xb3, 0x1f, 0, 0xdd, 1, 6, 0x62, 0xda];
        let big: [u8; 16] =
            [0xa4, 0xf1, 0xdb, 0, 0xca, 0x47, 0x10, 0x67, 0xb3, 0x1f, 0, 0xdd, 1, 6, 0x62, 0xda];
        let read = |bytes: &[u8], order| Cursor::new(bytes, 0, order).guid();
        assert_eq!(read(&little, Order::Little), read(&big, Order::Big));
    }

    #[test]
    fn nothing_is_read_past_the_end() {
        let mut cursor = Cursor::new(&[1, 2, 3], 1, Order::Big);
        assert_eq!(cursor.u32(), None);
        assert_eq!(cursor.u16(), Some(0x0203));
        assert_eq!((cursor.u8(), cursor.align(4)), (None, None));
        assert_eq!(Cursor::new(&[], usize::MAX, Order::Little).u8(), None);
    }
}

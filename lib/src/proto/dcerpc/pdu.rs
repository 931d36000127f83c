//! The common header of connection-oriented PDUs (C706, 12.6.3.1; MS-RPCE 2.2.2.1).

use super::cursor::{Cursor, Order};
use crate::proto::Probe;

/// Kinds of PDUs that travel over a connection (C706, 12.6.4.1; 0x14 is MS-RPCH 2.2.3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Request,
    Response,
    Fault,
    Bind,
    BindAck,
    BindNak,
    Alter,
    AlterResponse,
    Auth3,
    Shutdown,
    Cancel,
    Orphaned,
    Rts,
}

impl Kind {
    const fn new(number: u8) -> Option<Self> {
        Some(match number {
            0x00 => Kind::Request,
            0x02 => Kind::Response,
            0x03 => Kind::Fault,
            0x0b => Kind::Bind,
            0x0c => Kind::BindAck,
            0x0d => Kind::BindNak,
            0x0e => Kind::Alter,
            0x0f => Kind::AlterResponse,
            0x10 => Kind::Auth3,
            0x11 => Kind::Shutdown,
            0x12 => Kind::Cancel,
            0x13 => Kind::Orphaned,
            0x14 => Kind::Rts,
            _ => return None,
        })
    }

    /// Whether only servers send it; `None` where both do.
    pub(super) const fn is_from_server(self) -> Option<bool> {
        match self {
            Kind::Request | Kind::Bind | Kind::Alter | Kind::Auth3 | Kind::Cancel | Kind::Orphaned => {
                Some(false)
            }
            Kind::Response
            | Kind::Fault
            | Kind::BindAck
            | Kind::BindNak
            | Kind::AlterResponse
            | Kind::Shutdown => Some(true),
            Kind::Rts => None,
        }
    }
}

/// The common header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) kind: Kind,
    flags: u8,
    pub(super) order: Order,
    /// Length of the whole fragment.
    pub(super) length: u16,
    /// Length of the token of the authentication verifier, 0 without one.
    pub(super) auth_length: u16,
    pub(super) call_id: u32,
}

impl Header {
    /// Bytes of the common header.
    pub(super) const LENGTH: usize = 16;

    const FIRST: u8 = 0x01;
    const LAST: u8 = 0x02;
    /// An object UUID stands before the stub.
    const OBJECT: u8 = 0x80;

    /// Reads the header that `bytes` begin with, when they may be one.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let head: &[u8; Self::LENGTH] = bytes.first_chunk()?;
        if probe(head, false) != Probe::Yes {
            return None;
        }
        let order = if head[4] & 0xf0 == 0x10 { Order::Little } else { Order::Big };
        let mut cursor = Cursor::new(head, 8, order);
        let (length, auth_length, call_id) = (cursor.u16()?, cursor.u16()?, cursor.u32()?);
        let verifier = if auth_length == 0 { 0 } else { usize::from(auth_length) + 8 };
        let is_sound = usize::from(length) >= Self::LENGTH + verifier;
        is_sound.then_some(Header {
            kind: Kind::new(head[2])?,
            flags: head[3],
            order,
            length,
            auth_length,
            call_id,
        })
    }

    pub(super) const fn is_first(&self) -> bool {
        self.flags & Self::FIRST != 0
    }

    pub(super) const fn is_last(&self) -> bool {
        self.flags & Self::LAST != 0
    }

    pub(super) const fn has_object(&self) -> bool {
        self.flags & Self::OBJECT != 0
    }
}

/// Whether `first` may begin a PDU: version 5.0 or 5.1, a known kind, an integer, character and floating-point
/// representation that exist (C706, 14.1), and no smaller than its header.
pub(super) fn probe(first: &[u8], more: bool) -> Probe {
    let fits = first.iter().take(8).enumerate().all(|(at, &byte)| match at {
        0 => byte == 5,
        1 => byte <= 1,
        2 => Kind::new(byte).is_some(),
        4 => byte & 0xef == 0,
        5 => byte <= 3,
        6 | 7 => byte == 0,
        _ => true,
    });
    match first.len() >= Header::LENGTH {
        _ if !fits || first.is_empty() => Probe::No,
        true => Probe::Yes,
        false if more => Probe::More,
        false => Probe::No,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REQUEST: [u8; 16] = [5, 0, 0, 3, 0x10, 0, 0, 0, 24, 0, 0, 0, 7, 0, 0, 0];

    #[test]
    fn both_byte_orders_are_read() {
        let little = Header::read(&REQUEST).unwrap();
        assert_eq!((little.kind, little.length, little.call_id), (Kind::Request, 24, 7));
        let big = Header::read(&[5, 0, 0, 3, 0, 0, 0, 0, 0, 24, 0, 0, 0, 0, 0, 7]).unwrap();
        assert_eq!((big.length, big.call_id, big.order), (24, 7, Order::Big));
    }

    #[test]
    fn what_cannot_be_a_header_is_refused() {
        for (at, byte) in [(0, 4), (1, 2), (2, 1), (2, 0x15), (4, 0x11), (5, 4), (6, 1), (8, 15), (10, 1)] {
            let mut made = REQUEST;
            made[at] = byte;
            assert_eq!(Header::read(&made), None, "{at}");
        }
        assert_eq!(Header::read(&REQUEST[..15]), None);
    }

    #[test]
    fn every_prefix_of_a_header_allows_the_whole() {
        for end in 1..16 {
            assert_eq!(probe(&REQUEST[..end], true), Probe::More);
            assert_eq!(probe(&REQUEST[..end], false), Probe::No);
        }
        assert_eq!(probe(&REQUEST, false), Probe::Yes);
    }
}

//! The bodies of bind, alter_context and their answers (C706, 12.6.4; MS-RPCE 2.2.2).

use super::Interface;
use super::cursor::Cursor;
use super::pdu::Header;

/// Presentation contexts that one bind may add.
const CONTEXTS: u8 = 64;

/// A bind or alter_context.
pub(super) struct Request {
    /// Association group; 0 asks for a new one.
    pub(super) group: u32,
    /// Ids of the presentation contexts with their interfaces; `None` is one that no MAPI client uses.
    pub(super) contexts: Vec<(u16, Option<Interface>)>,
}

impl Request {
    /// Reads as far as it goes: a bind that was cut has fewer contexts.
    pub(super) fn read(pdu: &[u8], header: &Header) -> Option<Self> {
        let mut cursor = Cursor::new(pdu, Header::LENGTH + 4, header.order);
        let group = cursor.u32()?;
        let count = cursor.u8()?.min(CONTEXTS);
        cursor.skip(3)?;
        let contexts = (0..count).map_while(|_| context(&mut cursor)).collect();
        Some(Request { group, contexts })
    }
}

fn context(cursor: &mut Cursor<'_>) -> Option<(u16, Option<Interface>)> {
    let id = cursor.u16()?;
    let syntaxes = cursor.u8()?;
    cursor.skip(1)?;
    let uuid = cursor.guid()?;
    cursor.skip(4)?;
    // Of the last context the syntaxes may be cut.
    let _ = cursor.skip(usize::from(syntaxes) * 20);
    Some((id, Interface::of(uuid)))
}

/// A bind_ack or alter_context_resp.
pub(super) struct Ack {
    /// Association group that the server granted.
    pub(super) group: u32,
    /// Secondary address.
    pub(super) secondary: Option<Box<str>>,
}

impl Ack {
    pub(super) fn read(pdu: &[u8], header: &Header) -> Option<Self> {
        let mut cursor = Cursor::new(pdu, Header::LENGTH + 4, header.order);
        let group = cursor.u32()?;
        let secondary = secondary(&mut cursor);
        Some(Ack { group, secondary })
    }
}

fn secondary(cursor: &mut Cursor<'_>) -> Option<Box<str>> {
    let length = usize::from(cursor.u16()?);
    let text = cursor.take(length)?;
    let text = text.strip_suffix(b"\0").unwrap_or(text);
    (!text.is_empty()).then(|| String::from_utf8_lossy(text).into())
}

/// The reason of a bind_nak.
pub(super) fn nak_reason(pdu: &[u8], header: &Header) -> Option<u16> {
    Cursor::new(pdu, Header::LENGTH, header.order).u16()
}

//! What can be read of clear stubs (MS-OXCRPC 3.1.4 and 3.3.4, MS-OXNSPI 3.1.4, MS-OXABREF 3.1.4).
//!
//! A context handle always stands first in the stub of these interfaces, in NDR and NDR64 alike, and the return code
//! last. Names are looked for by their form.

use super::Interface;
use super::cursor::{Cursor, Order};
use super::event::{AnswerStub, Handle, RequestStub};
use super::tower;

/// Bytes of the stub of a connect among which the user's name begins.
const DN_BEGINS: usize = 64;
/// Longest name that is believed.
const NAME: usize = 512;

/// Reads the stub of a request.
pub(super) fn request(interface: Interface, opnum: u16, stub: &[u8]) -> RequestStub {
    let mut read = RequestStub::default();
    match (interface, opnum) {
        (Interface::EndpointMapper, 2 | 3) => read.wanted = tower::interface(stub),
        (Interface::Emsmdb, 0 | 10) => read.user_dn = user_dn(stub),
        (Interface::Emsmdb, 1..=5 | 9 | 11 | 14) | (Interface::AsyncEmsmdb, 0) => read.handle = handle(stub),
        (Interface::Nspi, 1..) => read.handle = handle(stub),
        // Where the bind was not captured: what has the form of a handle, its attributes zero.
        (Interface::Unknown, 1 | 2 | 9 | 11) => {
            read.handle = handle(stub).filter(|handle| handle.0[..4] == [0; 4])
        }
        _ => {}
    }
    read
}

/// Reads the stub of a response to that operation. `whole`: nothing of it is missing.
pub(super) fn answer(interface: Interface, opnum: u16, stub: &[u8], order: Order, whole: bool) -> AnswerStub {
    let mut read = AnswerStub { code: whole.then(|| code(stub, order)).flatten(), ..AnswerStub::default() };
    match (interface, opnum) {
        (Interface::EndpointMapper, 2 | 3) => read.endpoints = tower::endpoints(stub),
        (Interface::Emsmdb, 10) => {
            read.handle = handle(stub);
            read.version = version(stub, order);
        }
        (Interface::Emsmdb, 0..=2 | 4 | 5 | 9 | 11 | 14) => read.handle = handle(stub),
        (Interface::Nspi, 0) if whole => {
            let start = stub.len().checked_sub(24);
            read.handle = start.and_then(|start| handle(stub.get(start..)?));
        }
        (Interface::Nspi, 1) => read.handle = handle(stub),
        (Interface::Rfr, 0 | 1) => read.referral = host_name(stub),
        (Interface::Unknown, _) => read.code = None,
        _ => {}
    }
    read
}

fn handle(stub: &[u8]) -> Option<Handle> {
    stub.first_chunk().map(|bytes| Handle(*bytes))
}

fn code(stub: &[u8], order: Order) -> Option<u32> {
    Cursor::new(stub, stub.len().checked_sub(4)?, order).u32()
}

/// A distinguished name as Exchange writes them: `/o=…/cn=…`.
fn user_dn(stub: &[u8]) -> Option<Box<str>> {
    let head = stub.get(..DN_BEGINS).unwrap_or(stub);
    let start = head.windows(3).position(|window| window.eq_ignore_ascii_case(b"/o="))?;
    let rest = stub.get(start..)?;
    let end = memchr::memchr(0, rest.get(..NAME).unwrap_or(rest))?;
    Some(String::from_utf8_lossy(rest.get(..end)?).into())
}

/// The server's version behind the two strings of an EcDoConnectEx response in NDR.
fn version(stub: &[u8], order: Order) -> Option<[u16; 3]> {
    let mut cursor = Cursor::new(stub, 32, order);
    cursor.skip(4)?;
    for _ in 0..2 {
        if cursor.u32()? != 0 {
            let (max, offset, actual) = (cursor.u32()?, cursor.u32()?, cursor.u32()?);
            if offset != 0 || actual > max {
                return None;
            }
            cursor.skip(usize::try_from(actual).ok()?)?;
        }
        cursor.align(4)?;
    }
    let version = [cursor.u16()?, cursor.u16()?, cursor.u16()?];
    (version != [0; 3]).then_some(version)
}

/// The longest text that may be a host name and ends with NUL.
fn host_name(stub: &[u8]) -> Option<Box<str>> {
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    let texts = stub.split(|&byte| byte == 0);
    let names = texts.filter_map(|text| {
        let bad = text.iter().rev().take_while(|byte| is_part(byte)).count();
        text.get(text.len() - bad..)
    });
    let name = names.max_by_key(|name| name.len()).filter(|name| (3..NAME).contains(&name.len()))?;
    Some(String::from_utf8_lossy(name).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connect_answer(handle: [u8; 20], code: u32) -> Vec<u8> {
        let mut made = handle.to_vec();
        made.extend([0xea60u32, 6, 10_000, 1].iter().flat_map(|word| word.to_le_bytes()));
        for text in ["/o=First/cn=\0", "Unity\0"] {
            made.extend(2u32.to_le_bytes());
            let length = text.len() as u32;
            made.extend([length, 0, length].iter().flat_map(|word| word.to_le_bytes()));
            made.extend(text.bytes());
            made.resize(made.len().next_multiple_of(4), 0);
        }
        made.extend([14u16, 0x8002, 1].iter().flat_map(|word| word.to_le_bytes()));
        made.extend([0; 26]);
        made.extend(code.to_le_bytes());
        made
    }

    #[test]
    fn a_connect_gives_handle_version_and_code() {
        let read = answer(Interface::Emsmdb, 10, &connect_answer([7; 20], 0), Order::Little, true);
        assert_eq!((read.handle, read.code), (Some(Handle([7; 20])), Some(0)));
        assert_eq!(read.version, Some([14, 0x8002, 1]));
        let read = answer(Interface::Emsmdb, 10, &connect_answer([0; 20], 0x970), Order::Little, true);
        assert_eq!((read.handle.map(|handle| handle.is_null()), read.code), (Some(true), Some(0x970)));
    }

    #[test]
    fn a_connect_names_the_user() {
        let mut made: Vec<u8> = [20u32, 0, 20].iter().flat_map(|word| word.to_le_bytes()).collect();
        made.extend(b"/o=First/cn=unitymsg\0\0\0\0");
        assert_eq!(request(Interface::Emsmdb, 10, &made).user_dn.as_deref(), Some("/o=First/cn=unitymsg"));
        assert_eq!(request(Interface::Emsmdb, 10, b"/o=never ends").user_dn, None);
    }

    #[test]
    fn a_referral_names_a_server() {
        let mut made: Vec<u8> = [2u32, 18, 0, 18].iter().flat_map(|word| word.to_le_bytes()).collect();
        made.extend(b"cas1.example.com\0\0");
        made.extend([0; 4]);
        let read = answer(Interface::Rfr, 1, &made, Order::Little, true);
        assert_eq!(read.referral.as_deref(), Some("cas1.example.com"));
        assert_eq!(answer(Interface::Rfr, 1, &[0; 12], Order::Little, true).referral, None);
    }
}

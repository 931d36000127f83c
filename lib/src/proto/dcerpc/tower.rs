//! Protocol towers of the endpoint mapper (C706, appendix I and L): whose endpoint is at which port.
//!
//! Towers are little-endian whatever the PDU declares. They are looked for by the pattern of their first floor, so
//! that replies in NDR and NDR64 are read alike.

use std::net::Ipv4Addr;

use memchr::memmem;

use super::Interface;
use super::event::Advertised;
use crate::proto::Guid;

/// The first floor: length 19, protocol 0x0D (UUID), then UUID and version.
const FIRST_FLOOR: &[u8] = &[19, 0, 0x0d];
/// Protocol identifiers of floors (C706, appendix I; MS-RPCE 2.2.1.2.2).
const TCP: u8 = 0x07;
const IP: u8 = 0x09;
/// Towers that one reply may name.
const TOWERS: usize = 64;

/// The endpoints over TCP that the towers in `stub` name.
pub(super) fn endpoints(stub: &[u8]) -> Vec<Advertised> {
    memmem::find_iter(stub, FIRST_FLOOR).filter_map(|start| tower(stub.get(start..)?)).take(TOWERS).collect()
}

/// The interface of the first tower.
pub(super) fn interface(stub: &[u8]) -> Option<Interface> {
    let start = memmem::find(stub, FIRST_FLOOR)?;
    first_floor(&mut stub.get(start..)?)
}

fn tower(mut rest: &[u8]) -> Option<Advertised> {
    let interface = first_floor(&mut rest)?;
    let (mut port, mut address) = (None, Ipv4Addr::UNSPECIFIED);
    // Transfer syntax, RPC protocol, port, address.
    for _ in 0..4 {
        match floor(&mut rest) {
            Some((TCP, [high, low])) => port = Some(u16::from_be_bytes([*high, *low])),
            Some((IP, right)) => address = Ipv4Addr::from(*right.first_chunk::<4>()?),
            Some(_) => {}
            None => break,
        }
    }
    Some(Advertised { interface, port: port.filter(|port| *port != 0)?, address })
}

fn first_floor(rest: &mut &[u8]) -> Option<Interface> {
    let uuid = rest.get(FIRST_FLOOR.len()..)?.first_chunk()?;
    let interface = Interface::of(Guid(*uuid))?;
    floor(rest)?;
    Some(interface)
}

/// The protocol of the next floor and its right-hand side.
fn floor<'a>(rest: &mut &'a [u8]) -> Option<(u8, &'a [u8])> {
    let left = side(rest)?;
    let right = side(rest)?;
    Some((*left.first()?, right))
}

/// A length and so many bytes.
fn side<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, after) = rest.split_first_chunk()?;
    let (side, after) = after.split_at_checked(usize::from(u16::from_le_bytes(*length)))?;
    *rest = after;
    Some(side)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tower for EMSMDB at 10.52.2.111:59532.
    const TOWER: &str = "050013000d00dbf1a447ca6710b31f00dd010662da51000200000013000d045d888aeb1cc9119fe808002b1048600200\
                         0200000001000b020000000100070200e88c01000904000a34026f";

    fn bytes(hex: &str) -> Vec<u8> {
        let digits: Vec<u8> =
            hex.bytes().filter_map(|byte| (byte as char).to_digit(16)).map(|d| d as u8).collect();
        digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
    }

    #[test]
    fn a_tower_names_interface_port_and_address() {
        let made = bytes(TOWER);
        let wanted =
            Advertised { interface: Interface::Emsmdb, port: 59532, address: Ipv4Addr::new(10, 52, 2, 111) };
        assert_eq!(endpoints(&made), [wanted]);
        assert_eq!(interface(&made), Some(Interface::Emsmdb));
        assert_eq!(endpoints(&[made.clone(), vec![0; 5], made].concat()).len(), 2);
    }

    #[test]
    fn a_tower_that_breaks_off_names_nothing() {
        let made = bytes(TOWER);
        for length in 0..made.len() - 11 {
            assert_eq!(endpoints(&made[..length]), [], "{length}");
        }
    }
}

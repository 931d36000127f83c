//! The short way for what captures mostly hold: TCP over plain IPv4 or IPv6 over Ethernet with at most one VLAN tag.
//!
//! It gives what the general path gives, or nothing; it never decides anything itself.

use std::net::IpAddr;

use super::ip::protocol;
use super::span::Span;
use super::{Ip, Packet, Transport, link, tcp};

/// Slices an Ethernet frame, if it is of the ordinary kind.
pub(super) fn slice(frame: Span<'_>) -> Option<Packet<'_>> {
    let (macs, mut kind, mut rest) = link::ethernet_header(frame)?;
    if kind == 0x8100 {
        let (&[_, _, k0, k1], tagged) = rest.split()?;
        (kind, rest) = (u16::from_be_bytes([k0, k1]), tagged);
    }
    let (ip, segment) = match kind {
        0x0800 => v4(rest)?,
        0x86dd => v6(rest)?,
        _ => return None,
    };
    let transport = Transport::Tcp(tcp::tcp(segment)?);
    Some(Packet {
        macs: Some(macs),
        tunnel: None,
        ip: Some(ip),
        transport,
    })
}

/// IPv4 without options and with a length, not a fragment, carrying TCP.
fn v4(span: Span<'_>) -> Option<(Ip, Span<'_>)> {
    let (h, rest) = span.split::<20>()?;
    let is_fragment = u16::from_be_bytes([h[6], h[7]]) & 0x3fff != 0;
    if h[0] != 0x45 || is_fragment || h[9] != protocol::TCP {
        return None;
    }
    let len = usize::from(u16::from_be_bytes([h[2], h[3]])).checked_sub(h.len())?;
    let ip = Ip {
        src: IpAddr::from([h[12], h[13], h[14], h[15]]),
        dst: IpAddr::from([h[16], h[17], h[18], h[19]]),
        ttl: h[8],
        id: u16::from_be_bytes([h[4], h[5]]),
        df: h[6] & 0x40 != 0,
    };
    Some((ip, rest.limit(len)))
}

/// IPv6 without extension headers and with a length, carrying TCP.
fn v6(span: Span<'_>) -> Option<(Ip, Span<'_>)> {
    let (h, rest) = span.split::<40>()?;
    let len = usize::from(u16::from_be_bytes([h[4], h[5]]));
    if h[0] >> 4 != 6 || len == 0 || h[6] != protocol::TCP {
        return None;
    }
    let (addrs, _) = h[8..].as_chunks::<16>();
    let ip = Ip {
        src: IpAddr::from(addrs[0]),
        dst: IpAddr::from(addrs[1]),
        ttl: h[7],
        id: 0,
        df: true,
    };
    Some((ip, rest.limit(len)))
}

//! ICMP messages, and the packets that errors quote.

use std::net::IpAddr;

use super::Icmp;
use super::ip::{self, protocol};
use super::span::{Span, be16};

/// Reads an ICMP (RFC 792) or ICMPv6 (RFC 4443) message; type and code must be there.
pub(super) fn icmp(span: Span<'_>, v6: bool) -> Option<Icmp<'_>> {
    let &[kind, code] = span.bytes.first_chunk()?;
    let is_echo = matches!((v6, kind), (false, 0 | 8) | (true, 128 | 129));
    let echo = is_echo
        .then(|| Some((be16(span.bytes, 4)?, be16(span.bytes, 6)?)))
        .flatten()
        .unwrap_or_default();
    Some(Icmp {
        v6,
        kind,
        code,
        echo,
        body: span.bytes.get(8..).unwrap_or_default(),
    })
}

/// The TCP segment or UDP datagram that an ICMP error is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Quoted {
    /// Source address.
    pub src: IpAddr,
    /// Destination address.
    pub dst: IpAddr,
    /// IP protocol number: 6 for TCP, 17 for UDP.
    pub protocol: u8,
    /// Source port.
    pub src_port: u16,
    /// Destination port.
    pub dst_port: u16,
    /// TCP sequence number.
    pub seq: Option<u32>,
}

/// Reads the packet that the body of an ICMP error quotes. Routers quote as little as the IP header and eight bytes.
///
/// `None` when the ports are not there, when it is a later fragment or neither TCP nor UDP, or when its IP version is
/// not that of the message.
pub fn quoted(body: &[u8], v6: bool) -> Option<Quoted> {
    let (ip, mut payload) = ip::datagram(Span::whole(body)).filter(|(ip, _)| ip.src.is_ipv6() == v6)?;
    loop {
        if payload.place.is_some_and(|place| place.offset > 0) {
            return None;
        }
        let Some(next) = ip::extension(&ip, &payload) else {
            break;
        };
        payload = next;
    }
    if !matches!(payload.protocol, protocol::TCP | protocol::UDP) {
        return None;
    }
    let bytes = payload.span.bytes;
    let seq = bytes
        .get(4..)
        .and_then(|rest| rest.first_chunk())
        .copied()
        .map(u32::from_be_bytes);
    Some(Quoted {
        src: ip.src,
        dst: ip.dst,
        protocol: payload.protocol,
        src_port: be16(bytes, 0)?,
        dst_port: be16(bytes, 2)?,
        seq: seq.filter(|_| payload.protocol == protocol::TCP),
    })
}

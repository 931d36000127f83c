//! ICMP messages, and the packets that errors quote.

use std::net::IpAddr;

use super::ip::{self, Payload, protocol};
use super::span::{Span, be16};
use super::{Icmp, Ip};

/// Reads an ICMP (RFC 792) or ICMPv6 (RFC 4443) message; type and code must be there.
pub(super) fn icmp(span: Span<'_>, v6: bool) -> Option<Icmp<'_>> {
    let &[kind, code] = span.bytes.first_chunk()?;
    let is_echo = matches!((v6, kind), (false, 0 | 8) | (true, 128 | 129));
    let echo =
        is_echo.then(|| Some((be16(span.bytes, 4)?, be16(span.bytes, 6)?))).flatten().unwrap_or_default();
    Some(Icmp { v6, kind, code, echo, body: span.bytes.get(8..).unwrap_or_default() })
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
    let (ip, payload) = quoted_packet(body, v6)?;
    if !matches!(payload.protocol, protocol::TCP | protocol::UDP) {
        return None;
    }
    let bytes = payload.span.bytes;
    let seq = bytes.get(4..).and_then(|rest| rest.first_chunk()).copied().map(u32::from_be_bytes);
    Some(Quoted {
        src: ip.src,
        dst: ip.dst,
        protocol: payload.protocol,
        src_port: be16(bytes, 0)?,
        dst_port: be16(bytes, 2)?,
        seq: seq.filter(|_| payload.protocol == protocol::TCP),
    })
}

/// Who asked whom in the echo request that the body of an ICMP error quotes; `None` when it quotes something else.
pub fn quoted_echo(body: &[u8], v6: bool) -> Option<(IpAddr, IpAddr)> {
    let (ip, payload) = quoted_packet(body, v6)?;
    let (protocol, request) = if v6 { (protocol::ICMPV6, 128) } else { (protocol::ICMP, 8) };
    let is_request = payload.protocol == protocol && payload.span.bytes.first() == Some(&request);
    is_request.then_some((ip.src, ip.dst))
}

/// The packet that the body of an ICMP error quotes, without its extension headers.
fn quoted_packet(body: &[u8], v6: bool) -> Option<(Ip, Payload<'_>)> {
    let (ip, mut payload) = ip::datagram(Span::whole(body)).filter(|(ip, _)| ip.src.is_ipv6() == v6)?;
    loop {
        if payload.place.is_some_and(|place| place.offset > 0) {
            return None;
        }
        let Some(next) = ip::extension(&ip, &payload) else {
            return Some((ip, payload));
        };
        payload = next;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::sample;

    #[test]
    fn an_echo_has_identifier_and_sequence_number_and_an_error_has_not() {
        let bytes = [8, 0, 0, 0, 1, 2, 3, 4, 5, 6];
        let echo = Icmp { v6: false, kind: 8, code: 0, echo: (0x0102, 0x0304), body: &[5, 6] };
        assert_eq!(icmp(Span::whole(&bytes), false), Some(echo));
        let other = Icmp { v6: true, echo: (0, 0), ..echo };
        assert_eq!(icmp(Span::whole(&bytes), true), Some(other));
        let cut = Icmp { echo: (0, 0), body: &[], ..echo };
        assert_eq!(icmp(Span::whole(&bytes[..7]), false), Some(cut));
    }

    #[test]
    fn eight_bytes_of_the_segment_are_enough_to_know_it() {
        let segment = sample::tcp(b"hello");
        let v4 = sample::ipv4(protocol::TCP, &segment);
        let v6 = sample::ipv6(60, &[&[protocol::TCP, 0, 1, 4, 0, 0, 0, 0], &segment[..]].concat());
        for (ip, header, is_v6) in [(v4, 20, false), (v6, 48, true)] {
            let found = quoted(&ip[..header + 8], is_v6).unwrap();
            assert_eq!((found.src.is_ipv6(), found.protocol), (is_v6, protocol::TCP));
            assert_eq!((found.src_port, found.dst_port, found.seq), (50_000, 80, Some(1000)));
            assert_eq!(quoted(&ip[..header + 7], is_v6).map(|quoted| quoted.seq), Some(None));
            assert_eq!(quoted(&ip[..header + 3], is_v6), None);
            assert_eq!(quoted(&ip, !is_v6), None);
        }
        let udp = sample::ipv4(protocol::UDP, &sample::udp(53, 54, b"hello"));
        assert_eq!(quoted(&udp, false).map(|quoted| (quoted.dst_port, quoted.seq)), Some((54, None)));
    }

    #[test]
    fn an_error_may_quote_an_echo_request_but_no_reply() {
        for (protocol, request, v6) in [(protocol::ICMP, 8, false), (protocol::ICMPV6, 128, true)] {
            let quote = |kind: u8| {
                let echo = [kind, 0, 0, 0, 0, 1, 0, 2];
                if v6 { sample::ipv6(protocol, &echo) } else { sample::ipv4(protocol, &echo) }
            };
            let found = quoted_echo(&quote(request), v6).unwrap();
            assert_eq!((found.0.is_ipv6(), found.0 != found.1), (v6, true));
            assert_eq!(quoted_echo(&quote(request + 1), v6), None);
            assert_eq!(quoted_echo(&quote(request), !v6), None);
            assert_eq!(quoted(&quote(request), v6), None);
        }
    }

    #[test]
    fn a_later_fragment_has_no_ports() {
        let segment = sample::tcp(b"hello");
        assert!(quoted(&sample::ipv4_fragment(protocol::TCP, 0x2000, &segment), false).is_some());
        assert_eq!(quoted(&sample::ipv4_fragment(protocol::TCP, 0x0001, &segment), false), None);
        assert_eq!(quoted(&sample::ipv6_fragment(protocol::TCP, 0x0008, &segment), true), None);
    }
}

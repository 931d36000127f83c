//! Tunnels that mirror sessions and address translation make: what an IP packet carries that is a frame or an IP
//! packet again.

use super::ip::protocol;
use super::link::{self, Frame};
use super::span::{Span, be16};

/// RFC 7348, 8.
const VXLAN: u16 = 4789;
/// RFC 4380, 2.7.
const TEREDO: u16 = 3544;

/// The frame inside an IP packet of this protocol, when it is a tunnel's. A mirror session may have cut the frame
/// before it was sent, so that the lengths inside count, not those of the packet.
pub(super) fn inner(protocol: u8, span: Span<'_>) -> Option<Frame<'_>> {
    let span = span.unbounded();
    match protocol {
        protocol::IPV4 | protocol::IPV6 => Some(bare(span)),
        protocol::GRE => gre(span),
        protocol::UDP => {
            let payload = span.skip(8)?;
            match (be16(span.bytes, 0)?, be16(span.bytes, 2)?) {
                (_, VXLAN) => vxlan(payload),
                (_, TEREDO) | (TEREDO, _) => teredo(payload),
                _ => None,
            }
        }
        _ => None,
    }
}

/// Whether a UDP datagram may be a tunnel's, by its ports.
pub(super) fn over_udp(datagram: Span<'_>) -> bool {
    let port = |at| be16(datagram.bytes, at);
    port(2) == Some(VXLAN) || [port(0), port(2)].contains(&Some(TEREDO))
}

fn bare(span: Span<'_>) -> Frame<'_> {
    Frame { macs: None, ip: Some(span) }
}

/// Generic routing encapsulation with checksum, key and sequence number (RFC 2784, RFC 2890).
fn gre(span: Span<'_>) -> Option<Frame<'_>> {
    const CHECKSUM: u16 = 0x8000;
    const ROUTING: u16 = 0x4000;
    const KEY: u16 = 0x2000;
    const SEQUENCE: u16 = 0x1000;
    const VERSION: u16 = 0x0007;

    let (flags, kind) = (be16(span.bytes, 0)?, be16(span.bytes, 2)?);
    if flags & (ROUTING | VERSION) != 0 {
        return None;
    }
    let options = (flags & (CHECKSUM | KEY | SEQUENCE)).count_ones() as usize;
    let payload = span.skip(4 + 4 * options)?;
    match kind {
        0x6558 => Some(link::ethernet(payload)),
        // ERSPAN I has no header of its own and no sequence number; ERSPAN II has both.
        0x88be if flags & SEQUENCE == 0 => Some(link::ethernet(payload)),
        0x88be => Some(link::ethernet(payload.skip(8)?)),
        0x22eb => erspan3(payload),
        _ => Some(Frame { macs: None, ip: link::ethertype(kind, payload) }),
    }
}

/// ERSPAN III (draft-foschiano-erspan-03, 4.3): a header, a platform's part of it, and a frame or an IP packet.
fn erspan3(span: Span<'_>) -> Option<Frame<'_>> {
    let (header, rest) = span.split::<12>()?;
    let rest = if header[11] & 1 == 1 { rest.skip(8)? } else { rest };
    match header[10] >> 2 & 0x1f {
        0 => Some(link::ethernet(rest)),
        2 => Some(bare(rest)),
        _ => None,
    }
}

/// VXLAN (RFC 7348, 5): the network identifier must be marked valid.
fn vxlan(span: Span<'_>) -> Option<Frame<'_>> {
    let (header, rest) = span.split::<8>()?;
    (header[0] & 0x08 != 0).then(|| link::ethernet(rest))
}

/// IPv6 over UDP through NATs (RFC 4380, 5.1.1), behind an authentication header or an origin indication.
fn teredo(mut span: Span<'_>) -> Option<Frame<'_>> {
    if let &[0, 1, client, auth, ..] = span.bytes {
        span = span.skip(13 + usize::from(client) + usize::from(auth))?;
    }
    if let [0, 0, ..] = span.bytes {
        span = span.skip(8)?;
    }
    (span.bytes.first()? >> 4 == 6).then(|| bare(span))
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use crate::capture::LinkType;
    use crate::packet::slicer::alone;
    use crate::packet::{Transport, sample};

    const RAW: LinkType = LinkType(101);

    #[test]
    fn every_tunnel_is_unwrapped_once() {
        let inner = sample::ipv6(6, &sample::tcp(b"hello"));
        let frame = sample::ethernet(0x86dd, &inner);
        let gre = |head: &[u8], inner: &[u8]| sample::ipv4(47, &[head, inner].concat());
        let vxlan = [&[8, 0, 0, 0, 0, 0, 1, 0], &frame[..]].concat();
        let teredo = [&[0, 1], &[0; 11][..], &[0, 0, 1, 2, 3, 4, 5, 6], &inner].concat();
        let erspan3 = |flags: u8| {
            [&[0x10, 0, 0x22, 0xeb, 0, 0, 0, 1], &[0x20, 5, 0, 1, 0, 0, 0, 9, 0, 0][..], &[0, flags]].concat()
        };
        let platform = [erspan3(1), vec![9; 8]].concat();
        let tunnels = [
            ("6in4", false, sample::ipv4(41, &inner)),
            ("6in6", false, sample::ipv6(41, &inner)),
            ("GRE", false, gre(&[0, 0, 0x86, 0xdd], &inner)),
            ("GRE, all options", false, gre(&[&[0xb0, 0, 0x86, 0xdd], &[0; 12][..]].concat(), &inner)),
            ("GRE, Ethernet", true, gre(&[0x20, 0, 0x65, 0x58, 0, 0, 0, 1], &frame)),
            ("ERSPAN I", true, gre(&[0, 0, 0x88, 0xbe], &frame)),
            ("ERSPAN II", true, gre(&[0x10, 0, 0x88, 0xbe, 0, 0, 0, 1, 0x10, 5, 0, 1, 0, 0, 0, 9], &frame)),
            ("ERSPAN III", true, gre(&erspan3(0), &frame)),
            ("ERSPAN III, platform header", true, gre(&platform, &frame)),
            ("VXLAN", true, sample::ipv4(17, &sample::udp(5555, 4789, &vxlan))),
            ("Teredo", false, sample::ipv4(17, &sample::udp(5555, 3544, &teredo))),
        ];
        let expected = alone(RAW, &inner);
        for (name, has_macs, outer) in tunnels {
            let packet = alone(RAW, &outer);
            assert_eq!((packet.ip, packet.transport), (expected.ip, expected.transport), "{name}");
            assert_eq!(packet.macs, has_macs.then_some(sample::MACS), "{name}");
            let ends = match outer[0] >> 4 {
                4 => (IpAddr::from(sample::SRC), IpAddr::from(sample::DST)),
                _ => (IpAddr::from(sample::SRC6), IpAddr::from(sample::DST6)),
            };
            assert_eq!(packet.tunnel, Some(ends), "{name}");
        }
        let twice = sample::ipv4(4, &sample::ipv4(41, &inner));
        assert_eq!(alone(RAW, &twice).transport, Transport::Other(41));
    }

    #[test]
    fn a_frame_that_a_mirror_session_cut_keeps_its_length() {
        let frame = sample::ethernet(0x0800, &sample::ipv4(6, &sample::tcp(&[7; 1000])));
        let outer = sample::ipv4(47, &[&[0, 0, 0x88, 0xbe], &frame[..100]].concat());
        let packet = alone(RAW, &outer);
        assert_eq!(packet.tcp().map(|tcp| (tcp.payload.len(), tcp.payload_len)), Some((42, 1000)));
    }

    #[test]
    fn a_tunnel_without_ip_inside_stays_what_it_is() {
        let arp = sample::ethernet(0x0806, &[0; 28]);
        let packet_bytes = sample::ipv4(47, &[&[0, 0, 0x88, 0xbe], &arp[..]].concat());
        let packet = alone(RAW, &packet_bytes);
        assert_eq!((packet.tunnel, packet.transport), (None, Transport::Other(47)));
    }
}

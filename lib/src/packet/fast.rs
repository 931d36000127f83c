//! The short way for what captures mostly hold: TCP or UDP over plain IPv4 or IPv6 over Ethernet with at most one VLAN
//! tag.
//!
//! It gives what the general path gives, or nothing; it never decides anything itself.

use std::net::IpAddr;

use super::ip::protocol;
use super::span::Span;
use super::{Ip, Packet, Tcp, Transport, link, tcp, tunnel};
use crate::capture::LinkType;

/// Slices an Ethernet frame, if it is of the ordinary kind, with a look at each layer.
pub(super) fn slice(frame: Span<'_>) -> Option<Packet<'_>> {
    let (macs, mut kind, mut rest) = link::ethernet_header(frame)?;
    if kind == 0x8100 {
        let (&[_, _, k0, k1], tagged) = rest.split()?;
        (kind, rest) = (u16::from_be_bytes([k0, k1]), tagged);
    }
    let (ip, protocol, payload) = match kind {
        0x0800 => v4(rest)?,
        0x86dd => v6(rest)?,
        _ => return None,
    };
    let transport = match protocol {
        protocol::TCP => Transport::Tcp(tcp::tcp(payload)?),
        protocol::UDP if !tunnel::over_udp(payload) => Transport::Udp(tcp::udp(payload)?),
        _ => return None,
    };
    Some(Packet { macs: Some(macs), tunnel: None, ip: Some(ip), transport })
}

/// What a few bytes of a frame tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Glimpse {
    /// Source and destination of a TCP segment: addresses as numbers, and ports.
    Tcp([(u32, u16); 2]),
    /// A UDP datagram that is no tunnel.
    Udp,
}

/// What a frame carries, if it is plain IPv4 over Ethernet; `None` for all others, which must be sliced to know. It tells
/// a thread in a tenth of the time of slicing that a packet is another one's.
pub(crate) fn glimpse(link: LinkType, frame: &[u8]) -> Option<Glimpse> {
    let h = plain_headers(link, frame)?;
    match h[23] {
        protocol::TCP => Some(Glimpse::Tcp([
            (u32::from_be_bytes([h[26], h[27], h[28], h[29]]), u16::from_be_bytes([h[34], h[35]])),
            (u32::from_be_bytes([h[30], h[31], h[32], h[33]]), u16::from_be_bytes([h[36], h[37]])),
        ])),
        protocol::UDP if !tunnel::over_udp(Span::whole(&h[34..])) => Some(Glimpse::Udp),
        _ => None,
    }
}

/// The first 54 bytes of an untagged Ethernet frame that carries IPv4 without options, and no fragment.
#[inline(always)]
fn plain_headers(link: LinkType, frame: &[u8]) -> Option<&[u8; 54]> {
    let h: &[u8; 54] = frame.first_chunk()?;
    let is_fragment = u16::from_be_bytes([h[20], h[21]]) & 0x3fff != 0;
    // One comparison of IPv4 and a header without options, not three.
    let is_ip = u32::from_be_bytes([h[12], h[13], h[14], 0]) == 0x0800_4500;
    let is_plain = link == link::ETHERNET && is_ip && !is_fragment;
    is_plain.then_some(h)
}

/// Untagged IPv4 whose headers lie in the first 54 bytes but for the TCP options, captured in full: most of a capture.
pub(crate) enum Plain<'a> {
    /// A TCP segment.
    Segment(PlainSegment<'a>),
    /// A UDP datagram that is no tunnel: who sent it, and to whom.
    Datagram(u32, u32),
}

/// A TCP segment, with what else is needed of its frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PlainSegment<'a> {
    /// Hardware address of its sender.
    pub(crate) mac: &'a [u8; 6],
    pub(crate) src: u32,
    pub(crate) dst: u32,
    pub(crate) ttl: u8,
    pub(crate) id: u16,
    pub(crate) df: bool,
    pub(crate) tcp: Tcp<'a>,
}

/// With one check of the length for all fields it takes a third of the instructions of [`slice`]. Inlined, and without a
/// packet for both kinds: what is read stays in registers until it is used.
#[inline(always)]
pub(crate) fn plain(link: LinkType, frame: &[u8]) -> Option<Plain<'_>> {
    let h = plain_headers(link, frame)?;
    let end = 14 + usize::from(u16::from_be_bytes([h[16], h[17]]));
    let src = u32::from_be_bytes([h[26], h[27], h[28], h[29]]);
    let dst = u32::from_be_bytes([h[30], h[31], h[32], h[33]]);
    match h[23] {
        protocol::TCP => Some(Plain::Segment(PlainSegment {
            mac: h[6..].first_chunk()?,
            src,
            dst,
            ttl: h[22],
            id: u16::from_be_bytes([h[18], h[19]]),
            df: h[20] & 0x40 != 0,
            tcp: plain_tcp(h, frame, end)?,
        })),
        protocol::UDP if !tunnel::over_udp(Span::whole(&h[34..])) => {
            let is_whole = end == 34 + usize::from(u16::from_be_bytes([h[38], h[39]]));
            (is_whole && (42..=frame.len()).contains(&end)).then_some(Plain::Datagram(src, dst))
        }
        _ => None,
    }
}

/// The segment of a frame that begins with `h`, in a packet that ends at `end`.
#[inline(always)]
fn plain_tcp<'a>(h: &[u8; 54], frame: &'a [u8], end: usize) -> Option<Tcp<'a>> {
    if h[46] < 0x50 {
        return None;
    }
    let data = 34 + usize::from(h[46] >> 4) * 4;
    let payload = frame.get(data..end)?;
    Some(Tcp {
        src_port: u16::from_be_bytes([h[34], h[35]]),
        dst_port: u16::from_be_bytes([h[36], h[37]]),
        seq: u32::from_be_bytes([h[38], h[39], h[40], h[41]]),
        ack: u32::from_be_bytes([h[42], h[43], h[44], h[45]]),
        flags: h[47],
        window: u16::from_be_bytes([h[48], h[49]]),
        options: frame.get(54..data)?,
        payload,
        payload_len: payload.len() as u32,
    })
}

/// IPv4 without options and with a length, not a fragment: the header, and what it carries.
fn v4(span: Span<'_>) -> Option<(Ip, u8, Span<'_>)> {
    let (h, rest) = span.split::<20>()?;
    let is_fragment = u16::from_be_bytes([h[6], h[7]]) & 0x3fff != 0;
    if h[0] != 0x45 || is_fragment {
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
    Some((ip, h[9], rest.limit(len)))
}

/// IPv6 with a length: the header, and what it carries.
fn v6(span: Span<'_>) -> Option<(Ip, u8, Span<'_>)> {
    let (h, rest) = span.split::<40>()?;
    let len = usize::from(u16::from_be_bytes([h[4], h[5]]));
    if h[0] >> 4 != 6 || len == 0 {
        return None;
    }
    let (addrs, _) = h[8..].as_chunks::<16>();
    let ip = Ip { src: IpAddr::from(addrs[0]), dst: IpAddr::from(addrs[1]), ttl: h[7], id: 0, df: true };
    Some((ip, h[6], rest.limit(len)))
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use proptest::prelude::*;

    use super::*;
    use crate::packet::{sample, slicer};

    fn frames() -> Vec<Vec<u8>> {
        let tagged = |kind: [u8; 2], ip: &[u8]| sample::ethernet(0x8100, &[&[0, 5], &kind[..], ip].concat());
        let carrying = |protocol, payload: &[u8]| {
            let (v4, v6) = (sample::ipv4(protocol, payload), sample::ipv6(protocol, payload));
            [
                sample::ethernet(0x0800, &v4),
                sample::ethernet(0x86dd, &v6),
                tagged([0x08, 0x00], &v4),
                tagged([0x86, 0xdd], &v6),
            ]
        };
        [
            carrying(protocol::TCP, &sample::tcp(b"hello")),
            carrying(protocol::UDP, &sample::udp(5555, 5060, b"OPTIONS sip:a SIP/2.0")),
        ]
        .concat()
    }

    #[test]
    fn ordinary_frames_take_the_short_way() {
        for frame in frames() {
            assert_eq!(slice(Span::whole(&frame)), Some(slicer::alone(link::ETHERNET, &frame)));
        }
    }

    /// Bytes that mean something somewhere in a header come more often than others.
    fn byte() -> impl Strategy<Value = u8> {
        prop_oneof![
            prop::sample::select(&[0, 1, 6, 17, 0x20, 0x40, 0x44, 0x46, 0x50, 0x81, 0x86]),
            any::<u8>()
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32_768))]
        #[test]
        fn the_short_way_leads_where_the_long_one_does(
            which in 0..8_usize,
            changes in prop::collection::vec((0..60_usize, byte()), 1..4),
            len in prop_oneof![3 => Just(100), 1 => 0..100_usize],
            padding in 0..10_usize,
        ) {
            let mut frame = frames().swap_remove(which);
            frame.extend(vec![0; padding]);
            for (at, byte) in changes {
                frame[at] = byte;
            }
            let span = Span::new(&frame[..len.min(frame.len())], frame.len() as u32);
            let walked = slicer::walk(link::frame(link::ETHERNET, span)).0;
            match (glimpse(link::ETHERNET, span.bytes), walked.ip, walked.tcp()) {
                (Some(Glimpse::Tcp(ends)), Some(ip), Some(tcp)) => {
                    let ends = ends.map(|(ip, port)| (IpAddr::from(Ipv4Addr::from_bits(ip)), port));
                    prop_assert_eq!(ends, [(ip.src, tcp.src_port), (ip.dst, tcp.dst_port)]);
                }
                (Some(Glimpse::Udp), ..) => prop_assert!(walked.tunnel.is_none() && walked.tcp().is_none()),
                _ => {}
            }
            if let Some(packet) = slice(span) {
                prop_assert_eq!(packet, walked);
            }
            match (plain(link::ETHERNET, span.bytes), walked.transport) {
                (Some(Plain::Segment(plain)), transport) => {
                    let PlainSegment { mac, src, dst, ttl, id, df, tcp } = plain;
                    let [src, dst] = [src, dst].map(|ip| IpAddr::from(Ipv4Addr::from_bits(ip)));
                    let ip = Ip { src, dst, ttl, id, df };
                    prop_assert_eq!((Some(mac), Some(ip)), (walked.source_mac(), walked.ip));
                    prop_assert_eq!((Transport::Tcp(tcp), None), (transport, walked.tunnel));
                }
                (Some(Plain::Datagram(src, dst)), Transport::Udp(_)) => {
                    let ends = [src, dst].map(|ip| IpAddr::from(Ipv4Addr::from_bits(ip)));
                    prop_assert_eq!(Some(ends), walked.ip.map(|ip| [ip.src, ip.dst]));
                    prop_assert!(walked.tunnel.is_none());
                }
                (Some(Plain::Datagram(..)), other) => prop_assert!(false, "{:?}", other),
                (None, _) => {}
            }
        }
    }
}

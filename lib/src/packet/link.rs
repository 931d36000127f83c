//! From the first byte of a frame to its IP packet: link-layer headers, tags and labels.

use super::span::{Span, be16};
use crate::capture::LinkType;

/// A frame as far as its link layer goes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame<'a> {
    /// Source and destination hardware addresses.
    pub(super) macs: Option<([u8; 6], [u8; 6])>,
    /// The IP packet it carries.
    pub(super) ip: Option<Span<'a>>,
}

const NOTHING: Frame<'_> = Frame { macs: None, ip: None };

/// The link-layer type of most captures.
pub(super) const ETHERNET: LinkType = LinkType(1);

/// Whether frames of this link-layer type can be read. Those of others give an empty [`Packet`](super::Packet).
pub fn supported(link: LinkType) -> bool {
    Framing::of(link).is_some()
}

/// Reads the link layer of a frame.
pub(super) fn frame(link: LinkType, span: Span<'_>) -> Frame<'_> {
    let ip = match Framing::of(link) {
        Some(Framing::Ethernet) => return ethernet(span),
        Some(Framing::Cooked) => cooked(span),
        Some(Framing::Cooked2) => cooked2(span),
        Some(Framing::Ip) => ip(span),
        Some(Framing::Loopback) => loopback(span),
        Some(Framing::Ppp) => ppp_hdlc(span),
        Some(Framing::CiscoHdlc) => cisco_hdlc(span),
        Some(Framing::Nflog) => nflog(span),
        None => None,
    };
    Frame { macs: None, ip }
}

/// Reads an Ethernet frame, without preamble; a check sequence at its end does no harm.
pub(super) fn ethernet(span: Span<'_>) -> Frame<'_> {
    match ethernet_header(span) {
        Some((macs, kind, rest)) => Frame { macs: Some(macs), ip: ethertype(kind, rest) },
        None => NOTHING,
    }
}

/// Source and destination hardware addresses.
type Macs = ([u8; 6], [u8; 6]);

/// Source and destination, the type or length, and what follows.
pub(super) fn ethernet_header(span: Span<'_>) -> Option<(Macs, u16, Span<'_>)> {
    let (&dst, span) = span.split()?;
    let (&src, span) = span.split()?;
    let (&kind, span) = span.split()?;
    Some(((src, dst), u16::from_be_bytes(kind), span))
}

/// The IP packet behind an Ethernet type, or behind the length field that stands in its place (IEEE 802.3, 3.2.6).
pub(super) fn ethertype(mut kind: u16, mut span: Span<'_>) -> Option<Span<'_>> {
    // Every turn takes bytes from the span, so that a frame full of tags ends.
    loop {
        match kind {
            0x0800 | 0x86dd => return ip(span),
            // 802.1Q, 802.1ad and the numbers that stood for stacked tags before it.
            0x8100 | 0x88a8 | 0x9100 | 0x9200 | 0x9300 => {
                let (&[_, _, k0, k1], rest) = span.split()?;
                (kind, span) = (u16::from_be_bytes([k0, k1]), rest);
            }
            // LLC with SNAP, which brings an Ethernet type (RFC 1042), or with IP's own service access point.
            0..=1500 => match span.split()? {
                (&[0xaa, 0xaa, 0x03, 0, 0, 0 | 0xf8, k0, k1], rest) => {
                    (kind, span) = (u16::from_be_bytes([k0, k1]), rest);
                }
                (&[0x06, 0x06, 0x03, ..], _) => return ip(span.skip(3)?),
                _ => return None,
            },
            0x8847 | 0x8848 => return mpls(span),
            // PPPoE session: version and type 1, code 0 (RFC 2516, 4).
            0x8864 => {
                let (&[0x11, 0, _, _, l0, l1], rest) = span.split()? else {
                    return None;
                };
                return ppp(rest.limit(usize::from(u16::from_be_bytes([l0, l1]))));
            }
            _ => return None,
        }
    }
}

/// An IP packet says itself of which version it is.
fn ip(span: Span<'_>) -> Option<Span<'_>> {
    matches!(span.bytes.first()? >> 4, 4 | 6).then_some(span)
}

/// MPLS labels down to the bottom of the stack (RFC 3032, 2.1); IP is told by its version.
fn mpls(mut span: Span<'_>) -> Option<Span<'_>> {
    loop {
        let (label, rest) = span.split::<4>()?;
        span = rest;
        if label[2] & 1 == 1 {
            return ip(span);
        }
    }
}

/// The payload of a PPP frame after its protocol field, of which a leading zero byte may be left out (RFC 1661, 2).
fn ppp(span: Span<'_>) -> Option<Span<'_>> {
    let (protocol, len) = match *span.bytes.get(..2)? {
        [short, _] if short & 1 == 1 => (short, 1),
        [0, protocol] => (protocol, 2),
        _ => return None,
    };
    // IPv4 (RFC 1332) and IPv6 (RFC 5072).
    if !matches!(protocol, 0x21 | 0x57) {
        return None;
    }
    ip(span.skip(len)?)
}

/// PPP with or without the address and control bytes of HDLC (RFC 1662, 3.1), or Cisco's use of HDLC.
fn ppp_hdlc(span: Span<'_>) -> Option<Span<'_>> {
    match span.bytes.get(..2)? {
        [0xff, 0x03] => ppp(span.skip(2)?),
        [0x0f | 0x8f, 0] => cisco_hdlc(span),
        _ => ppp(span),
    }
}

/// Cisco HDLC: address, control, Ethernet type.
fn cisco_hdlc(span: Span<'_>) -> Option<Span<'_>> {
    ethertype(be16(span.bytes, 2)?, span.skip(4)?)
}

/// Linux cooked capture (LINKTYPE_LINUX_SLL). Its protocol 4 is LLC, which a length stands for in `ethertype`.
fn cooked(span: Span<'_>) -> Option<Span<'_>> {
    ethertype(be16(span.bytes, 14)?, span.skip(16)?)
}

/// Linux cooked capture, version 2 (LINKTYPE_LINUX_SLL2).
fn cooked2(span: Span<'_>) -> Option<Span<'_>> {
    ethertype(be16(span.bytes, 0)?, span.skip(20)?)
}

/// BSD loopback: an address family, in the byte order of the host that captured (NULL) or of the network (LOOP).
fn loopback(span: Span<'_>) -> Option<Span<'_>> {
    let (family, rest) = span.split()?;
    // AF_INET is 2 everywhere; AF_INET6 is 10 on Linux, 23 on Windows, 24, 28 and 30 on the BSDs.
    let known = |family| matches!(family, 2 | 10 | 23 | 24 | 28 | 30);
    if known(u32::from_le_bytes(*family)) || known(u32::from_be_bytes(*family)) { ip(rest) } else { None }
}

/// Linux netfilter log (LINKTYPE_NFLOG): attributes in the byte order of the host; number 9, the last, is the packet.
fn nflog(span: Span<'_>) -> Option<Span<'_>> {
    let mut rest = span.skip(4)?;
    loop {
        let (&[l0, l1, k0, k1], value) = rest.split()?;
        // Attribute numbers are small: the byte that is zero tells the byte order.
        let (len, kind) =
            if k0 == 0 { (u16::from_be_bytes([l0, l1]), k1) } else { (u16::from_le_bytes([l0, l1]), k0) };
        if kind == 9 {
            return ip(value);
        }
        rest = rest.skip(usize::from(len).max(4).next_multiple_of(4))?;
    }
}

/// How the frames of a link-layer type begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framing {
    Ethernet,
    Cooked,
    Cooked2,
    Ip,
    Loopback,
    Ppp,
    CiscoHdlc,
    Nflog,
}

impl Framing {
    fn of(link: LinkType) -> Option<Self> {
        Some(match link.0 {
            1 => Framing::Ethernet,
            113 => Framing::Cooked,
            276 => Framing::Cooked2,
            // DLT_RAW has three numbers, by operating system.
            12 | 14 | 101 | 228 | 229 => Framing::Ip,
            0 | 108 => Framing::Loopback,
            9 | 50 => Framing::Ppp,
            104 => Framing::CiscoHdlc,
            239 => Framing::Nflog,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::{Transport, sample, slicer};

    #[test]
    fn an_ip_packet_slices_the_same_on_every_link_type() {
        for ip in [sample::ipv4(6, &sample::tcp(b"hello")), sample::ipv6(6, &sample::tcp(b"hello"))] {
            let expected = slicer::alone(LinkType(101), &ip);
            assert_eq!(expected.tcp().map(|tcp| tcp.payload), Some(&b"hello"[..]));
            for (name, link, frame) in sample::framings(&ip) {
                let packet = slicer::alone(LinkType(link), &frame);
                assert!(supported(LinkType(link)), "{name}");
                assert_eq!((packet.ip, packet.transport), (expected.ip, expected.transport), "{name}");
                assert_eq!(packet.macs, (link == 1).then_some(sample::MACS), "{name}");
            }
        }
    }

    #[test]
    fn an_unknown_link_type_gives_an_empty_packet() {
        let ip = sample::ipv4(6, &sample::tcp(b"hello"));
        assert!(!supported(LinkType(105)));
        assert_eq!(slicer::alone(LinkType(105), &ip).transport, Transport::None);
    }

    #[test]
    fn padding_in_a_pppoe_frame_is_no_payload_even_if_ip_counts_it() {
        let mut ip = sample::ipv4(6, &sample::tcp(b""));
        ip[3] += 2;
        let head = [0x11, 0, 0, 1, 0, ip.len() as u8 + 2, 0, 0x21];
        let frame = sample::ethernet(0x8864, &[&head, &ip[..], &[0; 6]].concat());
        assert_eq!(slicer::alone(ETHERNET, &frame).tcp().map(|tcp| tcp.payload_len), Some(0));
    }
}

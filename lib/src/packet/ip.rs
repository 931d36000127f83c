//! IP headers, read as far as they can be: lengths that cannot be true are passed over, checksums are not checked.
//!
//! The fields are read through etherparse. Its lax packet slices are not used, because they go on reading extension
//! headers behind the header of a later fragment, where there are none.

use std::net::IpAddr;

use etherparse::{
    IpAuthHeaderSlice, Ipv4HeaderSlice, Ipv6FragmentHeaderSlice, Ipv6HeaderSlice, Ipv6RawExtHeaderSlice,
};

use super::Ip;
use super::span::Span;

/// IP protocol numbers that the packet stage acts on.
pub(super) mod protocol {
    pub(in crate::packet) const HOP_BY_HOP: u8 = 0;
    pub(in crate::packet) const ICMP: u8 = 1;
    pub(in crate::packet) const IPV4: u8 = 4;
    pub(in crate::packet) const TCP: u8 = 6;
    pub(in crate::packet) const UDP: u8 = 17;
    pub(in crate::packet) const IPV6: u8 = 41;
    pub(in crate::packet) const ROUTING: u8 = 43;
    pub(in crate::packet) const FRAGMENT: u8 = 44;
    pub(in crate::packet) const GRE: u8 = 47;
    pub(in crate::packet) const AUTH: u8 = 51;
    pub(in crate::packet) const ICMPV6: u8 = 58;
    pub(in crate::packet) const DESTINATION: u8 = 60;
}

/// What follows a header.
#[derive(Clone, Copy, Debug)]
pub(super) struct Payload<'a> {
    /// What it begins with.
    pub(super) protocol: u8,
    pub(super) span: Span<'a>,
    /// Where it belongs, when the header says that it is a fragment.
    pub(super) place: Option<Place>,
}

/// Where a fragment belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Identification of the datagram.
    pub(super) id: u32,
    /// Position in the datagram's payload, a multiple of eight bytes.
    pub(super) offset: u16,
    /// Whether more fragments follow it.
    pub(super) more: bool,
}

/// Reads an IPv4 or IPv6 header.
pub(super) fn datagram(span: Span<'_>) -> Option<(Ip, Payload<'_>)> {
    match span.bytes.first()? >> 4 {
        4 => v4(span),
        6 => v6(span),
        _ => None,
    }
}

fn v4(span: Span<'_>) -> Option<(Ip, Payload<'_>)> {
    let header = Ipv4HeaderSlice::from_slice(span.bytes).ok()?;
    let rest = span.skip(header.slice().len())?;
    // Segmentation offload leaves the length to the network card: 0 means the rest of the frame, and no length that
    // is shorter than the header can mean anything else.
    let span = match usize::from(header.total_len()).checked_sub(header.slice().len()) {
        Some(len) => rest.limit(len),
        None => rest,
    };
    let place = header.is_fragmenting_payload().then(|| Place {
        id: header.identification().into(),
        offset: header.fragments_offset().value() * 8,
        more: header.more_fragments(),
    });
    let ip = Ip {
        src: IpAddr::V4(header.source_addr()),
        dst: IpAddr::V4(header.destination_addr()),
        ttl: header.ttl(),
        id: header.identification(),
        df: header.dont_fragment(),
    };
    Some((ip, Payload { protocol: header.protocol().0, span, place }))
}

fn v6(span: Span<'_>) -> Option<(Ip, Payload<'_>)> {
    let header = Ipv6HeaderSlice::from_slice(span.bytes).ok()?;
    let rest = span.skip(header.slice().len())?;
    // 0 is a jumbogram (RFC 2675) or segmentation offload: the rest of the frame.
    let span = match usize::from(header.payload_length()) {
        0 => rest,
        len => rest.limit(len),
    };
    let ip = Ip {
        src: IpAddr::V6(header.source_addr()),
        dst: IpAddr::V6(header.destination_addr()),
        ttl: header.hop_limit(),
        id: 0,
        df: true,
    };
    Some((ip, Payload { protocol: header.next_header().0, span, place: None }))
}

/// Reads the extension header that a payload begins with, when there is one and it was captured in full.
pub(super) fn extension<'a>(ip: &Ip, payload: &Payload<'a>) -> Option<Payload<'a>> {
    let bytes = payload.span.bytes;
    let (next, len, place) = match payload.protocol {
        protocol::AUTH => {
            let header = IpAuthHeaderSlice::from_slice(bytes).ok()?;
            (header.next_header(), header.slice().len(), None)
        }
        _ if ip.src.is_ipv4() => return None,
        protocol::HOP_BY_HOP | protocol::ROUTING | protocol::DESTINATION => {
            let header = Ipv6RawExtHeaderSlice::from_slice(bytes).ok()?;
            (header.next_header(), header.slice().len(), None)
        }
        protocol::FRAGMENT => {
            let header = Ipv6FragmentHeaderSlice::from_slice(bytes).ok()?;
            let place = header.is_fragmenting_payload().then(|| Place {
                id: header.identification(),
                offset: header.fragment_offset().value() * 8,
                more: header.more_fragments(),
            });
            (header.next_header(), header.slice().len(), place)
        }
        _ => return None,
    };
    Some(Payload { protocol: next.0, span: payload.span.skip(len)?, place })
}

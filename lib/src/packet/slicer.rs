//! The walk from a frame inward, layer by layer, and the joining of fragments on the way.

use super::defrag::{Fragment, FragmentCounts, Fragments, Key};
use super::ip::{self, Payload, Place, protocol};
use super::link::{self, Frame};
use super::span::Span;
use super::{Ip, Packet, Transport, fast, icmp, tcp, tunnel};
use crate::capture::LinkType;
use crate::time::Timestamp;

/// Slices the records of a capture, in their order, and joins IP fragments.
#[derive(Debug)]
pub(crate) struct Slicer {
    fragments: Fragments,
    /// The datagrams that the current packet completes: a tunnel's, and the one inside it.
    joined: [Vec<u8>; 2],
}

impl Slicer {
    /// A slicer that keeps at most `fragment_bytes` of fragments whose datagrams are not complete.
    pub(crate) fn new(fragment_bytes: usize) -> Self {
        Slicer {
            fragments: Fragments::new(fragment_bytes),
            joined: Default::default(),
        }
    }

    /// Slices a record of which `original` bytes were on the wire. The frame that completes a datagram carries all of
    /// it; the other fragments are [`Transport::Fragment`].
    pub(crate) fn slice<'a>(
        &'a mut self,
        link: LinkType,
        bytes: &'a [u8],
        original: u32,
        time: Timestamp,
    ) -> Packet<'a> {
        let span = Span::new(bytes, original);
        if link == link::ETHERNET
            && let Some(packet) = fast::slice(span)
        {
            return packet;
        }
        let (mut packet, mut fragment) = walk(link::frame(link, span));
        for slot in &mut self.joined {
            let Some(joined) = fragment.and_then(|fragment| self.fragments.add(&fragment, time)) else {
                break;
            };
            *slot = joined.payload;
            let payload = Payload {
                protocol: joined.protocol,
                span: Span::whole(slot),
                place: None,
            };
            fragment = packet.ip.and_then(|ip| carried(&mut packet, ip, payload));
        }
        packet
    }

    /// Datagrams that were given up so far.
    pub(crate) fn fragment_counts(&self) -> FragmentCounts {
        self.fragments.counts()
    }
}

/// Slices one frame, captured in full, by itself: fragments stay fragments.
pub(super) fn alone(link: LinkType, bytes: &[u8]) -> Packet<'_> {
    walk(link::frame(link, Span::whole(bytes))).0
}

/// Slices what a frame carries. When that is a fragment, it is given as well.
fn walk(frame: Frame<'_>) -> (Packet<'_>, Option<Fragment<'_>>) {
    let mut packet = Packet {
        macs: frame.macs,
        tunnel: None,
        ip: None,
        transport: Transport::None,
    };
    let Some((ip, payload)) = frame.ip.and_then(ip::datagram) else {
        return (packet, None);
    };
    let fragment = carried(&mut packet, ip, payload);
    (packet, fragment)
}

/// Slices the payload of an IP packet. When that is a fragment, it is given back.
fn carried<'a>(packet: &mut Packet<'a>, ip: Ip, mut payload: Payload<'a>) -> Option<Fragment<'a>> {
    packet.ip = Some(ip);
    loop {
        if let Some(place) = payload.place
            && !stands_alone(place, payload.span)
        {
            packet.transport = Transport::Fragment;
            return fragment(ip, place, payload);
        }
        let Some(next) = ip::extension(&ip, &payload) else {
            break;
        };
        payload = next;
    }
    // One level: a tunnel in a tunnel is as it is.
    if packet.tunnel.is_none()
        && let Some(frame) = tunnel::inner(payload.protocol, payload.span)
        && let Some((inner, payload)) = frame.ip.and_then(ip::datagram)
    {
        packet.tunnel = Some((ip.src, ip.dst));
        packet.macs = frame.macs;
        return carried(packet, inner, payload);
    }
    packet.transport = transport(payload.protocol, payload.span);
    None
}

/// The first fragment of a datagram, when the snapshot length cut it: the datagram can never be joined, but its
/// transport header is here. Wireshark does the same.
fn stands_alone(place: Place, span: Span<'_>) -> bool {
    place.offset == 0 && span.cut > 0
}

/// A fragment for the table, which wants it in full.
fn fragment<'a>(ip: Ip, place: Place, payload: Payload<'a>) -> Option<Fragment<'a>> {
    let Payload { protocol, span, .. } = payload;
    let key = Key {
        src: ip.src,
        dst: ip.dst,
        id: place.id,
        protocol: if ip.src.is_ipv4() {
            protocol
        } else {
            protocol::FRAGMENT
        },
    };
    (span.cut == 0).then_some(Fragment {
        key,
        place,
        protocol,
        payload: span.bytes,
    })
}

fn transport(protocol: u8, span: Span<'_>) -> Transport<'_> {
    let known = match protocol {
        protocol::TCP => tcp::tcp(span).map(Transport::Tcp),
        protocol::UDP => tcp::udp(span).map(Transport::Udp),
        protocol::ICMP => icmp::icmp(span, false).map(Transport::Icmp),
        protocol::ICMPV6 => icmp::icmp(span, true).map(Transport::Icmp),
        _ => None,
    };
    known.unwrap_or(Transport::Other(protocol))
}

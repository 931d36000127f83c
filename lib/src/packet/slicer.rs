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
        Slicer { fragments: Fragments::new(fragment_bytes), joined: Default::default() }
    }

    /// Slices a record of which `original` bytes were on the wire. The frame that completes a datagram carries all of
    /// it; the other fragments are [`Transport::Fragment`].
    #[inline(never)]
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
            let payload = Payload { protocol: joined.protocol, span: Span::whole(slot), place: None };
            fragment = packet.ip.and_then(|ip| carried(&mut packet, ip, payload));
        }
        packet
    }

    /// Datagrams that were given up so far.
    pub(crate) fn fragment_counts(&self) -> FragmentCounts {
        self.fragments.counts()
    }
}

/// Slices one frame by itself: fragments stay fragments.
pub(super) fn alone(link: LinkType, bytes: &[u8]) -> Packet<'_> {
    walk(link::frame(link, Span::new(bytes, 0))).0
}

/// Slices what a frame carries. When that is a fragment, it is given as well.
pub(super) fn walk(frame: Frame<'_>) -> (Packet<'_>, Option<Fragment<'_>>) {
    let mut packet = Packet { macs: frame.macs, tunnel: None, ip: None, transport: Transport::None };
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
        protocol: if ip.src.is_ipv4() { protocol } else { protocol::FRAGMENT },
    };
    (span.cut == 0).then_some(Fragment { key, place, protocol, payload: span.bytes })
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::packet::{Tcp, sample};

    const RAW: LinkType = LinkType(101);
    const LINKS: [u32; 14] = [0, 1, 9, 12, 14, 50, 101, 104, 108, 113, 228, 229, 239, 276];

    fn slicer() -> Slicer {
        Slicer::new(1 << 20)
    }

    /// The captured payload and its length on the wire.
    fn payload(packet: &Packet<'_>) -> (Vec<u8>, u32) {
        let tcp: &Tcp<'_> = packet.tcp().unwrap();
        (tcp.payload.to_vec(), tcp.payload_len)
    }

    #[test]
    fn ethernet_padding_is_no_payload() {
        for ip in [sample::ipv4(6, &sample::tcp(b"")), sample::ipv6(6, &sample::tcp(b""))] {
            let kind = if ip[0] >> 4 == 6 { 0x86dd } else { 0x0800 };
            let frame = sample::ethernet(kind, &[&ip[..], &[0; 6]].concat());
            assert_eq!(payload(&alone(link::ETHERNET, &frame)), (vec![], 0));
        }
    }

    #[test]
    fn a_length_that_is_left_to_the_card_means_the_rest_of_the_frame() {
        let mut v4 = sample::ipv4(6, &sample::tcp(&[7; 3000]));
        v4[2..4].fill(0);
        let mut v6 = sample::ipv6(6, &sample::tcp(&[7; 3000]));
        v6[4..6].fill(0);
        for ip in [v4, v6] {
            assert_eq!(payload(&alone(RAW, &ip)), (vec![7; 3000], 3000));
            let mut slicer = slicer();
            let cut = slicer.slice(RAW, &ip[..ip.len() - 2990], ip.len() as u32, Timestamp::default());
            assert_eq!(payload(&cut), (vec![7; 10], 3000));
        }
    }

    #[test]
    fn the_ip_length_counts_what_the_snapshot_length_cut() {
        let ip = sample::ipv4(6, &sample::tcp(&[7; 1000]));
        assert_eq!(payload(&alone(RAW, &ip[..54])), (vec![7; 10], 1000));
        let options_cut = alone(RAW, &ip[..42]);
        assert_eq!(options_cut.tcp().map(|tcp| tcp.options), Some(&[2, 4][..]));
        assert_eq!(payload(&options_cut), (vec![], 1000));
    }

    #[test]
    fn options_and_extension_headers_are_passed_over() {
        let segment = sample::tcp(b"hello");
        let mut v4 = sample::ipv4(6, &[&[1; 4], &segment[..]].concat());
        v4[0] = 0x46;
        let auth = [6, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1];
        let options = |next: u8| [next, 0, 1, 4, 0, 0, 0, 0];
        let extensions =
            [&options(43)[..], &options(60), &options(44), &[51, 0, 0, 0, 0, 0, 0, 9], &auth].concat();
        let packets = [
            v4,
            sample::ipv4(51, &[&auth, &segment[..]].concat()),
            sample::ipv6(0, &[extensions, segment].concat()),
        ];
        for ip in packets {
            assert_eq!(payload(&alone(RAW, &ip)), (b"hello".to_vec(), 5), "{ip:x?}");
        }
    }

    /// Cuts the payload of a packet into fragments of `size` bytes, each made by `make` from place and bytes.
    fn split(payload: &[u8], size: usize, make: impl Fn(usize, bool, &[u8]) -> Vec<u8>) -> Vec<Vec<u8>> {
        let last = payload.len().div_ceil(size) - 1;
        payload.chunks(size).enumerate().map(|(n, bytes)| make(n * size, n < last, bytes)).collect()
    }

    fn split_v4(protocol: u8, payload: &[u8], size: usize) -> Vec<Vec<u8>> {
        split(payload, size, |at, more, bytes| {
            sample::ipv4_fragment(protocol, u16::from(more) << 13 | (at / 8) as u16, bytes)
        })
    }

    #[test]
    fn the_frame_that_completes_a_datagram_carries_it() {
        let segment = sample::tcp(&[7; 100]);
        let v4 = split_v4(6, &segment, 32);
        // A destination options header, of which only the first fragment shows that it is one.
        let behind_options = [&[6, 0, 1, 4, 0, 0, 0, 0], &segment[..]].concat();
        let v6 = split(&behind_options, 40, |at, more, bytes| {
            sample::ipv6_fragment(60, at as u16 | u16::from(more), bytes)
        });
        for fragments in [v4, v6] {
            let mut slicer = slicer();
            let (first, later) = fragments.split_first().unwrap();
            for fragment in later.iter().rev() {
                let packet = slicer.slice(RAW, fragment, fragment.len() as u32, Timestamp::default());
                assert_eq!(packet.transport, Transport::Fragment);
            }
            let packet = slicer.slice(RAW, first, first.len() as u32, Timestamp::default());
            assert_eq!(payload(&packet), (vec![7; 100], 100));
        }
    }

    #[test]
    fn fragments_of_a_tunnel_and_in_it_are_joined() {
        let inner = split_v4(6, &sample::tcp(&[7; 100]), 64);
        let mut slicer = slicer();
        let mut seen = Vec::new();
        for (n, inner) in inner.iter().enumerate() {
            let mirrored = [&[0, 0, 0x08, 0x00], &inner[..]].concat();
            for mut outer in split_v4(47, &mirrored, 48) {
                outer[5] = n as u8;
                let packet = slicer.slice(RAW, &outer, outer.len() as u32, Timestamp::default());
                seen.push(packet.tcp().map(|tcp| (tcp.payload.to_vec(), packet.tunnel.is_some())));
            }
        }
        assert_eq!(seen, [None, None, None, Some((vec![7; 100], true))]);
    }

    #[test]
    fn a_first_fragment_that_was_cut_is_read_by_itself() {
        let first = &split_v4(6, &sample::tcp(&[7; 100]), 64)[0];
        let mut slicer = slicer();
        let packet = slicer.slice(RAW, &first[..50], first.len() as u32, Timestamp::default());
        assert_eq!(payload(&packet), (vec![7; 6], 40));
    }

    #[test]
    fn a_packet_cut_anywhere_is_sliced_as_far_as_it_goes() {
        let inner = sample::ethernet(0x0800, &sample::ipv4(6, &sample::tcp(b"hello")));
        let vxlan = sample::udp(5555, 4789, &[&[8, 0, 0, 0, 0, 0, 1, 0], &inner[..]].concat());
        for ip in
            [sample::ipv6(0, &[&[17, 0, 1, 4, 0, 0, 0, 0], &vxlan[..]].concat()), sample::ipv4(17, &vxlan)]
        {
            for (name, link, frame) in sample::framings(&ip) {
                let mut found = 0;
                for len in 0..=frame.len() {
                    let mut slicer = slicer();
                    let cut =
                        slicer.slice(LinkType(link), &frame[..len], frame.len() as u32, Timestamp::default());
                    if let Some(tcp) = cut.tcp() {
                        found += 1;
                        assert!(tcp.payload_len == 5 || len == frame.len(), "{name} {len}");
                    }
                }
                // Read from the window field on: 16 bytes of the header, 8 more, and 5 of payload.
                assert_eq!(found, 8 + 5 + 1, "{name}");
            }
        }
    }

    proptest! {
        #[test]
        fn random_bytes_do_no_harm(link in prop::sample::select(&LINKS), mut bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut slicer = Slicer::new(4096);
            slicer.slice(LinkType(link), &bytes, 300, Timestamp::default());
            // A start that leads deeper.
            for (at, byte) in [0x08, 0x00, 0x45, 0].into_iter().enumerate() {
                if let Some(place) = bytes.get_mut(12 + at) {
                    *place = byte;
                }
            }
            slicer.slice(LinkType(link), &bytes, 300, Timestamp::default());
        }

        #[test]
        fn mutated_packets_do_no_harm(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4)) {
            let inner = sample::ethernet(0x86dd, &sample::ipv6_fragment(6, 0, &sample::tcp(b"hello")));
            let gre = sample::ipv4(47, &[&[0x10, 0, 0x88, 0xbe, 0, 0, 0, 1], &[0x10; 8], &inner[..]].concat());
            let mut slicer = Slicer::new(4096);
            for (_, link, mut frame) in sample::framings(&gre) {
                for (index, byte) in &changes {
                    *index.get_mut(&mut frame) = *byte;
                }
                slicer.slice(LinkType(link), &frame, frame.len() as u32, Timestamp::default());
            }
        }
    }
}

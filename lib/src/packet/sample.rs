//! Packets for the tests of this stage, built layer by layer from the inside out.

use std::net::{Ipv4Addr, Ipv6Addr};

pub(super) const SRC: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
pub(super) const DST: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);
pub(super) const SRC6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
pub(super) const DST6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2);
pub(super) const MACS: ([u8; 6], [u8; 6]) = ([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]);

/// Port 50000 to port 80, sequence 1000, acknowledgment 2000, ACK and PSH, window 3000, MSS option.
pub(super) fn tcp(payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0xc3, 0x50, 0, 80, 0, 0, 3, 0xe8, 0, 0, 7, 0xd0, 0x60, 0x18, 0x0b, 0xb8, 0, 0, 0, 0];
    bytes.extend([2, 4, 5, 0xb4]);
    bytes.extend(payload);
    bytes
}

pub(super) fn udp(src: u16, dst: u16, payload: &[u8]) -> Vec<u8> {
    let len = payload.len() as u16 + 8;
    [&src.to_be_bytes(), &dst.to_be_bytes(), &len.to_be_bytes(), &[0, 0], payload].concat()
}

pub(super) fn ipv4(protocol: u8, payload: &[u8]) -> Vec<u8> {
    ipv4_fragment(protocol, 0x4000, payload)
}

/// With the field of flags and offset (RFC 791, 3.1).
pub(super) fn ipv4_fragment(protocol: u8, place: u16, payload: &[u8]) -> Vec<u8> {
    let len = (payload.len() as u16 + 20).to_be_bytes();
    let [p0, p1] = place.to_be_bytes();
    let head = [0x45, 0, len[0], len[1], 0x12, 0x34, p0, p1, 64, protocol, 0xba, 0xd0];
    [&head, &SRC.octets()[..], &DST.octets(), payload].concat()
}

pub(super) fn ipv6(next: u8, payload: &[u8]) -> Vec<u8> {
    let len = (payload.len() as u16).to_be_bytes();
    let head = [0x60, 0, 0, 0, len[0], len[1], next, 64];
    [&head, &SRC6.octets()[..], &DST6.octets(), payload].concat()
}

/// Behind an IPv6 header: a fragment header with the field of offset and flag (RFC 8200, 4.5).
pub(super) fn ipv6_fragment(next: u8, place: u16, payload: &[u8]) -> Vec<u8> {
    let [p0, p1] = place.to_be_bytes();
    ipv6(44, &[&[next, 0, p0, p1, 0, 0, 0x12, 0x34], payload].concat())
}

pub(super) fn ethernet(kind: u16, payload: &[u8]) -> Vec<u8> {
    [&MACS.1[..], &MACS.0, &kind.to_be_bytes(), payload].concat()
}

/// An IP packet in frames of every kind that is read: its name, link-layer type and bytes.
pub(super) fn framings(ip: &[u8]) -> Vec<(&'static str, u32, Vec<u8>)> {
    let v6 = ip[0] >> 4 == 6;
    let kind: [u8; 2] = if v6 { [0x86, 0xdd] } else { [0x08, 0x00] };
    let ppp = if v6 { 0x57 } else { 0x21 };
    let ether = |head: &[u8]| ethernet(0, &[]).into_iter().take(12).chain(head.to_vec()).collect();
    let head = |link: u32, name, head: Vec<u8>| (name, link, [&head[..], ip].concat());
    vec![
        head(1, "Ethernet", ether(&kind)),
        head(1, "802.1Q", ether(&[&[0x81, 0, 0, 5], &kind[..]].concat())),
        head(1, "802.1ad", ether(&[&[0x88, 0xa8, 0, 5, 0x81, 0, 0, 6, 0x81, 0, 0, 7], &kind[..]].concat())),
        head(1, "SNAP", ether(&[&[0, 60, 0xaa, 0xaa, 3, 0, 0, 0], &kind[..]].concat())),
        head(1, "MPLS", ether(&[0x88, 0x47, 0, 1, 0, 64, 0, 2, 1, 64])),
        head(1, "PPPoE", ether(&[0x88, 0x64, 0x11, 0, 0, 1, 0, ip.len() as u8 + 2, 0, ppp])),
        head(0, "NULL, little-endian", vec![if v6 { 30 } else { 2 }, 0, 0, 0]),
        head(0, "NULL, big-endian", vec![0, 0, 0, if v6 { 24 } else { 2 }]),
        head(108, "LOOP", vec![0, 0, 0, if v6 { 28 } else { 2 }]),
        head(9, "PPP", vec![0, ppp]),
        head(9, "PPP, short protocol", vec![ppp]),
        head(50, "PPP in HDLC framing", vec![0xff, 3, 0, ppp]),
        head(50, "Cisco HDLC by content", [&[0x0f, 0], &kind[..]].concat()),
        head(104, "Cisco HDLC", [&[0x8f, 0], &kind[..]].concat()),
        head(12, "RAW", vec![]),
        head(14, "RAW", vec![]),
        head(101, "RAW", vec![]),
        head(if v6 { 229 } else { 228 }, "IP", vec![]),
        head(113, "SLL", [&[0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0], &kind[..]].concat()),
        head(276, "SLL2", [&kind[..], &[0; 18]].concat()),
        head(239, "NFLOG", [&[2, 0, 0, 0, 5, 0, 10, 0, b'x', 0, 0, 0], &[204, 0, 9, 0][..]].concat()),
        head(
            239,
            "NFLOG, big-endian",
            [&[2, 0, 0, 0, 0, 5, 0, 10, b'x', 0, 0, 0], &[0, 204, 0, 9][..]].concat(),
        ),
    ]
}

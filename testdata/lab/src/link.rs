//! Link layers and the tunnels that SPAN sessions make: one IP packet, wrapped for each.

use crate::trace::Packet;
use crate::wire::{self, IpFields, Mac, protocol};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// How a packet is wrapped in the capture file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    /// Ethernet II.
    Ethernet,
    /// One 802.1Q tag.
    Vlan,
    /// 802.1ad outside 802.1Q.
    QinQ,
    /// Linux cooked capture, version 1.
    Sll,
    /// Linux cooked capture, version 2.
    Sll2,
    /// Raw IP, LINKTYPE_RAW.
    Raw,
    /// Raw IPv4, LINKTYPE_IPV4.
    Ipv4,
    /// Raw IPv6, LINKTYPE_IPV6.
    Ipv6,
    /// BSD loopback, family in little-endian order.
    NullLittle,
    /// BSD loopback, family in big-endian order.
    NullBig,
    /// OpenBSD loopback, family in network order.
    Loop,
    /// PPP in HDLC-like framing.
    Ppp,
    /// PPPoE session in Ethernet.
    Pppoe,
    /// IP in GRE.
    Gre,
    /// Ethernet in GRE, without header (ERSPAN type I).
    Erspan1,
    /// ERSPAN type II.
    Erspan2,
    /// ERSPAN type III.
    Erspan3,
    /// Ethernet in VXLAN.
    Vxlan,
    /// IPv6 in IPv4.
    SixInFour,
    /// IPv4 in IPv4.
    IpIp,
}

const TUNNEL_MACS: (Mac, Mac) = ([0x02, 0, 0, 0, 0x99, 1], [0x02, 0, 0, 0, 0x99, 2]);
const TUNNEL_ENDS: (Ipv4Addr, Ipv4Addr) = (Ipv4Addr::new(10, 99, 0, 1), Ipv4Addr::new(10, 99, 0, 2));

impl Link {
    /// The LINKTYPE number for the file's header.
    pub fn number(self) -> u16 {
        match self {
            Self::Sll => 113,
            Self::Sll2 => 276,
            Self::Raw => 101,
            Self::Ipv4 => 228,
            Self::Ipv6 => 229,
            Self::NullLittle | Self::NullBig => 0,
            Self::Loop => 108,
            Self::Ppp => 9,
            _ => 1,
        }
    }

    /// The frame that holds `packet`; `number` counts the frames, for tunnels that do.
    pub fn wrap(self, packet: &Packet, number: u32) -> Vec<u8> {
        let six = packet.ip[0] >> 4 == 6;
        let ethertype: u16 = if six { 0x86dd } else { 0x0800 };
        let ethernet = || frame((packet.source, packet.destination), ethertype, &packet.ip);
        let after = |prefix: &[u8]| [prefix, &packet.ip].concat();
        match self {
            Self::Ethernet => ethernet(),
            Self::Vlan => frame(
                (packet.source, packet.destination),
                0x8100,
                &[&[0, 30], &ethertype.to_be_bytes()[..], &packet.ip].concat(),
            ),
            Self::QinQ => frame(
                (packet.source, packet.destination),
                0x88a8,
                &[&[0, 100, 0x81, 0, 0, 30], &ethertype.to_be_bytes()[..], &packet.ip].concat(),
            ),
            Self::Sll => {
                let mut out = vec![0, 0, 0, 1, 0, 6];
                out.extend_from_slice(&packet.source);
                out.extend_from_slice(&[0, 0]);
                out.extend_from_slice(&ethertype.to_be_bytes());
                out.extend_from_slice(&packet.ip);
                out
            }
            Self::Sll2 => {
                let mut out = ethertype.to_be_bytes().to_vec();
                out.extend_from_slice(&[0, 0, 0, 0, 0, 2, 0, 1, 0, 6]);
                out.extend_from_slice(&packet.source);
                out.extend_from_slice(&[0, 0]);
                out.extend_from_slice(&packet.ip);
                out
            }
            Self::Raw | Self::Ipv4 | Self::Ipv6 => packet.ip.clone(),
            // AF_INET is 2 everywhere, AF_INET6 is 30 on macOS.
            Self::NullLittle => after(&[if six { 30 } else { 2 }, 0, 0, 0]),
            Self::NullBig | Self::Loop => after(&[0, 0, 0, if six { 30 } else { 2 }]),
            Self::Ppp => after(&[0xff, 0x03, 0x00, if six { 0x57 } else { 0x21 }]),
            Self::Pppoe => {
                let length = (packet.ip.len() as u16 + 2).to_be_bytes();
                let header = [0x11, 0, 0, 7, length[0], length[1], 0, if six { 0x57 } else { 0x21 }];
                frame((packet.source, packet.destination), 0x8864, &after(&header))
            }
            Self::Gre => {
                let kind = ethertype.to_be_bytes();
                tunnel(protocol::GRE, number, &after(&[0, 0, kind[0], kind[1]]))
            }
            Self::Erspan1 => tunnel(protocol::GRE, number, &[&[0, 0, 0x88, 0xbe], &ethernet()[..]].concat()),
            Self::Erspan2 => {
                // Version 1, VLAN 30, session 7; index 0.
                let header = [0x10, 30, 0, 7, 0, 0, 0, 0];
                tunnel(protocol::GRE, number, &sequenced(0x88be, number, &header, &ethernet()))
            }
            Self::Erspan3 => {
                // Version 2, VLAN 30, session 7; a timestamp; no security tag, Ethernet frame, no subheader.
                let mut header = vec![0x20, 30, 0, 7];
                header.extend_from_slice(&((packet.time / 100_000) as u32).to_be_bytes());
                header.extend_from_slice(&[0, 0, 0, 0]);
                tunnel(protocol::GRE, number, &sequenced(0x22eb, number, &header, &ethernet()))
            }
            Self::Vxlan => {
                let payload = [&[0x08, 0, 0, 0, 0, 0x13, 0x88, 0], &ethernet()[..]].concat();
                let (from, to) = TUNNEL_ENDS;
                let ip = wire::udp(
                    SocketAddr::new(from.into(), 49_999),
                    SocketAddr::new(to.into(), 4789),
                    fields(number),
                    &payload,
                );
                frame(TUNNEL_MACS, 0x0800, &ip)
            }
            Self::SixInFour => tunnel(protocol::IPV6, number, &packet.ip),
            Self::IpIp => tunnel(protocol::IPIP, number, &packet.ip),
        }
    }
}

fn frame((source, destination): (Mac, Mac), ethertype: u16, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(14 + payload.len());
    out.extend_from_slice(&destination);
    out.extend_from_slice(&source);
    out.extend_from_slice(&ethertype.to_be_bytes());
    out.extend_from_slice(payload);
    out
}

fn tunnel(protocol: u8, number: u32, body: &[u8]) -> Vec<u8> {
    let (from, to) = TUNNEL_ENDS;
    let ip = wire::ip(IpAddr::V4(from), IpAddr::V4(to), fields(number), protocol, body);
    frame(TUNNEL_MACS, 0x0800, &ip)
}

/// GRE with a sequence number (RFC 2890), as ERSPAN II and III have it.
fn sequenced(kind: u16, number: u32, header: &[u8], inner: &[u8]) -> Vec<u8> {
    [&[0x10, 0], &kind.to_be_bytes()[..], &number.to_be_bytes(), header, inner].concat()
}

fn fields(number: u32) -> IpFields {
    IpFields { ttl: 255, ident: number as u16 }
}

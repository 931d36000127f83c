//! One record as link, network and transport slices. Nothing is copied, nothing is remembered but IP fragments.
//!
//! Tunnels that mirror sessions make (GRE, ERSPAN, VXLAN) and IP in IP are unwrapped one level deep.

mod defrag;
mod fast;
mod icmp;
mod ip;
mod link;
#[cfg(test)]
mod sample;
mod slicer;
mod span;
mod tcp;
mod tunnel;

pub use icmp::{Quoted, quoted, quoted_echo};
pub use link::supported;
pub use tcp::{TcpOption, tcp_options};

pub(crate) use fast::{Glimpse, Plain, PlainSegment, glimpse, plain};
pub(crate) use slicer::Slicer;
pub(crate) use tcp::raw_options;

use std::net::IpAddr;

use crate::capture::LinkType;

/// Slices one frame by itself. Fragments are not joined: each is [`Transport::Fragment`].
///
/// The frame is taken as captured in full; where a header counts more bytes than there are, the rest is counted in
/// [`Tcp::payload_len`]. A frame of a link-layer type that is not [`supported`] gives an empty packet.
pub fn slice(link: LinkType, bytes: &[u8]) -> Packet<'_> {
    slicer::alone(link, bytes)
}

/// A packet as far as it could be sliced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Packet<'a> {
    /// Source and destination hardware addresses of the frame that carries `ip` (of the inner one, in a tunnel), where
    /// its link layer has both.
    pub macs: Option<([u8; 6], [u8; 6])>,
    /// Outer source and destination of a tunnel that was unwrapped.
    pub tunnel: Option<(IpAddr, IpAddr)>,
    /// The network layer.
    pub ip: Option<Ip>,
    /// What the network layer carries.
    pub transport: Transport<'a>,
}

impl<'a> Packet<'a> {
    /// Hardware address of the sender.
    #[inline(always)]
    pub(crate) fn source_mac(&self) -> Option<&[u8; 6]> {
        self.macs.as_ref().map(|(src, _)| src)
    }

    /// The TCP segment, if it carries one.
    pub fn tcp(&self) -> Option<&Tcp<'a>> {
        match &self.transport {
            Transport::Tcp(tcp) => Some(tcp),
            _ => None,
        }
    }
}

/// What the rest of the analysis needs of an IPv4 or IPv6 header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ip {
    /// Source address.
    pub src: IpAddr,
    /// Destination address.
    pub dst: IpAddr,
    /// Time to live, or hop limit.
    pub ttl: u8,
    /// IPv4 identification; 0 for IPv6.
    pub id: u16,
    /// IPv4 "don't fragment"; true for IPv6.
    pub df: bool,
}

/// What an IP packet carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Transport<'a> {
    /// A TCP segment.
    Tcp(Tcp<'a>),
    /// A UDP datagram (RFC 768).
    Udp(Udp<'a>),
    /// An ICMP or ICMPv6 message.
    Icmp(Icmp<'a>),
    /// Another protocol by its IP protocol number, or one of the above of whose header too little was captured.
    Other(u8),
    /// A fragment whose datagram is not complete yet.
    Fragment,
    /// No IP packet, or its headers could not be read.
    None,
}

/// A TCP segment (RFC 9293, 3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tcp<'a> {
    /// Source port.
    pub src_port: u16,
    /// Destination port.
    pub dst_port: u16,
    /// Sequence number.
    pub seq: u32,
    /// Acknowledgment number.
    pub ack: u32,
    /// Control bits, FIN lowest.
    pub flags: u8,
    /// Window field, not scaled.
    pub window: u16,
    /// Option bytes.
    pub options: &'a [u8],
    /// Payload bytes that were captured.
    pub payload: &'a [u8],
    /// Payload bytes on the wire; more than `payload` when the snapshot length cut it.
    pub payload_len: u32,
}

impl Tcp<'_> {
    /// Control bit FIN.
    pub const FIN: u8 = 0x01;
    /// Control bit SYN.
    pub const SYN: u8 = 0x02;
    /// Control bit RST.
    pub const RST: u8 = 0x04;
    /// Control bit ACK.
    pub const ACK: u8 = 0x10;

    /// Whether all bits of `flags` are set.
    pub fn has(&self, flags: u8) -> bool {
        self.flags & flags == flags
    }

    /// Whether this opens a connection: SYN without ACK.
    pub fn opens(&self) -> bool {
        self.flags & (Self::SYN | Self::ACK) == Self::SYN
    }
}

/// A UDP datagram (RFC 768).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Udp<'a> {
    /// Source port.
    pub src_port: u16,
    /// Destination port.
    pub dst_port: u16,
    /// Payload bytes that were captured.
    pub payload: &'a [u8],
}

/// An ICMP (RFC 792) or ICMPv6 (RFC 4443) message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Icmp<'a> {
    /// Whether it is ICMPv6.
    pub v6: bool,
    /// Message type.
    pub kind: u8,
    /// Message code.
    pub code: u8,
    /// Identifier and sequence number of an echo message; 0 for others.
    pub echo: (u16, u16),
    /// Everything after the first eight bytes: for an error, the packet it quotes.
    pub body: &'a [u8],
}

//! IP packets as bytes, with right lengths and checksums.
//!
//! Written out here rather than taken from a crate that sibtrace also uses: a shared
//! misunderstanding of a header would hide itself.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// An Ethernet address.
pub type Mac = [u8; 6];

/// IP protocol numbers.
pub mod protocol {
    /// ICMP.
    pub const ICMP: u8 = 1;
    /// IPv4 in IP (RFC 2003).
    pub const IPIP: u8 = 4;
    /// TCP.
    pub const TCP: u8 = 6;
    /// UDP.
    pub const UDP: u8 = 17;
    /// IPv6 in IPv4 (RFC 4213).
    pub const IPV6: u8 = 41;
    /// GRE (RFC 2784).
    pub const GRE: u8 = 47;
    /// ICMPv6.
    pub const ICMPV6: u8 = 58;
}

/// TCP flag bits (RFC 9293, section 3.1).
pub mod flags {
    /// No more data from the sender.
    pub const FIN: u8 = 0x01;
    /// Synchronize sequence numbers.
    pub const SYN: u8 = 0x02;
    /// Reset the connection.
    pub const RST: u8 = 0x04;
    /// Push.
    pub const PSH: u8 = 0x08;
    /// The acknowledgment field counts.
    pub const ACK: u8 = 0x10;
}

/// What varies in an IP header besides the addresses.
#[derive(Debug, Clone, Copy)]
pub struct IpFields {
    /// Time to live or hop limit, as captured.
    pub ttl: u8,
    /// IPv4 identification.
    pub ident: u16,
}

/// One TCP segment without its ports.
#[derive(Debug, Clone, Default)]
pub struct Segment<'a> {
    /// Sequence number.
    pub seq: u32,
    /// Acknowledgment number.
    pub ack: u32,
    /// Flag bits, see [`flags`].
    pub flags: u8,
    /// Window field, unscaled.
    pub window: u16,
    /// Options, a multiple of four bytes.
    pub options: &'a [u8],
    /// Payload.
    pub payload: &'a [u8],
}

/// An IP packet that holds a TCP segment.
pub fn tcp(source: SocketAddr, destination: SocketAddr, ip: IpFields, segment: &Segment) -> Vec<u8> {
    let mut body = Vec::with_capacity(20 + segment.options.len() + segment.payload.len());
    body.extend_from_slice(&source.port().to_be_bytes());
    body.extend_from_slice(&destination.port().to_be_bytes());
    body.extend_from_slice(&segment.seq.to_be_bytes());
    body.extend_from_slice(&segment.ack.to_be_bytes());
    body.push(((5 + segment.options.len() / 4) << 4) as u8);
    body.push(segment.flags);
    body.extend_from_slice(&segment.window.to_be_bytes());
    body.extend_from_slice(&[0; 4]); // checksum, urgent pointer
    body.extend_from_slice(segment.options);
    body.extend_from_slice(segment.payload);
    seal(&mut body, 16, protocol::TCP, source.ip(), destination.ip());
    self::ip(source.ip(), destination.ip(), ip, protocol::TCP, &body)
}

/// An IP packet that holds a UDP datagram.
pub fn udp(source: SocketAddr, destination: SocketAddr, ip: IpFields, payload: &[u8]) -> Vec<u8> {
    let mut body = Vec::with_capacity(8 + payload.len());
    body.extend_from_slice(&source.port().to_be_bytes());
    body.extend_from_slice(&destination.port().to_be_bytes());
    body.extend_from_slice(&((8 + payload.len()) as u16).to_be_bytes());
    body.extend_from_slice(&[0; 2]);
    body.extend_from_slice(payload);
    seal(&mut body, 6, protocol::UDP, source.ip(), destination.ip());
    self::ip(source.ip(), destination.ip(), ip, protocol::UDP, &body)
}

/// ICMP destination unreachable (RFC 792) from `router`, quoting the first bytes of `quoted`,
/// an IPv4 packet, back to its sender.
pub fn icmp_unreachable(
    router: Ipv4Addr,
    sender: Ipv4Addr,
    ip: IpFields,
    code: u8,
    quoted: &[u8],
) -> Vec<u8> {
    let mut body = vec![3, code, 0, 0, 0, 0, 0, 0];
    body.extend_from_slice(&quoted[..quoted.len().min(28)]);
    let sum = checksum(0, &body);
    body[2..4].copy_from_slice(&sum.to_be_bytes());
    self::ip(router.into(), sender.into(), ip, protocol::ICMP, &body)
}

/// ICMP echo (RFC 792): kind 8 asks, kind 0 answers.
pub fn echo(source: IpAddr, destination: IpAddr, ip: IpFields, kind: u8, number: u16) -> Vec<u8> {
    let [high, low] = number.to_be_bytes();
    let mut body = vec![kind, 0, 0, 0, 0x51, 0xb7, high, low];
    body.extend(0x10..0x38);
    let sum = checksum(0, &body);
    body[2..4].copy_from_slice(&sum.to_be_bytes());
    self::ip(source, destination, ip, protocol::ICMP, &body)
}

/// An IP packet around `body`; IPv4 with the don't-fragment bit.
///
/// # Panics
/// When the addresses are of different families.
pub fn ip(source: IpAddr, destination: IpAddr, fields: IpFields, protocol: u8, body: &[u8]) -> Vec<u8> {
    let mut packet = Vec::with_capacity(40 + body.len());
    match (source, destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            packet.extend_from_slice(&[0x45, 0]);
            packet.extend_from_slice(&((20 + body.len()) as u16).to_be_bytes());
            packet.extend_from_slice(&fields.ident.to_be_bytes());
            packet.extend_from_slice(&[0x40, 0, fields.ttl, protocol, 0, 0]);
            packet.extend_from_slice(&source.octets());
            packet.extend_from_slice(&destination.octets());
            let sum = checksum(0, &packet);
            packet[10..12].copy_from_slice(&sum.to_be_bytes());
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            packet.extend_from_slice(&[0x60, 0, 0, 0]);
            packet.extend_from_slice(&(body.len() as u16).to_be_bytes());
            packet.extend_from_slice(&[protocol, fields.ttl]);
            packet.extend_from_slice(&source.octets());
            packet.extend_from_slice(&destination.octets());
        }
        _ => panic!("a packet has addresses of one family"),
    }
    packet.extend_from_slice(body);
    packet
}

/// The IPv4 packet of TCP with `to` in place of `from`, and new checksums, as on the other side
/// of a translating router. Other packets come back unchanged.
pub fn translated(packet: &[u8], from: Ipv4Addr, to: Ipv4Addr) -> Vec<u8> {
    let mut copy = packet.to_vec();
    if copy[0] != 0x45 || copy[9] != protocol::TCP {
        return copy;
    }
    for at in [12, 16] {
        if copy[at..at + 4] == from.octets() {
            copy[at..at + 4].copy_from_slice(&to.octets());
        }
    }
    let source = Ipv4Addr::new(copy[12], copy[13], copy[14], copy[15]);
    let destination = Ipv4Addr::new(copy[16], copy[17], copy[18], copy[19]);
    let mut body = copy.split_off(20);
    body[16..18].fill(0);
    seal(&mut body, 16, protocol::TCP, source.into(), destination.into());
    refresh(&mut copy);
    copy.extend_from_slice(&body);
    copy
}

/// What a middlebox rewrites in an IPv4 packet of TCP, which otherwise stays the same packet.
#[derive(Debug, Clone, Copy, Default)]
pub struct Rewrite {
    /// Addresses in place of others.
    pub addresses: [Option<(Ipv4Addr, Ipv4Addr)>; 2],
    /// Added to the source port.
    pub source_port: u16,
    /// Added to the destination port.
    pub destination_port: u16,
    /// Added to the sequence number.
    pub sequence: u32,
    /// Added to the acknowledgment number.
    pub acknowledgment: u32,
}

/// The packet after a middlebox; one that is not TCP over IPv4 without options comes back unchanged.
pub fn rewritten(packet: &[u8], change: Rewrite) -> Vec<u8> {
    let mut copy = packet.to_vec();
    if copy[0] != 0x45 || copy[9] != protocol::TCP {
        return copy;
    }
    let ports = [(20, change.source_port), (22, change.destination_port)];
    for (at, add) in ports {
        let port = u16::from_be_bytes([copy[at], copy[at + 1]]).wrapping_add(add);
        copy[at..at + 2].copy_from_slice(&port.to_be_bytes());
    }
    let acknowledges = copy[33] & flags::ACK != 0;
    for (at, add) in [(24, change.sequence), (28, if acknowledges { change.acknowledgment } else { 0 })] {
        let number =
            u32::from_be_bytes([copy[at], copy[at + 1], copy[at + 2], copy[at + 3]]).wrapping_add(add);
        copy[at..at + 4].copy_from_slice(&number.to_be_bytes());
    }
    // Also without other addresses this writes the checksums.
    let nobody = Some((Ipv4Addr::UNSPECIFIED, Ipv4Addr::UNSPECIFIED));
    let addresses = change.addresses.iter().flatten().chain(&nobody);
    addresses.fold(copy, |packet, (from, to)| translated(&packet, *from, *to))
}

/// Takes one from the time to live, as a router does.
pub fn hop(packet: &mut [u8]) {
    if packet[0] >> 4 == 6 {
        packet[7] -= 1;
        return;
    }
    packet[8] -= 1;
    refresh(&mut packet[..20]);
}

/// Writes the checksum of an IPv4 header (RFC 791, 3.1).
fn refresh(header: &mut [u8]) {
    header[10..12].fill(0);
    let sum = checksum(0, header);
    header[10..12].copy_from_slice(&sum.to_be_bytes());
}

/// Writes the transport checksum with its pseudo header (RFC 9293, 3.1; RFC 8200, 8.1).
fn seal(body: &mut [u8], at: usize, protocol: u8, source: IpAddr, destination: IpAddr) {
    let mut sum = u32::from(protocol) + body.len() as u32;
    for address in [source, destination] {
        sum = match address {
            IpAddr::V4(address) => partial(sum, &address.octets()),
            IpAddr::V6(address) => partial(sum, &address.octets()),
        };
    }
    let sum = checksum(sum, body);
    let sum = if sum == 0 && protocol == self::protocol::UDP { 0xffff } else { sum };
    body[at..at + 2].copy_from_slice(&sum.to_be_bytes());
}

/// The Internet checksum (RFC 1071) of `bytes`, begun with a partial sum.
fn checksum(start: u32, bytes: &[u8]) -> u16 {
    let mut sum = partial(start, bytes);
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

fn partial(start: u32, bytes: &[u8]) -> u32 {
    bytes.chunks(2).fold(start, |sum, pair| {
        sum + (u32::from(pair[0]) << 8) + u32::from(pair.get(1).copied().unwrap_or(0))
    })
}

//! Capture files made from bytes.

use super::super::walk::Order;

/// Second of the first packet in made captures.
pub(super) const START: u32 = 1_404_055_544;

/// A variant of classic pcap.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pcap {
    pub(super) order: Order,
    pub(super) magic: u32,
    pub(super) version: (u16, u16),
    pub(super) link: u32,
}

impl Pcap {
    pub(super) const MICROS: Pcap =
        Pcap { order: Order::Little, magic: 0xa1b2_c3d4, version: (2, 4), link: 1 };

    pub(super) fn header(self) -> Vec<u8> {
        let mut file = Bytes(self.order, Vec::new());
        // A snapshot length of 1, which nothing keeps to.
        file.u32(self.magic).u16(self.version.0).u16(self.version.1).u32(0).u32(0).u32(1).u32(self.link);
        file.1
    }

    /// A record `ticks` after [`START`] of a packet that is `original` bytes long.
    pub(super) fn record(self, ticks: u32, packet: &[u8], original: u32) -> Vec<u8> {
        let mut record = Bytes(self.order, Vec::new());
        let (first, second) = match self.version.1 {
            ..3 => (original, packet.len() as u32),
            _ => (packet.len() as u32, original),
        };
        record.u32(START).u32(ticks).u32(first).u32(second);
        if self.magic == 0xa1b2_cd34 {
            record.u32(7).u16(0x0800).u16(0);
        }
        record.1.extend(packet);
        record.1
    }

    /// A file of packets that are a tick apart.
    pub(super) fn file(self, packets: &[&[u8]]) -> Vec<u8> {
        let records =
            packets.iter().zip(1..).map(|(packet, at)| self.record(at, packet, packet.len() as u32));
        [self.header()].into_iter().chain(records).flatten().collect()
    }
}

/// Blocks of a pcapng section.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pcapng(pub(super) Order);

impl Pcapng {
    pub(super) fn block(self, kind: u32, body: &[u8]) -> Vec<u8> {
        let length = 12 + body.len().next_multiple_of(4);
        let mut block = Bytes(self.0, Vec::new());
        block.u32(kind).u32(length as u32).1.extend(body);
        block.1.resize(length - 4, 0);
        block.u32(length as u32);
        block.1
    }

    pub(super) fn section(self, major: u16) -> Vec<u8> {
        let mut body = Bytes(self.0, Vec::new());
        body.u32(0x1a2b_3c4d).u16(major).u16(0).u32(u32::MAX).u32(u32::MAX);
        self.block(0x0a0d_0d0a, &body.1)
    }

    pub(super) fn interface(self, link: u16, snapshot_length: u32, options: &[(u16, &[u8])]) -> Vec<u8> {
        let mut body = Bytes(self.0, Vec::new());
        body.u16(link).u16(0).u32(snapshot_length).options(options);
        self.block(1, &body.1)
    }

    pub(super) fn packet(self, interface: u32, ticks: u64, packet: &[u8]) -> Vec<u8> {
        self.packet_with(interface, ticks, packet, &[])
    }

    pub(super) fn packet_with(
        self,
        interface: u32,
        ticks: u64,
        packet: &[u8],
        options: &[(u16, &[u8])],
    ) -> Vec<u8> {
        let mut body = Bytes(self.0, Vec::new());
        body.u32(interface).u32((ticks >> 32) as u32).u32(ticks as u32);
        body.u32(packet.len() as u32).u32(packet.len() as u32).padded(packet).options(options);
        self.block(6, &body.1)
    }

    pub(super) fn simple_packet(self, original: u32, packet: &[u8]) -> Vec<u8> {
        let mut body = Bytes(self.0, Vec::new());
        body.u32(original).padded(packet);
        self.block(3, &body.1)
    }

    pub(super) fn obsolete_packet(self, interface: u16, drops: u16, ticks: u64, packet: &[u8]) -> Vec<u8> {
        let mut body = Bytes(self.0, Vec::new());
        body.u16(interface).u16(drops).u32((ticks >> 32) as u32).u32(ticks as u32);
        body.u32(packet.len() as u32).u32(packet.len() as u32).padded(packet);
        self.block(2, &body.1)
    }

    pub(super) fn statistics(self, interface: u32, options: &[(u16, &[u8])]) -> Vec<u8> {
        let mut body = Bytes(self.0, Vec::new());
        body.u32(interface).u32(0).u32(0).options(options);
        self.block(5, &body.1)
    }

    /// A 64-bit number in the byte order of the section.
    pub(super) fn number(self, number: u64) -> [u8; 8] {
        match self.0 {
            Order::Little => number.to_le_bytes(),
            Order::Big => number.to_be_bytes(),
        }
    }

    /// A file of one interface and packets that are a microsecond apart.
    pub(super) fn file(self, packets: &[&[u8]]) -> Vec<u8> {
        let start = u64::from(START) * 1_000_000;
        let records = packets.iter().zip(1..).map(|(packet, at)| self.packet(0, start + at, packet));
        [self.section(1), self.interface(1, 0, &[])].into_iter().chain(records).flatten().collect()
    }
}

struct Bytes(Order, Vec<u8>);

impl Bytes {
    fn u16(&mut self, number: u16) -> &mut Self {
        self.1.extend(match self.0 {
            Order::Little => number.to_le_bytes(),
            Order::Big => number.to_be_bytes(),
        });
        self
    }

    fn u32(&mut self, number: u32) -> &mut Self {
        self.1.extend(match self.0 {
            Order::Little => number.to_le_bytes(),
            Order::Big => number.to_be_bytes(),
        });
        self
    }

    fn padded(&mut self, bytes: &[u8]) -> &mut Self {
        self.1.extend(bytes);
        self.1.resize(self.1.len().next_multiple_of(4), 0);
        self
    }

    fn options(&mut self, options: &[(u16, &[u8])]) -> &mut Self {
        for (code, value) in options {
            self.u16(*code).u16(value.len() as u16).padded(value);
        }
        self
    }
}

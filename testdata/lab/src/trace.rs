//! A trace: packets with their times, before a link type and a file format are chosen.

use crate::rng::Rng;
use crate::time::Nanos;
use crate::wire::Mac;
use std::collections::{BTreeSet, HashMap};

/// A packet's name from its making to its place in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PacketId(u32);

/// One IP packet on its way past the capture point.
#[derive(Debug, Clone)]
pub struct Packet {
    /// Its name.
    pub id: PacketId,
    /// When it passes.
    pub time: Nanos,
    /// Sender on the captured link.
    pub source: Mac,
    /// Receiver on the captured link.
    pub destination: Mac,
    /// IP header and everything behind it.
    pub ip: Vec<u8>,
    /// The TCP connection that it belongs to.
    pub connection: Option<u32>,
}

/// Packets in the making. Sorted by time at the end, so conversations are built one by one.
#[derive(Debug, Clone)]
pub struct Trace {
    /// Chance, for what varies in real traffic.
    pub rng: Rng,
    /// The packets so far.
    pub packets: Vec<Packet>,
    ids: u32,
    connections: u32,
}

impl Trace {
    /// An empty trace.
    pub fn new(rng: Rng) -> Self {
        Self { rng, packets: Vec::new(), ids: 0, connections: 0 }
    }

    /// Adds a packet.
    pub fn push(&mut self, time: Nanos, macs: (Mac, Mac), ip: Vec<u8>, connection: Option<u32>) -> PacketId {
        let id = self.name();
        let (source, destination) = macs;
        self.packets.push(Packet { id, time, source, destination, ip, connection });
        id
    }

    /// A name for a packet that a caller makes itself, such as a second copy.
    pub fn name(&mut self) -> PacketId {
        self.ids += 1;
        PacketId(self.ids)
    }

    /// A number for a new TCP connection.
    pub fn connection(&mut self) -> u32 {
        self.connections += 1;
        self.connections
    }

    /// Puts the packets into the order in which they passed.
    pub fn sort(&mut self) {
        self.packets.sort_by_key(|packet| (packet.time, packet.id));
    }

    /// Frame numbers by name, for packets that are in the trace; counted from 1.
    pub fn frames(&self) -> HashMap<PacketId, u64> {
        self.packets.iter().zip(1..).map(|(packet, frame)| (packet.id, frame)).collect()
    }

    /// How many TCP connections have at least one packet here.
    pub fn connection_count(&self) -> u64 {
        let seen: BTreeSet<u32> = self.packets.iter().filter_map(|packet| packet.connection).collect();
        seen.len() as u64
    }
}

//! What goes wrong with captures: packets lost, doubled or shuffled, clocks that step, files cut and corrupted.

use crate::container::{Record, pcap_offset};
use crate::time::{MICROSECOND, Nanos};
use crate::trace::{Packet, PacketId, Trace};
use crate::wire;
use std::net::{IpAddr, Ipv4Addr};

/// Takes the named packets out, as a sniffer does that cannot keep up.
pub fn lose(trace: &mut Trace, lost: &[PacketId]) {
    trace.packets.retain(|packet| !lost.contains(&packet.id));
}

/// Takes out all packets between two moments, as a sniffer does that stalls.
pub fn stall(trace: &mut Trace, from: Nanos, until: Nanos) {
    trace.packets.retain(|packet| packet.time < from || packet.time >= until);
}

/// Keeps only what is not sent by `host`: a SPAN session of one direction.
pub fn mute(trace: &mut Trace, host: IpAddr) {
    trace.packets.retain(|packet| sender(&packet.ip) != Some(host));
}

/// Takes out what follows a packet in its connection, except the last packet of all.
pub fn lose_after(trace: &mut Trace, last_seen: PacketId) {
    let Some(seen) = trace.packets.iter().find(|packet| packet.id == last_seen).cloned() else { return };
    let later = |packet: &&Packet| packet.connection == seen.connection && packet.time > seen.time;
    let mut lost: Vec<&Packet> = trace.packets.iter().filter(later).collect();
    lost.sort_by_key(|packet| packet.time);
    lost.pop();
    let lost: Vec<PacketId> = lost.iter().map(|packet| packet.id).collect();
    lose(trace, &lost);
}

/// Whether a packet is sent by `host` or to it.
pub fn concerns(packet: &Packet, host: IpAddr) -> bool {
    [sender(&packet.ip), receiver(&packet.ip)].contains(&Some(host))
}

/// Stores every packet twice, the second copy a hop further and less than 100 µs later.
pub fn double(trace: &mut Trace) {
    let mut copies = Vec::new();
    for packet in trace.packets.clone() {
        let mut copy = packet.clone();
        copy.id = trace.name();
        copy.time += trace.rng.between(5, 12) * MICROSECOND;
        wire::hop(&mut copy.ip);
        copies.extend([packet, copy]);
    }
    trace.packets = copies;
    trace.sort();
}

/// Stores every TCP packet twice, before and after a router that gives `inside` the address `outside`.
/// The copies with the other address are connections of their own.
pub fn translate(trace: &mut Trace, inside: Ipv4Addr, outside: Ipv4Addr) {
    let mut both = Vec::new();
    for mut packet in trace.packets.clone() {
        let translated = wire::translated(&packet.ip, inside, outside);
        if packet.connection.is_none() || translated[12..20] == packet.ip[12..20] {
            both.push(packet);
            continue;
        }
        let mut copy = packet.clone();
        copy.id = trace.name();
        copy.connection = packet.connection.map(|connection| connection + 1_000_000);
        copy.ip = translated;
        // Towards the inside the translated form passes first.
        let inward = sender(&packet.ip) != Some(IpAddr::V4(inside));
        let later = if inward { &mut packet } else { &mut copy };
        later.time += MICROSECOND;
        wire::hop(&mut later.ip);
        both.extend([packet, copy]);
    }
    trace.packets = both;
    trace.sort();
}

/// Swaps neighbouring packets of one connection: every `every`th place, if times allow.
pub fn shuffle(trace: &mut Trace, every: usize) {
    for place in (every..trace.packets.len()).step_by(every) {
        let (first, second) = (place - 1, place);
        if trace.packets[first].connection == trace.packets[second].connection {
            let times = (trace.packets[first].time, trace.packets[second].time);
            trace.packets.swap(first, second);
            trace.packets[first].time = times.0;
            trace.packets[second].time = times.1;
        }
    }
}

/// Sets the clock of the capture machine by `by` nanoseconds from the packet that passes at `from` on.
pub fn step(trace: &mut Trace, from: Nanos, by: i64) {
    for packet in &mut trace.packets {
        if packet.time >= from {
            packet.time = packet.time.saturating_add_signed(by);
        }
    }
}

/// Damage to the file rather than to its packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileDamage {
    /// The file ends inside its last record.
    CutLast,
    /// The header of this record (from 1) says nonsense.
    Corrupt(u64),
}

impl FileDamage {
    /// Damages a classic pcap file that holds `records`.
    pub fn inflict(self, file: &mut Vec<u8>, records: &[Record]) {
        match self {
            Self::CutLast => {
                let last = records.last().map_or(0, |record| record.data.len());
                file.truncate(file.len() - last.min(20));
            }
            Self::Corrupt(number) => {
                let start = pcap_offset(records, number);
                file[start..start + 16].copy_from_slice(&[0xfe; 16]);
            }
        }
    }
}

/// Who sent an IP packet.
pub fn sender(ip: &[u8]) -> Option<IpAddr> {
    match ip.first()? >> 4 {
        4 => address::<4>(ip, 12),
        _ => address::<16>(ip, 8),
    }
}

/// To whom an IP packet goes.
pub fn receiver(ip: &[u8]) -> Option<IpAddr> {
    match ip.first()? >> 4 {
        4 => address::<4>(ip, 16),
        _ => address::<16>(ip, 24),
    }
}

fn address<const LENGTH: usize>(ip: &[u8], at: usize) -> Option<IpAddr>
where
    IpAddr: From<[u8; LENGTH]>,
{
    ip.get(at..)?.first_chunk().map(|octets: &[u8; LENGTH]| (*octets).into())
}

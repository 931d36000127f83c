//! Second copies of a packet: a SPAN of both ports, a router's two sides, all interfaces of a host.
//!
//! A copy has the same addresses, ports, sequence numbers, flags and IP identification, and comes within
//! milliseconds. A retransmission is a new IP packet; most stacks give it a new identification, and none sends it
//! within a millisecond.

use super::Arriving;
use crate::packet::Tcp;

/// Both copies of a packet that crossed a router lie this close together, as do all copies with an identification.
const ROUTED_NANOS: i64 = 5_000_000;
/// Without an identification and with the same TTL, only a mirror port is this quick.
const MIRRORED_NANOS: i64 = 1_000_000;

const REMEMBERED: usize = 8;

/// The last packets of one flow.
#[derive(Debug, Default)]
pub(super) struct Copies {
    /// The keys alone, which tell nearly all packets apart in one cache line.
    keys: [u32; REMEMBERED],
    seen: [Option<Seen>; REMEMBERED],
    next: usize,
}

/// What is the same in all copies of a packet, and the two things that are not.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    /// Tells the two directions of the flow apart.
    forward: bool,
    seq: u32,
    ack: u32,
    length: u32,
    flags: u8,
    id: u16,
    ttl: u8,
    nanos: i64,
}

impl Seen {
    /// What `packet` has.
    #[inline(always)]
    pub(super) fn new(packet: &Arriving<'_>) -> Self {
        let Arriving { at, from_low, ttl, ip_id, tcp, .. } = *packet;
        Seen {
            forward: from_low,
            seq: tcp.seq,
            ack: tcp.ack,
            length: tcp.payload_len,
            flags: tcp.flags,
            id: ip_id,
            ttl,
            nanos: at.time.nanos(),
        }
    }

    /// Equal for copies; a stack that counts its packets makes it another one for everything else.
    fn key(&self) -> u32 {
        self.seq ^ u32::from(self.id).wrapping_mul(0x9e37_79b1)
    }

    fn is_copied_by(&self, later: &Seen) -> bool {
        let same = self.seq == later.seq
            && self.forward == later.forward
            && (self.ack, self.length, self.flags, self.id)
                == (later.ack, later.length, later.flags, later.id);
        if !same {
            return false;
        }
        // Acknowledgments are repeated on purpose (RFC 5681, 3.2) and look alike without an identification.
        let bare = self.length == 0 && self.flags & (Tcp::SYN | Tcp::FIN | Tcp::RST) == 0;
        let limit = match (self.id, self.ttl == later.ttl) {
            (0, _) if bare => return false,
            (0, true) => MIRRORED_NANOS,
            _ => ROUTED_NANOS,
        };
        (0..limit).contains(&later.nanos.saturating_sub(self.nanos))
    }
}

impl Copies {
    /// Whether `packet` is a copy of one of the last packets. It is remembered if it is not. Inlined, as a packet that
    /// is put together in one place and copied to another right away waits for its own bytes.
    #[inline(always)]
    pub(super) fn holds(&mut self, packet: Seen) -> bool {
        let is_known = self.knows(&packet);
        if !is_known {
            self.push(packet);
        }
        is_known
    }

    #[inline(always)]
    fn knows(&self, packet: &Seen) -> bool {
        // All are compared at once, which the compiler makes one vector instruction of: hardly any is alike.
        let key = packet.key();
        self.keys.map(|other| other == key).contains(&true) && self.compares(*packet)
    }

    #[cold]
    fn compares(&self, packet: Seen) -> bool {
        self.seen.iter().flatten().any(|seen| seen.is_copied_by(&packet))
    }

    #[inline(always)]
    fn push(&mut self, packet: Seen) {
        let place = self.next % REMEMBERED;
        self.keys[place] = packet.key();
        self.seen[place] = Some(packet);
        self.next = place + 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATA: Seen =
        Seen { forward: true, seq: 7, ack: 9, length: 100, flags: 0x18, id: 5, ttl: 64, nanos: 0 };

    fn is_copy(first: Seen, second: Seen) -> bool {
        let mut copies = Copies::default();
        assert!(!copies.holds(first));
        copies.holds(second)
    }

    #[test]
    fn the_same_ip_packet_within_milliseconds_is_a_copy() {
        assert!(is_copy(DATA, Seen { nanos: 900_000, ..DATA }));
        assert!(is_copy(DATA, Seen { ttl: 63, nanos: 4_000_000, ..DATA }), "routed");
        assert!(!is_copy(DATA, Seen { id: 6, ..DATA }), "retransmitted");
        assert!(!is_copy(DATA, Seen { nanos: 200_000_000, ..DATA }), "identification used again");
        assert!(!is_copy(DATA, Seen { forward: false, ..DATA }), "the other direction");
    }

    #[test]
    fn without_an_identification_it_must_be_quicker() {
        let unnamed = Seen { id: 0, ..DATA };
        assert!(is_copy(unnamed, Seen { nanos: 900_000, ..unnamed }));
        assert!(!is_copy(unnamed, Seen { nanos: 2_000_000, ..unnamed }));
        assert!(is_copy(unnamed, Seen { ttl: 63, nanos: 2_000_000, ..unnamed }), "routed");
        let ack = Seen { length: 0, flags: Tcp::ACK, ..unnamed };
        assert!(!is_copy(ack, ack), "a repeated acknowledgment");
    }

    #[test]
    fn copies_are_found_behind_a_burst_of_packets() {
        let mut copies = Copies::default();
        let burst = (0..8).map(|i| Seen { seq: i, nanos: i64::from(i), ..DATA });
        assert!(burst.clone().all(|packet| !copies.holds(packet)));
        assert!(burst.clone().all(|packet| copies.holds(packet)));
        assert!(!copies.holds(Seen { seq: 8, ..DATA }));
        assert!(!copies.holds(Seen { seq: 0, ..DATA }), "the oldest is forgotten");
    }
}

//! What one packet changes in its own direction: counts, time to live, acknowledgments, probes.

use super::arriving::Arriving;
use super::clock::SenderClock;
use super::segment::Segment;
use super::stream::Stream;
use super::{Dir, Moment, Side};
use crate::packet::Tcp;

/// What is remembered of one direction.
#[derive(Debug, Default)]
pub(super) struct Half {
    /// The sequence number from which Wireshark counts, which tells incarnations apart.
    pub(super) base: Option<u32>,
    pub(super) stream: Stream,
    /// A packet was seen that is neither SYN nor RST.
    pub(super) is_talking: bool,
    /// Where the latest of them came from; 0 without any.
    sender: u64,
    window_is_closed: bool,
    pub(super) clock: SenderClock,
    /// The receiver knows that this direction is complete.
    pub(super) fin_is_told: bool,
}

impl Half {
    /// `digest`: computes the SHA-256 of the stream.
    pub(super) fn new(digest: bool) -> Self {
        let stream = if digest { Stream::digesting() } else { Stream::default() };
        Half { stream, ..Half::default() }
    }
}

/// The direction of a packet, and what is remembered of the other one.
pub(super) struct Way<'f> {
    pub(super) side: &'f mut Side,
    pub(super) half: &'f mut Half,
    pub(super) peer: &'f mut Half,
}

impl<'f> Way<'f> {
    pub(super) fn of(dir: Dir, sides: &'f mut [Side; 2], halves: &'f mut [Half; 2]) -> Self {
        let ([orig, resp], [from_orig, from_resp]) = (sides, halves);
        match dir {
            Dir::Orig => Way { side: orig, half: from_orig, peer: from_resp },
            Dir::Resp => Way { side: resp, half: from_resp, peer: from_orig },
        }
    }

    /// Counts a packet, and gives the one before it in this direction.
    pub(super) fn count(&mut self, packet: &Arriving<'_>) -> Option<Moment> {
        self.side.packets += 1;
        let before = self.side.last.replace(packet.at);
        if before.is_none() {
            self.side.first = Some(packet.at);
            self.side.mac = packet.mac.copied();
            self.side.ttl = packet.ttl;
        }
        before
    }

    pub(super) fn learn_bases(&mut self, tcp: &Tcp<'_>) {
        let first = if tcp.has(Tcp::SYN) { tcp.seq } else { tcp.seq.wrapping_sub(1) };
        if self.half.base.is_none() || tcp.has(Tcp::SYN | Tcp::ACK) {
            self.half.base = Some(first);
        }
        if tcp.has(Tcp::ACK) {
            self.peer.base.get_or_insert(tcp.ack.wrapping_sub(1));
        }
    }

    /// Learns from where a packet comes. Nearly all come from where the one before did.
    #[inline(always)]
    pub(super) fn note_sender(&mut self, packet: &Arriving<'_>) {
        let sender = sender(packet);
        if self.half.sender != sender {
            self.note_other_sender(packet, sender);
        }
    }

    #[inline(never)]
    fn note_other_sender(&mut self, packet: &Arriving<'_>, sender: u64) {
        let ttl = packet.ttl;
        if !packet.tcp.has(Tcp::RST) {
            let (low, high) = self.side.ttl_range;
            // (0, 0) stands for no packet yet; nothing is sent with TTL 0.
            self.side.ttl_range = if high == 0 { (ttl, ttl) } else { (low.min(ttl), high.max(ttl)) };
        }
        if let (Some(first), Some(mac)) = (&self.side.mac, packet.mac)
            && first != mac
        {
            self.side.rare_mut().other_mac.get_or_insert((*mac, ttl, packet.at));
        }
        if packet.tcp.flags & (Tcp::SYN | Tcp::RST) == 0 {
            if !self.half.is_talking {
                self.half.is_talking = true;
                self.side.ttl = ttl;
            }
            self.half.sender = sender;
        }
    }

    #[inline(always)]
    pub(super) fn acknowledge(&mut self, tcp: &Tcp<'_>) {
        if tcp.has(Tcp::ACK) {
            self.peer.stream.acknowledged(tcp.ack);
        }
        if tcp.flags & (Tcp::SYN | Tcp::FIN) != 0 {
            return;
        }
        if tcp.payload_len == 0 {
            self.half.stream.sent_up_to(tcp.seq);
        }
        let is_closed = tcp.window == 0;
        if is_closed && !self.half.window_is_closed {
            self.side.rare_mut().zero_windows += 1;
        }
        self.half.window_is_closed = is_closed;
    }

    /// Takes a segment without control bits that probes, or that nobody reads and that is the next one.
    #[inline(always)]
    pub(super) fn takes(&mut self, segment: &Segment<'_>, is_unread: bool) -> bool {
        if self.half.stream.is_probe(segment.seq, segment.length) {
            // The same segment probes a closed window (RFC 9293, 3.8.6.1).
            if !self.peer.window_is_closed {
                self.side.rare_mut().keepalives += 1;
            }
            return true;
        }
        is_unread && self.half.stream.advance(segment, self.side)
    }
}

/// The hardware address and the TTL of a packet as one word, never 0.
#[inline(always)]
fn sender(packet: &Arriving<'_>) -> u64 {
    let [a, b, c, d, e, f] = packet.mac.copied().unwrap_or_default();
    // In two parts: from eight bytes the compiler would read one at a time.
    let mac = u64::from(u32::from_le_bytes([a, b, c, d])) << 16 | u64::from(u16::from_le_bytes([e, f]));
    mac << 16 | u64::from(packet.ttl) << 8 | if packet.mac.is_some() { 2 } else { 1 }
}

//! Reassembly of one direction: from segments in any order to the bytes in stream order.
//!
//! Offset 0 is the first byte after the SYN, or the first payload byte seen where the capture began later. The first
//! copy of a byte wins. What comes in order is handed on as the slice it came in; only what comes early is copied,
//! into a bounded store. A hole is waited for until the peer acknowledges what lies behind it, as then it has come and
//! was not captured, or the flow ends, or the store is full.

use sha2::{Digest, Sha256};

use super::acks::Acks;
use super::opening::Beginning;
use super::outlet::{Outlet, Sink};
use super::pending::{Content, Pending, Piece, Store};
use super::recent::Recent;
use super::segment::{Arrival, FARTHEST, Part, Segment, slice};
use super::{Interest, Moment, Side};

/// A reset is believed to acknowledge at most this many bytes that were not seen: a window, as hosts use it.
const RESET_WINDOW: u32 = 1 << 20;

/// One direction of a connection.
#[derive(Debug, Default)]
pub(super) struct Stream {
    /// Sequence number of offset 0.
    origin: Option<u32>,
    /// Everything before this offset has been handed on or skipped.
    next: u64,
    /// End of the highest byte seen.
    top: u64,
    /// The latest frame of what has been handed on.
    at: Moment,
    pending: Pending,
    /// Offset of the FIN.
    fin: Option<u64>,
    acks: Acks,
    /// Where the first bytes are missing that were not cut.
    first_gap: Option<u64>,
    recent: Recent,
    digest: Option<Box<Sha256>>,
    beginning: Beginning,
}

impl Stream {
    /// A stream that also computes the digest of its bytes.
    pub(super) fn digesting() -> Self {
        Stream { digest: Some(Box::default()), ..Stream::default() }
    }

    /// The SYN of this direction.
    pub(super) fn syn(&mut self, isn: u32) {
        self.origin.get_or_insert(isn.wrapping_add(1));
    }

    /// The peer acknowledges everything before `ack`.
    pub(super) fn acknowledged(&mut self, ack: u32) {
        self.acks.answered(ack);
    }

    /// A reset says that everything before `ack` had been received. Who forges one may put any number there: one far
    /// beyond what was seen tells nothing.
    pub(super) fn acknowledged_by_reset(&mut self, ack: u32) {
        let Some(origin) = self.origin else { return };
        let beyond = ack.wrapping_sub(origin.wrapping_add(self.top as u32));
        if beyond <= RESET_WINDOW {
            self.sent_up_to(ack);
        }
    }

    /// Everything before `seq` was sent: the peer acknowledges it, or the sender itself goes on from there.
    pub(super) fn sent_up_to(&mut self, seq: u32) {
        self.acks.sent_up_to(seq);
    }

    /// Whether a segment without control bits is a keep-alive probe: no byte or one, just below the next one to send.
    pub(super) fn is_probe(&self, seq: u32, length: u32) -> bool {
        let after = seq.wrapping_add(1);
        match (length, self.origin) {
            (0 | 1, Some(origin)) => after == origin.wrapping_add(self.top as u32),
            // The capture began later: then the peer already had the byte.
            (1, None) => self.acks.end() == Some(after),
            _ => false,
        }
    }

    /// Whether `segment` has other bytes than those handed on before.
    pub(super) fn contradicts(&self, segment: &Segment<'_>) -> bool {
        let Ok(offset) = u64::try_from(self.offset(segment.seq)) else {
            return false;
        };
        self.recent.contradict(offset, segment.bytes)
    }

    /// Takes a segment that nobody reads, if it is the next one, or none but an acknowledgment. Most of a capture is
    /// that, and it costs a quarter of what [`Stream::segment`] does.
    #[inline(always)]
    pub(super) fn advance(&mut self, segment: &Segment<'_>, side: &mut Side) -> bool {
        if segment.length == 0 {
            return true;
        }
        let is_next = self.origin.is_some_and(|origin| origin.wrapping_add(self.next as u32) == segment.seq)
            && self.pending.is_empty()
            && self.fin.is_none()
            && self.digest.is_none()
            && segment.bytes.len() as u64 == u64::from(segment.length);
        if is_next {
            side.bytes += segment.bytes.len() as u64;
            self.beginning.take(self.next, segment.bytes, segment.at);
            self.next += segment.bytes.len() as u64;
            self.top = self.top.max(self.next);
        }
        is_next
    }

    /// Takes a segment with payload.
    pub(super) fn segment<K: Sink>(&mut self, segment: &Segment<'_>, outlet: &mut Outlet<'_, K>) -> Arrival {
        self.origin.get_or_insert(segment.seq);
        let start = self.offset(segment.seq);
        let whole = segment.bytes.len() as u64 >= u64::from(segment.length);
        if start == self.next as i64 && self.pending.is_empty() && whole {
            outlet.side.bytes += segment.bytes.len() as u64;
            self.deliver(segment.bytes, segment.at, outlet);
            self.top = self.top.max(self.next);
            return Arrival::New;
        }
        let Some(part) = Part::new(start, segment) else {
            return Arrival::Old;
        };
        let late = start < self.top as i64;
        if self.contradicts(segment) | self.disagrees(&part) {
            outlet.side.rare_mut().conflicting += 1;
        }
        let brings_new = self.fill(&part, outlet);
        if part.end <= self.next + FARTHEST {
            self.top = self.top.max(part.end);
        }
        self.drain(self.top.saturating_sub(1), outlet);
        match (brings_new, late) {
            (false, _) => Arrival::Old,
            (true, true) => Arrival::Late,
            (true, false) => Arrival::New,
        }
    }

    /// Whether the peer has acknowledged bytes behind the first hole: what fills it will not be sent again.
    pub(super) fn waits_in_vain(&self) -> bool {
        let Some(front) = self.pending.front().filter(|front| front.start > self.next) else {
            return false;
        };
        let Some(origin) = self.origin else {
            return false;
        };
        self.acks.reach_beyond(origin.wrapping_add(front.start as u32)) && front.start - self.next <= FARTHEST
    }

    /// Gives the first hole up.
    pub(super) fn pass_over_hole<K: Sink>(&mut self, outlet: &mut Outlet<'_, K>) {
        let Some((start, at)) = self.pending.front().map(|front| (front.start, front.at)) else {
            return;
        };
        self.skip(start, at, outlet);
        self.drain(self.top.saturating_sub(1), outlet);
    }

    /// The FIN of this direction, at sequence number `seq`.
    pub(super) fn fin<K: Sink>(&mut self, seq: u32, outlet: &mut Outlet<'_, K>) {
        let offset = self.origin.map_or(0, |_| self.offset(seq));
        let Ok(offset) = u64::try_from(offset) else { return };
        if self.fin.is_none() && offset <= self.next + FARTHEST {
            self.fin = Some(offset);
            self.drain(offset, outlet);
        }
    }

    /// Whether everything before the FIN has been handed on.
    pub(super) fn is_finished(&self) -> bool {
        self.fin.is_some_and(|fin| self.next >= fin)
    }

    /// The latest frame of what has been handed on.
    pub(super) fn at(&self) -> Moment {
        self.at
    }

    /// Nobody wants the bytes any more.
    pub(super) fn forget_bytes(&mut self, store: &mut Store) {
        if self.digest.is_none() {
            self.pending.forget_bytes(store);
            self.recent = Recent::default();
        }
    }

    /// Whether the bytes are needed for the digest.
    pub(super) fn is_digesting(&self) -> bool {
        self.digest.is_some()
    }

    /// Hands on what still waits, the holes as gaps, and completes the counters.
    pub(super) fn end<K: Sink>(&mut self, outlet: &mut Outlet<'_, K>) {
        while let Some(front) = self.pending.front() {
            let (start, at) = (front.start, front.at);
            self.skip(start, at, outlet);
            self.release_front(outlet);
        }
        let top = self.origin.map(|origin| origin.wrapping_add(self.top as u32));
        // The number of a FIN is not a byte.
        let unseen = self.acks.beyond(top).saturating_sub(u64::from(self.fin.is_some()));
        let sent = self.fin.map_or(unseen, |fin| fin.saturating_sub(self.top));
        outlet.side.acked_unseen = unseen > 0 || self.has_acked_gap();
        outlet.side.unanswered = top.is_some_and(|top| !self.acks.cover(top));
        if self.origin.is_some() {
            self.skip(self.top + sent, self.at, outlet);
        }
        outlet.side.opening = self.origin.and_then(|seq| self.beginning.finish(seq));
        if let Some(digest) = self.digest.take()
            && (outlet.side.missing == 0 || self.top == 0)
        {
            outlet.side.rare_mut().sha256 = Some(digest.finalize().into());
        }
    }

    /// Distance of `seq` from offset 0, taking the number nearest to the next expected one.
    fn offset(&self, seq: u32) -> i64 {
        let expected = self.origin.unwrap_or(seq).wrapping_add(self.next as u32);
        self.next as i64 + i64::from(seq.wrapping_sub(expected) as i32)
    }

    fn has_acked_gap(&self) -> bool {
        let (Some(gap), Some(acked), Some(origin)) = (self.first_gap, self.acks.end(), self.origin) else {
            return false;
        };
        let behind = origin.wrapping_add(self.top as u32).wrapping_sub(acked) as i32;
        self.top as i64 - i64::from(behind) > gap as i64
    }

    /// Whether bytes that wait differ from this copy of them.
    fn disagrees(&self, part: &Part<'_>) -> bool {
        let mut at = part.start.max(self.next);
        while let (_, Some(piece)) = self.pending.beyond(at)
            && piece.start < part.captured
        {
            let (from, to) = (at.max(piece.start), part.captured.min(piece.end));
            let kept = slice(piece.bytes(), piece.start, from, to);
            if !kept.is_empty() && kept != part.slice(from, to) {
                return true;
            }
            at = piece.end;
        }
        false
    }

    /// Hands on or keeps what is new in `part`. Whether there was anything.
    fn fill<K: Sink>(&mut self, part: &Part<'_>, outlet: &mut Outlet<'_, K>) -> bool {
        let followed = part.start.max(self.top.saturating_sub(1));
        let mut any = false;
        let mut at = part.start;
        loop {
            self.drain(followed, outlet);
            at = at.max(self.next);
            if at >= part.end {
                return any;
            }
            // The captured part and the cut one are placed separately.
            let (end, captured) = if at < part.captured { (part.captured, true) } else { (part.end, false) };
            let (index, piece) = self.pending.beyond(at);
            let end = match piece {
                Some(piece) if piece.start <= at => {
                    let end = end.min(piece.end);
                    if captured && piece.is_cut() {
                        self.pending.carve(index, at, end, outlet.store);
                    } else {
                        at = end;
                    }
                    continue;
                }
                Some(piece) => end.min(piece.start),
                None => end,
            };
            any = true;
            let bytes = part.slice(at, end);
            if captured && at == self.next {
                outlet.side.bytes += end - at;
                self.deliver(bytes, part.at, outlet);
                continue;
            }
            let kept = if outlet.keep { bytes } else { &[] };
            if !self.pending.has_room(kept.len(), outlet.store) {
                outlet.store.overflows += 1;
                if at == self.next {
                    self.cut(end, part.at, outlet);
                    continue;
                }
                if self.give_up_hole(at, part.at, outlet) {
                    continue;
                }
                return any;
            }
            let content = match captured {
                false => Content::Cut,
                true if outlet.keep => Content::Bytes(kept.into()),
                true => Content::Seen,
            };
            outlet.side.bytes += if captured { end - at } else { 0 };
            self.pending.insert(index, Piece { start: at, end, at: part.at, content }, outlet.store);
            at = end;
        }
    }

    /// Makes room by skipping the oldest hole, up to `offset` at most. What belongs there may still come, so that nothing
    /// says that the capture lacks it. Not when what lies behind the hole cannot belong to the connection: one stray
    /// segment must not cost the real bytes.
    fn give_up_hole<K: Sink>(&mut self, offset: u64, at: Moment, outlet: &mut Outlet<'_, K>) -> bool {
        let Some(front) = self.pending.front().filter(|front| front.start < offset) else {
            let near = offset - self.next <= FARTHEST;
            if near {
                self.miss(offset, at, outlet);
            }
            return near;
        };
        let (start, at) = (front.start, front.at);
        if start - self.next > FARTHEST {
            return false;
        }
        self.miss(start, at, outlet);
        self.release_front(outlet);
        true
    }

    /// Hands on the pieces whose turn has come. Bytes that were cut wait until something at `followed` comes after
    /// them, because another copy may have them.
    fn drain<K: Sink>(&mut self, followed: u64, outlet: &mut Outlet<'_, K>) {
        while let Some(front) = self.pending.front().filter(|front| front.start == self.next) {
            let may_be_filled = followed < front.end && self.fin.is_none_or(|fin| fin > front.end);
            if front.is_cut() && may_be_filled {
                return;
            }
            self.release_front(outlet);
        }
    }

    fn release_front<K: Sink>(&mut self, outlet: &mut Outlet<'_, K>) {
        let Some(piece) = self.pending.pop_front(outlet.store) else {
            return;
        };
        match piece.content {
            Content::Bytes(bytes) => self.deliver(&bytes, piece.at, outlet),
            Content::Seen => self.next = piece.end,
            Content::Cut => self.cut(piece.end, piece.at, outlet),
        }
    }

    fn deliver<K: Sink>(&mut self, bytes: &[u8], at: Moment, outlet: &mut Outlet<'_, K>) {
        self.at = self.at.max(at);
        self.beginning.take(self.next, bytes, at);
        if outlet.keep {
            if let Some(digest) = &mut self.digest {
                digest.update(bytes);
            }
            // To take the fingerprints of bulk mail was a quarter of its instructions.
            let matters = match outlet.sink.data(bytes, self.at) {
                Interest::GoOn => true,
                Interest::Counted => false,
                Interest::Refused => self.digest.is_some(),
            };
            if matters {
                self.recent.push(self.next, bytes);
            }
        }
        self.next += bytes.len() as u64;
    }

    /// Declares that what lies before `offset` was never captured.
    fn skip<K: Sink>(&mut self, offset: u64, at: Moment, outlet: &mut Outlet<'_, K>) {
        if offset > self.next {
            self.first_gap.get_or_insert(self.next);
        }
        self.miss(offset, at, outlet);
    }

    /// Declares that what lies before `offset` was cut off by the snapshot length.
    fn cut<K: Sink>(&mut self, offset: u64, at: Moment, outlet: &mut Outlet<'_, K>) {
        outlet.side.rare_mut().cut += offset - self.next;
        self.miss(offset, at, outlet);
    }

    /// Goes on at `offset`, as if nothing stood before it.
    fn miss<K: Sink>(&mut self, offset: u64, at: Moment, outlet: &mut Outlet<'_, K>) {
        let length = offset.saturating_sub(self.next);
        if length == 0 {
            return;
        }
        self.at = self.at.max(at);
        outlet.side.missing += length;
        if outlet.keep {
            outlet.sink.gap(length, self.at);
        }
        self.next = offset;
    }
}

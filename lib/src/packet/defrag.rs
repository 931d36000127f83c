//! The bounded table of IP fragments.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use ahash::AHashMap;

use super::ip::Place;
use crate::time::{self, Timestamp};

/// How long a datagram waits for its missing fragments, in capture time: what Linux allows by default.
const PATIENCE: Duration = Duration::from_secs(30);

/// The unit of fragment offsets, in bytes (RFC 791, 3.2).
const BLOCK: usize = 8;

/// No IP packet has a longer payload; what claims to reach beyond is an attack.
const LONGEST: usize = 65_535;

/// Bytes that a datagram takes beside its payload: its places in both maps.
const OVERHEAD: usize = 384;

/// Fragments whose datagrams are not complete. The first copy of a byte wins.
#[derive(Debug)]
pub(super) struct Fragments {
    limit: usize,
    held: usize,
    waiting: AHashMap<Key, Partial>,
    /// The keys of `waiting` by age.
    order: BTreeMap<u64, Key>,
    next_serial: u64,
    counts: FragmentCounts,
}

/// Datagrams that were given up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct FragmentCounts {
    /// Those whose fragments did not all come in time.
    pub(crate) expired: Dropped,
    /// Those that made room for younger ones when the limit was reached.
    pub(crate) evicted: Dropped,
}

/// Incomplete datagrams and the bytes of theirs that had been seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Dropped {
    pub(crate) datagrams: u64,
    pub(crate) bytes: u64,
}

/// A piece of a datagram, captured in full.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fragment<'a> {
    pub(super) key: Key,
    pub(super) place: Place,
    /// What the datagram carries, if this is its first fragment.
    pub(super) protocol: u8,
    pub(super) payload: &'a [u8],
}

/// What the fragments of one datagram have in common (RFC 791, 3.2; RFC 8200, 4.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) src: IpAddr,
    pub(super) dst: IpAddr,
    pub(super) id: u32,
    /// Protocol of an IPv4 packet. Fragments of an IPv6 packet may differ in it, so it is the same for all.
    pub(super) protocol: u8,
}

/// A datagram that is complete: what it carries, and its payload.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Joined {
    pub(super) protocol: u8,
    pub(super) payload: Vec<u8>,
}

impl Fragments {
    /// A table that holds at most `limit` bytes.
    pub(super) fn new(limit: usize) -> Self {
        Fragments {
            limit,
            held: 0,
            waiting: AHashMap::new(),
            order: BTreeMap::new(),
            next_serial: 0,
            counts: FragmentCounts::default(),
        }
    }

    pub(super) fn counts(&self) -> FragmentCounts {
        self.counts
    }

    /// Takes a fragment; gives the datagram that it completes.
    pub(super) fn add(&mut self, fragment: &Fragment<'_>, time: Timestamp) -> Option<Joined> {
        self.expire(time);
        let key = fragment.key;
        if self.waiting.get(&key).is_some_and(|partial| partial.is_too_old(time)) {
            self.drop_as(key, |counts| &mut counts.expired);
        }
        let (order, next_serial, held) = (&mut self.order, &mut self.next_serial, &mut self.held);
        let partial = self.waiting.entry(key).or_insert_with(|| {
            let serial = *next_serial;
            *next_serial += 1;
            *held += OVERHEAD;
            order.insert(serial, key);
            Partial::new(serial, time)
        });
        *held -= partial.footprint();
        partial.add(fragment);
        *held += partial.footprint();
        if partial.is_complete() {
            return self.remove(key).map(Partial::join);
        }
        while self.held > self.limit {
            let Some((_, &oldest)) = self.order.first_key_value() else {
                break;
            };
            self.drop_as(oldest, |counts| &mut counts.evicted);
        }
        None
    }

    fn expire(&mut self, now: Timestamp) {
        while let Some((_, &oldest)) = self.order.first_key_value() {
            if !self.waiting.get(&oldest).is_some_and(|partial| partial.is_too_old(now)) {
                return;
            }
            self.drop_as(oldest, |counts| &mut counts.expired);
        }
    }

    fn drop_as(&mut self, key: Key, count: impl FnOnce(&mut FragmentCounts) -> &mut Dropped) {
        let Some(partial) = self.remove(key) else { return };
        let count = count(&mut self.counts);
        count.datagrams += 1;
        count.bytes += partial.seen_bytes();
    }

    fn remove(&mut self, key: Key) -> Option<Partial> {
        let partial = self.waiting.remove(&key)?;
        self.order.remove(&partial.serial);
        self.held -= partial.footprint() + OVERHEAD;
        Some(partial)
    }
}

/// A datagram of which fragments are missing.
#[derive(Debug)]
struct Partial {
    serial: u64,
    since: Timestamp,
    protocol: u8,
    /// Length, once the last fragment has come.
    len: Option<usize>,
    payload: Vec<u8>,
    /// One bit for each block of `payload` that has come.
    seen: Vec<u64>,
}

impl Partial {
    fn new(serial: u64, since: Timestamp) -> Self {
        Partial { serial, since, protocol: 0, len: None, payload: Vec::new(), seen: Vec::new() }
    }

    fn add(&mut self, fragment: &Fragment<'_>) {
        let start = usize::from(fragment.place.offset);
        // Only the last fragment may end within a block; of others the odd bytes are left out, as Linux does.
        let odd = if fragment.place.more { fragment.payload.len() % BLOCK } else { 0 };
        let len = fragment.payload.len() - odd;
        let end = start + len;
        if len == 0 || end > LONGEST {
            return;
        }
        // A second end would leave a half-filled block in the middle.
        if !fragment.place.more && *self.len.get_or_insert(end) != end {
            return;
        }
        if start == 0 && !self.has(0) {
            self.protocol = fragment.protocol;
        }
        if self.payload.len() < end {
            self.payload.resize(end, 0);
            self.seen.resize(end.div_ceil(BLOCK).div_ceil(64), 0);
        }
        for (n, bytes) in fragment.payload[..len].chunks(BLOCK).enumerate() {
            let block = start / BLOCK + n;
            if !self.has(block) {
                self.seen[block / 64] |= 1 << (block % 64);
                self.payload[block * BLOCK..][..bytes.len()].copy_from_slice(bytes);
            }
        }
    }

    fn has(&self, block: usize) -> bool {
        self.seen.get(block / 64).is_some_and(|word| word >> (block % 64) & 1 == 1)
    }

    fn is_complete(&self) -> bool {
        let Some(len) = self.len else { return false };
        let blocks = len.div_ceil(BLOCK);
        let (full, rest) = (blocks / 64, blocks % 64);
        let mask = (1 << rest) - 1;
        self.seen.iter().take(full).all(|&word| word == u64::MAX)
            && (rest == 0 || self.seen.get(full).is_some_and(|&word| word & mask == mask))
    }

    fn is_too_old(&self, now: Timestamp) -> bool {
        now.since(self.since) > time::nanos(PATIENCE)
    }

    fn seen_bytes(&self) -> u64 {
        self.seen.iter().map(|word| u64::from(word.count_ones())).sum::<u64>() * BLOCK as u64
    }

    fn footprint(&self) -> usize {
        self.payload.capacity() + self.seen.capacity() * size_of::<u64>()
    }

    fn join(mut self) -> Joined {
        self.payload.truncate(self.len.unwrap_or_default());
        Joined { protocol: self.protocol, payload: self.payload }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: i64 = 1_000_000_000;

    fn fragment(id: u32, offset: u16, more: bool, payload: &[u8]) -> Fragment<'_> {
        let addr = IpAddr::from([192, 0, 2, 1]);
        Fragment {
            key: Key { src: addr, dst: addr, id, protocol: 17 },
            place: Place { id, offset, more },
            protocol: 17,
            payload,
        }
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_nanos(seconds * SECOND)
    }

    fn table() -> Fragments {
        Fragments::new(1 << 20)
    }

    #[test]
    fn fragments_of_two_datagrams_are_kept_apart() {
        let mut table = table();
        assert_eq!(table.add(&fragment(1, 0, true, &[1; 8]), at(0)), None);
        assert_eq!(table.add(&fragment(2, 8, false, &[2; 3]), at(0)), None);
        let one = table.add(&fragment(1, 8, false, &[1; 3]), at(0));
        assert_eq!(one, Some(Joined { protocol: 17, payload: vec![1; 11] }));
        let two = table.add(&fragment(2, 0, true, &[2; 8]), at(0));
        assert_eq!(two, Some(Joined { protocol: 17, payload: vec![2; 11] }));
        assert_eq!((table.held, table.order.len()), (0, 0));
    }

    #[test]
    fn an_identification_used_again_after_half_a_minute_is_another_datagram() {
        let mut table = table();
        assert_eq!(table.add(&fragment(1, 0, true, &[1; 8]), at(0)), None);
        assert_eq!(table.add(&fragment(1, 8, false, &[2; 8]), at(31)), None);
        let expected = Joined { protocol: 17, payload: [[3; 8], [2; 8]].concat() };
        assert_eq!(table.add(&fragment(1, 0, true, &[3; 8]), at(32)), Some(expected));
        assert_eq!(table.counts().expired, Dropped { datagrams: 1, bytes: 8 });
    }

    #[test]
    fn a_flood_makes_room_by_dropping_the_oldest() {
        let mut table = Fragments::new(100_000);
        let mut most = 0;
        for id in 0..10_000 {
            assert_eq!(table.add(&fragment(id, 0, true, &[0; 1480]), at(0)), None);
            most = most.max(table.held);
        }
        assert!(most <= 100_000 && table.waiting.len() == table.order.len());
        let evicted = table.counts().evicted.datagrams;
        assert_eq!(evicted + table.waiting.len() as u64, 10_000);
        assert_eq!(table.add(&fragment(0, 1480, false, &[0; 8]), at(0)), None);
        assert!(table.add(&fragment(9_999, 1480, false, &[0; 8]), at(0)).is_some());
    }

    #[test]
    fn what_would_be_longer_than_any_packet_is_refused() {
        let mut table = table();
        assert_eq!(table.add(&fragment(1, 65_528, false, &[0; 8]), at(0)), None);
        assert!(table.held <= OVERHEAD);
    }

    /// Every byte by itself, in a map: the first copy stays, the first last fragment tells the length and others are ignored.
    fn model(fragments: &[(u16, bool, Vec<u8>)]) -> Option<(usize, Vec<u8>)> {
        let (mut bytes, mut end) = (BTreeMap::new(), None);
        for (n, (offset, more, payload)) in fragments.iter().enumerate() {
            let len = if *more { payload.len() / 8 * 8 } else { payload.len() };
            if len == 0
                || (!more && *end.get_or_insert(usize::from(*offset) + len) != usize::from(*offset) + len)
            {
                continue;
            }
            for (at, byte) in (usize::from(*offset)..).zip(&payload[..len]) {
                bytes.entry(at).or_insert(*byte);
            }
            if let Some(end) = end
                && (0..end).all(|at| bytes.contains_key(&at))
            {
                return Some((n, (0..end).map(|at| bytes[&at]).collect()));
            }
        }
        None
    }

    proptest! {
        #[test]
        fn pieces_of_a_datagram_join_in_any_order(
            payload in prop::collection::vec(any::<u8>(), 1..3000),
            blocks in 1..40_usize,
            seed in any::<prop::sample::Index>(),
        ) {
            let size = blocks * BLOCK;
            let last = payload.len().div_ceil(size) - 1;
            let mut pieces: Vec<_> = payload.chunks(size).enumerate().collect();
            let middle = seed.index(pieces.len());
            pieces.rotate_left(middle);
            pieces[..last / 2].reverse();
            let mut table = table();
            let mut joined = Vec::new();
            for (n, piece) in pieces {
                joined.extend(table.add(&fragment(1, (n * size) as u16, n < last, piece), at(0)));
            }
            prop_assert_eq!(joined, [Joined { protocol: 17, payload }]);
            prop_assert_eq!(table.held, 0);
        }

        #[test]
        fn overlapping_pieces_join_as_the_model_says(
            pieces in prop::collection::vec(
                (0..8_u16, prop::bool::weighted(0.7), prop::collection::vec(any::<u8>(), 0..40)), 1..20),
        ) {
            let pieces: Vec<_> = pieces.into_iter().map(|(block, more, bytes)| (block * 8, more, bytes)).collect();
            let mut table = table();
            let joined = pieces.iter().enumerate().find_map(|(n, (offset, more, bytes))| {
                Some((n, table.add(&fragment(1, *offset, *more, bytes), at(0))?.payload))
            });
            prop_assert_eq!(joined, model(&pieces));
        }
    }
}

//! The flows of one shard: which packet belongs to which, and how many there may be.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use ahash::RandomState;
use hashbrown::HashTable;

use super::arriving::Arriving;
use super::lone::Lone;
use super::pending::Store;
use super::rows::Rows;
use super::tcp::{Flow, Live};
use super::{Connection, Endpoint, FlowId, FlowKey, Moment, Receiver, Unreachable};
use crate::time::Timestamp;

/// Connections that are found without looking them up among all.
const LATELY: usize = 256;

/// What one table may hold.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Connections that may go on.
    pub(crate) flows: usize,
    /// Rows of connections that are over.
    pub(crate) rows: usize,
    /// Bytes of one direction that wait for an earlier one.
    pub(crate) out_of_order_per_direction: usize,
    /// Bytes of all directions that wait for an earlier one.
    pub(crate) out_of_order_total: usize,
}

/// How often each limit was hit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Overflows {
    /// Flows that were ended because another one needed their place.
    pub(crate) flows: u64,
    /// Connections that have no row.
    pub(crate) rows: u64,
    /// The one of them that began first.
    pub(crate) first_without_row: Option<FlowId>,
    /// Times that bytes were skipped, or not kept, because too many waited for an earlier one.
    pub(crate) out_of_order: u64,
}

/// The flows of one shard. `S` is what the receiver remembers of a connection.
///
/// Connections are told apart as Wireshark does: a SYN without ACK that counts from another sequence number than the
/// first one known for its direction begins a new connection; everything else between the same ends continues.
#[derive(Debug)]
pub(crate) struct Flows<S> {
    limits: Limits,
    digest: bool,
    hasher: RandomState,
    /// Places in `flows` by key. The keys stand there only, so that a large table stays in the cache.
    slots: HashTable<u32>,
    flows: Vec<Slot<S>>,
    /// Places of connections that had a packet lately: most packets are those of a few connections, and to look one up
    /// among all is a sixth of what a packet costs.
    lately: [u32; LATELY],
    /// For each slot a time before which its flow was not idle. It is brought up to date only when it is needed.
    idle: BinaryHeap<Reverse<(Timestamp, u32)>>,
    store: Store,
    rows: Rows,
    begun: u64,
    overflows: Overflows,
}

/// A connection that may go on.
#[derive(Debug)]
struct Slot<S> {
    key: FlowKey,
    seen: Seen<S>,
}

#[derive(Debug)]
enum Seen<S> {
    /// One SYN.
    Lone(Lone),
    /// More than that, and the place of its row.
    Flow(u32, Box<Flow<S>>),
}

impl<S> Seen<S> {
    fn id(&self, rows: &Rows) -> FlowId {
        match self {
            Seen::Lone(lone) => lone.id(),
            Seen::Flow(row, _) => rows.row(*row).id,
        }
    }

    fn last(&self, rows: &Rows) -> Moment {
        match self {
            Seen::Lone(lone) => lone.at(),
            Seen::Flow(row, _) => rows.row(*row).last(),
        }
    }

    fn is_over_with(&self, syn: &Arriving<'_>) -> bool {
        match self {
            Seen::Lone(lone) => lone.is_over_with(syn),
            Seen::Flow(_, flow) => flow.is_over_with(syn),
        }
    }
}

impl<S> Slot<S> {
    /// Its flow, which a lone SYN now becomes.
    fn wake<'f, R: Receiver<State = S>>(
        &'f mut self,
        rows: &'f mut Rows,
        digest: bool,
        store: &mut Store,
        receiver: &mut R,
    ) -> Option<Live<'f, S>> {
        if let Seen::Lone(lone) = &self.seen {
            self.seen = lone.replay(&self.key, |syn| {
                let row = rows.push(|| Connection::begun(lone.id(), syn));
                let mut flow = Box::new(Flow::new(syn, digest));
                rows.live(row, &mut flow).first_packet(syn, store, receiver);
                Seen::Flow(row, flow)
            });
        }
        match &mut self.seen {
            Seen::Flow(row, flow) => Some(rows.live(*row, flow)),
            Seen::Lone(_) => None,
        }
    }
}

impl<S> Flows<S> {
    /// An empty table. `digest`: compute the SHA-256 of every stream.
    pub(crate) fn new(limits: Limits, digest: bool) -> Self {
        Flows {
            limits,
            digest,
            hasher: RandomState::new(),
            slots: HashTable::new(),
            flows: Vec::new(),
            lately: [0; LATELY],
            idle: BinaryHeap::new(),
            store: Store {
                per_direction: limits.out_of_order_per_direction,
                total: limits.out_of_order_total,
                held: 0,
                overflows: 0,
            },
            rows: Rows::new(limits.rows),
            begun: 0,
            overflows: Overflows::default(),
        }
    }

    /// Takes a TCP segment. `ordinal` is the packet's number among all packets of the vantage point.
    #[inline(always)]
    pub(crate) fn segment<R: Receiver<State = S>>(
        &mut self,
        ordinal: u64,
        segment: &Arriving<'_>,
        receiver: &mut R,
    ) {
        let bucket = segment.key.bucket(LATELY);
        let place = self.lately[bucket] as usize;
        let is_its = self.flows.get(place).is_some_and(|slot| slot.key == *segment.key);
        let known = if is_its { Some(place) } else { self.place(segment.key) };
        // Most of a capture goes on with a connection that is known.
        if let Some(place) = known
            && !segment.tcp.opens()
            && let Some(Slot { seen: Seen::Flow(row, flow), .. }) = self.flows.get_mut(place)
        {
            self.lately[bucket] = place as u32;
            self.rows.live(*row, flow).packet(segment, &mut self.store, receiver);
            return;
        }
        self.opening(known, FlowId(ordinal), segment, receiver);
    }

    /// Takes a segment that may begin a connection, or is its second one.
    #[inline(never)]
    fn opening<R: Receiver<State = S>>(
        &mut self,
        known: Option<usize>,
        id: FlowId,
        segment: &Arriving<'_>,
        receiver: &mut R,
    ) {
        let place = known.unwrap_or_else(|| {
            let seen = self.begin(id, segment);
            self.add(Slot { key: *segment.key, seen }, segment.at.time, receiver)
        });
        self.lately[segment.key.bucket(LATELY)] = place as u32;
        let is_new = |slot: &Slot<S>| segment.tcp.opens() && slot.seen.is_over_with(segment);
        if self.flows.get(place).is_some_and(is_new) {
            let new = self.begin(id, segment);
            let old = std::mem::replace(&mut self.flows[place].seen, new);
            self.retire(segment.key, old, receiver);
        }
        let Some(slot) = self.flows.get_mut(place) else {
            return;
        };
        let is_all = matches!(&slot.seen, Seen::Lone(lone) if lone.id() == id);
        if !is_all && let Some(mut live) = slot.wake(&mut self.rows, self.digest, &mut self.store, receiver) {
            live.first_packet(segment, &mut self.store, receiver);
        }
    }

    /// Connections that have begun: the stream number of the next one.
    pub(crate) fn begun(&self) -> u64 {
        self.begun
    }

    /// An ICMP error quotes a segment from `src` to `dst`. It belongs to the latest connection between them, if there
    /// is one, and never begins one.
    pub(crate) fn icmp_error<R: Receiver<State = S>>(
        &mut self,
        src: Endpoint,
        dst: Endpoint,
        unreachable: Unreachable,
        receiver: &mut R,
    ) {
        let place = self.place(&FlowKey::new(src, dst).0);
        let Some(slot) = place.and_then(|place| self.flows.get_mut(place)) else {
            return;
        };
        if let Some(mut live) = slot.wake(&mut self.rows, self.digest, &mut self.store, receiver) {
            live.unreachable(unreachable);
        }
    }

    /// Ends all flows, the oldest first, and gives the rows, in no order.
    pub(crate) fn finish<R: Receiver<State = S>>(mut self, receiver: &mut R) -> (Vec<Connection>, Overflows) {
        // Places are moved, not slots, which are large; where ends were used again, they are a few runs in order.
        let ids = self.flows.iter().map(|slot| slot.seen.id(&self.rows));
        let mut order: Vec<(FlowId, usize)> = ids.zip(0..).collect();
        order.sort_by_key(|(id, _)| *id);
        let mut slots: Vec<Option<Slot<S>>> = std::mem::take(&mut self.flows).into_iter().map(Some).collect();
        for (_, place) in order {
            if let Some(Slot { key, seen }) = slots[place].take() {
                self.end(&key, seen, receiver);
            }
        }
        self.overflows.out_of_order = self.store.overflows;
        (self.rows.into_vec(), self.overflows)
    }

    #[inline(never)]
    fn place(&self, key: &FlowKey) -> Option<usize> {
        let is_its = |place: &u32| self.flows.get(*place as usize).is_some_and(|slot| slot.key == *key);
        self.slots.find(self.hasher.hash_one(key), is_its).map(|place| *place as usize)
    }

    /// The connection that `packet` begins. Unless the packet is all that is remembered of it, it is not counted yet.
    fn begin(&mut self, id: FlowId, packet: &Arriving<'_>) -> Seen<S> {
        self.begun += 1;
        match Lone::new(id, packet) {
            Some(lone) => Seen::Lone(lone),
            None => Seen::Flow(
                self.rows.push(|| Connection::begun(id, packet)),
                Box::new(Flow::new(packet, self.digest)),
            ),
        }
    }

    /// Gives a connection a place, if need be that of the one that has been idle longest.
    fn add<R: Receiver<State = S>>(&mut self, slot: Slot<S>, since: Timestamp, receiver: &mut R) -> usize {
        let hash = self.hasher.hash_one(slot.key);
        let place = match self.idlest() {
            Some(place) => {
                let old = std::mem::replace(&mut self.flows[place as usize], slot);
                if let Ok(entry) =
                    self.slots.find_entry(self.hasher.hash_one(old.key), |known| *known == place)
                {
                    entry.remove();
                }
                self.overflows.flows += 1;
                self.retire(&old.key, old.seen, receiver);
                place
            }
            None => {
                self.flows.push(slot);
                (self.flows.len() - 1) as u32
            }
        };
        let rehash = |place: &u32| self.hasher.hash_one(self.flows[*place as usize].key);
        self.slots.insert_unique(hash, place, rehash);
        self.idle.push(Reverse((since, place)));
        place as usize
    }

    fn retire<R: Receiver<State = S>>(&mut self, key: &FlowKey, seen: Seen<S>, receiver: &mut R) {
        let id = seen.id(&self.rows);
        let is_told = match seen {
            // A flood is made of them: no row is made for nothing.
            Seen::Lone(_) if self.rows.is_full() => false,
            seen => {
                let row = self.end(key, seen, receiver);
                self.rows.end(row)
            }
        };
        if !is_told {
            self.overflows.rows += 1;
            let first = self.overflows.first_without_row.get_or_insert(id);
            *first = id.min(*first);
        }
    }

    /// Finishes a row and says where it stands.
    fn end<R: Receiver<State = S>>(&mut self, key: &FlowKey, seen: Seen<S>, receiver: &mut R) -> u32 {
        match seen {
            Seen::Lone(lone) => self.rows.push(|| lone.row(key, self.digest)),
            Seen::Flow(row, mut flow) => {
                self.rows.live(row, &mut flow).end(&mut self.store, receiver);
                row
            }
        }
    }

    /// Takes out the slot whose flow has been idle longest, when all are taken.
    fn idlest(&mut self) -> Option<u32> {
        if self.flows.len() < self.limits.flows {
            return None;
        }
        while let Some(Reverse((since, slot))) = self.idle.pop() {
            let last = self.flows.get(slot as usize)?.seen.last(&self.rows).time;
            if last <= since {
                return Some(slot);
            }
            self.idle.push(Reverse((last, slot)));
        }
        None
    }
}

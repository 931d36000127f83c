//! The flows of one shard: which packet belongs to which, and how many there may be.

use ahash::RandomState;
use hashbrown::HashTable;

use super::arriving::Arriving;
use super::idle::{Candidate, Idle};
use super::lone::Lone;
use super::pending::Store;
use super::rows::Rows;
use super::tcp::{Flow, Live};
use super::{Connection, Endpoint, FlowId, FlowKey, Moment, Receiver, Unreachable};

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
    /// Places in `flows` by key. The keys stand there only, so that a large table stays in the cache. A place may stand here
    /// for a connection that had it before: to look up each one that ends took a third of the time of a flood.
    slots: HashTable<u32>,
    flows: Vec<Slot<S>>,
    /// Places of connections that had a packet lately: most packets are those of a few connections, and to look one up
    /// among all is a sixth of what a packet costs.
    lately: [u32; LATELY],
    /// For each slot a time before which its flow was not idle. It is brought up to date only when it is needed.
    idle: Idle,
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
            idle: Idle::default(),
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
        if segment.tcp.opens() {
            return self.opening(self.place(segment.key), FlowId(ordinal), segment, receiver);
        }
        let bucket = segment.key.bucket(LATELY);
        let place = self.lately[bucket] as usize;
        let is_its = self.flows.get(place).is_some_and(|slot| slot.key == *segment.key);
        let known = if is_its { Some(place) } else { self.place(segment.key) };
        // Most of a capture goes on with a connection that is known.
        if let Some(place) = known
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
        let place = match known {
            None => self.add(id, segment, receiver),
            Some(place) => {
                if segment.tcp.opens() && self.flows[place].seen.is_over_with(segment) {
                    self.retire(place, receiver);
                    self.begin(place, id, segment);
                }
                place
            }
        };
        self.lately[segment.key.bucket(LATELY)] = place as u32;
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
        // Where ends were used again, places are a few runs in order.
        let ids = self.flows.iter().map(|slot| slot.seen.id(&self.rows));
        let mut order: Vec<(FlowId, usize)> = ids.zip(0..).collect();
        order.sort_by_key(|(id, _)| *id);
        for (_, place) in order {
            self.end(place, receiver);
        }
        self.overflows.out_of_order = self.store.overflows;
        (self.rows.into_vec(), self.overflows)
    }

    #[inline(never)]
    fn place(&self, key: &FlowKey) -> Option<usize> {
        let is_its = |place: &u32| self.flows.get(*place as usize).is_some_and(|slot| slot.key == *key);
        self.slots.find(self.hasher.hash_one(key), is_its).map(|place| *place as usize)
    }

    /// Gives the connection that `packet` begins a place, if need be that of the one that has been idle longest.
    fn add<R: Receiver<State = S>>(&mut self, id: FlowId, packet: &Arriving<'_>, receiver: &mut R) -> usize {
        let key = *packet.key;
        let place = match self.idlest() {
            Some(place) => {
                self.overflows.flows += 1;
                self.retire(place, receiver);
                self.flows[place].key = key;
                place
            }
            None => {
                self.flows.push(Slot { key, seen: Seen::Lone(Lone::default()) });
                self.flows.len() - 1
            }
        };
        self.begin(place, id, packet);
        self.list(place);
        self.idle.push(packet.at.time, place as u32);
        place
    }

    /// Puts the connection that `packet` begins where the one was that is over. Unless the packet is all that is remembered
    /// of it, it is not counted yet.
    #[inline(always)]
    fn begin(&mut self, place: usize, id: FlowId, packet: &Arriving<'_>) {
        self.begun += 1;
        let seen = &mut self.flows[place].seen;
        if !Lone::is_one(packet) {
            let row = self.rows.push(|| Connection::begun(id, packet));
            *seen = Seen::Flow(row, Box::new(Flow::new(packet, self.digest)));
            return;
        }
        if !matches!(seen, Seen::Lone(_)) {
            *seen = Seen::Lone(Lone::default());
        }
        if let Seen::Lone(lone) = seen {
            lone.take(id, packet);
        }
    }

    /// Lets the connection at a place be found. Where too many ended ones are listed, all are listed anew.
    fn list(&mut self, place: usize) {
        let all = 0..self.flows.len() as u32;
        let is_crowded = self.slots.len() >= self.limits.flows * 7 / 4;
        let places = if is_crowded {
            self.slots.clear();
            all
        } else {
            place as u32..place as u32 + 1
        };
        let hash = |place: &u32| self.hasher.hash_one(self.flows[*place as usize].key);
        for place in places {
            self.slots.insert_unique(hash(&place), place, hash);
        }
    }

    /// The connection at a place is over. Another one takes the place.
    fn retire<R: Receiver<State = S>>(&mut self, place: usize, receiver: &mut R) {
        let seen = &self.flows[place].seen;
        let id = seen.id(&self.rows);
        // A flood is made of lone SYNs: no row is made for nothing.
        let is_told = !(matches!(seen, Seen::Lone(_)) && self.rows.is_full()) && {
            let row = self.end(place, receiver);
            self.rows.end(row)
        };
        if !is_told {
            self.overflows.rows += 1;
            let first = self.overflows.first_without_row.get_or_insert(id);
            *first = id.min(*first);
        }
    }

    /// Finishes a row and says where it stands.
    fn end<R: Receiver<State = S>>(&mut self, place: usize, receiver: &mut R) -> u32 {
        let Slot { key, seen } = &mut self.flows[place];
        match seen {
            Seen::Lone(lone) => self.rows.push(|| lone.row(key, self.digest)),
            Seen::Flow(row, flow) => {
                self.rows.live(*row, flow).end(&mut self.store, receiver);
                *row
            }
        }
    }

    /// The place whose flow has been idle longest, when all are taken.
    fn idlest(&mut self) -> Option<usize> {
        if self.flows.len() < self.limits.flows {
            return None;
        }
        while let Some(Candidate { since, place, is_in_order }) = self.idle.pop() {
            let slot = self.flows.get(place as usize)?;
            let last = slot.seen.last(&self.rows).time;
            if last <= since {
                // In order, all others go before its ends can be back. Out of it they could come again and again, and each time
                // there would be one place more to look at for them.
                if !is_in_order
                    && let Ok(listed) =
                        self.slots.find_entry(self.hasher.hash_one(slot.key), |other| *other == place)
                {
                    listed.remove();
                }
                return Some(place as usize);
            }
            self.idle.push(last, place);
        }
        None
    }

    /// How many places are listed.
    #[cfg(test)]
    pub(super) fn listed(&self) -> usize {
        self.slots.len()
    }
}

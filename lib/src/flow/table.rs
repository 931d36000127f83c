//! The flows of one shard: which packet belongs to which, and how many there may be.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use ahash::RandomState;

use super::pending::Store;
use super::tcp::{Arriving, Flow};
use super::{Connection, Endpoint, FlowId, FlowKey, Moment, Receiver, Unreachable};
use crate::packet::{Packet, Transport};
use crate::time::Timestamp;

/// What one table may hold.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Connections that may go on, and as many rows of those that are over.
    pub(crate) flows: usize,
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
    slots: HashMap<FlowKey, u32, RandomState>,
    flows: Vec<(FlowKey, Flow<S>)>,
    /// For each slot a time before which its flow was not idle. It is brought up to date only when it is needed.
    idle: BinaryHeap<Reverse<(Timestamp, u32)>>,
    store: Store,
    rows: Vec<Connection>,
    begun: u64,
    overflows: Overflows,
}

impl<S> Flows<S> {
    /// An empty table. `digest`: compute the SHA-256 of every stream.
    pub(crate) fn new(limits: Limits, digest: bool) -> Self {
        Flows {
            limits,
            digest,
            slots: HashMap::default(),
            flows: Vec::new(),
            idle: BinaryHeap::new(),
            store: Store {
                per_direction: limits.out_of_order_per_direction,
                total: limits.out_of_order_total,
                held: 0,
                overflows: 0,
            },
            rows: Vec::new(),
            begun: 0,
            overflows: Overflows::default(),
        }
    }

    /// Takes a packet; others than TCP segments are ignored. `ordinal` is its number among all packets of the vantage
    /// point.
    pub(crate) fn packet<R: Receiver<State = S>>(
        &mut self,
        ordinal: u64,
        at: Moment,
        packet: &Packet<'_>,
        receiver: &mut R,
    ) {
        let (Some(ip), Transport::Tcp(tcp)) = (&packet.ip, &packet.transport) else {
            return;
        };
        let src = Endpoint { ip: ip.src, port: tcp.src_port };
        let dst = Endpoint { ip: ip.dst, port: tcp.dst_port };
        let (key, from_low) = FlowKey::new(src, dst);
        let mac = packet.macs.map(|(src, _)| src);
        let arriving = Arriving { at, from_low, mac, ip, tcp };
        let slot = match self.slots.get(&key) {
            Some(&slot) => slot,
            None => self.place(key, FlowId(ordinal), &arriving, receiver),
        };
        let Some((_, flow)) = self.flows.get_mut(slot as usize) else {
            return;
        };
        if flow.is_over_with(&arriving) {
            let old = std::mem::replace(flow, Flow::new(FlowId(ordinal), &arriving, self.digest));
            self.begun += 1;
            self.retire(old, receiver);
        }
        if let Some((_, flow)) = self.flows.get_mut(slot as usize) {
            flow.packet(&arriving, &mut self.store, receiver);
        }
    }

    /// Connections that have begun: the stream number of the next one.
    pub(crate) fn begun(&self) -> u64 {
        self.begun
    }

    /// An ICMP error quotes a segment from `src` to `dst`. It belongs to the latest connection between them, if there
    /// is one, and never begins one.
    pub(crate) fn icmp_error(&mut self, src: Endpoint, dst: Endpoint, unreachable: Unreachable) {
        let slot = self.slots.get(&FlowKey::new(src, dst).0);
        if let Some((_, flow)) = slot.and_then(|&slot| self.flows.get_mut(slot as usize)) {
            flow.unreachable(unreachable);
        }
    }

    /// Ends all flows, the oldest first, and gives the rows in the order of their first packets.
    pub(crate) fn finish<R: Receiver<State = S>>(mut self, receiver: &mut R) -> (Vec<Connection>, Overflows) {
        self.flows.sort_unstable_by_key(|(_, flow)| flow.id());
        for (_, flow) in self.flows {
            self.rows.push(flow.end(&mut self.store, receiver));
        }
        self.rows.sort_unstable_by_key(|row| row.id);
        self.overflows.out_of_order = self.store.overflows;
        (self.rows, self.overflows)
    }

    /// Makes a flow with a key that has none.
    fn place<R: Receiver<State = S>>(
        &mut self,
        key: FlowKey,
        id: FlowId,
        packet: &Arriving<'_>,
        receiver: &mut R,
    ) -> u32 {
        let new = (key, Flow::new(id, packet, self.digest));
        self.begun += 1;
        let slot = match self.idlest() {
            Some(slot) if self.flows.len() >= self.limits.flows => {
                let (key, old) = std::mem::replace(&mut self.flows[slot as usize], new);
                self.slots.remove(&key);
                self.overflows.flows += 1;
                self.retire(old, receiver);
                slot
            }
            _ => {
                self.flows.push(new);
                (self.flows.len() - 1) as u32
            }
        };
        self.slots.insert(key, slot);
        self.idle.push(Reverse((packet.at.time, slot)));
        slot
    }

    fn retire<R: Receiver<State = S>>(&mut self, flow: Flow<S>, receiver: &mut R) {
        let row = flow.end(&mut self.store, receiver);
        if self.rows.len() < self.limits.flows {
            self.rows.push(row);
        } else {
            self.overflows.rows += 1;
        }
    }

    /// Takes out the slot whose flow has been idle longest, when all are taken.
    fn idlest(&mut self) -> Option<u32> {
        if self.flows.len() < self.limits.flows {
            return None;
        }
        while let Some(Reverse((since, slot))) = self.idle.pop() {
            let (_, flow) = self.flows.get(slot as usize)?;
            let last = flow.last().time;
            if last <= since {
                return Some(slot);
            }
            self.idle.push(Reverse((last, slot)));
        }
        None
    }
}

//! The hot loop's other half: flows, their dissection, and the facts that come of it.

use crate::config::Config;
use crate::facts::{Calls, Handshakes, Imap, Learnt, LimitHits, Notifications, Rpcs, SmtpReplies};
use crate::flow::{
    Close, Dir, Endpoint, FlowId, FlowRef, Flows, Interest, Limits, Moment, Receiver, Unreachable,
};
use crate::packet::{Packet, Quoted};
use crate::proto::{Ends, Event, Session};

/// Shards of a vantage point, however many threads there are: each has its part of every limit, so that the number of
/// threads changes nothing.
pub(crate) const SHARDS: usize = 4;

/// A connection with its place in the table and what its dissector remembers, in bytes.
const CONNECTION_BYTES: u64 = 2048;

/// A share of the traffic: whole connections, and everything that is learnt from them.
pub(crate) struct Shard {
    flows: Flows<Session>,
    desk: Desk,
    limits: Limits,
}

impl Shard {
    pub(crate) fn new(config: &Config) -> Self {
        let memory = config.memory / SHARDS as u64;
        let part = |divisor: u64| usize::try_from(memory / divisor).unwrap_or(usize::MAX);
        let limits = Limits {
            flows: part(2 * CONNECTION_BYTES).max(256),
            // One direction may need all that a shard has.
            out_of_order_per_direction: part(8),
            out_of_order_total: part(8),
        };
        let desk = Desk {
            notifications: Notifications::new(memory / 4),
            imap: Imap::new(memory / 8),
            smtp: SmtpReplies::new(memory / 16),
            rpcs: Rpcs::new(memory / 8),
            handshakes: Handshakes::new(memory / 32),
            calls: Calls::new(memory / 32),
            protocols: Vec::new(),
            events: Vec::new(),
        };
        Shard { flows: Flows::new(limits, config.payload_digest), desk, limits }
    }

    /// Takes one TCP segment. `ordinal` is the packet's number in the vantage point.
    pub(crate) fn segment(&mut self, ordinal: u64, at: Moment, packet: &Packet<'_>) {
        self.flows.packet(ordinal, at, packet, &mut self.desk);
    }

    /// Takes an ICMP error about a connection.
    pub(crate) fn unreachable(&mut self, quoted: &Quoted, error: Unreachable) {
        let src = Endpoint { ip: quoted.src, port: quoted.src_port };
        let dst = Endpoint { ip: quoted.dst, port: quoted.dst_port };
        self.flows.icmp_error(src, dst, error, &mut self.desk);
    }

    /// Ends all connections.
    pub(crate) fn finish(mut self) -> Learnt {
        let (connections, overflows) = self.flows.finish(&mut self.desk);
        let hits = |store, limit: usize, hits| LimitHits { store, limit: limit as u64, hits };
        let limits = vec![
            hits("open connections", self.limits.flows, overflows.flows),
            hits("connection rows", self.limits.flows, overflows.rows),
            hits("out-of-order bytes", self.limits.out_of_order_total, overflows.out_of_order),
        ];
        let Desk { notifications, imap, smtp, rpcs, handshakes, calls, protocols, .. } = self.desk;
        let protocols = protocols.into_iter().collect();
        Learnt { connections, protocols, notifications, imap, smtp, rpcs, handshakes, calls, limits }
    }
}

/// Takes the streams of the flows, has them dissected, and files the events.
struct Desk {
    notifications: Notifications,
    imap: Imap,
    smtp: SmtpReplies,
    rpcs: Rpcs,
    handshakes: Handshakes,
    calls: Calls,
    /// In the order in which connections end.
    protocols: Vec<(FlowId, &'static str)>,
    events: Vec<Event>,
}

impl Desk {
    fn file(&mut self, flow: &FlowRef) {
        for event in self.events.drain(..) {
            let ends = [flow.orig, flow.resp];
            match event {
                Event::Http(transaction) => {
                    self.notifications.apply(flow.id, ends, &transaction);
                    self.calls.apply(flow.id, ends, &transaction);
                    self.rpcs.http(flow.id, ends, &transaction);
                }
                Event::Imap(client, fact) => self.imap.apply(flow.id, ends, client, &fact),
                Event::Smtp(reply) => self.smtp.apply(flow.id, ends, *reply),
                Event::Rpc(rpc) => self.rpcs.apply(flow.id, ends, &rpc),
                Event::Tls(handshake) => self.handshakes.apply(flow.id, ends, &handshake),
            }
        }
    }

    fn name(&mut self, flow: &FlowRef, session: &Session) {
        if let Some(protocol) = session.protocol() {
            self.protocols.push((flow.id, protocol));
        }
    }
}

impl Receiver for Desk {
    type State = Session;

    fn open(&mut self, flow: &FlowRef) -> Option<Self::State> {
        Some(Session::new(Ends { orig: flow.orig, resp: flow.resp }))
    }

    fn data(
        &mut self,
        flow: &FlowRef,
        session: &mut Self::State,
        dir: Dir,
        bytes: &[u8],
        at: Moment,
    ) -> Interest {
        let wanted = session.data(dir, bytes, at, &mut self.events);
        if !self.events.is_empty() {
            self.file(flow);
        }
        if wanted {
            return Interest::GoOn;
        }
        self.name(flow, session);
        Interest::Refused
    }

    fn gap(
        &mut self,
        flow: &FlowRef,
        session: &mut Self::State,
        dir: Dir,
        length: u64,
        at: Moment,
    ) -> Interest {
        session.gap(dir, length, at, &mut self.events);
        self.file(flow);
        Interest::GoOn
    }

    fn fin(&mut self, flow: &FlowRef, session: &mut Self::State, dir: Dir, at: Moment) {
        session.fin(dir, at, &mut self.events);
        self.file(flow);
    }

    fn end(&mut self, flow: &FlowRef, mut session: Self::State, close: Close, at: Moment) {
        session.end(close, at, &mut self.events);
        self.file(flow);
        self.name(flow, &session);
    }
}

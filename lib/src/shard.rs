//! The hot loop's other half: flows, their dissection, and the facts that come of it.

use crate::config::Config;
use crate::facts::{Calls, Handshakes, Imap, Learnt, LimitHits, Notifications, Rpcs, SmtpReplies};
use crate::flow::{
    Arriving, Close, Dir, Endpoint, FlowId, FlowRef, Flows, Interest, Limits, Moment, Receiver, Unreachable,
};
use crate::packet::Quoted;
use crate::proto::{Ends, Event, Session};

/// Shards of a vantage point, however many threads there are: each has its part of every limit, so that the number of
/// threads changes nothing.
pub(crate) const SHARDS: usize = 4;

/// A connection with its place in the table and what its dissector remembers, in bytes.
const CONNECTION_BYTES: u64 = 2048;

/// The row of one that is over, with its place in order.
const ROW_BYTES: u64 = 512;

/// A share of the traffic: whole connections, and everything that is learnt from them.
pub(crate) struct Shard {
    flows: Flows<Talk>,
    desk: Desk,
    limits: Limits,
}

impl Shard {
    pub(crate) fn new(config: &Config) -> Self {
        let memory = config.memory / SHARDS as u64;
        let part = |divisor: u64| usize::try_from(memory / divisor).unwrap_or(usize::MAX);
        let limits = Limits {
            flows: part(2 * CONNECTION_BYTES).max(256),
            // Three eighths of all: nearly as many as notifications, whose connections rules ask for.
            rows: part(8 * ROW_BYTES / 3).max(256),
            // One direction may need all that a shard has.
            out_of_order_per_direction: part(8),
            out_of_order_total: part(8),
        };
        let desk = Desk {
            unfinished: Unfinished::new(part(4)),
            notifications: Notifications::new(memory / 4),
            imap: Imap::new(memory / 8),
            smtp: SmtpReplies::new(memory / 16),
            rpcs: Rpcs::new(memory / 8),
            handshakes: Handshakes::new(memory / 32),
            calls: Calls::new(memory / 32),
            protocols: Vec::new(),
            // Beyond rows and open connections there is room for those without a row that end in between.
            names: 2 * (limits.flows + limits.rows),
            events: Vec::new(),
        };
        Shard { flows: Flows::new(limits, config.payload_digest), desk, limits }
    }

    /// Takes one TCP segment. `ordinal` is the packet's number in the vantage point.
    #[inline(always)]
    pub(crate) fn segment(&mut self, ordinal: u64, segment: &Arriving<'_>) {
        self.flows.segment(ordinal, segment, &mut self.desk);
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
        let connections = vec![connections];
        let hits = |store, limit: usize, hits| LimitHits::new(store, limit as u64, hits);
        let Unfinished { limit: unfinished, overflows: given_up, full_at, .. } = self.desk.unfinished;
        let limits = vec![
            hits("open connections", self.limits.flows, overflows.flows),
            hits("connection rows", self.limits.rows, overflows.rows),
            hits("out-of-order bytes", self.limits.out_of_order_total, overflows.out_of_order),
            LimitHits { full_at, ..hits("bytes of incomplete messages", unfinished, given_up) },
        ];
        let Desk { notifications, imap, smtp, rpcs, handshakes, calls, protocols, .. } = self.desk;
        let first_without_row = overflows.first_without_row;
        Learnt {
            connections,
            first_without_row,
            protocols,
            notifications,
            imap,
            smtp,
            rpcs,
            handshakes,
            calls,
            limits,
        }
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
    /// How many of them there may be.
    names: usize,
    events: Vec<Event>,
    unfinished: Unfinished,
}

/// The dissection of one connection, with what of [`Unfinished::held`] is its own.
struct Talk {
    session: Session,
    held: usize,
}

/// What dissectors keep of messages that are not whole yet.
struct Unfinished {
    limit: usize,
    held: usize,
    overflows: u64,
    /// The first time that there was too much.
    full_at: Option<Moment>,
}

impl Unfinished {
    /// The part of the limit that makes a connection a large one: those may only take half of it, so that a few
    /// endless messages do not cost the ordinary ones of all others.
    const LARGE: usize = 1024;

    fn new(limit: usize) -> Self {
        Unfinished { limit, held: 0, overflows: 0, full_at: None }
    }

    /// Counts anew what a connection keeps. Returns whether there is room for that.
    fn count(&mut self, talk: &mut Talk) -> bool {
        let held = talk.session.held();
        self.held = self.held - talk.held + held;
        talk.held = held;
        let is_large = held > self.limit / Self::LARGE;
        held == 0 || self.held <= if is_large { self.limit / 2 } else { self.limit }
    }

    /// A connection keeps nothing any more.
    fn release(&mut self, talk: &Talk) {
        self.held -= talk.held;
    }
}

impl Desk {
    /// Sees to it that what a connection keeps stays within bounds.
    fn weigh(&mut self, talk: &mut Talk, at: Moment) {
        if !self.unfinished.count(talk) {
            self.unfinished.overflows += 1;
            self.unfinished.full_at.get_or_insert(at);
            talk.session.give_up(at, &mut self.events);
            self.unfinished.count(talk);
        }
    }

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
        if let Some(protocol) = session.protocol()
            && self.protocols.len() < self.names
        {
            self.protocols.push((flow.id, protocol));
        }
    }
}

impl Receiver for Desk {
    type State = Talk;

    fn open(&mut self, flow: &FlowRef) -> Option<Self::State> {
        let session = Session::new(Ends { orig: flow.orig, resp: flow.resp });
        Some(Talk { session, held: 0 })
    }

    fn data(
        &mut self,
        flow: &FlowRef,
        talk: &mut Self::State,
        dir: Dir,
        bytes: &[u8],
        at: Moment,
    ) -> Interest {
        let is_counted = talk.session.passes_over(dir) >= bytes.len() as u64;
        let wanted = talk.session.data(dir, bytes, at, &mut self.events);
        self.weigh(talk, at);
        if !self.events.is_empty() {
            self.file(flow);
        }
        if wanted {
            return if is_counted { Interest::Counted } else { Interest::GoOn };
        }
        self.unfinished.release(talk);
        self.name(flow, &talk.session);
        Interest::Refused
    }

    fn gap(&mut self, flow: &FlowRef, talk: &mut Self::State, dir: Dir, length: u64, at: Moment) -> Interest {
        talk.session.gap(dir, length, at, &mut self.events);
        self.weigh(talk, at);
        self.file(flow);
        Interest::GoOn
    }

    fn fin(&mut self, flow: &FlowRef, talk: &mut Self::State, dir: Dir, at: Moment) {
        talk.session.fin(dir, at, &mut self.events);
        self.weigh(talk, at);
        self.file(flow);
    }

    fn end(&mut self, flow: &FlowRef, mut talk: Self::State, close: Close, at: Moment) {
        self.unfinished.release(&talk);
        talk.session.end(close, at, &mut self.events);
        self.file(flow);
        self.name(flow, &talk.session);
    }
}

//! What one packet does to its connection.

use super::arriving::Arriving;
use super::duplicate::{Copies, Seen};
use super::handover::{Handover, Reader};
use super::outlet::Outlet;
use super::pending::Store;
use super::segment::{Arrival, Segment};
use super::stream::Stream;
use super::way::{Half, Way};
use super::{Close, Connection, Dir, FlowId, FlowRef, Handshake, Receiver, Reset, Syn, Unreachable};
use crate::packet::Tcp;

/// What is remembered of a connection that may go on, beside its row.
#[derive(Debug)]
pub(super) struct Flow<S> {
    /// Whether the originator is the smaller end of the key.
    orig_is_low: bool,
    halves: [Half; 2],
    copies: Copies,
    reader: Reader<S>,
}

impl<S> Flow<S> {
    /// The flow that `packet` begins. The packet is not counted yet: [`Live::packet`] takes it like all others.
    #[inline(always)]
    pub(super) fn new(packet: &Arriving<'_>, digest: bool) -> Self {
        Flow {
            orig_is_low: packet.from_low != answers(packet),
            halves: [Half::new(digest), Half::new(digest)],
            copies: Copies::default(),
            reader: Reader::Unasked,
        }
    }

    /// Whether `syn` opens a new connection between the same ends: it counts from another number.
    pub(super) fn is_over_with(&self, syn: &Arriving<'_>) -> bool {
        let base = self.halves[self.dir(syn) as usize].base;
        base.is_some_and(|base| base != syn.tcp.seq)
    }

    fn dir(&self, packet: &Arriving<'_>) -> Dir {
        if packet.from_low == self.orig_is_low { Dir::Orig } else { Dir::Resp }
    }
}

impl Connection {
    /// The row of the connection that `packet` begins.
    #[inline(always)]
    pub(super) fn begun(id: FlowId, packet: &Arriving<'_>) -> Self {
        let (src, dst) = packet.ends();
        let (orig, resp) = if answers(packet) { (dst, src) } else { (src, dst) };
        Connection {
            id,
            orig,
            resp,
            handshake: Handshake::None,
            close: Close::Open,
            sides: Default::default(),
            syn: None,
            syn_ack: None,
            syn_count: 0,
            reset: None,
            duplicates: 0,
            outermost: [if answers(packet) { Dir::Resp } else { Dir::Orig }; 2],
            rare: None,
        }
    }
}

/// Whether the first packet of a connection is the responder's.
fn answers(first: &Arriving<'_>) -> bool {
    first.tcp.has(Tcp::SYN | Tcp::ACK)
}

/// A flow with its row, which has its final place from the beginning: rows are large.
pub(super) struct Live<'f, S> {
    pub(super) connection: &'f mut Connection,
    pub(super) flow: &'f mut Flow<S>,
}

impl<S> Live<'_, S> {
    /// [`Live::packet`] where hardly any packet comes along.
    #[inline(never)]
    pub(super) fn first_packet<R: Receiver<State = S>>(
        &mut self,
        packet: &Arriving<'_>,
        store: &mut Store,
        receiver: &mut R,
    ) {
        self.packet(packet, store, receiver);
    }

    /// Takes a packet of this connection. Inlined: what was read of it stays in registers.
    #[inline(always)]
    pub(super) fn packet<R: Receiver<State = S>>(
        &mut self,
        packet: &Arriving<'_>,
        store: &mut Store,
        receiver: &mut R,
    ) {
        let Arriving { at, tcp, .. } = *packet;
        let mut dir = self.flow.dir(packet);
        if tcp.opens() && dir == Dir::Resp && self.may_turn_around() {
            self.turn_around();
            dir = Dir::Orig;
        }
        self.connection.outermost[1] = dir;
        let segment = Segment::of(packet);
        let (connection, flow) = (&mut *self.connection, &mut *self.flow);
        let mut way = Way::of(dir, &mut connection.sides, &mut flow.halves);
        let before = way.count(packet);
        // Another segment than the one above, which stays in registers as nobody has its address.
        if flow.copies.holds(Seen::new(packet)) && !way.half.stream.contradicts(&Segment::of(packet)) {
            connection.duplicates += 1;
            return;
        }
        if !tcp.has(Tcp::SYN)
            && let Some(jump) = way.half.clock.tick(before, at, tcp)
        {
            connection.rare.get_or_insert_default().clock_jump.get_or_insert(jump);
        }
        way.learn_bases(tcp);
        way.note_sender(packet);
        if tcp.flags & (Tcp::SYN | Tcp::FIN | Tcp::RST) == 0 {
            way.acknowledge(tcp);
            let is_taken = way.takes(&segment, flow.reader.is_nobody());
            let has_holes = way.peer.stream.waits_in_vain();
            if has_holes {
                self.pass_over_holes(dir.flip(), store, receiver);
            }
            // Most of a capture ends here.
            if is_taken || segment.length == 0 {
                if has_holes {
                    self.conclude(store, receiver);
                }
                return;
            }
        } else {
            self.control(dir, packet, store, receiver);
        }
        self.payload(dir, packet, store, receiver);
    }

    /// An ICMP error quotes this connection.
    pub(super) fn unreachable(&mut self, unreachable: Unreachable) {
        self.connection.rare_mut().unreachable.get_or_insert(unreachable);
    }

    /// Nothing more comes: hands on what waits and finishes the row.
    pub(super) fn end<R: Receiver<State = S>>(mut self, store: &mut Store, receiver: &mut R) {
        for dir in [Dir::Orig, Dir::Resp] {
            let (stream, mut outlet) = self.outlet(dir, store, receiver);
            stream.end(&mut outlet);
        }
        self.report_fins(receiver);
        let (close, at) = self.connection.closing();
        self.connection.handshake = self.connection.opening(self.flow.halves[Dir::Orig as usize].is_talking);
        self.connection.close = close;
        self.flow.reader.dismiss(&self.as_ref(), close, at, receiver);
    }

    fn as_ref(&self) -> FlowRef {
        let Connection { id, orig, resp, .. } = *self.connection;
        FlowRef { id, orig, resp }
    }

    fn half(&mut self, dir: Dir) -> &mut Half {
        &mut self.flow.halves[dir as usize]
    }

    /// Without SYN or payload, who sent first was only assumed to be the originator.
    fn may_turn_around(&self) -> bool {
        let Connection { syn, syn_ack, .. } = &*self.connection;
        syn.is_none() && syn_ack.is_none() && matches!(self.flow.reader, Reader::Unasked)
    }

    fn turn_around(&mut self) {
        let connection = &mut *self.connection;
        std::mem::swap(&mut connection.orig, &mut connection.resp);
        connection.sides.swap(0, 1);
        connection.outermost = connection.outermost.map(Dir::flip);
        if let Some(reset) = &mut connection.reset {
            reset.from = reset.from.flip();
        }
        self.flow.halves.swap(0, 1);
        self.flow.orig_is_low = !self.flow.orig_is_low;
    }

    /// What SYN and RST mean, and the acknowledgment that comes with a FIN or a SYN.
    fn control<R: Receiver<State = S>>(
        &mut self,
        dir: Dir,
        packet: &Arriving<'_>,
        store: &mut Store,
        receiver: &mut R,
    ) {
        if packet.tcp.has(Tcp::SYN) {
            self.syn(dir, packet);
        }
        if packet.tcp.has(Tcp::RST) {
            self.reset(dir, packet);
        } else {
            Way::of(dir, &mut self.connection.sides, &mut self.flow.halves).acknowledge(packet.tcp);
            self.pass_over_holes(dir.flip(), store, receiver);
        }
    }

    fn syn(&mut self, dir: Dir, packet: &Arriving<'_>) {
        let Arriving { at, tcp, .. } = *packet;
        self.half(dir).stream.syn(tcp.seq);
        let connection = &mut *self.connection;
        if tcp.has(Tcp::ACK) {
            // The SYN may be missing, or captured late: its answer also says where the other direction begins.
            self.flow.halves[dir.flip() as usize].stream.syn(tcp.ack.wrapping_sub(1));
            let first = connection.syn_ack.get_or_insert_with(|| Syn::new(packet));
            if first.isn != tcp.seq && dir == Dir::Resp {
                connection.rare_mut().other_syn_ack.get_or_insert(at);
            }
            return;
        }
        // The other side's SYN of a simultaneous open (RFC 9293, 3.5) is no copy of the first.
        let isn = connection.syn.get_or_insert_with(|| Syn::new(packet)).isn;
        if dir == Dir::Orig && isn == tcp.seq {
            connection.syn_count += 1;
            if connection.syn_count > 1 {
                connection.rare_mut().last_syn = Some(at);
            }
        }
    }

    fn reset(&mut self, dir: Dir, packet: &Arriving<'_>) {
        let Arriving { at, ttl, tcp, .. } = *packet;
        // Who sends on after its SYN has had the SYN/ACK, even if that was not captured.
        let is_opening = dir == Dir::Resp && !self.flow.halves[Dir::Orig as usize].is_talking;
        let syn = self.connection.syn.as_ref().filter(|_| is_opening && tcp.has(Tcp::ACK));
        // Data that came with the SYN may be acknowledged too (RFC 7413).
        let sent = self.connection.sides[Dir::Orig as usize].bytes;
        let answers_syn = syn.is_some_and(|syn| {
            let data = tcp.ack.wrapping_sub(syn.isn).wrapping_sub(1);
            u64::from(data) <= sent
        });
        self.connection.reset.get_or_insert(Reset { at, from: dir, ttl, answers_syn });
        if tcp.has(Tcp::ACK) {
            self.half(dir.flip()).stream.acknowledged_by_reset(tcp.ack);
        }
    }

    /// Hands on what waits behind holes that the peer has filled: what answers it comes next.
    fn pass_over_holes<R: Receiver<State = S>>(&mut self, dir: Dir, store: &mut Store, receiver: &mut R) {
        while self.half(dir).stream.waits_in_vain() {
            let (stream, mut outlet) = self.outlet(dir, store, receiver);
            stream.pass_over_hole(&mut outlet);
        }
    }

    fn payload<R: Receiver<State = S>>(
        &mut self,
        dir: Dir,
        packet: &Arriving<'_>,
        store: &mut Store,
        receiver: &mut R,
    ) {
        let (tcp, segment) = (packet.tcp, Segment::of(packet));
        // What a RST carries is a text about its reason and not part of the stream (RFC 9293, 3.5.3).
        if segment.length > 0 && !tcp.has(Tcp::RST) {
            let was_closed = self.flow.halves.iter().all(|half| half.stream.is_finished());
            self.flow.reader.ask(&self.as_ref(), receiver);
            let was_read = self.flow.reader.is_reading();
            let (stream, mut outlet) = self.outlet(dir, store, receiver);
            let arrival = stream.segment(&segment, &mut outlet);
            match arrival {
                Arrival::New => {}
                Arrival::Late => outlet.side.rare_mut().out_of_order += 1,
                Arrival::Old => outlet.side.retransmitted += 1,
            }
            if arrival != Arrival::Old && was_closed {
                self.connection.rare_mut().after_close.get_or_insert(segment.at);
            }
            if was_read && !self.flow.reader.is_reading() {
                self.forget_bytes(store);
            }
        }
        if tcp.has(Tcp::FIN) {
            self.connection.sides[dir as usize].fin.get_or_insert(segment.at);
            let (stream, mut outlet) = self.outlet(dir, store, receiver);
            stream.fin(segment.seq.wrapping_add(segment.length), &mut outlet);
        }
        self.conclude(store, receiver);
    }

    /// Tells the receiver of directions that have become complete, and takes leave of it when both have.
    fn conclude<R: Receiver<State = S>>(&mut self, store: &mut Store, receiver: &mut R) {
        self.report_fins(receiver);
        if self.flow.reader.is_reading() && self.flow.halves.iter().all(|half| half.stream.is_finished()) {
            let (close, at) = self.connection.closing();
            self.flow.reader.dismiss(&self.as_ref(), close, at, receiver);
            self.forget_bytes(store);
        }
    }

    fn outlet<'a, R: Receiver<State = S>>(
        &'a mut self,
        dir: Dir,
        store: &'a mut Store,
        receiver: &'a mut R,
    ) -> (&'a mut Stream, Outlet<'a, Handover<'a, R>>) {
        let flow = self.as_ref();
        let stream = &mut self.flow.halves[dir as usize].stream;
        let outlet = Outlet {
            side: &mut self.connection.sides[dir as usize],
            store,
            keep: stream.is_digesting() || self.flow.reader.is_reading(),
            sink: Handover { flow, dir, reader: &mut self.flow.reader, receiver },
        };
        (stream, outlet)
    }

    fn forget_bytes(&mut self, store: &mut Store) {
        for half in &mut self.flow.halves {
            half.stream.forget_bytes(store);
        }
    }

    fn report_fins<R: Receiver<State = S>>(&mut self, receiver: &mut R) {
        if self.connection.sides.iter().all(|side| side.fin.is_none()) {
            return;
        }
        let flow = self.as_ref();
        let Reader::Reading(state) = &mut self.flow.reader else {
            return;
        };
        for dir in [Dir::Orig, Dir::Resp] {
            let half = &mut self.flow.halves[dir as usize];
            if let Some(fin) = self.connection.sides[dir as usize].fin
                && half.stream.is_finished()
                && !half.fin_is_told
            {
                half.fin_is_told = true;
                receiver.fin(&flow, state, dir, fin.max(half.stream.at()));
            }
        }
    }
}

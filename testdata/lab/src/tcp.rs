//! TCP conversations between hosts whose stacks can be told apart by their packets.

use crate::time::{MICROSECOND, Nanos, SECOND};
use crate::trace::{PacketId, Trace};
use crate::wire::{self, IpFields, Mac, Segment, flags};
use std::net::{IpAddr, SocketAddr};

/// How a host's TCP/IP stack shows itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stack {
    /// TTL 128, window 8192 with scale 8, options `mss,nop,ws,nop,nop,sok`: Windows Server 2008 to 2012.
    Windows,
    /// TTL 64, window 29200 with scale 7, options `mss,sok,ts,nop,ws`: Linux.
    Linux,
}

impl Stack {
    fn ttl(self) -> u8 {
        match self {
            Self::Windows => 128,
            Self::Linux => 64,
        }
    }

    fn window(self, syn: bool) -> u16 {
        match (self, syn) {
            (Self::Windows, true) => 8192,
            (Self::Windows, false) => 257,
            (Self::Linux, true) => 29200,
            (Self::Linux, false) => 229,
        }
    }
}

/// A host as it appears on the captured link.
#[derive(Debug, Clone, Copy)]
pub struct Host {
    /// Its address.
    pub ip: IpAddr,
    /// Its Ethernet address, or its gateway's.
    pub mac: Mac,
    /// Its stack.
    pub stack: Stack,
    /// Largest segment that it announces.
    pub mss: u16,
    /// Routers between it and the capture point.
    pub hops: u8,
    /// How long a packet takes from the capture point to it and the answer back.
    pub delay: Nanos,
}

impl Host {
    /// The TTL that its packets have at the capture point.
    pub fn ttl(&self) -> u8 {
        self.stack.ttl() - self.hops
    }
}

/// Who sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The host that opened the connection.
    Originator,
    /// The other one.
    Responder,
}

impl Side {
    fn index(self) -> usize {
        self as usize
    }

    fn other(self) -> Self {
        match self {
            Self::Originator => Self::Responder,
            Self::Responder => Self::Originator,
        }
    }
}

struct End {
    host: Host,
    port: u16,
    seq: u32,
    ident: u16,
    clock: u32,
    stamped: u32,
}

/// One TCP connection, told step by step.
pub struct Conversation<'t> {
    trace: &'t mut Trace,
    ends: [End; 2],
    timestamps: bool,
    connection: u32,
    began: Nanos,
    last: Option<Side>,
    /// When the last packet passed the capture point.
    pub now: Nanos,
}

impl<'t> Conversation<'t> {
    /// A connection whose first packet will pass at `at`.
    pub fn new(trace: &'t mut Trace, at: Nanos, originator: (Host, u16), responder: (Host, u16)) -> Self {
        let connection = trace.connection();
        let rng = &mut trace.rng;
        let ends = [originator, responder].map(|(host, port)| End {
            host,
            port,
            seq: rng.word(),
            ident: rng.short(),
            clock: rng.word(),
            stamped: 0,
        });
        let timestamps = ends.iter().all(|end| end.host.stack == Stack::Linux);
        Self { trace, ends, timestamps, connection, began: at, last: None, now: at }
    }

    /// Lets time pass.
    pub fn wait(&mut self, span: Nanos) {
        self.now += span;
        self.last = None;
    }

    /// Lets time pass up to `moment`, if it has not come yet.
    pub fn wait_until(&mut self, moment: Nanos) {
        self.now = self.now.max(moment);
        self.last = None;
    }

    /// The SYN, and `again` more copies of it 3 s, 6 s, 12 s … after it, as Windows does. Gives the names of all.
    pub fn syn(&mut self, again: u32) -> Vec<PacketId> {
        let mut sent = Vec::new();
        for turn in 0..=again {
            if turn > 0 {
                self.wait((3 * SECOND) << (turn - 1));
                self.ends[0].seq = self.ends[0].seq.wrapping_sub(1);
            }
            sent.push(self.emit(Side::Originator, flags::SYN, &[]));
        }
        sent
    }

    /// SYN, SYN/ACK, ACK.
    pub fn handshake(&mut self) -> PacketId {
        let syn = self.syn(0)[0];
        self.accept();
        syn
    }

    /// SYN/ACK, ACK.
    pub fn accept(&mut self) {
        self.emit(Side::Responder, flags::SYN | flags::ACK, &[]);
        self.emit(Side::Originator, flags::ACK, &[]);
    }

    /// The responder refuses the SYN: RST with ack = SYN + 1 (RFC 9293, 3.10.7.1).
    pub fn refuse(&mut self) -> PacketId {
        self.ends[1].seq = 0;
        self.emit(Side::Responder, flags::RST | flags::ACK, &[])
    }

    /// Sends `payload` in segments as large as the receiver takes, unacknowledged.
    pub fn send(&mut self, side: Side, payload: &[u8]) -> Vec<PacketId> {
        let options = if self.timestamps { 12 } else { 0 };
        let mss = usize::from(self.ends[0].host.mss.min(self.ends[1].host.mss)) - options;
        let count = payload.len().div_ceil(mss);
        payload
            .chunks(mss)
            .zip(1..)
            .map(|(part, number)| {
                let push = if number == count { flags::PSH } else { 0 };
                self.emit(side, flags::ACK | push, part)
            })
            .collect()
    }

    /// A bare acknowledgment of all that the other side has sent.
    pub fn ack(&mut self, side: Side) -> PacketId {
        self.emit(side, flags::ACK, &[])
    }

    /// A TCP keep-alive probe: one old byte's place, no payload (RFC 9293, 3.8.4).
    pub fn probe(&mut self, side: Side) -> PacketId {
        let end = &mut self.ends[side.index()];
        end.seq = end.seq.wrapping_sub(1);
        let id = self.emit(side, flags::ACK, &[]);
        self.ends[side.index()].seq = self.ends[side.index()].seq.wrapping_add(1);
        id
    }

    /// Ends one direction.
    pub fn fin(&mut self, side: Side) -> PacketId {
        self.emit(side, flags::FIN | flags::ACK, &[])
    }

    /// Breaks the connection off.
    pub fn reset(&mut self, side: Side) -> PacketId {
        self.emit(side, flags::RST | flags::ACK, &[])
    }

    /// Sends `payload` once more: same sequence numbers, new packets.
    pub fn retransmit(&mut self, side: Side, payload: &[u8]) -> Vec<PacketId> {
        let end = &mut self.ends[side.index()];
        end.seq = end.seq.wrapping_sub(payload.len() as u32);
        self.send(side, payload)
    }

    fn emit(&mut self, side: Side, bits: u8, payload: &[u8]) -> PacketId {
        self.now += self.turnaround(side);
        self.last = Some(side);
        let syn = bits & flags::SYN != 0;
        let acknowledges = bits & flags::ACK != 0;
        let options = self.options(side, syn, bits & flags::RST != 0);
        let other = &self.ends[side.other().index()];
        let ack = if acknowledges { other.seq } else { 0 };
        let destination = SocketAddr::new(other.host.ip, other.port);
        let macs = (self.ends[side.index()].host.mac, other.host.mac);
        let end = &mut self.ends[side.index()];
        let source = SocketAddr::new(end.host.ip, end.port);
        let window = if bits & flags::RST != 0 { 0 } else { end.host.stack.window(syn) };
        let segment = Segment { seq: end.seq, ack, flags: bits, window, options: &options, payload };
        let fields = IpFields { ttl: end.host.ttl(), ident: end.ident };
        let packet = wire::tcp(source, destination, fields, &segment);
        end.ident = end.ident.wrapping_add(1);
        end.seq =
            end.seq.wrapping_add(payload.len() as u32 + u32::from(bits & (flags::SYN | flags::FIN) != 0));
        self.trace.push(self.now, macs, packet, Some(self.connection))
    }

    fn turnaround(&mut self, side: Side) -> Nanos {
        let jitter = self.trace.rng.between(2, 20) * MICROSECOND;
        match self.last {
            None => 0,
            Some(last) if last == side => jitter,
            Some(_) => self.ends[side.index()].host.delay + jitter,
        }
    }

    fn options(&mut self, side: Side, syn: bool, reset: bool) -> Vec<u8> {
        // A thousand ticks a second is the usual rate (RFC 7323, 5.4).
        let ticks = ((self.now - self.began) / 1_000_000) as u32;
        let end = &mut self.ends[side.index()];
        end.stamped = end.clock.wrapping_add(ticks);
        let mss = end.host.mss.to_be_bytes();
        let stamp = end.stamped.to_be_bytes();
        let stack = end.host.stack;
        let echo = self.ends[side.other().index()].stamped.to_be_bytes();
        let timestamp = |out: &mut Vec<u8>| {
            out.extend_from_slice(&[8, 10]);
            out.extend_from_slice(&stamp);
            out.extend_from_slice(&echo);
        };
        let mut out = Vec::new();
        // A responder leaves out what the SYN did not offer.
        let offers = self.timestamps || (stack == Stack::Linux && side == Side::Originator);
        match (syn, stack) {
            (true, Stack::Linux) if offers => {
                out.extend_from_slice(&[2, 4, mss[0], mss[1], 4, 2]);
                timestamp(&mut out);
                out.extend_from_slice(&[1, 3, 3, 7]);
            }
            (true, Stack::Linux) => out.extend_from_slice(&[2, 4, mss[0], mss[1], 1, 1, 4, 2, 1, 3, 3, 7]),
            (true, Stack::Windows) => out.extend_from_slice(&[2, 4, mss[0], mss[1], 1, 3, 3, 8, 1, 1, 4, 2]),
            (false, _) if self.timestamps && !reset => {
                out.extend_from_slice(&[1, 1]);
                timestamp(&mut out);
            }
            (false, _) => {}
        }
        out
    }
}

//! TCP connections: their life, and the ordered bytes of both directions.

mod acks;
mod arriving;
mod clock;
mod duplicate;
mod handover;
mod idle;
mod key;
mod lone;
mod opening;
mod outcome;
mod outlet;
mod pending;
mod receiver;
mod recent;
mod rows;
mod segment;
mod stream;
mod syn;
mod table;
mod tcp;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod twin;
mod way;

pub(crate) use arriving::Arriving;
pub use key::{CommunityId, Endpoint, FlowKey};
pub use opening::{Opening, Prefix};
pub(crate) use receiver::{FlowRef, Interest, Receiver};
pub use syn::OptionKinds;
#[cfg(test)]
use table::Overflows;
pub(crate) use table::{Flows, Limits};

use std::net::IpAddr;
use std::num::NonZeroU64;

use crate::time::Timestamp;

/// A frame of one vantage point and its time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment {
    /// Which frame.
    pub frame: FrameId,
    /// When it was captured.
    pub time: Timestamp,
}

/// A frame: the file of its capture, and its number there. Orders by file, then number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
// One more than the number itself: without zero, an `Option` of a moment takes no more room than a moment, of which
// every connection has ten.
pub struct FrameId(NonZeroU64);

impl FrameId {
    /// From the index of the file and the frame's number in it (from 1, below 2^48).
    pub const fn new(file: u16, number: u64) -> Self {
        FrameId(NonZeroU64::MIN.saturating_add((file as u64) << 48 | number & 0xffff_ffff_ffff))
    }

    /// Index of the file in its capture.
    pub const fn file(self) -> usize {
        (self.bits() >> 48) as usize
    }

    /// Number of the frame in its file, from 1.
    pub const fn number(self) -> u64 {
        self.bits() & 0xffff_ffff_ffff
    }

    const fn bits(self) -> u64 {
        self.0.get() - 1
    }
}

/// Frame 0, which no file has.
impl Default for FrameId {
    fn default() -> Self {
        FrameId::new(0, 0)
    }
}

impl std::fmt::Debug for FrameId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}#{}", self.file(), self.number())
    }
}

/// One direction of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dir {
    /// From the originator to the responder.
    Orig = 0,
    /// From the responder to the originator.
    Resp = 1,
}

impl Dir {
    /// The other direction.
    pub const fn flip(self) -> Self {
        match self {
            Dir::Orig => Dir::Resp,
            Dir::Resp => Dir::Orig,
        }
    }

    /// Of originator and responder, who sends in this direction, and the other one.
    pub(crate) fn ends<T>(self, [orig, resp]: [T; 2]) -> (T, T) {
        match self {
            Dir::Orig => (orig, resp),
            Dir::Resp => (resp, orig),
        }
    }
}

/// A connection of one vantage point: the number of its first packet among all packets, which orders connections
/// as Wireshark's `tcp.stream` does. The stream number itself is the rank among all connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FlowId(pub u64);

/// How a connection began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "lowercase"))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Handshake {
    /// SYN and SYN/ACK were seen.
    Full,
    /// The SYN was answered by a reset.
    Refused,
    /// The SYN was not answered.
    Unanswered,
    /// One of SYN and SYN/ACK is missing, but the connection went on.
    Partial,
    /// The connection began before the capture.
    #[default]
    None,
}

/// How a connection ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "lowercase"))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Close {
    /// Both sides sent FIN, or one did and nothing else closed it.
    Fin,
    /// Reset.
    Rst,
    /// Still open when the capture ended.
    #[default]
    Open,
}

/// One TCP connection (Wireshark's `tcp.stream`, Zeek's connection). What few of them have is boxed: rows are many.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Connection {
    /// Its place among the connections of this vantage point.
    pub id: FlowId,
    /// Sender of the first SYN, else of the first frame.
    pub orig: Endpoint,
    /// The other end.
    pub resp: Endpoint,
    /// How it began.
    pub handshake: Handshake,
    /// How it ended.
    pub close: Close,
    /// What each direction carried: `[Dir::Orig as usize]`, `[Dir::Resp as usize]`.
    pub sides: [Side; 2],
    /// The first SYN without ACK.
    pub syn: Option<Syn>,
    /// The first SYN with ACK.
    pub syn_ack: Option<Syn>,
    /// Copies of the first SYN, itself included.
    pub syn_count: u32,
    /// The first reset: who sent it, in which frame, with which TTL, and whether it acknowledges the SYN.
    pub reset: Option<Reset>,
    /// Packets that were seen twice: the same segment, IP identification included, captured at two points.
    pub duplicates: u32,
    /// Which direction has the first packet, and which the last one.
    pub(crate) outermost: [Dir; 2],
    pub(crate) rare: Option<Box<Rare>>,
}

/// What few connections have.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Rare {
    /// A SYN with ACK of another initial sequence number than the first one: somebody else answered, too.
    pub other_syn_ack: Option<Moment>,
    /// The last copy of the SYN, where there are several.
    pub last_syn: Option<Moment>,
    /// An ICMP error that quotes this connection: the first one.
    pub unreachable: Option<Unreachable>,
    /// The capture's clock jumped forward while the sender's own clock did not: the first time.
    pub clock_jump: Option<ClockJump>,
    /// New payload after both sides had closed: another connection between the same ends, whose SYN is not in the
    /// capture.
    pub after_close: Option<Moment>,
}

impl Connection {
    /// Its key.
    pub fn key(&self) -> FlowKey {
        FlowKey::new(self.orig, self.resp).0
    }

    /// What one direction carried.
    pub fn side(&self, dir: Dir) -> &Side {
        &self.sides[dir as usize]
    }

    /// First packet.
    pub fn first(&self) -> Moment {
        self.side(self.outermost[0]).first.unwrap_or_default()
    }

    /// Last packet.
    pub fn last(&self) -> Moment {
        self.side(self.outermost[1]).last.unwrap_or_default()
    }

    /// What few connections have.
    pub fn rare(&self) -> &Rare {
        const NOTHING: &Rare = &Rare {
            other_syn_ack: None,
            last_syn: None,
            unreachable: None,
            clock_jump: None,
            after_close: None,
        };
        self.rare.as_deref().unwrap_or(NOTHING)
    }

    /// To change that.
    pub(crate) fn rare_mut(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }

    /// The last copy of the SYN.
    pub fn last_syn(&self) -> Option<Moment> {
        let only = || self.syn.as_ref().filter(|_| self.syn_count > 0).map(|syn| syn.at);
        self.rare().last_syn.or_else(only)
    }
}

/// One direction of a connection. What few of them have is boxed.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Side {
    /// Packets.
    pub packets: u64,
    /// Distinct payload bytes that were seen.
    pub bytes: u64,
    /// Payload bytes that were skipped: never captured, cut by the snapshot length, or late when there was no room to wait.
    pub missing: u64,
    /// Segments that carried only bytes seen before, or from before the capture began.
    pub retransmitted: u32,
    /// The FIN.
    pub fin: Option<Moment>,
    /// First packet of this direction.
    pub first: Option<Moment>,
    /// Last packet of this direction.
    pub last: Option<Moment>,
    /// TTL of the first packet that is neither SYN nor RST, else of the first packet.
    pub ttl: u8,
    /// Smallest and largest TTL of all packets but resets.
    pub ttl_range: (u8, u8),
    /// Source hardware address of the first packet.
    pub mac: Option<[u8; 6]>,
    /// The peer acknowledged bytes of this direction that were never captured.
    pub acked_unseen: bool,
    /// No acknowledgment of its last bytes was captured.
    pub unanswered: bool,
    /// Its first bytes; `None` where none were seen.
    pub opening: Option<Opening>,
    pub(crate) rare: Option<Box<RareSide>>,
}

/// What few directions have.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct RareSide {
    /// Of the bytes that are missing, those cut by the snapshot length.
    pub cut: u64,
    /// Segments that came late but carried new bytes.
    pub out_of_order: u32,
    /// Segments that carried other bytes than the first copy did.
    pub conflicting: u32,
    /// Keep-alive probes (RFC 9293, 3.8.4).
    pub keepalives: u32,
    /// Times the window was closed.
    pub zero_windows: u32,
    /// The first packet, second copies not counted, that came from another hardware address: it and its TTL.
    pub other_mac: Option<([u8; 6], u8, Moment)>,
    /// SHA-256 of the reassembled bytes, when asked for: of nothing where no payload was seen at all, `None`
    /// where some of it is missing.
    pub sha256: Option<[u8; 32]>,
}

impl Side {
    /// What few directions have.
    pub fn rare(&self) -> &RareSide {
        const NOTHING: &RareSide = &RareSide {
            cut: 0,
            out_of_order: 0,
            conflicting: 0,
            keepalives: 0,
            zero_windows: 0,
            other_mac: None,
            sha256: None,
        };
        self.rare.as_deref().unwrap_or(NOTHING)
    }

    /// To change that.
    #[cold]
    pub(crate) fn rare_mut(&mut self) -> &mut RareSide {
        self.rare.get_or_insert_default()
    }
}

/// A SYN as it shows the stack that made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Syn {
    /// Its frame.
    pub at: Moment,
    /// Initial sequence number.
    pub isn: u32,
    /// TTL as captured.
    pub ttl: u8,
    /// IPv4 "don't fragment".
    pub df: bool,
    /// IPv4 identification.
    pub ip_id: u16,
    /// Window field.
    pub window: u16,
    /// Maximum segment size option (RFC 9293, 3.7.1).
    pub mss: Option<u16>,
    /// Window scale option (RFC 7323, 2).
    pub scale: Option<u8>,
    /// The option kinds in their order, NOP (1) included, end-of-list and what follows it not.
    pub options: OptionKinds,
    /// The value of the timestamp option (RFC 7323, 3).
    pub timestamp: Option<u32>,
}

/// A reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reset {
    /// Its frame.
    pub at: Moment,
    /// Who sent it.
    pub from: Dir,
    /// Its TTL.
    pub ttl: u8,
    /// Whether it answers the SYN: RST with an acknowledgment of the SYN's sequence number plus one.
    pub answers_syn: bool,
}

/// Neighbouring packets of one sender between which the capture's clock went much further than the sender's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockJump {
    /// The packet before the jump.
    pub before: Moment,
    /// The packet after it.
    pub after: Moment,
    /// By how much, in nanoseconds.
    pub by: i64,
}

/// An ICMP destination-unreachable message about a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Unreachable {
    /// Its frame.
    pub at: Moment,
    /// Who sent it.
    pub from: IpAddr,
    /// Whether it is ICMPv6.
    pub v6: bool,
    /// Its code.
    pub code: u8,
}

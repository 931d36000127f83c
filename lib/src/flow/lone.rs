//! Connections of which no more was seen than one SYN.
//!
//! A scan or a flood consists of them. The SYN is kept as it came, and the flow, with ten times as many bytes, is
//! made when a second packet comes: that took two thirds off a flood's time, and as much off its memory.

use sha2::{Digest, Sha256};

use super::arriving::Arriving;
use super::{Close, Connection, Dir, FlowId, FlowKey, Handshake, Moment, RareSide, Side, Syn};
use crate::packet::Tcp;

/// TCP options are no longer than this (RFC 9293, 3.1).
const OPTIONS: usize = 40;

/// A SYN without payload.
#[derive(Debug, Default)]
pub(super) struct Lone {
    id: FlowId,
    at: Moment,
    seq: u32,
    ack: u32,
    window: u16,
    ip_id: u16,
    ttl: u8,
    df: bool,
    flags: u8,
    from_low: bool,
    mac: Option<[u8; 6]>,
    options_length: u8,
    options: [Word; OPTIONS / size_of::<Word>()],
}

/// Options fill whole words.
type Word = [u8; 4];

impl Lone {
    /// Whether a packet is a SYN without payload.
    #[inline(always)]
    pub(super) fn is_one(packet: &Arriving<'_>) -> bool {
        let tcp = packet.tcp;
        let is_bare = tcp.opens() && tcp.flags & (Tcp::FIN | Tcp::RST) == 0 && tcp.payload_len == 0;
        is_bare && tcp.payload.is_empty() && tcp.options.len() <= OPTIONS
    }

    /// Is this SYN from now on. Its fields are written where they stay: to copy what was just written waits for it.
    #[inline(always)]
    pub(super) fn take(&mut self, id: FlowId, packet: &Arriving<'_>) {
        let Arriving { at, key: _, from_low, mac, ttl, ip_id, df, tcp } = *packet;
        self.id = id;
        self.at = at;
        self.seq = tcp.seq;
        self.ack = tcp.ack;
        self.window = tcp.window;
        self.ip_id = ip_id;
        self.ttl = ttl;
        self.df = df;
        self.flags = tcp.flags;
        self.from_low = from_low;
        self.mac = mac.copied();
        let length = tcp.options.len().min(OPTIONS);
        self.options_length = length as u8;
        self.options.as_flattened_mut()[..length].copy_from_slice(&tcp.options[..length]);
    }

    pub(super) fn id(&self) -> FlowId {
        self.id
    }

    pub(super) fn at(&self) -> Moment {
        self.at
    }

    /// Whether `syn` opens another connection between the same ends.
    pub(super) fn is_over_with(&self, syn: &Arriving<'_>) -> bool {
        syn.from_low == self.from_low && syn.tcp.seq != self.seq
    }

    /// The row that its flow would have, were it to end now.
    #[inline(always)]
    pub(super) fn row(&self, key: &FlowKey, is_digesting: bool) -> Connection {
        let Lone { id, at, ttl, mac, from_low, .. } = *self;
        let (orig, resp) = key.ends(from_low);
        let digest = || RareSide { sha256: Some(Sha256::new().finalize().into()), ..RareSide::default() };
        let rare = is_digesting.then(|| Box::new(digest()));
        let side = Side {
            packets: 1,
            first: Some(at),
            last: Some(at),
            ttl,
            ttl_range: (ttl, ttl),
            mac,
            unanswered: true,
            rare: rare.clone(),
            ..Side::default()
        };
        Connection {
            id,
            orig,
            resp,
            handshake: Handshake::Unanswered,
            close: Close::Open,
            sides: [side, Side { rare, ..Side::default() }],
            syn: Some(self.replay(key, Syn::new)),
            syn_ack: None,
            syn_count: 1,
            reset: None,
            duplicates: 0,
            outermost: [Dir::Orig; 2],
            rare: None,
        }
    }

    /// Shows the packet as it came.
    pub(super) fn replay<T>(&self, key: &FlowKey, show: impl FnOnce(&Arriving<'_>) -> T) -> T {
        let Lone { at, from_low, ttl, ip_id, df, .. } = *self;
        let (orig, resp) = key.ends(from_low);
        let tcp = Tcp {
            src_port: orig.port,
            dst_port: resp.port,
            seq: self.seq,
            ack: self.ack,
            flags: self.flags,
            window: self.window,
            options: self.options.as_flattened().get(..usize::from(self.options_length)).unwrap_or_default(),
            payload: &[],
            payload_len: 0,
        };
        show(&Arriving { at, key, from_low, mac: self.mac.as_ref(), ttl, ip_id, df, tcp: &tcp })
    }
}

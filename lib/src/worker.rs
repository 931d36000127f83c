//! One thread's part of a vantage point: it sees all packets and takes those of its shards.

use crate::capture::{Head, LinkType, Run};
use crate::config::Config;
use crate::facts::{Coverage, Learnt, LimitHits, Pings};
use crate::flow::{Arriving, FlowKey, FrameId, Moment, Unreachable};
use crate::packet::{
    self, Glimpse, Icmp, Ip, Packet, Plain, PlainSegment, Slicer, Transport, quoted, quoted_echo,
};
use crate::shard::{SHARDS, Shard};

/// The part of the allowed memory that IP fragments may take.
const FRAGMENT_PART: u64 = 64;

/// Packets whose headers are loaded at once.
const AT_ONCE: usize = 16;

/// A worker, of which there may be several.
pub(crate) struct Worker {
    slicer: Slicer,
    fragment_bytes: usize,
    post: Post,
}

/// Where a worker's packets go: to its shards, those at `index`, `index + workers` and so on, and to what is learnt of
/// all packets together.
struct Post {
    index: usize,
    workers: usize,
    /// The place of each shard among the worker's own: a division for every packet would show.
    places: [Option<u8>; SHARDS],
    shards: Vec<Shard>,
    /// Packets of the vantage point so far.
    packets: u64,
    overview: Overview,
}

/// What is learnt of all packets together: the first worker sees to it.
#[derive(Default)]
pub(crate) struct Overview {
    pub(crate) coverage: Coverage,
    pub(crate) pings: Pings,
}

/// What a worker has learnt.
pub(crate) struct Share {
    /// With the numbers of their shards.
    learnt: Vec<(usize, Learnt)>,
    overview: Overview,
    fragments: LimitHits,
}

impl Worker {
    /// The worker number `index` of `workers`, which are no more than [`SHARDS`].
    pub(crate) fn new(config: &Config, index: usize, workers: usize) -> Self {
        let fragment_bytes = usize::try_from(config.memory / FRAGMENT_PART).unwrap_or(usize::MAX);
        Worker {
            slicer: Slicer::new(fragment_bytes),
            fragment_bytes,
            post: Post::new(config, index, workers),
        }
    }

    /// Takes what is its own of a run of packets.
    pub(crate) fn take(&mut self, run: &Run) {
        for heads in run.chunk.heads[run.heads.clone()].chunks(AT_ONCE) {
            self.post.fetch(run, heads);
            for head in heads {
                let at = Moment { frame: FrameId::new(run.file, head.frame), time: head.time };
                self.post.packets += 1;
                if self.post.sees_all() {
                    self.post.overview.coverage.packet(at, head.timed);
                }
                if self.post.wants(head) {
                    self.packet(at, head, run.chunk.packet(head));
                }
            }
        }
    }

    /// Ends all connections.
    pub(crate) fn finish(self) -> Share {
        let evicted = self.slicer.fragment_counts().evicted.datagrams;
        let Post { index, workers, shards, overview, .. } = self.post;
        Share {
            learnt: (index..).step_by(workers).zip(shards.into_iter().map(Shard::finish)).collect(),
            overview,
            fragments: LimitHits::new("fragment bytes", self.fragment_bytes as u64, evicted),
        }
    }

    #[inline(always)]
    fn packet(&mut self, at: Moment, head: &Head, bytes: &[u8]) {
        match packet::plain(head.link, bytes) {
            Some(Plain::Segment(PlainSegment { mac, src, dst, ttl, id: ip_id, df, tcp })) => {
                let (key, from_low) = FlowKey::v4((src, tcp.src_port), (dst, tcp.dst_port));
                let (key, mac, tcp) = (&key, Some(mac), &tcp);
                self.post.segment(&Arriving { at, key, from_low, mac, ttl, ip_id, df, tcp });
            }
            Some(Plain::Datagram(src, dst)) => self.post.datagram(at, FlowKey::v4((src, 0), (dst, 0))),
            None => self.post.deliver(at, &self.slicer.slice(head.link, bytes, head.original, head.time)),
        }
    }
}

impl Post {
    fn new(config: &Config, index: usize, workers: usize) -> Self {
        let place = |shard: usize| (shard % workers == index).then_some((shard / workers) as u8);
        Post {
            index,
            workers,
            places: std::array::from_fn(place),
            shards: (index..SHARDS).step_by(workers).map(|_| Shard::new(config)).collect(),
            packets: 0,
            overview: Overview::default(),
        }
    }

    /// Whether a packet may be one for a shard of this worker.
    fn wants(&self, head: &Head) -> bool {
        head.glance.is_none_or(|shard| self.place(shard.into()).is_some())
    }

    /// Loads the headers of packets that another worker may have read: they are in the cache of its core, and to wait for
    /// all of them at once takes a twentieth off the computing time of two workers.
    fn fetch(&self, run: &Run, heads: &[Head]) {
        const LINE: usize = 64;
        if self.workers == 1 {
            return;
        }
        let wanted = heads.iter().filter(|head| self.wants(head)).map(|head| run.chunk.packet(head));
        let loaded = wanted.flat_map(|packet| [packet.first(), packet.get(LINE)]).flatten();
        std::hint::black_box(loaded.fold(0, |all, byte| all ^ byte));
    }

    fn sees_all(&self) -> bool {
        self.index == 0
    }

    /// Where a shard stands, if it is one of this worker's.
    fn place(&self, shard: usize) -> Option<usize> {
        self.places.get(shard).copied().flatten().map(usize::from)
    }

    /// The shard of a connection, if it is one of this worker's.
    fn shard(&mut self, key: &FlowKey) -> Option<&mut Shard> {
        let place = self.place(key.share(SHARDS))?;
        self.shards.get_mut(place)
    }

    /// Takes a packet of any kind.
    fn deliver(&mut self, at: Moment, packet: &Packet<'_>) {
        let Some(ip) = &packet.ip else { return };
        match &packet.transport {
            Transport::Tcp(tcp) => {
                let (key, from_low) = FlowKey::between((&ip.src, tcp.src_port), (&ip.dst, tcp.dst_port));
                return self.segment(&Arriving::new(at, (&key, from_low), packet.source_mac(), ip, tcp));
            }
            Transport::Icmp(icmp) => {
                self.unreachable(at, ip, icmp);
                if self.sees_all() {
                    self.overview.ping(at, ip, icmp);
                }
            }
            _ => {}
        }
        self.datagram(at, FlowKey::between((&ip.src, 0), (&ip.dst, 0)));
    }

    #[inline(always)]
    fn segment(&mut self, segment: &Arriving<'_>) {
        let ordinal = self.packets;
        if let Some(shard) = self.shard(segment.key) {
            shard.segment(ordinal, segment);
        }
    }

    /// Takes what is no TCP segment.
    fn datagram(&mut self, at: Moment, hosts: (FlowKey, bool)) {
        if self.sees_all() {
            self.overview.coverage.datagram(hosts, at.time);
        }
    }

    /// Tells a connection of the error that quotes it.
    fn unreachable(&mut self, at: Moment, ip: &Ip, icmp: &Icmp<'_>) {
        if !is_unreachable(icmp) {
            return;
        }
        let Some(quoted) = quoted(icmp.body, icmp.v6).filter(|quoted| quoted.protocol == 6) else {
            return;
        };
        let (key, _) = FlowKey::between((&quoted.src, quoted.src_port), (&quoted.dst, quoted.dst_port));
        if let Some(shard) = self.shard(&key) {
            shard.unreachable(&quoted, error(at, ip, icmp));
        }
    }
}

impl Overview {
    /// Echo: RFC 792, RFC 4443 4; and errors in answer to it.
    fn ping(&mut self, at: Moment, ip: &Ip, icmp: &Icmp<'_>) {
        match (icmp.v6, icmp.kind) {
            (false, 8) | (true, 128) => self.pings.echo(ip.src, ip.dst, true, at),
            (false, 0) | (true, 129) => self.pings.echo(ip.src, ip.dst, false, at),
            _ if is_unreachable(icmp) => {
                if let Some((client, server)) = quoted_echo(icmp.body, icmp.v6) {
                    self.pings.error(client, server, error(at, ip, icmp));
                }
            }
            _ => {}
        }
    }
}

/// The shard of a packet, where a few bytes tell it: nearly everywhere. So most packets of others cost next to nothing.
pub(crate) fn glance(link: LinkType, bytes: &[u8]) -> Option<u8> {
    match packet::glimpse(link, bytes)? {
        Glimpse::Tcp([src, dst]) => {
            let (key, _) = FlowKey::v4(src, dst);
            u8::try_from(key.share(SHARDS)).ok()
        }
        // Only who sees all wants it, and has the first shard.
        Glimpse::Udp => Some(0),
    }
}

/// Destination unreachable: RFC 792, RFC 4443 3.1.
fn is_unreachable(icmp: &Icmp<'_>) -> bool {
    matches!((icmp.v6, icmp.kind), (false, 3) | (true, 1))
}

fn error(at: Moment, ip: &Ip, icmp: &Icmp<'_>) -> Unreachable {
    Unreachable { at, from: ip.src, v6: icmp.v6, code: icmp.code }
}

impl Share {
    /// What the first worker and all others have learnt together.
    pub(crate) fn merge(self, others: impl Iterator<Item = Share>) -> (Learnt, Overview) {
        let mut shards = self.learnt;
        shards.extend(others.flat_map(|other| other.learnt));
        shards.sort_by_key(|(number, _)| *number);
        let shards = shards.into_iter().map(|(_, learnt)| learnt);
        let mut learnt = shards.reduce(Learnt::merge).expect("there is a shard");
        learnt.limits.push(self.fragments);
        (learnt, self.overview)
    }
}

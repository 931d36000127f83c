//! The packets that a set of findings needs: whole connections, and the ICMP errors about them.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::net::IpAddr;

use crate::capture::Original;
use crate::facts::VantageFacts;
use crate::flow::{Endpoint, FlowKey, FrameId};
use crate::packet::{self, Transport, quoted};
use crate::rules::Evidence;

/// Tells which packets of a vantage point belong to the evidence of findings.
#[derive(Debug, Default)]
pub struct Excerpt {
    /// First and last frames of the connections, by their ends.
    connections: HashMap<FlowKey, Vec<(FrameId, FrameId)>>,
    /// Pairs of hosts, the smaller address first, whose fragments are kept: only the first tells its ports.
    pairs: HashSet<(IpAddr, IpAddr)>,
    /// Frames that are evidence without a connection.
    frames: BTreeSet<(usize, u64)>,
}

impl Excerpt {
    /// What `evidence` needs of a vantage point whose first file is number `first_capture` of the report's.
    pub fn new<'a>(
        facts: &VantageFacts,
        first_capture: usize,
        evidence: impl IntoIterator<Item = &'a Evidence>,
    ) -> Self {
        let mut excerpt = Excerpt::default();
        let mut streams = BTreeSet::new();
        for one in evidence {
            let Some(file) = one.capture.checked_sub(first_capture).filter(|file| *file < facts.files.len())
            else {
                continue;
            };
            excerpt.frames.insert((file, one.frame));
            streams.extend(one.stream.and_then(|stream| usize::try_from(stream).ok()));
        }
        for connection in streams.into_iter().filter_map(|stream| facts.connections.get(stream)) {
            let key = connection.key();
            let frames = (connection.first().frame, connection.last().frame);
            excerpt.connections.entry(key).or_default().push(frames);
            excerpt.pairs.insert((key.low().ip, key.high().ip));
        }
        excerpt
    }

    /// Whether a packet belongs to it.
    pub fn holds(&self, original: &Original<'_>) -> bool {
        if self.frames.contains(&(original.file, original.frame)) {
            return true;
        }
        let packet = packet::slice(original.link_type, original.bytes);
        let Some(ip) = packet.ip else { return false };
        // There are at most as many files as the number of one fits.
        let frame = FrameId::new(original.file as u16, original.frame);
        match packet.transport {
            Transport::Tcp(tcp) => self
                .connections_between((ip.src, tcp.src_port), (ip.dst, tcp.dst_port))
                .any(|(first, last)| (*first..=*last).contains(&frame)),
            // An error may come after the last packet of its connection.
            Transport::Icmp(icmp) => quoted(icmp.body, icmp.v6).is_some_and(|quoted| {
                self.connections_between((quoted.src, quoted.src_port), (quoted.dst, quoted.dst_port))
                    .any(|(first, _)| *first <= frame)
            }),
            Transport::Fragment => self.pairs.contains(&(ip.src.min(ip.dst), ip.src.max(ip.dst))),
            _ => false,
        }
    }

    fn connections_between(
        &self,
        src: (IpAddr, u16),
        dst: (IpAddr, u16),
    ) -> impl Iterator<Item = &(FrameId, FrameId)> {
        let end = |(ip, port)| Endpoint { ip, port };
        self.connections.get(&FlowKey::new(end(src), end(dst)).0).into_iter().flatten()
    }
}

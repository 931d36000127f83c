//! The same traffic at two capture points, and what comparing them must say.

use crate::container::{Container, Order, Record};
use crate::damage::sender;
use crate::label::{Config, Expectation};
use crate::link::Link;
use crate::scenario::{File, finding};
use crate::site::{CUC, EXCHANGE, near};
use crate::tcp::Stack;
use crate::time::{MICROSECOND, Nanos};
use crate::trace::{Packet, Trace};
use crate::wire::{Rewrite, rewritten};
use serde::Serialize;
use std::net::{IpAddr, Ipv4Addr};

/// Routers between the two capture points.
const HOPS: u8 = 3;

/// What lies between the two capture points.
#[derive(Debug, Clone, Copy)]
pub struct Way {
    /// How long a packet takes.
    pub delay: Nanos,
    /// Exchange's address becomes this one.
    pub source: Option<Ipv4Addr>,
    /// Subtracted from Exchange's ports.
    pub port: u16,
    /// The address that Exchange sends to becomes this one.
    pub destination: Option<(Ipv4Addr, Ipv4Addr)>,
    /// Added to Exchange's sequence numbers.
    pub sequence: u32,
}

impl Default for Way {
    fn default() -> Self {
        Self { delay: 250 * MICROSECOND, source: None, port: 0, destination: None, sequence: 0 }
    }
}

/// What the other capture point sees of the packets of `exchange`, except those that `lost` picks.
pub fn cross(trace: &Trace, exchange: IpAddr, way: Way, lost: impl Fn(&Packet) -> bool) -> Trace {
    let mut there = Trace::new(trace.rng.clone());
    let involved = |packet: &&Packet| packet.connection.is_some() && !lost(packet);
    for packet in trace.packets.iter().filter(involved) {
        let forward = sender(&packet.ip) == Some(exchange);
        let source = way.source.and_then(|to| match exchange {
            IpAddr::V4(from) => Some((from, to)),
            IpAddr::V6(_) => None,
        });
        let addresses = [source, way.destination];
        let back = 0_u16.wrapping_sub(way.port);
        let change = match forward {
            true => Rewrite { addresses, source_port: back, sequence: way.sequence, ..Rewrite::default() },
            false => Rewrite {
                addresses,
                destination_port: back,
                acknowledgment: way.sequence,
                ..Rewrite::default()
            },
        };
        let mut ip = packet.ip.clone();
        ip[8] = if forward { ip[8] - HOPS } else { ip[8] + HOPS };
        let (gateway, host) = ([0x00, 0x1b, 0x54, 0x0a, 0x80, 0xd7], near(CUC, Stack::Linux).mac);
        let (source, destination) = if forward { (gateway, host) } else { (host, gateway) };
        let time = if forward { packet.time + way.delay } else { packet.time - way.delay };
        there.packets.push(Packet {
            time,
            source,
            destination,
            ip: rewritten(&ip, change),
            ..packet.clone()
        });
    }
    there.sort();
    there
}

/// Two captures and their label.
pub struct Pair {
    path: String,
    ends: [Trace; 2],
    containers: [Container; 2],
    /// How many bytes of each packet are stored.
    snaplen: usize,
    label: Label,
}

/// What stands in `NAME.compare.json`.
#[derive(Debug, Serialize)]
struct Label {
    description: String,
    files: Files,
    args: Vec<String>,
    config: Config,
    expect: Vec<Expectation>,
    allow: Vec<Expectation>,
    forbid: Vec<String>,
    forbid_others: bool,
    facts: serde_json::Map<String, serde_json::Value>,
}

#[derive(Debug, Default, Serialize)]
struct Files {
    exchange: Vec<String>,
    cuc: Vec<String>,
}

impl Pair {
    /// Two captures whose names begin with `path`, in different formats. The user names both hosts.
    pub fn new(path: &str, description: &str, exchange: Trace, cuc: Trace) -> Self {
        let config = Config { exchange_addrs: vec![EXCHANGE], cuc_addrs: vec![CUC], ..Config::default() };
        Self {
            path: path.into(),
            ends: [exchange, cuc],
            containers: [
                Container::NgEnhanced { order: Order::Little, resolution: 9 },
                Container::PcapMicro(Order::Little),
            ],
            snaplen: usize::MAX,
            label: Label {
                description: description.into(),
                files: Files::default(),
                args: Vec::new(),
                config,
                expect: Vec::new(),
                allow: Vec::new(),
                forbid: Vec::new(),
                forbid_others: true,
                facts: serde_json::Map::new(),
            },
        }
    }

    /// Exchange's clock goes ahead by so many nanoseconds.
    pub fn ahead(mut self, offset: i64) -> Self {
        for packet in &mut self.ends[0].packets {
            packet.time = packet.time.saturating_add_signed(offset);
        }
        self.fact("clock_offset_us", offset / 1000)
    }

    /// Both captures store the first 128 bytes of each packet only.
    pub fn cut(mut self) -> Self {
        self.snaplen = 128;
        self.allow(&["capture-snaplen"])
    }

    /// Replaces the addresses from which notifications are expected.
    pub fn expecting(mut self, exchange: &[IpAddr]) -> Self {
        self.label.config.exchange_addrs = exchange.to_vec();
        self
    }

    /// A finding that must be reported; an empty subject stands for any.
    pub fn expect(mut self, rule: &str, subject: &str) -> Self {
        self.label.expect.push(finding(rule, Some(subject).filter(|subject| !subject.is_empty())));
        self
    }

    /// Rules that may fire.
    pub fn allow(mut self, rules: &[&str]) -> Self {
        self.label.allow.extend(rules.iter().map(|rule| finding(rule, None)));
        self
    }

    /// A rule that must not fire.
    pub fn forbid(mut self, rule: &str) -> Self {
        self.label.forbid.push(rule.into());
        self
    }

    /// How many notifications are of a kind.
    pub fn pairs(mut self, kind: &str, number: usize) -> Self {
        let pairs = self.label.facts.entry("pairs").or_insert_with(|| serde_json::json!({}));
        if let Some(pairs) = pairs.as_object_mut() {
            pairs.insert(kind.into(), number.into());
        }
        self
    }

    /// A value of the path.
    pub fn fact(mut self, name: &str, value: impl Into<serde_json::Value>) -> Self {
        self.label.facts.insert(name.into(), value.into());
        self
    }

    /// Both captures and the label.
    pub fn files(mut self) -> Vec<File> {
        let mut files = Vec::new();
        for ((trace, container), end) in self.ends.iter_mut().zip(self.containers).zip(["exchange", "cuc"]) {
            trace.sort();
            let link = Link::Ethernet;
            let records: Vec<Record> = (trace.packets.iter().zip(1..))
                .map(|(packet, number)| Record::new(packet.time, link.wrap(packet, number), self.snaplen))
                .collect();
            let suffix = if matches!(container, Container::NgEnhanced { .. }) { "pcapng" } else { "pcap" };
            let path = format!("{}-{end}.{suffix}", self.path);
            let name = path.rsplit('/').next().unwrap_or(&path).to_owned();
            match end {
                "exchange" => self.label.files.exchange.push(name),
                _ => self.label.files.cuc.push(name),
            }
            files.push((path, container.write(&records, link.number())));
        }
        self.label.args = self.label.config.args();
        let mut text = serde_json::to_string_pretty(&self.label).expect("a label is plain data");
        text.push('\n');
        files.push((format!("{}.compare.json", self.path), text.into_bytes()));
        files
    }
}

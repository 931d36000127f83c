//! A scenario: a lab's traffic, what the analysis must say about it, and how it is stored.

use crate::container::{Compression, Container, Order, Record};
use crate::cuc::Lab;
use crate::damage::{self, FileDamage};
use crate::label::{Config, Expectation, Facts, Label, Wanted};
use crate::link::Link;
use crate::site::{CUC, EXCHANGE, Sent};
use crate::trace::{PacketId, Trace};
use std::net::IpAddr;

/// Everything that a capture and its label are made from.
#[derive(Debug, Clone)]
pub struct Scenario {
    path: String,
    description: String,
    lab: Lab,
    config: Config,
    expect: Vec<Wanted>,
    allow: Vec<Expectation>,
    forbid: Vec<String>,
    open_facts: Vec<&'static str>,
    link: Link,
    container: Container,
    compression: Compression,
    snaplen: usize,
    parts: usize,
    apart: Option<IpAddr>,
    damage: Option<FileDamage>,
    suffix: &'static str,
    trust: Option<&'static [u8]>,
}

/// A file to be written: its path below the target folder, and its bytes.
pub type File = (String, Vec<u8>);

impl Scenario {
    /// A scenario whose capture is `path` without suffix. It is stored as a classic little-endian
    /// pcap of Ethernet, and the user names Exchange's and Unity Connection's addresses.
    pub fn new(path: &str, description: &str, mut lab: Lab) -> Self {
        lab.trace.sort();
        Self {
            path: path.into(),
            description: description.into(),
            lab,
            config: Config { exchange_addrs: vec![EXCHANGE], cuc_addrs: vec![CUC], ..Config::default() },
            expect: Vec::new(),
            allow: Vec::new(),
            forbid: Vec::new(),
            open_facts: Vec::new(),
            link: Link::Ethernet,
            container: Container::PcapMicro(Order::Little),
            compression: Compression::None,
            snaplen: usize::MAX,
            parts: 1,
            apart: None,
            damage: None,
            suffix: "pcap",
            trust: None,
        }
    }

    /// Replaces what the user tells the analysis.
    pub fn told(mut self, exchange: &[IpAddr], cuc: &[IpAddr], proxies: &[IpAddr]) -> Self {
        self.config.exchange_addrs = exchange.to_vec();
        self.config.cuc_addrs = cuc.to_vec();
        self.config.proxy_addrs = proxies.to_vec();
        self
    }

    /// The user names another interval than the port's default.
    pub fn interval(mut self, seconds: u64) -> Self {
        self.config.keepalive_interval_s = Some(seconds);
        self
    }

    /// The user names the limits of the IMAP server.
    pub fn imap_limit(mut self, limits: &str) -> Self {
        self.config.imap_limit = Some(limits.into());
        self
    }

    /// The user names the gateway.
    pub fn gateway(mut self, name: &str) -> Self {
        self.config.gateway_name = Some(name.into());
        self
    }

    /// The user names these trusted certificates, in PEM.
    pub fn trust(mut self, pem: &'static [u8]) -> Self {
        self.config.trust = Some(format!("{}.trust.pem", file_name(&self.path)));
        self.trust = Some(pem);
        self
    }

    /// The user has certificates judged at another time than the capture's.
    pub fn now(mut self, time: &str) -> Self {
        self.config.now = Some(time.into());
        self
    }

    /// A finding that must be reported, with the notifications that must be among its evidence.
    pub fn expect(self, rule: &str, subject: &str, sent: &[&Sent]) -> Self {
        let packets: Vec<PacketId> = sent.iter().map(|sent| sent.packet()).collect();
        self.expect_on(rule, subject, &packets)
    }

    /// A finding that must be reported, with the packets that must be among its evidence.
    pub fn expect_on(mut self, rule: &str, subject: &str, packets: &[PacketId]) -> Self {
        let finding = finding(rule, Some(subject));
        self.expect.push(Wanted { finding, packets: packets.to_vec() });
        self
    }

    /// A finding that must be reported, on whatever subject.
    pub fn expect_somewhere(mut self, rule: &str) -> Self {
        self.expect.push(Wanted { finding: finding(rule, None), packets: Vec::new() });
        self
    }

    /// The severity of the finding expected last.
    pub fn severity(mut self, severity: &'static str) -> Self {
        if let Some(last) = self.expect.last_mut() {
            last.finding.severity = Some(severity);
        }
        self
    }

    /// The confidence of the finding expected last.
    pub fn confidence(mut self, confidence: &'static str) -> Self {
        if let Some(last) = self.expect.last_mut() {
            last.finding.confidence = Some(confidence);
        }
        self
    }

    /// A rule that may fire.
    pub fn allow(mut self, rule: &str) -> Self {
        self.allow.push(finding(rule, None));
        self
    }

    /// A rule that must not fire, however mildly.
    pub fn forbid(mut self, rule: &str) -> Self {
        self.forbid.push(rule.into());
        self
    }

    /// Facts that the label leaves open.
    pub fn open(mut self, facts: &[&'static str]) -> Self {
        self.open_facts.extend_from_slice(facts);
        self
    }

    /// Does something to the captured packets.
    pub fn damaged(mut self, damage: impl FnOnce(&mut Trace)) -> Self {
        damage(&mut self.lab.trace);
        self
    }

    /// Does something to the finished file, a classic pcap.
    pub fn file_damaged(mut self, damage: FileDamage) -> Self {
        self.damage = Some(damage);
        self
    }

    /// Another link layer.
    pub fn link(mut self, link: Link) -> Self {
        self.link = link;
        self
    }

    /// Another file format.
    pub fn container(mut self, container: Container) -> Self {
        self.container = container;
        self.suffix = match container {
            Container::PcapMicro(_)
            | Container::PcapNano(_)
            | Container::PcapModified(_)
            | Container::PcapLying => "pcap",
            _ => "pcapng",
        };
        self
    }

    /// Compressed.
    pub fn compressed(mut self, compression: Compression) -> Self {
        self.compression = compression;
        self
    }

    /// Another file name suffix.
    pub fn suffix(mut self, suffix: &'static str) -> Self {
        self.suffix = suffix;
        self
    }

    /// Frames cut to this many bytes.
    pub fn snaplen(mut self, bytes: usize) -> Self {
        self.snaplen = bytes;
        self
    }

    /// Written as a rotated set of so many files.
    pub fn rotated(mut self, parts: usize) -> Self {
        self.parts = parts;
        self
    }

    /// What `host` sends and receives in a file of its own, as captured at two hosts at once.
    pub fn apart(mut self, host: IpAddr) -> Self {
        self.apart = Some(host);
        self
    }

    /// The label and the capture file or files.
    ///
    /// # Panics
    /// When a packet of the evidence is not in the capture, which is a mistake in the scenario.
    pub fn files(mut self) -> Vec<File> {
        let records: Vec<Record> = (self.lab.trace.packets.iter().zip(1..))
            .map(|(packet, number)| Record::new(packet.time, self.link.wrap(packet, number), self.snaplen))
            .collect();
        let mut files = self.captures(&records);
        let names: Vec<String> = files.iter().map(|(path, _)| file_name(path)).collect();
        match self.damage {
            Some(FileDamage::CutLast) => drop(self.lab.trace.packets.pop()),
            Some(FileDamage::Corrupt(number)) => drop(self.lab.trace.packets.remove(number as usize - 1)),
            None => {}
        }
        let label = self.label(names);
        let mut text = serde_json::to_string_pretty(&label).expect("a label is plain data");
        text.push('\n');
        files.push((format!("{}.label.json", self.path), text.into_bytes()));
        files.extend(self.trust.map(|pem| (format!("{}.trust.pem", self.path), pem.to_vec())));
        files
    }

    fn captures(&self, records: &[Record]) -> Vec<File> {
        let number = self.link.number();
        let pack = |records: &[Record]| {
            let mut file = self.container.write(records, number);
            if let Some(damage) = self.damage {
                damage.inflict(&mut file, records);
            }
            self.compression.pack(file)
        };
        if let Some(host) = self.apart {
            let packets = self.lab.trace.packets.iter().zip(records);
            let (its, others): (Vec<_>, Vec<_>) =
                packets.partition(|(packet, _)| damage::concerns(packet, host));
            let named = [("one", others), ("two", its)].map(|(name, part)| {
                let records: Vec<Record> = part.into_iter().map(|(_, record)| record.clone()).collect();
                (format!("{}-{name}.{}", self.path, self.suffix), pack(&records))
            });
            return named.into();
        }
        if self.parts == 1 {
            let tail = match self.compression {
                Compression::None => "",
                Compression::Gzip => ".gz",
                Compression::Zstd => ".zst",
                Compression::Lz4 => ".lz4",
            };
            return vec![(format!("{}.{}{tail}", self.path, self.suffix), pack(records))];
        }
        // Unity Connection's rotation: name.cap0, then name.cap00, name.cap01 …
        let names = std::iter::once("cap0".to_owned()).chain((0..).map(|part| format!("cap0{part}")));
        records
            .chunks(records.len().div_ceil(self.parts))
            .zip(names)
            .map(|(part, name)| (format!("{}.{name}", self.path), pack(part)))
            .collect()
    }

    fn label(&self, files: Vec<String>) -> Label {
        let frames = self.lab.trace.frames();
        let expect = self.expect.iter().map(|wanted| {
            let mut finding = wanted.finding.clone();
            // A capture's subject is its file.
            if finding.rule.starts_with("capture-") {
                finding.subject = files.first().cloned();
            }
            let frame = |packet| {
                *frames.get(packet).unwrap_or_else(|| panic!("{}: evidence was not captured", self.path))
            };
            finding.frames = wanted.packets.iter().map(frame).collect();
            finding
        });
        let mut facts = Facts::of(&self.lab);
        facts.forget(&self.open_facts);
        Label {
            description: self.description.clone(),
            args: self.config.args(),
            config: self.config.clone(),
            expect: expect.collect(),
            allow: self.allow.clone(),
            forbid: self.forbid.clone(),
            forbid_others: true,
            facts,
            files,
        }
    }
}

pub(crate) fn finding(rule: &str, subject: Option<&str>) -> Expectation {
    Expectation {
        rule: rule.into(),
        subject: subject.map(Into::into),
        severity: None,
        confidence: None,
        frames: Vec::new(),
    }
}

fn file_name(path: &str) -> String {
    path.rsplit('/').next().unwrap_or(path).into()
}

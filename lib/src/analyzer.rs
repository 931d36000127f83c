//! The roof: reader, shard, merge and rules put together.

use crate::capture::{Capture, FileInfo, Head, Reader};
use crate::config::Config;
use crate::error::{Error, Result};
use crate::facts::{Coverage, Facts, Gathered, LimitHits, Pings, VantageFacts};
use crate::flow::{FrameId, Moment, Unreachable};
use crate::packet::{Icmp, Packet, Slicer, Transport, quoted, quoted_echo, supported};
use crate::report::Report;
use crate::rules::{self, Context, Findings, RULES, Rule};
use crate::shard::{Learnt, Shard};

/// The part of the allowed memory that IP fragments may take.
const FRAGMENT_PART: u64 = 64;

/// Reads captures and judges them.
pub struct Analyzer {
    config: Config,
    rules: Vec<Box<dyn Rule>>,
}

/// What a caller may watch while captures are read.
pub trait Sink {
    /// Called a few times per megabyte: bytes read so far, and the size of all inputs where it is known. Returns
    /// whether to go on.
    fn progress(&mut self, read: u64, total: Option<u64>) -> bool {
        let _ = (read, total);
        true
    }
}

impl Sink for () {}

impl Analyzer {
    /// An analyzer with these settings. Fails when a rule that is selected or ignored does not exist.
    pub fn new(config: Config) -> Result<Self> {
        for (setting, names) in [("--select", &config.select), ("--ignore", &config.ignore)] {
            let known =
                |name: &String| rules::all().iter().any(|meta| meta.id == name || meta.family() == name);
            if let Some(name) = names.iter().find(|name| !known(name)) {
                let cause = format!("there is no rule or family {name:?}; `sibtrace rule` lists them");
                return Err(Error::Config { setting: setting.to_owned(), cause });
            }
        }
        Ok(Analyzer { config, rules: Vec::new() })
    }

    /// Adds a rule of the caller's own. It runs after the rules that come with the library.
    pub fn rule(&mut self, rule: Box<dyn Rule>) -> &mut Self {
        self.rules.push(rule);
        self
    }

    /// The settings.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Reads the captures, one per vantage point, the Exchange side first. When reading fails part-way, the facts
    /// up to there come with the error.
    pub fn facts(
        &self,
        captures: impl IntoIterator<Item = Capture>,
        sink: &mut dyn Sink,
    ) -> (Facts, Option<Error>) {
        let mut facts = Facts::default();
        for capture in captures {
            let mut point = Point::new(&self.config);
            let vantage = capture.vantage();
            let mut reader = capture.into_reader();
            let end = point.read(&mut reader, self.config.threads() > 1, sink);
            let mut learnt = point.finish(&self.config, reader.files().to_vec());
            learnt.vantage = vantage.or(learnt.vantage);
            facts.vantages.push(learnt);
            match end {
                Ok(true) => {}
                Ok(false) => {
                    facts.partial = true;
                    break;
                }
                Err(error) => return (facts, Some(error)),
            }
        }
        (facts, None)
    }

    /// Judges facts. May be called again, also with another analyzer's settings, without reading again.
    pub fn judge(&self, facts: &Facts) -> Report {
        let cx = Context::new(facts, &self.config);
        let own = self.rules.iter().map(|rule| &**rule);
        let mut findings = Vec::new();
        for rule in RULES.iter().copied().chain(own) {
            let meta = rule.meta();
            if cx.wants(&meta) {
                let mut out = Findings::new(&meta);
                rule.check(&cx, &mut out);
                findings.extend(out.finish());
            }
        }
        Report::new(facts, findings, cx.path.as_ref())
    }

    /// Reads and judges.
    pub fn run(&self, captures: impl IntoIterator<Item = Capture>) -> Result<Report> {
        match self.facts(captures, &mut ()) {
            (_, Some(error)) => Err(error),
            (facts, None) => Ok(self.judge(&facts)),
        }
    }
}

/// One vantage point while it is read.
struct Point {
    slicer: Slicer,
    shard: Shard,
    coverage: Coverage,
    pings: Pings,
    fragment_bytes: usize,
    packets: u64,
}

impl Point {
    fn new(config: &Config) -> Self {
        let fragment_bytes = usize::try_from(config.memory / FRAGMENT_PART).unwrap_or(usize::MAX);
        Point {
            slicer: Slicer::new(fragment_bytes),
            shard: Shard::new(config),
            coverage: Coverage::default(),
            pings: Pings::default(),
            fragment_bytes,
            packets: 0,
        }
    }

    /// Reads to the end; `false` when the sink stopped it.
    fn read(&mut self, reader: &mut Reader, own_thread: bool, sink: &mut dyn Sink) -> Result<bool> {
        reader.for_each(own_thread, |run, (read, total)| {
            for head in &run.chunk.heads[run.heads.clone()] {
                self.packet(run.file, head, run.chunk.packet(head));
            }
            sink.progress(read, total)
        })
    }

    fn packet(&mut self, file: u16, head: &Head, bytes: &[u8]) {
        self.packets += 1;
        self.coverage.packet(file, head);
        let at = Moment { frame: FrameId::new(file, head.frame), time: head.time };
        let packet = self.slicer.slice(head.link, bytes, head.original, head.time);
        if let Transport::Tcp(_) = packet.transport {
            self.shard.segment(self.packets, at, &packet);
            return;
        }
        let Some(ip) = packet.ip else { return };
        self.coverage.datagram(ip.src, ip.dst, head.time);
        if let Transport::Icmp(icmp) = packet.transport {
            Self::icmp(&mut self.shard, &mut self.pings, at, &packet, &icmp);
        }
    }

    fn icmp(shard: &mut Shard, pings: &mut Pings, at: Moment, packet: &Packet<'_>, icmp: &Icmp<'_>) {
        let Some(ip) = packet.ip else { return };
        match (icmp.v6, icmp.kind) {
            // Echo: RFC 792, RFC 4443 4.
            (false, 8) | (true, 128) => pings.echo(ip.src, ip.dst, true, at),
            (false, 0) | (true, 129) => pings.echo(ip.src, ip.dst, false, at),
            // Destination unreachable: RFC 792, RFC 4443 3.1.
            (false, 3) | (true, 1) => {
                let error = Unreachable { at, from: ip.src, v6: icmp.v6, code: icmp.code };
                if let Some(quoted) = quoted(icmp.body, icmp.v6).filter(|quoted| quoted.protocol == 6) {
                    shard.unreachable(&quoted, error);
                } else if let Some((client, server)) = quoted_echo(icmp.body, icmp.v6) {
                    pings.error(client, server, error);
                }
            }
            _ => {}
        }
    }

    fn finish(self, config: &Config, mut files: Vec<FileInfo>) -> VantageFacts {
        let Learnt { connections, protocols, notifications, imap, smtp, rpcs, handshakes, calls, mut limits } =
            self.shard.finish();
        limits.push(LimitHits {
            store: "fragment bytes",
            limit: self.fragment_bytes as u64,
            hits: self.slicer.fragment_counts().evicted.datagrams,
        });
        for file in &mut files {
            let unread = file.link_types.iter().filter(|(link, _)| !supported(**link));
            let notes: Vec<String> = unread
                .map(|(link, packets)| {
                    format!("{packets} packets have link type {}, which is not read", link.0)
                })
                .collect();
            file.notes.extend(notes);
        }
        let (coverage, pings) = (self.coverage, self.pings);
        let gathered = Gathered {
            files,
            coverage,
            pings,
            connections,
            protocols,
            notifications,
            imap,
            smtp,
            rpcs,
            handshakes,
            calls,
            limits,
        };
        VantageFacts::new(config, gathered)
    }
}

//! The label beside a capture: how to run the analysis and what must come out.

use crate::cuc::Lab;
use crate::site::Kind;
use crate::time::Nanos;
use crate::trace::PacketId;
use serde::Serialize;
use std::collections::{BTreeSet, HashSet};
use std::net::IpAddr;

/// What stands in `NAME.label.json`.
#[derive(Debug, Serialize)]
pub struct Label {
    /// What happens in the capture.
    pub description: String,
    /// The capture's files, beside the label; more than one is a rotated set.
    pub files: Vec<String>,
    /// Command-line arguments to add.
    pub args: Vec<String>,
    /// The same as plain data.
    pub config: Config,
    /// Findings that must be reported.
    pub expect: Vec<Expectation>,
    /// Findings that may be reported.
    pub allow: Vec<Expectation>,
    /// Rules that must not fire at any severity.
    pub forbid: Vec<String>,
    /// Whether findings of severity warning or error that are neither expected nor allowed are wrong.
    pub forbid_others: bool,
    /// Counts by the scenario's own account.
    pub facts: Facts,
}

/// What the user tells the analysis about the site.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Config {
    /// `--exchange-addr`.
    pub exchange_addrs: Vec<IpAddr>,
    /// `--cuc-addr`.
    pub cuc_addrs: Vec<IpAddr>,
    /// `--proxy-addr`.
    pub proxy_addrs: Vec<IpAddr>,
    /// `--keepalive-interval`, when it is not the port's default.
    pub keepalive_interval_s: Option<u64>,
    /// `--imap-limit`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub imap_limit: Option<String>,
    /// `--gateway-name`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gateway_name: Option<String>,
    /// `--trust`: a file beside the label.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trust: Option<String>,
    /// `--now`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub now: Option<String>,
}

impl Config {
    /// The command-line arguments that say this.
    pub fn args(&self) -> Vec<String> {
        let lists = [
            ("--exchange-addr", &self.exchange_addrs),
            ("--cuc-addr", &self.cuc_addrs),
            ("--proxy-addr", &self.proxy_addrs),
        ];
        let mut args: Vec<String> = lists
            .iter()
            .flat_map(|(option, list)| list.iter().flat_map(|ip| [(*option).into(), ip.to_string()]))
            .collect();
        if let Some(seconds) = self.keepalive_interval_s {
            args.extend(["--keepalive-interval".into(), format!("{seconds}s")]);
        }
        if let Some(limits) = &self.imap_limit {
            args.extend(["--imap-limit".into(), limits.clone()]);
        }
        let texts = [("--gateway-name", &self.gateway_name), ("--trust", &self.trust), ("--now", &self.now)];
        for (option, text) in texts {
            args.extend(text.iter().flat_map(|text| [option.to_owned(), text.clone()]));
        }
        args
    }
}

/// A finding, as far as the scenario knows it; `null` matches anything.
#[derive(Debug, Clone, Serialize)]
pub struct Expectation {
    /// The rule.
    pub rule: String,
    /// Its subject.
    pub subject: Option<String>,
    /// Its severity.
    pub severity: Option<&'static str>,
    /// Its confidence.
    pub confidence: Option<&'static str>,
    /// Frames that must be among the evidence.
    pub frames: Vec<u64>,
}

/// A finding whose frames are still packets.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Everything but the frames.
    pub finding: Expectation,
    /// The packets that must be among the evidence.
    pub packets: Vec<PacketId>,
}

/// Counts of what the capture holds; `null` where the scenario leaves it open.
#[derive(Debug, Default, Serialize)]
pub struct Facts {
    /// Complete POSTs, second copies not counted.
    pub notifications: Option<u64>,
    /// Those that are keep-alives.
    pub keepalives: Option<u64>,
    /// Those that tell of events.
    pub messages: Option<u64>,
    /// Complete final replies with status 200.
    pub replies_200: Option<u64>,
    /// Complete final replies with another status.
    pub other_replies: Option<u64>,
    /// Complete POSTs without any reply.
    pub unanswered: Option<u64>,
    /// Distinct `id=` among the complete POSTs.
    pub subscriptions: Option<u64>,
    /// Addresses that complete POSTs came from, sorted.
    pub sources: Option<Vec<IpAddr>>,
    /// Records in the file or files.
    pub packets: Option<u64>,
    /// TCP connections.
    pub connections: Option<u64>,
    /// Time between the first and the last packet, rounded down to seconds.
    pub span_s: Option<u64>,
}

impl Facts {
    /// Counts what is in the lab's trace: a POST whose every segment was captured, a reply likewise.
    pub fn of(lab: &Lab) -> Self {
        let present: HashSet<PacketId> = lab.trace.packets.iter().map(|packet| packet.id).collect();
        let captured = |packets: &[PacketId]| packets.iter().all(|packet| present.contains(packet));
        let posts: Vec<_> = lab.sent.iter().filter(|sent| captured(&sent.request)).collect();
        let count = |number: usize| Some(number as u64);
        let kind = |kind| count(posts.iter().filter(|sent| sent.kind == kind).count());
        let answered = |good: bool| {
            let with = |sent: &&&crate::site::Sent| {
                sent.status.is_some_and(|status| (status == 200) == good) && captured(&sent.reply)
            };
            count(posts.iter().filter(with).count())
        };
        let silent = posts.iter().filter(|sent| !sent.reply.iter().any(|packet| present.contains(packet)));
        let ids: BTreeSet<_> = posts.iter().map(|sent| &sent.subscription).collect();
        let sources: BTreeSet<IpAddr> = posts.iter().map(|sent| sent.source).collect();
        Self {
            notifications: count(posts.len()),
            keepalives: kind(Kind::KeepAlive),
            messages: kind(Kind::Message),
            replies_200: answered(true),
            other_replies: answered(false),
            unanswered: count(silent.count()),
            subscriptions: count(ids.len()),
            sources: Some(sources.into_iter().collect()),
            packets: count(lab.trace.packets.len()),
            connections: Some(lab.trace.connection_count()),
            span_s: span(lab).map(|span| span / 1_000_000_000),
        }
    }

    /// Leaves the named facts open.
    ///
    /// # Panics
    /// When there is no such fact.
    pub fn forget(&mut self, names: &[&str]) {
        for name in names {
            match *name {
                "notifications" => self.notifications = None,
                "keepalives" => self.keepalives = None,
                "messages" => self.messages = None,
                "replies_200" => self.replies_200 = None,
                "other_replies" => self.other_replies = None,
                "unanswered" => self.unanswered = None,
                "subscriptions" => self.subscriptions = None,
                "sources" => self.sources = None,
                "packets" => self.packets = None,
                "connections" => self.connections = None,
                "span_s" => self.span_s = None,
                other => panic!("no fact is called {other}"),
            }
        }
    }
}

fn span(lab: &Lab) -> Option<Nanos> {
    let times = || lab.trace.packets.iter().map(|packet| packet.time);
    Some(times().max()? - times().min()?)
}

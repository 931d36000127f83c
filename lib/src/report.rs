//! The report: plain data in the shape of the JSON contract.

mod path;

pub use path::{Path, Percentiles, Resets};

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::net::IpAddr;

use ahash::RandomState;

use crate::capture::{LinkType, Vantage};
use crate::facts::mapi::{Answer, RpcKind};
use crate::facts::{Facts, ImapFacts, ImapKind, ImapRow, ImapSession, Level, VantageFacts};
use crate::flow::FlowId;
use crate::proto::imap::Status;
use crate::rules::{Context, Finding, View};
use crate::time::Timestamp;

/// The `schema` of this version's reports.
pub const SCHEMA: &str = "sibtrace.report/1";

/// What an analysis says.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Report {
    /// Name and version of the shape, [`SCHEMA`].
    pub schema: Cow<'static, str>,
    /// Version of the program.
    pub sibtrace: Cow<'static, str>,
    /// The files that were read, in time order, the Exchange side first.
    pub captures: Vec<CaptureSummary>,
    /// Counts.
    pub summary: Summary,
    /// Findings: by severity, then first time, then rule, then subject.
    pub findings: Vec<Finding>,
    /// Findings that the configuration expects, and that are therefore not listed.
    pub known: u64,
    /// sibtrace's own limits.
    pub limits: Vec<Limit>,
    /// The matched path of two vantage points; `None` for one.
    pub path: Option<Path>,
    /// The analysis was interrupted.
    pub partial: bool,
}

/// One file that was read.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct CaptureSummary {
    /// The file as it was named.
    pub path: String,
    /// Where it was taken, given or inferred.
    pub vantage: Option<Vantage>,
    /// `pcap` or `pcapng`.
    pub format: String,
    /// Names of the link-layer types.
    pub link_types: Vec<String>,
    /// Packets.
    pub packets: u64,
    /// Captured bytes.
    pub bytes: u64,
    /// Earliest packet.
    pub first: Option<Timestamp>,
    /// Latest packet.
    pub last: Option<Timestamp>,
    /// The file ends inside a record.
    pub truncated: bool,
    /// Packets cut by the snapshot length.
    pub cut_packets: u64,
    /// TCP payload bytes that were acknowledged or skipped and never captured.
    pub lost_bytes: u64,
    /// Clock of this capture minus the clock of the Cisco side, in microseconds, when known.
    pub clock_offset_us: Option<i64>,
    /// Things worth saying that are no findings.
    pub notes: Vec<String>,
}

/// Counts over the Cisco side, or the only side.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Summary {
    /// TCP connections.
    pub connections: u64,
    /// Push notifications.
    pub notifications: NotificationSummary,
    /// IMAP.
    #[cfg_attr(feature = "serde", serde(default))]
    pub imap: ImapSummary,
    /// SMTP.
    #[cfg_attr(feature = "serde", serde(default))]
    pub smtp: SmtpSummary,
    /// MAPI sessions.
    #[cfg_attr(feature = "serde", serde(default))]
    pub mapi: MapiSummary,
    /// TLS handshakes.
    #[cfg_attr(feature = "serde", serde(default))]
    pub tls: TlsSummary,
}

/// Counts of IMAP.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct ImapSummary {
    /// Connections to IMAP servers that were established.
    pub sessions: u64,
    /// Of these, those in which somebody logged in.
    pub authenticated: u64,
    /// Log-ins that were refused.
    pub rejected: u64,
    /// Tagged NO replies to any command.
    pub replies_no: u64,
    /// Most authenticated sessions that one account had on one server at once.
    pub max_concurrent_per_user: u64,
    /// Most connections that one client had to one server at once.
    pub max_concurrent_per_ip: u64,
}

/// Counts of SMTP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct SmtpSummary {
    /// Connections in which SMTP was spoken.
    pub sessions: u64,
    /// Replies that refuse something, for now (4xx) or for good (5xx).
    pub rejected: u64,
}

/// Counts of MAPI sessions. What the second leg of a balancer repeats is not counted.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct MapiSummary {
    /// Associations.
    pub associations: u64,
    /// TCP connections to Exchange's own interfaces.
    pub connections: u64,
    /// Calls on them.
    pub calls: u64,
    /// Of these, those that were answered with a fault.
    pub faults: u64,
    /// Addresses of the servers, behind a balancer where that leg was captured.
    pub servers: Vec<IpAddr>,
}

/// Counts of TLS handshakes.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct TlsSummary {
    /// Handshakes that a client began.
    pub handshakes: u64,
    /// Of these, those in which the server's certificates were seen.
    pub certificates_seen: u64,
}

/// Counts of push notifications.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct NotificationSummary {
    /// Complete POSTs.
    pub total: u64,
    /// Of these, keep-alives.
    pub keepalives: u64,
    /// Of these, messages with events.
    pub messages: u64,
    /// Complete POSTs answered with 200.
    pub replies_200: u64,
    /// Complete POSTs answered otherwise.
    pub other_replies: u64,
    /// Complete POSTs not answered.
    pub unanswered: u64,
    /// Distinct `id=`.
    pub subscriptions: u64,
    /// Addresses that complete notifications came from.
    pub sources: Vec<SourceSummary>,
    /// Names of the sending servers, decoded from SubscriptionIds.
    pub servers: Vec<String>,
}

/// An address that notifications came from.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct SourceSummary {
    /// The address.
    pub ip: IpAddr,
    /// Complete notifications from it.
    pub notifications: u64,
}

/// A store of the analysis, its bound, and how often the bound was met.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Limit {
    /// What is stored.
    pub store: Cow<'static, str>,
    /// Its bound, in bytes or rows as the name says.
    pub limit: u64,
    /// How often something was dropped or folded because of it.
    pub hits: u64,
}

impl Report {
    /// Puts a report together. The order of findings is fixed.
    pub(crate) fn new(facts: &Facts, cx: &Context<'_>, summary: Summary, mut findings: Vec<Finding>) -> Self {
        findings.sort_by(|a, b| {
            let key = |f: &Finding| (Reverse(f.severity), f.first);
            key(a).cmp(&key(b)).then_with(|| (&a.rule, &a.subject).cmp(&(&b.rule, &b.subject)))
        });
        Report {
            schema: Cow::Borrowed(SCHEMA),
            sibtrace: Cow::Borrowed(env!("CARGO_PKG_VERSION")),
            captures: captured(cx),
            summary,
            findings,
            known: 0,
            limits: limits(facts),
            path: cx.path.as_ref().and_then(|path| Path::new(facts, path)),
            partial: facts.partial,
        }
    }
}

/// The files of all vantage points; of two, with their clocks against that of the Cisco side.
fn captured(cx: &Context<'_>) -> Vec<CaptureSummary> {
    let clock = cx.path.as_ref().and_then(|path| path.matched.clock.as_ref());
    let offset = clock.map(|clock| clock.offset / 1000);
    let files = cx.views.iter().enumerate().flat_map(|(vantage, view)| {
        let offset = offset.map(|offset| if vantage == 0 { offset } else { 0 });
        captures(view).map(move |file| CaptureSummary { clock_offset_us: offset, ..file })
    });
    files.collect()
}

fn captures<'a>(view: &View<'a>) -> impl Iterator<Item = CaptureSummary> + use<'a> {
    let facts = view.facts;
    let mut lost = vec![0u64; facts.files.len()];
    for connection in &view.census.incomplete {
        if let Some(lost) = lost.get_mut(connection.first().frame.file()) {
            *lost +=
                connection.sides.iter().map(|side| side.missing.saturating_sub(side.rare().cut)).sum::<u64>();
        }
    }
    facts.files.iter().enumerate().zip(lost).map(|((number, file), lost_bytes)| CaptureSummary {
        path: file.path.display().to_string(),
        vantage: facts.vantage,
        format: file.format.to_owned(),
        link_types: file.link_types.keys().map(LinkType::to_string).collect(),
        packets: file.packets,
        bytes: file.bytes,
        first: file.first,
        last: file.last,
        truncated: file.truncated.is_some(),
        cut_packets: file.cut_packets,
        lost_bytes,
        clock_offset_us: None,
        notes: file.notes.iter().cloned().chain(full(facts, number)).collect(),
    })
}

impl Summary {
    /// Of the Cisco side, or the only one.
    pub(crate) fn new(facts: &Facts) -> Self {
        facts.vantages.last().map(summary).unwrap_or_default()
    }
}

/// The stores of rows that had no more room somewhere in a file.
fn full(facts: &VantageFacts, file: usize) -> impl Iterator<Item = String> {
    let stores = facts.limits.iter().filter_map(|limit| Some((limit.store, limit.full_at?.frame)));
    stores.filter(move |(_, frame)| frame.file() == file).map(|(store, frame)| {
        format!(
            "from frame {} on there was no room for {store}; a larger --memory makes some",
            frame.number()
        )
    })
}

fn summary(facts: &VantageFacts) -> Summary {
    Summary {
        connections: facts.connections.len() as u64,
        notifications: notifications(facts),
        imap: imap(&facts.imap),
        smtp: smtp(facts),
        mapi: mapi(facts),
        tls: TlsSummary {
            handshakes: facts.handshakes.len() as u64,
            certificates_seen: facts.handshakes.iter().filter(|row| !row.chain().is_empty()).count() as u64,
        },
    }
}

/// All rows are looked at once: there are many, and none of them is in the cache.
fn notifications(facts: &VantageFacts) -> NotificationSummary {
    let mut counts = NotificationSummary {
        subscriptions: facts.subscriptions.len() as u64,
        ..NotificationSummary::default()
    };
    let mut sources: HashMap<IpAddr, u64, RandomState> = HashMap::default();
    let mut servers: BTreeSet<&str> = BTreeSet::new();
    // Most name theirs in a text that they share.
    let mut named: HashSet<*const u8, RandomState> = HashSet::default();
    for row in facts.notifications.iter().filter(|row| row.is_post()) {
        *sources.entry(row.source.ip).or_default() += 1;
        if !row.counts() {
            continue;
        }
        counts.total += 1;
        match row.is_keepalive() {
            Some(true) => counts.keepalives += 1,
            Some(false) => counts.messages += 1,
            None => {}
        }
        match &row.reply {
            Some(reply) if reply.status == 200 => counts.replies_200 += 1,
            Some(_) => counts.other_replies += 1,
            None => counts.unanswered += 1,
        }
        servers.extend(row.server().filter(|server| named.insert(server.as_ptr())));
    }
    let by_source = |(ip, notifications)| SourceSummary { ip, notifications };
    counts.sources = sources.into_iter().map(by_source).collect();
    counts.sources.sort_unstable_by_key(|source| source.ip);
    counts.servers = servers.into_iter().map(str::to_owned).collect();
    counts
}

fn imap(facts: &ImapFacts) -> ImapSummary {
    let count = |is: fn(&ImapRow) -> bool| facts.rows.iter().filter(|row| is(row)).count() as u64;
    let highest = |level: &Level| level.peak().map_or(0, |(_, count)| count);
    let has_login = |session: &&ImapSession| session.authenticated.is_some();
    ImapSummary {
        sessions: facts.sessions.len() as u64,
        authenticated: facts.sessions.iter().filter(has_login).count() as u64,
        rejected: count(ImapRow::is_refused_login),
        replies_no: count(|row| row.kind == ImapKind::Command && row.status() == Some(Status::No)),
        max_concurrent_per_user: facts.open.by_user.values().map(highest).max().unwrap_or(0),
        max_concurrent_per_ip: facts.open.by_ip.values().map(highest).max().unwrap_or(0),
    }
}

fn smtp(facts: &VantageFacts) -> SmtpSummary {
    let flows: BTreeSet<FlowId> = facts.smtp.iter().map(|row| row.flow).collect();
    SmtpSummary {
        sessions: flows.len() as u64,
        rejected: facts.smtp.iter().filter(|row| row.is_refusal()).count() as u64,
    }
}

fn mapi(facts: &VantageFacts) -> MapiSummary {
    let mapi = &facts.mapi;
    let own = || mapi.own().filter(|connection| connection.is_mapi());
    let rows = || own().flat_map(|connection| mapi.rows_of(connection)).filter(|row| row.interface.is_mapi());
    let calls = || rows().filter(|row| row.kind == RpcKind::Call && row.request.is_some());
    let servers: BTreeSet<IpAddr> = own().map(|connection| connection.identity.address).collect();
    MapiSummary {
        associations: mapi.associations.len() as u64,
        connections: own().count() as u64,
        calls: calls().count() as u64,
        faults: rows().filter(|row| matches!(row.answer, Answer::Fault(_))).count() as u64,
        servers: servers.into_iter().collect(),
    }
}

/// The limits of all vantage points: they have the same bounds, the hits add up.
fn limits(facts: &Facts) -> Vec<Limit> {
    let mut limits: Vec<Limit> = Vec::new();
    for hits in facts.vantages.iter().flat_map(|facts| &facts.limits) {
        match limits.iter_mut().find(|limit| limit.store == hits.store) {
            Some(limit) => limit.hits += hits.hits,
            None => {
                limits.push(Limit { store: Cow::Borrowed(hits.store), limit: hits.limit, hits: hits.hits })
            }
        }
    }
    limits
}

//! The records behind a report, one row each, as `sibtrace extract` writes them. Field order is the contract's.

mod ews;
mod imap;
mod mapi;
mod pairs;
mod smtp;
mod tls;

pub use ews::EwsRecord;
pub use imap::ImapRecord;
pub use mapi::MapiRecord;
pub use pairs::PairRecord;
pub use smtp::SmtpRecord;
pub use tls::{AlertRecord, CertificateRecord, TlsRecord};

use std::net::IpAddr;
use std::sync::Arc;

use crate::config::Config;
use crate::facts::{Facts, NotificationRow, Reach, Subscription};
use crate::flow::{Close, Connection, Dir, FlowId, Handshake, Moment, Side};
use crate::proto::State;
use crate::rules::{Context, Life, View};
use crate::time::{Timestamp, nanos};

/// A kind of records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// Push notifications.
    Notifications,
    /// Push subscriptions.
    Subscriptions,
    /// IMAP commands, greetings and BYEs.
    Imap,
    /// SMTP replies.
    Smtp,
    /// What MAPI clients said.
    Mapi,
    /// TLS handshakes.
    Tls,
    /// Calls of Exchange Web Services in clear.
    Ews,
    /// TCP connections.
    Connections,
    /// Services and who could reach them.
    Reachability,
    /// Notifications and connections of two vantage points.
    Pairs,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Kind; 10] = [
        Kind::Notifications,
        Kind::Subscriptions,
        Kind::Imap,
        Kind::Smtp,
        Kind::Mapi,
        Kind::Tls,
        Kind::Ews,
        Kind::Connections,
        Kind::Reachability,
        Kind::Pairs,
    ];

    /// The name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Notifications => "notifications",
            Kind::Subscriptions => "subscriptions",
            Kind::Imap => "imap",
            Kind::Smtp => "smtp",
            Kind::Mapi => "mapi",
            Kind::Tls => "tls",
            Kind::Ews => "ews",
            Kind::Connections => "connections",
            Kind::Reachability => "reachability",
            Kind::Pairs => "pairs",
        }
    }
}

/// What every record begins with.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Origin {
    /// Index of the file among the report's captures.
    pub capture: usize,
    /// The frame in which the thing became complete, or the first one.
    pub frame: u64,
    /// Its time.
    pub time: Timestamp,
    /// Its TCP connection.
    pub stream: Option<u64>,
}

/// One row of any kind.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(untagged))]
#[non_exhaustive]
pub enum Record {
    /// A push notification.
    Notification(Box<NotificationRecord>),
    /// A push subscription.
    Subscription(Box<SubscriptionRecord>),
    /// An IMAP command, greeting or BYE.
    Imap(Box<ImapRecord>),
    /// An SMTP reply.
    Smtp(Box<SmtpRecord>),
    /// A bind or call of a MAPI client.
    Mapi(Box<MapiRecord>),
    /// A TLS handshake.
    Tls(Box<TlsRecord>),
    /// A call of Exchange Web Services.
    Ews(Box<EwsRecord>),
    /// A TCP connection.
    Connection(Box<ConnectionRecord>),
    /// A service and who could reach it.
    Reachability(Box<ReachabilityRecord>),
    /// A notification or connection of two vantage points.
    Pair(Box<PairRecord>),
}

/// One push notification and its reply.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[allow(missing_docs)]
#[non_exhaustive]
pub struct NotificationRecord {
    #[cfg_attr(feature = "serde", serde(flatten))]
    pub origin: Origin,
    pub src_ip: IpAddr,
    pub src_port: u16,
    pub dst_ip: IpAddr,
    pub dst_port: u16,
    pub http_method: String,
    pub target: String,
    pub request_id: Option<String>,
    pub pid: Option<String>,
    pub host: Option<String>,
    pub soap_action: Option<String>,
    pub proxy_headers: Vec<String>,
    /// `keep-alive` or `message`.
    pub kind: Option<&'static str>,
    /// Local names of the event elements, in order.
    pub events: Vec<&'static str>,
    pub subscription_id: Option<String>,
    /// Decoded from `subscription_id`.
    pub subscription_server: Option<String>,
    /// Decoded from `subscription_id`.
    pub subscription_created: Option<Timestamp>,
    pub previous_watermark: Option<String>,
    pub watermark: Option<String>,
    pub more_events: Option<bool>,
    pub response_class: Option<String>,
    pub response_code: Option<String>,
    pub reply_frame: Option<u64>,
    pub reply_time: Option<Timestamp>,
    pub latency_us: Option<i64>,
    pub status: Option<u16>,
    pub reply_server: Option<String>,
    pub subscription_status: Option<String>,
    /// Why the message could not be read to its end: `cut`, `gap`, `malformed …`.
    pub error: Option<String>,
}

/// One push subscription, by the `id=` of its request target.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[allow(missing_docs)]
#[non_exhaustive]
pub struct SubscriptionRecord {
    #[cfg_attr(feature = "serde", serde(flatten))]
    pub origin: Origin,
    pub request_id: String,
    pub subscription_ids: Vec<String>,
    pub servers: Vec<String>,
    pub sources: Vec<IpAddr>,
    pub created: Option<Timestamp>,
    pub notifications: u64,
    pub keepalives: u64,
    pub first: Timestamp,
    pub last: Timestamp,
    pub longest_gap_s: f64,
    /// The frame after which the longest gap begins.
    pub longest_gap_frame: u64,
    pub state: SubscriptionState,
}

/// How a subscription fared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "lowercase"))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum SubscriptionState {
    /// Every notification came in time.
    Ok,
    /// A keep-alive was missing.
    Gap,
    /// Unity Connection called it stale.
    Stale,
    /// Exchange gave it up.
    Abandoned,
    /// Another subscription took over.
    Renewed,
    /// It was unsubscribed.
    Ended,
}

/// One TCP connection.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[allow(missing_docs)]
#[non_exhaustive]
pub struct ConnectionRecord {
    #[cfg_attr(feature = "serde", serde(flatten))]
    pub origin: Origin,
    pub orig_ip: IpAddr,
    pub orig_port: u16,
    pub resp_ip: IpAddr,
    pub resp_port: u16,
    pub protocol: Option<&'static str>,
    pub community_id: String,
    pub last_frame: u64,
    pub last_time: Timestamp,
    pub handshake: Handshake,
    pub close: Close,
    pub orig_packets: u64,
    pub resp_packets: u64,
    pub orig_bytes: u64,
    pub resp_bytes: u64,
    pub orig_missing: u64,
    pub resp_missing: u64,
    pub retransmitted: u64,
    pub out_of_order: u64,
    pub conflicting: u64,
    #[cfg_attr(feature = "serde", serde(flatten))]
    pub digest: Option<PayloadDigest>,
}

/// Digests of the reassembled payload, only where they were asked for.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[allow(missing_docs)]
pub struct PayloadDigest {
    pub orig_sha256: Option<String>,
    pub resp_sha256: Option<String>,
}

/// One service of one host, and how one client fared with it.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[allow(missing_docs)]
#[non_exhaustive]
pub struct ReachabilityRecord {
    #[cfg_attr(feature = "serde", serde(flatten))]
    pub origin: Origin,
    pub client_ip: IpAddr,
    pub server_ip: IpAddr,
    pub service: String,
    pub port: u16,
    pub attempts: u64,
    pub connected: u64,
    pub refused: u64,
    pub unanswered: u64,
    pub icmp: u64,
    pub echo_requests: u64,
    pub echo_replies: u64,
}

/// The records of one kind, in capture order, the Exchange side first.
pub fn records<'a>(
    kind: Kind,
    facts: &'a Facts,
    config: &'a Config,
) -> Box<dyn Iterator<Item = Record> + 'a> {
    let cx = Context::new(facts, config);
    if kind == Kind::Pairs {
        return Box::new(pairs::pairs(&cx, facts).into_iter().map(|pair| Record::Pair(Box::new(pair))));
    }
    let views = cx.views.into_iter();
    match kind {
        Kind::Notifications => Box::new(views.flat_map(|view| {
            let rows = view.facts.notifications.iter().filter(|row| row.copy_of.is_none());
            rows.map(move |row| Record::Notification(Box::new(notification(&view, row))))
        })),
        Kind::Subscriptions => Box::new(views.flat_map(|view| {
            let all: Vec<Record> =
                subscriptions(&view).map(|record| Record::Subscription(Box::new(record))).collect();
            all
        })),
        Kind::Imap => Box::new(views.flat_map(|view| {
            let rows = view.facts.imap.rows.iter();
            rows.map(move |row| Record::Imap(Box::new(imap::record(&view, row))))
        })),
        Kind::Smtp => Box::new(views.flat_map(|view| {
            let rows = view.facts.smtp.iter();
            rows.map(move |row| Record::Smtp(Box::new(smtp::record(&view, row))))
        })),
        Kind::Mapi => Box::new(views.flat_map(|view| mapi::records(&view))),
        Kind::Tls => Box::new(views.flat_map(|view| {
            tls::all(&view).map(|record| Record::Tls(Box::new(record))).collect::<Vec<_>>()
        })),
        Kind::Ews => Box::new(views.flat_map(|view| {
            ews::all(&view).map(|record| Record::Ews(Box::new(record))).collect::<Vec<_>>()
        })),
        Kind::Connections => Box::new(views.flat_map(move |view| {
            let rows = view.facts.connections.iter().enumerate();
            rows.map(move |(stream, row)| {
                Record::Connection(Box::new(connection(&view, stream, row, config.payload_digest)))
            })
        })),
        Kind::Reachability => Box::new(views.flat_map(|view| {
            let rows = view.facts.reachability.iter();
            rows.map(move |reach| Record::Reachability(Box::new(reachability(&view, reach))))
        })),
        Kind::Pairs => Box::new(std::iter::empty()),
    }
}

fn origin(view: &View<'_>, at: Moment, flow: Option<FlowId>) -> Origin {
    Origin {
        capture: view.first_capture + at.frame.file(),
        frame: at.frame.number(),
        time: at.time,
        stream: flow.and_then(|flow| view.facts.stream(flow)).map(|stream| stream as u64),
    }
}

fn notification(view: &View<'_>, row: &NotificationRow) -> NotificationRecord {
    let owned = |text: &Option<Arc<str>>| text.as_deref().map(str::to_owned);
    let reply = row.reply.as_ref();
    NotificationRecord {
        origin: origin(view, row.last, Some(row.flow)),
        src_ip: row.source.ip,
        src_port: row.source.port,
        dst_ip: row.listener.ip,
        dst_port: row.listener.port,
        http_method: row.method.to_string(),
        target: row.target.to_string(),
        request_id: owned(&row.request_id),
        pid: owned(&row.pid),
        host: owned(&row.host),
        soap_action: owned(&row.soap_action),
        proxy_headers: row
            .proxy_headers
            .iter()
            .map(|header| format!("{}: {}", header.name, header.value))
            .collect(),
        kind: row.is_keepalive().map(|keepalive| if keepalive { "keep-alive" } else { "message" }),
        events: row.events.iter().map(|event| event.name()).collect(),
        subscription_id: owned(&row.subscription_id),
        subscription_server: owned(&row.server),
        subscription_created: row.created,
        previous_watermark: owned(&row.previous_watermark),
        watermark: owned(&row.watermark),
        more_events: row.more_events,
        response_class: owned(&row.response_class),
        response_code: owned(&row.response_code),
        reply_frame: reply.map(|reply| reply.last.frame.number()),
        reply_time: reply.map(|reply| reply.last.time),
        latency_us: reply.map(|reply| reply.first.time.since(row.last.time) / 1000),
        status: reply.map(|reply| reply.status),
        reply_server: reply.and_then(|reply| owned(&reply.server)),
        subscription_status: reply.and_then(|reply| owned(&reply.result)),
        error: match &row.state {
            State::Complete => None,
            State::Cut => Some("cut".to_owned()),
            State::Gap => Some("gap".to_owned()),
            State::Malformed(cause) => Some(format!("malformed {cause:?}").to_lowercase()),
        },
    }
}

fn subscriptions<'a>(view: &'a View<'a>) -> impl Iterator<Item = SubscriptionRecord> + 'a {
    view.facts.subscriptions.iter().zip(&view.lives).filter_map(move |(subscription, life)| {
        let (first, last) = (subscription.first(view.facts)?, subscription.last(view.facts)?);
        let longest = life.longest();
        Some(SubscriptionRecord {
            origin: origin(view, first.last, Some(first.flow)),
            request_id: subscription.request_id.to_string(),
            subscription_ids: subscription.subscription_ids.iter().map(|id| id.to_string()).collect(),
            servers: subscription.servers.iter().map(|server| server.to_string()).collect(),
            sources: subscription.sources.clone(),
            created: subscription.created,
            notifications: subscription.rows.len() as u64,
            keepalives: subscription.keepalives,
            first: first.last.time,
            last: last.last.time,
            longest_gap_s: longest.map_or(0.0, |gap| gap.seconds),
            longest_gap_frame: longest.map_or(last.last.frame, |gap| gap.from.frame).number(),
            state: state(view, subscription, life),
        })
    })
}

fn state(view: &View<'_>, subscription: &Subscription, life: &Life) -> SubscriptionState {
    let over = |limit: f64| life.gaps.iter().any(|gap| gap.seconds > limit);
    let stale = nanos(view.config.stale_after) as f64 / 1e9;
    if life.ended {
        SubscriptionState::Ended
    } else if life.successor.is_some() {
        SubscriptionState::Renewed
    } else if !life.abandoned(subscription, view).is_empty() {
        SubscriptionState::Abandoned
    } else if over(life.stale_after(stale)) {
        SubscriptionState::Stale
    } else if over(life.deadline()) {
        SubscriptionState::Gap
    } else {
        SubscriptionState::Ok
    }
}

fn connection(view: &View<'_>, stream: usize, row: &Connection, digests: bool) -> ConnectionRecord {
    let (orig, resp) = (row.side(Dir::Orig), row.side(Dir::Resp));
    let both = |count: fn(&Side) -> u32| row.sides.iter().map(|side| u64::from(count(side))).sum();
    ConnectionRecord {
        origin: Origin { stream: Some(stream as u64), ..origin(view, row.first, None) },
        orig_ip: row.orig.ip,
        orig_port: row.orig.port,
        resp_ip: row.resp.ip,
        resp_port: row.resp.port,
        protocol: view.facts.protocols.get(&row.id).copied(),
        community_id: row.key().community_id().to_string(),
        last_frame: row.last.frame.number(),
        last_time: row.last.time,
        handshake: row.handshake,
        close: row.close,
        orig_packets: orig.packets,
        resp_packets: resp.packets,
        orig_bytes: orig.bytes,
        resp_bytes: resp.bytes,
        orig_missing: orig.missing,
        resp_missing: resp.missing,
        retransmitted: both(|side| side.retransmitted),
        out_of_order: both(|side| side.out_of_order),
        conflicting: both(|side| side.conflicting),
        digest: digests.then(|| PayloadDigest {
            orig_sha256: orig.sha256.as_deref().map(|digest| hex(digest)),
            resp_sha256: resp.sha256.as_deref().map(|digest| hex(digest)),
        }),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn reachability(view: &View<'_>, reach: &Reach) -> ReachabilityRecord {
    ReachabilityRecord {
        origin: origin(view, reach.first, reach.flow),
        client_ip: reach.client,
        server_ip: reach.server,
        service: reach.service.name().to_owned(),
        port: reach.port,
        attempts: reach.attempts,
        connected: reach.connected,
        refused: reach.refused.len() as u64,
        unanswered: reach.unanswered.len() as u64,
        icmp: reach.icmp.len() as u64 + reach.echo_errors.map_or(0, |errors| errors.count),
        echo_requests: reach.echo_requests,
        echo_replies: reach.echo_replies,
    }
}

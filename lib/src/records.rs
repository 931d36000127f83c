//! The records behind a report, one row each, as `sibtrace extract` writes them. Field order is the contract's.

mod connection;
mod ews;
mod imap;
mod mapi;
mod notification;
mod pairs;
mod reachability;
mod smtp;
mod subscription;
mod tls;

pub use connection::{ConnectionRecord, PayloadDigest};
pub use ews::EwsRecord;
pub use imap::ImapRecord;
pub use mapi::MapiRecord;
pub use notification::NotificationRecord;
pub use pairs::PairRecord;
pub use reachability::ReachabilityRecord;
pub use smtp::SmtpRecord;
pub use subscription::{SubscriptionRecord, SubscriptionState};
pub use tls::{AlertRecord, CertificateRecord, TlsRecord};

use crate::config::Config;
use crate::facts::Facts;
use crate::flow::{FlowId, Moment};
use crate::rules::{Context, View};
use crate::time::Timestamp;

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
            rows.map(move |row| Record::Notification(Box::new(notification::record(&view, row))))
        })),
        Kind::Subscriptions => Box::new(views.flat_map(|view| {
            let all: Vec<Record> =
                subscription::all(&view).map(|record| Record::Subscription(Box::new(record))).collect();
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
            let rows = view.facts.connections.iter();
            rows.map(move |row| {
                Record::Connection(Box::new(connection::record(&view, row, config.payload_digest)))
            })
        })),
        Kind::Reachability => Box::new(views.flat_map(move |view| {
            let rows = view.facts.reachability(&config.ports).into_iter();
            rows.map(move |reach| Record::Reachability(Box::new(reachability::record(&view, &reach))))
        })),
        Kind::Pairs => Box::new(std::iter::empty()),
    }
}

fn origin(view: &View<'_>, at: Moment, flow: Option<FlowId>) -> Origin {
    Origin {
        capture: view.first_capture + at.frame.file(),
        frame: at.frame.number(),
        time: at.time,
        stream: flow.and_then(|flow| view.facts.connections.stream(flow)),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

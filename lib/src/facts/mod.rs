//! What is remembered of the traffic: tables of rows, without any judgement.

mod connections;
mod copies;
mod coverage;
mod ews;
mod imap;
mod intern;
mod learnt;
pub mod mapi;
mod notifications;
mod pings;
mod reachability;
mod rows;
mod smtp;
mod streams;
mod subscriptions;
mod table;
#[cfg(test)]
pub(crate) mod testing;
mod texts;
mod tls;
mod vantage;

pub use connections::Connections;
pub use coverage::{ClockStep, Coverage, Host, Silence};
pub(crate) use ews::Calls;
pub use ews::{EwsReply, EwsRow, Interface};
pub use imap::{
    Counts, Defaults, ImapFacts, ImapKind, ImapLogin, ImapReply, ImapRow, ImapSession, Level, ServerHints,
    TurnedAway,
};
pub(crate) use imap::{Imap, TLS_PORT};
pub(crate) use learnt::Learnt;
pub use mapi::Mapi;
pub(crate) use mapi::Rpcs;
pub(crate) use notifications::Notifications;
pub use notifications::{NotificationRow, ReplyRow};
pub(crate) use pings::Pings;
pub use reachability::{EchoErrors, Reach, Service, SilentPings};
pub(crate) use reachability::{Outcome, outcome};
pub(crate) use smtp::SmtpReplies;
pub use smtp::SmtpRow;
pub use subscriptions::Subscription;
pub use table::Table;
pub(crate) use texts::Texts;
pub(crate) use tls::Handshakes;
pub use tls::{HandshakeRow, NO_ANSWER_AFTER};

use self::vantage::Untouched;
use crate::capture::{FileInfo, Vantage};
use crate::config::{Config, Ports};
use crate::flow::{Connection, FlowId, Moment};
use crate::parallel;
use crate::time::Timestamp;

/// The facts of all vantage points, the Exchange side first.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Facts {
    /// One entry per vantage point.
    pub vantages: Vec<VantageFacts>,
    /// The analysis was interrupted.
    pub partial: bool,
}

/// The facts of one vantage point.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct VantageFacts {
    /// Where it is, when it was said or can be inferred.
    pub vantage: Option<Vantage>,
    /// The files, in time order.
    pub files: Vec<FileInfo>,
    /// What the capture could have seen.
    pub coverage: Coverage,
    /// TCP connections, in the order of their first packets: the index is the stream number.
    pub connections: Connections,
    /// Names of the protocols that were recognised, in the order of connections.
    pub protocols: Vec<(FlowId, &'static str)>,
    /// Push notifications, in the order of completion.
    pub notifications: Table<NotificationRow>,
    /// Push subscriptions, in the order of their first notification.
    pub subscriptions: Vec<Subscription>,
    /// TLS handshakes, in the order of their ends.
    pub handshakes: Vec<HandshakeRow>,
    /// Calls of Exchange Web Services in clear, and WebDAV, in the order of completion.
    pub ews: Vec<EwsRow>,
    /// Who sent ICMP echo requests to whom, in the order of the first ones.
    pub pings: Vec<Reach>,
    /// IMAP sessions, log-ins and commands.
    pub imap: ImapFacts,
    /// SMTP replies, in the order of completion.
    pub smtp: Vec<SmtpRow>,
    /// What MAPI clients did.
    pub mapi: Mapi,
    /// Bounds of the analysis and how often they were met.
    pub limits: Vec<LimitHits>,
    /// The first notification, or message that may be one, that found no room.
    pub(crate) notifications_full_at: Option<Moment>,
}

/// A bound of the analysis and how often it was met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitHits {
    /// What is stored, and in which unit the bound is.
    pub store: &'static str,
    /// The bound.
    pub limit: u64,
    /// How often something was dropped or folded because of it.
    pub hits: u64,
    /// The first that found no room in a store of rows, of which nothing is kept from there on, or of incomplete messages.
    pub full_at: Option<Moment>,
}

impl LimitHits {
    /// A bound of which it does not matter when it was met first.
    pub(crate) fn new(store: &'static str, limit: u64, hits: u64) -> Self {
        LimitHits { store, limit, hits, full_at: None }
    }
}

/// What was learnt of the traffic of one vantage point before it is put in order.
pub(crate) struct Gathered {
    pub(crate) files: Vec<FileInfo>,
    pub(crate) coverage: Coverage,
    pub(crate) pings: Pings,
    /// Of all connections.
    pub(crate) learnt: Learnt,
}

impl VantageFacts {
    /// Puts in order what was gathered, and joins what belongs together across connections.
    pub(crate) fn new(config: &Config, gathered: Gathered) -> Self {
        let Gathered { files, coverage, pings, learnt } = gathered;
        let Learnt {
            connections,
            first_without_row,
            mut protocols,
            notifications,
            imap,
            smtp,
            rpcs,
            handshakes,
            calls,
            mut limits,
        } = learnt;
        let threads = config.threads_for(bytes(&files));
        let (((mut notifications, full), protocols), connections) = parallel::join(
            threads,
            || {
                protocols.sort_by_key(|(flow, _)| *flow);
                (notifications.finish(), protocols)
            },
            || Connections::new(connections).counted_up_to(first_without_row),
        );
        let (limit, hits) = pings.limit();
        let ((notifications, mut subscriptions), ((imap, imap_full), vantage)) = parallel::join(
            threads,
            || {
                let subscriptions = subscriptions::group(&mut notifications, &connections);
                (notifications, subscriptions)
            },
            || {
                let mut untouched = Untouched::new(&config.ports);
                for connection in connections.on(config.ports.all()) {
                    untouched.add(connection);
                }
                (imap.finish(&connections, &config.ports, coverage.first), untouched.vantage())
            },
        );
        let (smtp, smtp_full) = smtp.finish(&connections);
        let pairs = LimitHits::new("pairs of hosts that ping", limit, hits);
        // A message that was given up may have been a notification.
        let notifications_full_at =
            limits.iter().fold(full.full_at, |at, limit| rows::earlier(at, limit.full_at));
        limits.extend([full, imap_full, smtp_full, pairs]);
        let (handshakes, full) = handshakes.finish(&coverage);
        limits.extend(full);
        let (ews, full) = calls.finish();
        limits.push(full);
        let (mapi, full) = Mapi::new(rpcs, &connections);
        limits.push(full);
        ews::tell(&ews, &mut subscriptions);
        VantageFacts {
            vantage,
            subscriptions,
            pings: pings.rows(),
            files,
            coverage,
            connections,
            protocols,
            notifications,
            imap,
            smtp,
            mapi,
            handshakes,
            ews,
            limits,
            notifications_full_at,
        }
    }

    /// Threads that are worth it for what was captured.
    pub(crate) fn threads(&self, config: &Config) -> usize {
        config.threads_for(bytes(&self.files))
    }

    /// Whether all notifications up to that time found room.
    pub(crate) fn has_notifications_of(&self, time: Timestamp) -> bool {
        self.notifications_full_at.is_none_or(|full| time <= full.time)
    }

    /// Up to when all notifications are known that were captured: the latest packet, or where their store was full. That
    /// none comes later proves nothing.
    pub fn notified_until(&self) -> Option<Moment> {
        let last = self.coverage.last?;
        Some(self.notifications_full_at.filter(|full| full.time < last.time).unwrap_or(last))
    }

    /// The protocol of a connection, if it was recognised.
    pub fn protocol(&self, flow: FlowId) -> Option<&'static str> {
        let place = self.protocols.binary_search_by_key(&flow, |(flow, _)| *flow).ok()?;
        Some(self.protocols[place].1)
    }

    /// Services and who could reach them, in the order of first packets. The services have these ports.
    pub fn reachability(&self, ports: &Ports) -> Vec<Reach> {
        reachability::rows(&self.connections, &self.pings, ports)
    }

    /// The row of a connection.
    pub fn connection(&self, flow: FlowId) -> Option<&Connection> {
        self.connections.of(flow)
    }
}

/// Captured bytes of all packets.
fn bytes(files: &[FileInfo]) -> u64 {
    files.iter().fold(0, |bytes, file| bytes.saturating_add(file.bytes))
}

//! What several rules look for in all rows of a kind, found in one pass: rows are many, and none of them is in the cache.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;

use ahash::RandomState;

use super::notify::may_be_windows;
use crate::config::Config;
use crate::facts::{NotificationRow, Outcome, Table, VantageFacts, outcome};
use crate::flow::{Connection, Side};
use crate::parallel;
use crate::proto::{NotificationResult, State};
use crate::time::{Timestamp, nanos};

/// The rows of a vantage point that are worth a second look.
#[derive(Debug, Default)]
pub(crate) struct Census<'a> {
    /// The attempts that failed.
    pub(crate) failed: Vec<&'a Connection>,
    /// The ports that they were for.
    pub(crate) failed_ports: BTreeSet<u16>,
    /// Those of which the capture lacks something: the beginning, or bytes.
    pub(crate) incomplete: Vec<&'a Connection>,
    /// Those of which packets were captured twice.
    pub(crate) doubled: Vec<&'a Connection>,
    /// Of how many more connections one direction was captured than both.
    one_more: i64,
    /// By stream number, whether the SYN may be of a Windows stack; `None` where there is no SYN.
    pub(crate) windows: Vec<Option<bool>>,
    /// The notifications.
    pub(crate) heard: Heard<'a>,
}

/// What several rules ask of the notifications.
#[derive(Debug, Default)]
pub(crate) struct Heard<'a> {
    /// Those about which anything is out of the ordinary, with their places: nearly all are captured whole, say that all
    /// is well, and are answered with OK in time.
    pub(crate) odd: Vec<(usize, &'a NotificationRow)>,
    /// The ports that those which count were sent to.
    pub(crate) ports: BTreeSet<u16>,
    /// When the last one that counts came from each source.
    pub(crate) last: HashMap<IpAddr, Timestamp, RandomState>,
    /// How many times their `pid=` changed, plus one where there is any.
    pub(crate) pids: usize,
}

impl<'a> Census<'a> {
    pub(super) fn new(facts: &'a VantageFacts, config: &Config) -> Self {
        let (threads, slow) = (facts.threads(config), nanos(config.slow_reply));
        let (heard, parts) = parallel::join(
            threads,
            || Heard::new(&facts.notifications, slow),
            || {
                parallel::map(threads, &facts.connections.split_into(threads), |rows| {
                    Census::of(rows.clone())
                })
            },
        );
        let all = parts.into_iter().reduce(Census::followed_by).unwrap_or_default();
        Census { heard, ..all }
    }

    /// Whether the capture shows only one direction of most connections that carried anything.
    pub(crate) fn is_one_way(&self) -> bool {
        self.one_more > 0
    }

    fn of(connections: impl Iterator<Item = &'a Connection>) -> Self {
        let mut census = Census::default();
        census.windows.reserve(connections.size_hint().0);
        for connection in connections {
            if is_failed(connection) {
                // A flood is for one port.
                let port = connection.resp.port;
                if census.failed.last().is_none_or(|last| last.resp.port != port) {
                    census.failed_ports.insert(port);
                }
                census.failed.push(connection);
            }
            if is_incomplete(connection) {
                census.incomplete.push(connection);
            }
            if connection.duplicates > 0 {
                census.doubled.push(connection);
            }
            census.windows.push(connection.syn.as_ref().map(may_be_windows));
            census.one_more += match directions(connection) {
                Some(Directions::One) => 1,
                Some(Directions::Both) => -1,
                None => 0,
            };
        }
        census
    }

    fn followed_by(mut self, later: Self) -> Self {
        self.failed.extend(later.failed);
        self.failed_ports.extend(later.failed_ports);
        self.incomplete.extend(later.incomplete);
        self.doubled.extend(later.doubled);
        self.windows.extend(later.windows);
        self.one_more += later.one_more;
        self
    }
}

impl<'a> Heard<'a> {
    fn new(rows: &'a Table<NotificationRow>, slow: i64) -> Self {
        let mut heard = Heard::default();
        let (mut port, mut pid) = (None, None);
        for (place, row) in rows.iter().enumerate() {
            if !is_ordinary(row, slow) {
                heard.odd.push((place, row));
            }
            if !row.counts() {
                continue;
            }
            if port.replace(row.listener.port) != Some(row.listener.port) {
                heard.ports.insert(row.listener.port);
            }
            if row.pid().is_some() && pid != row.pid() {
                pid = row.pid();
                heard.pids += 1;
            }
            let last = heard.last.entry(row.source.ip).or_insert(row.last.time);
            *last = row.last.time.max(*last);
        }
        heard
    }
}

/// Whether a notification arrived once and whole, reports no error, and had `OK` for an answer within `slow` nanoseconds.
fn is_ordinary(row: &NotificationRow, slow: i64) -> bool {
    let is_answered = row.reply.as_ref().is_some_and(|reply| {
        reply.status == 200
            && reply.state == State::Complete
            && reply.result == Some(NotificationResult::Ok)
            && reply.first.time.since(row.last.time) <= slow
    });
    is_answered && row.counts() && row.state == State::Complete && row.error().is_none()
}

fn is_failed(connection: &Connection) -> bool {
    !matches!(outcome(connection), None | Some(Outcome::Connected))
}

fn is_incomplete(connection: &Connection) -> bool {
    let lacks = |side: &Side| side.missing > 0 || side.acked_unseen;
    connection.syn.is_none() || connection.rare().after_close.is_some() || connection.sides.iter().any(lacks)
}

/// How much of a connection the capture shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Directions {
    /// Packets of one end, although the other must have answered.
    One,
    /// Packets of both ends.
    Both,
}

/// How much of a connection was captured; `None` when the silence of one end has a cause of its own.
pub(crate) fn directions(connection: &Connection) -> Option<Directions> {
    if connection.sides.iter().all(|side| side.packets > 0) {
        return Some(Directions::Both);
    }
    // A SYN, a segment or a probe that is sent again and again, and nothing else, meets a dead host.
    let goes_on = |side: &Side| {
        let again = u64::from(side.retransmitted)
            + u64::from(side.rare().keepalives)
            + u64::from(connection.duplicates);
        side.packets.saturating_sub(again) > 1
    };
    (!is_attempt(connection) && connection.sides.iter().any(goes_on)).then_some(Directions::One)
}

/// Whether a connection is no more than an attempt to open one.
pub(crate) fn is_attempt(connection: &Connection) -> bool {
    use crate::flow::Handshake::{Refused, Unanswered};
    matches!(connection.handshake, Refused | Unanswered)
}

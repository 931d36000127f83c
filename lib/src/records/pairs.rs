//! `pairs`: one row per notification or connection of two vantage points.

use super::Origin;
use crate::compare::{
    Pair, PairKind, added_latency, connection_changes, connection_latency, notification_changes,
};
use crate::facts::{Facts, NotificationRow};
use crate::flow::Endpoint;
use crate::rules::{Context, Path, View};
use crate::time::Timestamp;

/// A notification, or a connection without notifications, seen at two vantage points or missing at one.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[allow(missing_docs)]
#[non_exhaustive]
pub struct PairRecord {
    /// At Exchange, where it was seen there.
    #[cfg_attr(feature = "serde", serde(flatten))]
    pub origin: Origin,
    pub kind: PairKind,
    pub exchange_frame: Option<u64>,
    pub exchange_time: Option<Timestamp>,
    pub cuc_frame: Option<u64>,
    pub cuc_time: Option<Timestamp>,
    pub request_id: Option<String>,
    pub subscription_id: Option<String>,
    /// `ip:port->ip:port`, the originator first.
    pub exchange_connection: Option<String>,
    pub cuc_connection: Option<String>,
    /// What differs between the two, in words.
    pub changed: Vec<String>,
    pub added_latency_us: Option<i64>,
}

/// All pairs in the order of the captures: what Exchange saw, then what only the Cisco side saw.
pub(super) fn pairs(cx: &Context<'_>, facts: &Facts) -> Vec<PairRecord> {
    let (Some(path), [exchange, cuc]) = (&cx.path, cx.views.as_slice()) else {
        return Vec::new();
    };
    let table = Table { exchange, cuc, path };
    let mut rows: Vec<PairRecord> = path.pairs.iter().map(|pair| table.notification(pair)).collect();
    rows.extend(path.lost().map(|(row, _)| table.alone(exchange, row, PairKind::Lost)));
    let (left, arrived): (Vec<_>, Vec<_>) = path.unmatched(facts).partition(|(vantage, _)| *vantage == 0);
    rows.extend(left.into_iter().map(|(_, row)| table.alone(exchange, row, PairKind::Unmatched)));
    rows.extend(path.other_connections(facts).map(|pair| table.connection(&pair)));
    rows.extend(arrived.into_iter().map(|(_, row)| table.alone(cuc, row, PairKind::Unmatched)));
    rows.sort_by_key(|row| (row.origin.capture, row.origin.frame, row.origin.stream));
    rows
}

struct Table<'a> {
    exchange: &'a View<'a>,
    cuc: &'a View<'a>,
    path: &'a Path,
}

impl Table<'_> {
    fn notification(&self, pair: &Pair) -> PairRecord {
        let (one, two) =
            (&self.exchange.facts.notifications[pair.exchange], &self.cuc.facts.notifications[pair.cuc]);
        PairRecord {
            cuc_frame: Some(two.last.frame.number()),
            cuc_time: Some(two.last.time),
            cuc_connection: ends(self.cuc, two),
            changed: notification_changes(self.exchange.facts, self.cuc.facts, pair),
            added_latency_us: added_latency(one, two).map(|nanos| nanos / 1000),
            ..self.alone(self.exchange, pair.exchange, pair.kind)
        }
    }

    /// A notification of one vantage point.
    fn alone(&self, view: &View<'_>, row: usize, kind: PairKind) -> PairRecord {
        let row = &view.facts.notifications[row];
        let at_exchange = view.first_capture == self.exchange.first_capture;
        let (frame, time) = (Some(row.last.frame.number()), Some(row.last.time));
        let connection = ends(view, row);
        let mut record = PairRecord {
            request_id: row.request_id().map(|id| id.to_string()),
            subscription_id: row.subscription_id().map(|id| id.to_string()),
            ..empty(super::origin(view, row.last, Some(row.flow)), kind)
        };
        match at_exchange {
            true => {
                (record.exchange_frame, record.exchange_time, record.exchange_connection) =
                    (frame, time, connection)
            }
            false => (record.cuc_frame, record.cuc_time, record.cuc_connection) = (frame, time, connection),
        }
        record
    }

    fn connection(&self, pair: &Pair) -> PairRecord {
        let (one, two) =
            (&self.exchange.facts.connections[pair.exchange], &self.cuc.facts.connections[pair.cuc]);
        let mut changed = connection_changes(one, two);
        if let Some(resetter) = self.path.resetter(0, pair.exchange) {
            changed.push(format!("reset by {}", resetter.name()));
        }
        PairRecord {
            exchange_frame: Some(one.first().frame.number()),
            exchange_time: Some(one.first().time),
            cuc_frame: Some(two.first().frame.number()),
            cuc_time: Some(two.first().time),
            exchange_connection: Some(between(one.orig, one.resp)),
            cuc_connection: Some(between(two.orig, two.resp)),
            changed,
            added_latency_us: connection_latency(one, two).map(|nanos| nanos / 1000),
            ..empty(super::origin(self.exchange, one.first(), Some(one.id)), pair.kind)
        }
    }
}

fn empty(origin: Origin, kind: PairKind) -> PairRecord {
    PairRecord {
        origin,
        kind,
        exchange_frame: None,
        exchange_time: None,
        cuc_frame: None,
        cuc_time: None,
        request_id: None,
        subscription_id: None,
        exchange_connection: None,
        cuc_connection: None,
        changed: Vec::new(),
        added_latency_us: None,
    }
}

fn ends(view: &View<'_>, row: &NotificationRow) -> Option<String> {
    view.connection(row.flow).map(|connection| between(connection.orig, connection.resp))
}

fn between(one: Endpoint, two: Endpoint) -> String {
    format!("{one}->{two}")
}

//! How notifications came from Exchange to the Cisco side, where two captures show it.

use std::collections::{BTreeMap, HashSet};
use std::net::IpAddr;

use crate::compare::{Pair, PairKind, connection_changes, notification_changes};
use crate::facts::NotificationRow;
use crate::flow::{Connection, Dir, Endpoint, FlowId, Moment};
use crate::rules::words::counted;
use crate::rules::{Context, Draft, View};

/// What happened to most notifications of a source between two vantage points, with one of them.
#[derive(Clone, Debug)]
pub(super) struct Passage<'v> {
    pub(super) kind: PairKind,
    /// One of them at Exchange.
    pub(super) before: Sighting<'v>,
    /// The same one at the Cisco side.
    pub(super) after: Sighting<'v>,
    /// How many were seen at both, and what they are.
    pairs: usize,
    what: &'static str,
    /// What was changed, in words.
    changed: Vec<String>,
}

/// A notification, or the connection of one that cannot be read, at a vantage point.
#[derive(Clone, Debug)]
pub(super) struct Sighting<'v> {
    pub(super) source: Endpoint,
    pub(super) listener: Endpoint,
    view: &'v View<'v>,
    flow: FlowId,
    at: Moment,
}

/// The usual way of the notifications of each source that `view` shows. Where none of a source can be read because
/// packets were not stored whole, that of its connections.
pub(super) fn passages<'v>(cx: &'v Context<'v>, view: &'v View<'v>) -> BTreeMap<IpAddr, Passage<'v>> {
    let (Some(path), [exchange, cuc]) = (&cx.path, cx.views.as_slice()) else {
        return BTreeMap::new();
    };
    let ends = Ends { exchange, cuc };
    let mut ways = Ways::default();
    let source = |rows: [Endpoint; 2]| rows[usize::from(cx.is_far_end(view))].ip;
    for pair in &path.pairs {
        let (before, after) = ends.notifications(pair);
        ways.add(source([before.source, after.source]), pair);
    }
    let mut cut = Ways::default();
    let readable: HashSet<FlowId> = exchange.notifications().map(|row| row.flow).collect();
    let connections: Vec<Pair> = path.matched.connections().collect();
    for pair in &connections {
        let (before, after) = ends.connections(pair);
        let to_listener = view.config.ports.notify.contains(&after.resp.port);
        let is_cut = |row: &Connection| row.side(Dir::Orig).rare().cut > 0;
        if to_listener && is_cut(before) && is_cut(after) && !readable.contains(&before.id) {
            cut.add(source([before.orig, after.orig]), pair);
        }
    }
    let mut passages: BTreeMap<IpAddr, Passage<'v>> =
        cut.usual().map(|(ip, way)| (ip, ends.unread(way))).collect();
    passages.extend(ways.usual().map(|(ip, way)| (ip, ends.read(way))));
    passages
}

impl Passage<'_> {
    /// Adds it to a finding.
    pub(super) fn show(&self, draft: Draft) -> Draft {
        let (before, after) = (&self.before, &self.after);
        draft
            .value("before", &*format!("{} -> {}", before.source.ip, before.listener))
            .value("after", &*format!("{} -> {}", after.source.ip, after.listener))
            .evidence(after.view, Some(after.flow), after.at, "at Unity Connection")
            .evidence(
                before.view,
                Some(before.flow),
                before.at,
                format!("the same {} at Exchange", self.what),
            )
    }

    /// What was sent how and arrived how, for a sentence; `way` says by which connection.
    pub(super) fn sentence(&self, way: &str) -> String {
        let (before, after) = (&self.before, &self.after);
        format!(
            "{} left Exchange as {} -> {} and arrived {way} {} -> {}: {}. ",
            counted(self.pairs, self.what),
            before.source,
            before.listener,
            after.source,
            after.listener,
            self.changed.join(", ")
        )
    }
}

/// Pairs by the source of a view and by what happened to them: how many, and the first.
#[derive(Default)]
struct Ways<'p>(BTreeMap<IpAddr, BTreeMap<PairKind, (usize, Option<&'p Pair>)>>);

impl<'p> Ways<'p> {
    fn add(&mut self, source: IpAddr, pair: &'p Pair) {
        let (number, first) = self.0.entry(source).or_default().entry(pair.kind).or_default();
        *number += 1;
        first.get_or_insert(pair);
    }

    /// The commonest of each source.
    fn usual(self) -> impl Iterator<Item = (IpAddr, (usize, &'p Pair))> {
        self.0.into_iter().filter_map(|(ip, kinds)| {
            let (_, (number, pair)) = kinds.into_iter().max_by_key(|(kind, (number, _))| (*number, *kind))?;
            Some((ip, (number, pair?)))
        })
    }
}

/// The views of both ends.
#[derive(Clone, Copy)]
struct Ends<'v> {
    exchange: &'v View<'v>,
    cuc: &'v View<'v>,
}

impl<'v> Ends<'v> {
    fn notifications(self, pair: &Pair) -> (&'v NotificationRow, &'v NotificationRow) {
        (&self.exchange.facts.notifications[pair.exchange], &self.cuc.facts.notifications[pair.cuc])
    }

    fn connections(self, pair: &Pair) -> (&'v Connection, &'v Connection) {
        (&self.exchange.facts.connections[pair.exchange], &self.cuc.facts.connections[pair.cuc])
    }

    fn read(self, (pairs, pair): (usize, &Pair)) -> Passage<'v> {
        let (before, after) = self.notifications(pair);
        let sighting = |view, row: &NotificationRow| Sighting {
            source: row.source,
            listener: row.listener,
            view,
            flow: row.flow,
            at: row.last,
        };
        Passage {
            kind: pair.kind,
            before: sighting(self.exchange, before),
            after: sighting(self.cuc, after),
            pairs,
            what: "notification",
            changed: notification_changes(self.exchange.facts, self.cuc.facts, pair),
        }
    }

    fn unread(self, (pairs, pair): (usize, &Pair)) -> Passage<'v> {
        let (before, after) = self.connections(pair);
        let sighting = |view, row: &Connection| Sighting {
            source: row.orig,
            listener: row.resp,
            view,
            flow: row.id,
            at: row.first(),
        };
        Passage {
            kind: pair.kind,
            before: sighting(self.exchange, before),
            after: sighting(self.cuc, after),
            pairs,
            what: "connection",
            changed: connection_changes(before, after),
        }
    }
}

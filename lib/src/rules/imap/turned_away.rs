//! Connections that a server accepts and does not want: which limit they met.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::limits::{self, Limit};
use super::reason::{code, is_too_many};
use crate::facts::{ImapSession, Level, TurnedAway};
use crate::rules::View;

/// Which connections were counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Counted {
    /// Those of one client address, to a server.
    Ip { server: IpAddr, client: IpAddr },
    /// All of a server.
    Total { server: IpAddr },
}

/// A connection that was turned away.
#[derive(Clone, Copy, Debug)]
pub(super) struct Refusal<'v> {
    pub(super) session: &'v ImapSession,
    pub(super) how: &'v TurnedAway,
    /// What was open when it came.
    pub(super) open: u64,
    /// The limit that this had reached.
    pub(super) limit: Option<Limit>,
}

/// The connections that were turned away because of a limit, by what was counted.
pub(super) fn refusals<'v>(view: &View<'v>) -> BTreeMap<Counted, Vec<Refusal<'v>>> {
    let mut by_server: BTreeMap<IpAddr, Vec<(&ImapSession, &TurnedAway)>> = BTreeMap::new();
    for session in &view.facts.imap.sessions {
        if let Some(how) = session.turned_away.as_ref().filter(|how| is_limit(how)) {
            by_server.entry(session.server.ip).or_default().push((session, how));
        }
    }
    let mut all: BTreeMap<Counted, Vec<Refusal<'v>>> = BTreeMap::new();
    for (server, turned_away) in by_server {
        for refusal in on_server(view, server, &turned_away) {
            all.entry(refusal.0).or_default().push(refusal.1);
        }
    }
    all
}

/// Whether a connection is turned away in the way of a limit. Other BYEs speak of certificates (14, 15), of time (11,
/// 13) or of a server that goes down.
fn is_limit(how: &TurnedAway) -> bool {
    let TurnedAway::Bye(reply) = how else {
        return true;
    };
    let text = reply.text.to_ascii_lowercase();
    match code(&text) {
        Some(code) => code == 10,
        None => is_too_many(&text) || text.contains("connection is closed"),
    }
}

fn on_server<'v>(
    view: &View<'v>,
    server: IpAddr,
    turned_away: &[(&'v ImapSession, &'v TurnedAway)],
) -> Vec<(Counted, Refusal<'v>)> {
    let open = &view.facts.imap.open;
    let total = open.total.get(&server);
    let clients: BTreeSet<IpAddr> = turned_away.iter().map(|(session, _)| session.client.ip).collect();
    let of_ip = |client: IpAddr| open.ip(server, client);
    let peak = |level: Option<&Level>| level.and_then(Level::peak).map_or(0, |peak| peak.1);
    let count =
        |level: Option<&Level>, session: &ImapSession| level.map_or(0, |level| level.lately(session.opened));
    let limit_total = limits::total(view, server, peak(total));
    let mut refusals = Vec::new();
    for &(session, how) in turned_away {
        let client = session.client.ip;
        let (own, all) = (count(of_ip(client), session), count(total, session));
        let limit_ip = limits::ip(view, server, peak(of_ip(client)));
        let is_reached =
            |limit: Option<Limit>, count: u64| limit.filter(|limit| limit.value > 0 && count >= limit.value);
        let (by_ip, by_total) = (is_reached(limit_ip, own), is_reached(limit_total, all));
        let is_one = clients.len() == 1;
        let refusal = match (by_ip, by_total) {
            (Some(limit), _) => {
                (Counted::Ip { server, client }, Refusal { session, how, open: own, limit: Some(limit) })
            }
            (None, Some(limit)) => {
                (Counted::Total { server }, Refusal { session, how, open: all, limit: Some(limit) })
            }
            (None, None) if is_one && own > 0 => {
                (Counted::Ip { server, client }, Refusal { session, how, open: own, limit: None })
            }
            (None, None) => (Counted::Total { server }, Refusal { session, how, open: all, limit: None }),
        };
        // A server that says nothing and has no other connection is broken, not full.
        let is_silent = matches!(how, TurnedAway::Silently(_));
        if !is_silent || refusal.1.limit.is_some() || all > 0 && turned_away.len() > 1 {
            refusals.push(refusal);
        }
    }
    refusals
}

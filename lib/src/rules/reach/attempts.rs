//! The attempts to open connections to one service of one server, and which of them failed how.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::net::IpAddr;
use std::time::Duration;

use ahash::RandomState;

use crate::facts::{Outcome, Service, outcome};
use crate::flow::{Connection, Dir, Handshake, Moment, Unreachable};
use crate::rules::View;

/// SYNs of one attempt that must stay unanswered: the first and two copies.
const SYNS: u32 = 3;
/// Attempts in a row that stay unanswered weigh the same.
const IN_A_ROW: usize = 3;
/// An attempt that began this shortly before the end of the capture had no time to be answered or repeated.
const TAIL: Duration = Duration::from_secs(6);
/// What stacks start the TTL with: a packet that has such a value crossed no router.
const INITIAL_TTLS: [u8; 3] = [64, 128, 255];

/// One server and the attempts to reach one service of it, in the order of their SYNs.
#[derive(Debug)]
pub(crate) struct Server<'a> {
    pub(crate) ip: IpAddr,
    attempts: Vec<(&'a Connection, Outcome)>,
    /// TTLs of its packets other than resets; `None` when there are none.
    ttls: Option<(u8, u8)>,
    one_way: bool,
}

/// An attempt that failed.
pub(crate) struct Failure<'a> {
    pub(crate) connection: &'a Connection,
    pub(crate) answer: Answer,
}

/// What answered a SYN.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Answer {
    /// Nobody.
    Nothing,
    /// A router.
    Icmp(Unreachable),
    /// The host itself; `known` says whether its TTL shows that.
    Reset { at: Moment, known: bool },
    /// Somebody in the name of the host: the TTL is not the host's.
    ForeignReset { at: Moment, ttl: u8, host: (u8, u8) },
}

/// Attempts to the same ports that succeeded.
#[derive(Debug, Default)]
pub(crate) struct Others {
    /// Of the same clients, before their first failure.
    pub(crate) before: usize,
    /// Of the same clients, after their first failure.
    pub(crate) after: usize,
    /// Of these, those before the last failure.
    pub(crate) within: usize,
    /// All clients that were accepted.
    pub(crate) clients: BTreeSet<IpAddr>,
}

/// The servers to whose `service` an attempt failed, by address.
pub(in crate::rules) fn servers<'a>(view: &View<'a>, service: Service) -> Vec<Server<'a>> {
    let ports = service.ports(&view.config.ports);
    // A scan of other ports leaves many failures, which are not in the cache.
    if !ports.iter().any(|port| view.census.failed_ports.contains(port)) {
        return Vec::new();
    }
    servers_at(view, |connection| ports.contains(&connection.resp.port))
}

/// The servers to which attempts failed that `is_meant` picks, by address.
pub(crate) fn servers_at<'a>(view: &View<'a>, is_meant: impl Fn(&Connection) -> bool) -> Vec<Server<'a>> {
    // All others are looked at for these only: an attempt that the end of the capture cut short shows nothing of anybody.
    let cut_short = |connection: &Connection| {
        let is_unanswered = outcome(connection) == Some(Outcome::Unanswered);
        is_unanswered && connection.syn_count < SYNS && is_at_the_end(connection, view.end())
    };
    let failed = view.census.failed.iter().filter(|connection| is_meant(connection));
    let targets = failed.filter(|connection| !cut_short(connection)).map(|connection| connection.resp.ip);
    let mut servers: HashMap<IpAddr, Server<'a>, RandomState> =
        targets.map(|ip| (ip, Server::new(ip))).collect();
    if servers.is_empty() {
        return Vec::new();
    }
    for connection in &view.facts.connections {
        if let Some(server) = servers.get_mut(&connection.orig.ip) {
            server.learn(connection, Dir::Orig);
        }
        if let Some(server) = servers.get_mut(&connection.resp.ip) {
            server.learn(connection, Dir::Resp);
            if is_meant(connection) {
                server.attempts.extend(outcome(connection).map(|outcome| (connection, outcome)));
            }
        }
    }
    let mut servers: Vec<_> = servers.into_values().collect();
    servers.sort_by_key(|server| server.ip);
    servers
}

impl<'a> Server<'a> {
    fn new(ip: IpAddr) -> Self {
        Server { ip, attempts: Vec::new(), ttls: None, one_way: false }
    }

    /// What a connection tells of the end in direction `dir`, which is this server.
    fn learn(&mut self, connection: &Connection, dir: Dir) {
        let (low, high) = connection.side(dir).ttl_range;
        if high > 0 {
            let known = self.ttls.get_or_insert((low, high));
            *known = (known.0.min(low), known.1.max(high));
        }
        self.one_way |= connection.handshake == Handshake::Partial && connection.side(dir).packets == 0;
    }

    /// Whether connections to it went on of which its own packets were not captured.
    pub(crate) fn is_seen_one_way(&self) -> bool {
        self.one_way
    }

    /// The attempts that the server itself refused.
    pub(crate) fn refused(&self) -> Vec<Failure<'a>> {
        let answers = self.failures();
        answers.filter(|failure| matches!(failure.answer, Answer::Reset { .. })).collect()
    }

    /// The attempts that something on the way rejected, or that nothing answered, in their order: those that were repeated
    /// often enough, or of which enough follow each other.
    pub(crate) fn filtered(&self, end: Option<Moment>) -> Vec<Failure<'a>> {
        let mut rows: HashMap<u16, Vec<Failure<'a>>, RandomState> = HashMap::default();
        let mut found = Vec::new();
        for (connection, outcome) in &self.attempts {
            let row = rows.entry(connection.resp.port).or_default();
            match self.failure(connection, *outcome) {
                Some(failure) if !matches!(failure.answer, Answer::Reset { .. }) => {
                    if failure.is_proof() || !is_at_the_end(connection, end) {
                        row.push(failure);
                    }
                }
                _ => settle(row, &mut found),
            }
        }
        let is_in_order = rows.len() < 2;
        for mut row in rows.into_values() {
            settle(&mut row, &mut found);
        }
        if !is_in_order {
            found.sort_by_key(|failure| failure.connection.id);
        }
        found
    }

    /// How other attempts to the same ports fared.
    pub(super) fn others(&self, failures: &[Failure<'_>]) -> Others {
        let mut others = Others::default();
        if !self.attempts.iter().any(|(_, outcome)| *outcome == Outcome::Connected) {
            return others;
        }
        let mut spans: HashMap<(IpAddr, u16), (Moment, Moment), RandomState> = HashMap::default();
        for Failure { connection, .. } in failures {
            let key = (connection.orig.ip, connection.resp.port);
            spans.entry(key).or_insert((connection.first(), connection.first())).1 = connection.first();
        }
        let ports: HashSet<u16> = spans.keys().map(|(_, port)| *port).collect();
        let accepted = self.attempts.iter().filter(|(connection, outcome)| {
            *outcome == Outcome::Connected && ports.contains(&connection.resp.port)
        });
        for (connection, _) in accepted {
            let at = connection.first().frame;
            others.clients.insert(connection.orig.ip);
            match spans.get(&(connection.orig.ip, connection.resp.port)) {
                Some((first, _)) if at < first.frame => others.before += 1,
                Some((_, last)) => {
                    others.after += 1;
                    others.within += usize::from(at < last.frame);
                }
                None => {}
            }
        }
        others
    }

    fn failures(&self) -> impl Iterator<Item = Failure<'a>> {
        let attempts = self.attempts.iter();
        attempts.filter_map(|(connection, outcome)| self.failure(connection, *outcome))
    }

    fn failure(&self, connection: &'a Connection, outcome: Outcome) -> Option<Failure<'a>> {
        let answer = match outcome {
            Outcome::Connected => return None,
            Outcome::Unanswered => Answer::Nothing,
            Outcome::Unreachable(icmp) => Answer::Icmp(icmp),
            Outcome::Refused => self.reset(connection)?,
        };
        Some(Failure { connection, answer })
    }

    /// Whether the host or somebody else sent the reset: the TTL shows the distance.
    fn reset(&self, connection: &Connection) -> Option<Answer> {
        let reset = connection.reset?;
        let (at, ttl) = (reset.at, reset.ttl);
        Some(match self.ttls {
            Some(host) if !(host.0..=host.1).contains(&ttl) => Answer::ForeignReset { at, ttl, host },
            known => Answer::Reset { at, known: known.is_some() || INITIAL_TTLS.contains(&ttl) },
        })
    }
}

impl Answer {
    /// The same, whenever it came.
    fn at_any_time(self) -> Self {
        let at = Moment::default();
        match self {
            Answer::Nothing => Answer::Nothing,
            Answer::Icmp(icmp) => Answer::Icmp(Unreachable { at, ..icmp }),
            Answer::Reset { known, .. } => Answer::Reset { at, known },
            Answer::ForeignReset { ttl, host, .. } => Answer::ForeignReset { at, ttl, host },
        }
    }
}

impl Failure<'_> {
    /// Whether this attempt alone shows it.
    pub(crate) fn is_proof(&self) -> bool {
        match self.answer {
            Answer::Nothing => self.connection.syn_count >= SYNS,
            Answer::Icmp(_) => true,
            Answer::Reset { known, .. } => known,
            Answer::ForeignReset { .. } => false,
        }
    }
}

/// What answered, by kind, and how often.
pub(super) fn kinds(failures: &[Failure<'_>]) -> HashMap<Answer, usize, RandomState> {
    let mut kinds = HashMap::default();
    for failure in failures {
        *kinds.entry(failure.answer.at_any_time()).or_default() += 1;
    }
    kinds
}

/// Who tried.
pub(super) fn clients(failures: &[Failure<'_>]) -> BTreeSet<IpAddr> {
    let mut clients: Vec<IpAddr> = failures.iter().map(|failure| failure.connection.orig.ip).collect();
    // As numbers: a flood has hundreds of thousands, and addresses are compared by their octets.
    clients.sort_unstable_by_key(|ip| match ip {
        IpAddr::V4(ip) => (false, u128::from(ip.to_bits())),
        IpAddr::V6(ip) => (true, ip.to_bits()),
    });
    clients.dedup();
    clients.into_iter().collect()
}

/// Ends a row of failures that follow each other: they count when one of them is enough, or when they are many.
fn settle<'a>(row: &mut Vec<Failure<'a>>, found: &mut Vec<Failure<'a>>) {
    let is_enough = |failure: &Failure<'_>| failure.is_proof() || failure.answer != Answer::Nothing;
    if row.len() >= IN_A_ROW || row.iter().any(is_enough) {
        found.append(row);
    }
    row.clear();
}

fn is_at_the_end(connection: &Connection, end: Option<Moment>) -> bool {
    end.is_some_and(|end| end.time < connection.first().time.after(TAIL))
}

//! What shows that calls of one client, which belong together, went to several machines.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;

use super::{codes, group, life, operation};
use crate::facts::mapi::{Answer, Association, Difference, Mapi, RpcConnection, RpcKind, RpcRow, mac};
use crate::flow::{Dir, FlowId, Moment};
use crate::proto::Guid;
use crate::proto::dcerpc::event::Handle;
use crate::rules::{Confidence, View};

/// The kinds of proof, in the order in which they are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// A group that one server issued is presented to another.
    Group,
    /// Joining a group is refused while it is alive.
    Join,
    /// A context handle that one server issued is presented to another.
    Handle,
    /// One connection is served by two machines.
    Connection,
    /// A session over HTTP is spread over two servers.
    Http,
}

/// One proof.
pub(super) struct Proof<'v> {
    pub(super) kind: Kind,
    pub(super) client: IpAddr,
    pub(super) confidence: Confidence,
    pub(super) text: String,
    /// The connections that it is about.
    pub(super) connections: Vec<&'v RpcConnection>,
    /// The association group, where it is about one.
    pub(super) group: Option<u32>,
    pub(super) frames: Vec<(FlowId, Moment, String)>,
}

/// All proofs of a vantage point.
pub(super) fn all<'v>(view: &View<'v>) -> Vec<Proof<'v>> {
    let mut proofs = Vec::new();
    groups(view, &mut proofs);
    handles(view, &mut proofs);
    split_connections(view, &mut proofs);
    channels(view, &mut proofs);
    sessions(view, &mut proofs);
    foreign_groups(view, &mut proofs);
    proofs
}

fn bind_of<'v>(mapi: &'v Mapi, connection: &'v RpcConnection) -> Option<&'v RpcRow> {
    mapi.rows_of(connection).find(|row| row.kind == RpcKind::Bind)
}

/// How the server turned the group down that a bind presents; `None` where it did not.
fn turned_down(bind: &RpcRow) -> Option<String> {
    match (bind.answer, bind.granted) {
        (Answer::Nak(0), _) => Some("refuses to let the connection join (bind_nak, reason 0)".to_owned()),
        (Answer::Accepted, Some(other)) if other != bind.presented => {
            Some(format!("does not know it and issues group {} instead", group(other)))
        }
        _ => None,
    }
}

/// Groups that are presented where they were not issued, and groups that cannot be joined although they are alive.
fn groups<'v>(view: &View<'v>, proofs: &mut Vec<Proof<'v>>) {
    let mapi = &view.facts.mapi;
    for association in &mapi.associations {
        let (Some(id), Some(issuer)) = (association.group, issuer(mapi, association)) else { continue };
        let Some(issued) = bind_of(mapi, issuer) else { continue };
        for number in &association.strangers {
            let connection = &mapi.connections[*number];
            let Some((bind, refusal)) =
                bind_of(mapi, connection).and_then(|bind| Some((bind, turned_down(bind)?)))
            else {
                continue;
            };
            let frames = || {
                vec![
                    (
                        issuer.flow,
                        issued.last(),
                        format!("group {} is issued by {}", group(id), issuer.identity.name()),
                    ),
                    (connection.flow, bind.first(), format!("group {} is presented", group(id))),
                    (connection.flow, bind.last(), "the answer".to_owned()),
                ]
            };
            let alive = life::alive(view, association, *number, bind.last());
            if let Some(difference) = issuer.identity.differs(&connection.identity) {
                // After a fail-over the client tries its group once on the new server: that breaks nothing.
                let is_over =
                    alive.is_none() && life::over(view, issuer).is_some_and(|over| over <= bind.first().time);
                if is_over || knew_before(mapi, connection, id, bind.first()) {
                    continue;
                }
                proofs.push(Proof {
                    kind: Kind::Group,
                    client: association.client,
                    confidence: Confidence::Proven,
                    text: format!(
                        "Association group {} was issued by {} and presented to {}, which {refusal}.{}",
                        group(id),
                        issuer.identity.name(),
                        connection.identity.name(),
                        told_apart(&difference),
                    ),
                    connections: vec![issuer, connection],
                    group: Some(id),
                    frames: frames(),
                });
            }
            if let Some((living, answer)) = alive
                && !issuer.identity.is_same(&connection.identity)
            {
                let seen = issuer.identity.differs(&connection.identity).is_some();
                let mut frames = frames();
                frames.push((living.flow, answer, "another connection of the group is answered".to_owned()));
                proofs.push(Proof {
                    kind: Kind::Join,
                    client: association.client,
                    confidence: if seen { Confidence::Proven } else { Confidence::Likely },
                    text: format!(
                        "{} {refusal}, although group {} is alive: {} goes on to be answered in it.",
                        connection.identity.name(),
                        group(id),
                        super::name(living),
                    ),
                    connections: vec![living, connection],
                    group: Some(id),
                    frames,
                });
            }
        }
    }
}

/// What tells the two servers apart, where their names do not say it.
fn told_apart(difference: &Difference) -> String {
    match difference {
        Difference::Addresses(..) => String::new(),
        other => format!(" They are {other}."),
    }
}

fn issuer<'v>(mapi: &'v Mapi, association: &Association) -> Option<&'v RpcConnection> {
    mapi.connections.get(*association.members.first()?)
}

/// Whether the machine behind `connection` itself issued the same number before: equal ids prove nothing.
fn knew_before(mapi: &Mapi, connection: &RpcConnection, id: u32, at: Moment) -> bool {
    let own = mapi
        .associations
        .iter()
        .filter(|association| association.group == Some(id) && association.first < at);
    own.filter_map(|association| issuer(mapi, association)).any(|issuer| {
        issuer.identity.differs(&connection.identity).is_none() && issuer.flow != connection.flow
    })
}

/// Where a handle is known to be good: it was issued, or used with success.
struct Home<'v> {
    connection: &'v RpcConnection,
    number: usize,
    at: Moment,
    issued: bool,
}

/// Context handles that are presented where they were not issued.
fn handles<'v>(view: &View<'v>, proofs: &mut Vec<Proof<'v>>) {
    let mapi = &view.facts.mapi;
    let homes = homes(mapi);
    for (number, connection) in mapi.connections.iter().enumerate() {
        if connection.is_copy() {
            continue;
        }
        for row in mapi.rows_of(connection).filter(|row| row.interface.is_mapi()) {
            let refused = super::fault(row) == Some(codes::CONTEXT_MISMATCH);
            let Some((handle, home)) = row.handle.filter(|_| refused).and_then(|h| Some((h, homes.get(&h)?)))
            else {
                continue;
            };
            if home.number == number || home.at > row.first() {
                continue;
            }
            let issuer = home.connection;
            let verb = if home.issued { "was issued by" } else { "is good on" };
            let difference = issuer.identity.differs(&connection.identity);
            let alive = life::answers_after(mapi, issuer, row.last());
            let gone = life::over(view, issuer).is_some_and(|over| over <= row.first().time);
            if issuer.identity.is_same(&connection.identity)
                || difference.is_none() && (alive.is_none() || gone)
            {
                continue;
            }
            let (confidence, how) = match &difference {
                Some(difference) => (
                    Confidence::Proven,
                    format!("presented to {} ({difference})", connection.identity.name()),
                ),
                None => (Confidence::Likely, format!("presented on {}", super::name(connection))),
            };
            let mut frames = vec![
                (issuer.flow, home.at, format!("handle {verb} {}", issuer.identity.name())),
                (connection.flow, row.first(), format!("{} with that handle", operation(row))),
                (connection.flow, row.last(), "fault: context mismatch".to_owned()),
            ];
            frames.extend(alive.map(|at| (issuer.flow, at, "the issuer goes on to answer".to_owned())));
            let goes_on =
                if alive.is_some() { ", while its own connection goes on to be answered" } else { "" };
            proofs.push(Proof {
                kind: Kind::Handle,
                client: connection.client.ip,
                confidence,
                text: format!(
                    "Context handle {handle} {verb} {} and {how}, which answers with a context mismatch{goes_on}.",
                    issuer.identity.name(),
                ),
                connections: vec![issuer, connection],
                group: None,
                frames,
            });
        }
    }
}

fn homes(mapi: &Mapi) -> HashMap<Handle, Home<'_>> {
    let mut homes: HashMap<Handle, Home<'_>> = HashMap::new();
    for (number, connection) in
        mapi.connections.iter().enumerate().filter(|(_, connection)| !connection.is_copy())
    {
        for row in mapi.rows_of(connection).filter(|row| matches!(row.answer, Answer::Response(_))) {
            let issued = row.handle.is_none() && row.issued.is_some();
            let Some(handle) = row.issued.or(row.handle).filter(|handle| !handle.is_null()) else { continue };
            let known = homes.get(&handle);
            if known.is_none_or(|known| issued && !known.issued) {
                homes.insert(handle, Home { connection, number, at: row.last(), issued });
            }
        }
    }
    homes
}

/// Connections whose packets come from two machines.
fn split_connections<'v>(view: &View<'v>, proofs: &mut Vec<Proof<'v>>) {
    for connection in &view.facts.mapi.connections {
        let Some(row) = view.connection(connection.flow).filter(|_| connection.is_mapi()) else { continue };
        let server = if row.resp == connection.server { Dir::Resp } else { Dir::Orig };
        let side = row.side(server);
        let (text, at) = match (side.mac, side.other_mac, row.other_syn_ack) {
            (_, _, Some(at)) => {
                ("two SYN/ACKs with different initial sequence numbers answer its SYN".to_owned(), at)
            }
            (Some(one), Some((two, ttl, at)), _) if are_two_hosts(&one, &two, side.ttl, ttl) => {
                (format!("packets of the server come from {} and from {}", mac(&one), mac(&two)), at)
            }
            _ => continue,
        };
        let client = match connection.leg {
            Some(crate::facts::mapi::Leg::Inner(outer)) => view.facts.mapi.connections[outer].client.ip,
            _ => connection.client.ip,
        };
        proofs.push(Proof {
            kind: Kind::Connection,
            client,
            confidence: Confidence::Proven,
            text: format!("Connection {} is served by two machines: {text}.", super::name(connection)),
            connections: vec![connection],
            group: None,
            frames: vec![
                (connection.flow, side.first.unwrap_or(row.first), "first packet of the server".to_owned()),
                (connection.flow, at, "a packet of another machine".to_owned()),
            ],
        });
    }
}

/// Whether two hardware addresses are those of two hosts, not of two routers: no router was crossed, or both are
/// of the form in which Network Load Balancing sends (02, host priority, address of the cluster).
fn are_two_hosts(one: &[u8; 6], two: &[u8; 6], ttl: u8, other_ttl: u8) -> bool {
    let on_link = |ttl| matches!(ttl, 64 | 128 | 255);
    let nlb = one[0] == 2 && two[0] == 2 && one[2..] == two[2..] && one[1] != two[1];
    nlb || on_link(ttl) && on_link(other_ttl)
}

/// Virtual connections of RPC over HTTP whose channels end at two servers.
fn channels<'v>(view: &View<'v>, proofs: &mut Vec<Proof<'v>>) {
    let mut by_cookie: BTreeMap<Guid, Vec<&'v RpcConnection>> = BTreeMap::new();
    for connection in view.facts.mapi.own() {
        if let Some((_, Some(cookie))) = connection.channel {
            by_cookie.entry(cookie).or_default().push(connection);
        }
    }
    for (cookie, connections) in by_cookie {
        let first = connections[0];
        let other =
            connections.iter().find_map(|other| Some((*other, first.identity.differs(&other.identity)?)));
        let Some((other, difference)) = other else { continue };
        let begin = |connection: &RpcConnection| view.connection(connection.flow).map(|row| row.first);
        let (Some(one), Some(two)) = (begin(first), begin(other)) else { continue };
        proofs.push(Proof {
            kind: Kind::Http,
            client: first.client.ip,
            confidence: Confidence::Proven,
            text: format!("The channels of virtual connection {cookie} of RPC over HTTP go to {difference}."),
            connections: vec![first, other],
            group: None,
            frames: vec![
                (first.flow, one, "one channel".to_owned()),
                (other.flow, two, "another channel".to_owned()),
            ],
        });
    }
}

/// MapiContexts that two mailbox servers answered, or that a second Client Access server did not know.
fn sessions<'v>(view: &View<'v>, proofs: &mut Vec<Proof<'v>>) {
    type Uses<'v> = Vec<(&'v RpcConnection, &'v crate::facts::mapi::HttpSession)>;
    let mut by_context: BTreeMap<(IpAddr, u64), Uses<'v>> = BTreeMap::new();
    for connection in view.facts.mapi.own() {
        for session in &connection.sessions {
            by_context
                .entry((connection.client.ip, session.context))
                .or_default()
                .push((connection, session));
        }
    }
    for ((client, _), mut uses) in by_context {
        uses.sort_by_key(|(_, session)| session.at);
        let split =
            uses.windows(2).find(|pair| differ(&pair[0].1.backend, &pair[1].1.backend)).or_else(|| {
                uses.windows(2).find(|pair| {
                    let (one, two) = (pair[0].1, pair[1].1);
                    let unknown = two.code == Some(codes::CONTEXT_NOT_FOUND) && one.code == Some(0);
                    unknown && differ(&one.frontend, &two.frontend)
                })
            });
        let Some(&[(one, first), (two, second)]) = split else { continue };
        let by_backend = differ(&first.backend, &second.backend);
        let name = |session: &crate::facts::mapi::HttpSession| {
            let name = if by_backend { &session.backend } else { &session.frontend };
            name.as_deref().unwrap_or("an unknown server").to_owned()
        };
        let outcome = match second.code {
            Some(codes::CONTEXT_NOT_FOUND) => ", which does not know it (X-ResponseCode 10)",
            _ => "",
        };
        proofs.push(Proof {
            kind: Kind::Http,
            client,
            confidence: if by_backend { Confidence::Proven } else { Confidence::Likely },
            text: format!(
                "One MapiContext was served by {} and then by {}{outcome}.",
                name(first),
                name(second)
            ),
            connections: vec![one, two],
            group: None,
            frames: vec![
                (one.flow, first.at, format!("answered by {}", name(first))),
                (two.flow, second.at, format!("answered by {}", name(second))),
            ],
        });
    }
}

fn differ<T: AsRef<str>>(one: &Option<T>, two: &Option<T>) -> bool {
    matches!((one, two), (Some(one), Some(two)) if !one.as_ref().eq_ignore_ascii_case(two.as_ref()))
}

/// As one server sees it: a client presents a group that was never issued here, as its first words, and then a
/// context handle that is not known here either.
fn foreign_groups<'v>(view: &View<'v>, proofs: &mut Vec<Proof<'v>>) {
    let mapi = &view.facts.mapi;
    let issued: BTreeSet<(IpAddr, u32)> = mapi
        .own()
        .flat_map(|c| mapi.rows_of(c).filter_map(|row| Some((c.client.ip, row.granted?))))
        .collect();
    let homes = homes(mapi);
    let mut met: BTreeSet<(IpAddr, IpAddr)> = BTreeSet::new();
    for connection in mapi.own().filter(|connection| connection.is_mapi()) {
        let pair = (connection.client.ip, connection.server.ip);
        let Some(bind) = bind_of(mapi, connection) else {
            met.insert(pair);
            continue;
        };
        let is_foreign = bind.presented != 0 && !issued.contains(&(connection.client.ip, bind.presented));
        let fault = mapi.rows_of(connection).find(|row| {
            super::fault(row) == Some(codes::CONTEXT_MISMATCH)
                && row.handle.is_none_or(|handle| !homes.contains_key(&handle))
        });
        let known = met.contains(&pair);
        if let (true, false, Some(refusal), Some(fault)) = (is_foreign, known, turned_down(bind), fault) {
            proofs.push(Proof {
                kind: Kind::Group,
                client: connection.client.ip,
                confidence: Confidence::Possible,
                text: format!(
                    "Association group {} was presented to {}, which {refusal}; it was not issued in this capture, and \
                     neither was the context handle that followed.",
                    group(bind.presented),
                    connection.identity.name(),
                ),
                connections: vec![connection],
                group: Some(bind.presented),
                frames: vec![
                    (connection.flow, bind.first(), format!("group {} is presented", group(bind.presented))),
                    (connection.flow, bind.last(), "the answer".to_owned()),
                    (connection.flow, fault.last(), "fault: context mismatch".to_owned()),
                ],
            });
        } else if bind.presented == 0 && matches!(bind.answer, Answer::Accepted) {
            met.insert(pair);
        }
    }
}

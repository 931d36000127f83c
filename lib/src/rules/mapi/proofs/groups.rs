//! Association groups that are presented where they were not issued.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::handles::homes;
use super::{Kind, Proof};
use crate::facts::mapi::{Answer, Association, Difference, Mapi, RpcConnection, RpcKind, RpcRow};
use crate::flow::{FlowId, Moment};
use crate::rules::mapi::{codes, fault, group, life, name, operation};
use crate::rules::{Confidence, View};

/// Groups that are presented where they were not issued, and groups that cannot be joined although they are alive.
pub(super) fn groups<'v>(view: &View<'v>, proofs: &mut Vec<Proof<'v>>) {
    for association in &view.facts.mapi.associations {
        for number in &association.strangers {
            let Some(stranger) = Stranger::new(view, association, *number) else { continue };
            proofs.extend(stranger.elsewhere(view));
            proofs.extend(stranger.refused());
        }
    }
}

/// A connection that presented a group and is none of its members.
struct Stranger<'v> {
    client: IpAddr,
    group: u32,
    /// The connection on which the group was issued, and its bind.
    issuer: (&'v RpcConnection, &'v RpcRow),
    connection: &'v RpcConnection,
    bind: &'v RpcRow,
    /// Another connection of the group that is answered afterwards, and the moment of that answer.
    alive: Option<(&'v RpcConnection, Moment)>,
    /// What tells the machine from the issuer's.
    difference: Option<Difference>,
}

impl<'v> Stranger<'v> {
    fn new(view: &View<'v>, association: &Association, number: usize) -> Option<Self> {
        let mapi = &view.facts.mapi;
        let (group, issuer) = (association.group?, issuer(mapi, association)?);
        let connection = mapi.connections.get(number)?;
        let bind = bind_of(mapi, connection)?;
        let difference = issuer.identity.differs(&connection.identity);
        if difference.is_some() && knew_before(mapi, connection, group, bind.first()) {
            return None;
        }
        Some(Stranger {
            client: association.client,
            group,
            issuer: (issuer, bind_of(mapi, issuer)?),
            connection,
            bind,
            alive: life::alive(view, association, number, bind.last()),
            difference,
        })
    }

    /// Another machine than that which issued the group cannot go on with it.
    fn elsewhere(&self, view: &View<'v>) -> Option<Proof<'v>> {
        let difference = self.difference.as_ref()?;
        let (issuer, connection) = (self.issuer.0, self.connection);
        let refusal = turned_down(self.bind).or_else(|| not_known(&view.facts.mapi, connection))?;
        // After a fail-over the client tries its group once on the new server: that breaks nothing.
        let over = life::over(view, issuer).filter(|_| self.alive.is_none());
        if over.is_some_and(|over| over <= self.bind.first().time) {
            return None;
        }
        Some(Proof {
            kind: Kind::Group,
            client: self.client,
            // A server that lets a connection join knows the group; another one may have issued an equal one before.
            confidence: if self.is_issued() { Confidence::Proven } else { Confidence::Likely },
            text: format!(
                "Association group {} {} {} and presented to {}, which {refusal}.{}",
                group(self.group),
                if self.is_issued() { "was issued by" } else { "is known to" },
                issuer.identity.name(),
                connection.identity.name(),
                told_apart(difference),
            ),
            connections: vec![issuer, connection],
            group: Some(self.group),
            frames: self.frames(),
        })
    }

    /// The group is alive, and yet cannot be joined.
    fn refused(&self) -> Option<Proof<'v>> {
        let refusal = turned_down(self.bind)?;
        let (living, answer) = self.alive?;
        if self.issuer.0.identity.is_same(&self.connection.identity) {
            return None;
        }
        let mut frames = self.frames();
        frames.push((living.flow, answer, "another connection of the group is answered".to_owned()));
        Some(Proof {
            kind: Kind::Join,
            client: self.client,
            confidence: match self.difference.is_some() && self.is_issued() {
                true => Confidence::Proven,
                false => Confidence::Likely,
            },
            text: format!(
                "{} {refusal}, although group {} is alive: {} is answered in it afterwards.",
                self.connection.identity.name(),
                group(self.group),
                name(living),
            ),
            connections: vec![living, self.connection],
            group: Some(self.group),
            frames,
        })
    }

    /// Whether the group is new on the connection that was first seen of it, not older than the capture.
    fn is_issued(&self) -> bool {
        self.issuer.1.presented == 0
    }

    fn frames(&self) -> Vec<(FlowId, Moment, String)> {
        let (issuer, issued) = self.issuer;
        let verb = if self.is_issued() { "issued by" } else { "known to" };
        let issue = format!("group {} is {verb} {}", group(self.group), issuer.identity.name());
        let presented = format!("group {} is presented", group(self.group));
        vec![
            (issuer.flow, issued.last(), issue),
            (self.connection.flow, self.bind.first(), presented),
            (self.connection.flow, self.bind.last(), "the answer".to_owned()),
        ]
    }
}

/// As one server sees it: a client presents a group that was never issued here, as its first words, and then a
/// context handle that is not known here either.
pub(super) fn foreign_groups<'v>(view: &View<'v>, proofs: &mut Vec<Proof<'v>>) {
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
            fault(row) == Some(codes::CONTEXT_MISMATCH)
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

/// How another machine than the issuer let a connection join and then did not know its session.
fn not_known(mapi: &Mapi, connection: &RpcConnection) -> Option<String> {
    let unknown = |row: &RpcRow| fault(row) == Some(codes::CONTEXT_MISMATCH);
    let row = mapi.rows_of(connection).find(|row| unknown(row))?;
    Some(format!("lets the connection join and answers {} with a context mismatch", operation(row)))
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

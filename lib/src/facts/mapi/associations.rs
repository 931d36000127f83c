//! Associations: the connections of one client that share an association group, which its server issued.

use std::collections::HashMap;
use std::net::IpAddr;

use super::{Answer, Mapi, RpcKind};
use crate::flow::Moment;

/// An association of a client with a server (C706, 9.3; MS-RPCE 3.3.1.5.7).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Association {
    /// The client.
    pub client: IpAddr,
    /// The server, as it was called.
    pub server: IpAddr,
    /// Association group; `None` where no bind was captured.
    pub group: Option<u32>,
    /// Its connections; the first one is that on which the group was issued, or first seen.
    pub members: Vec<usize>,
    /// Connections that asked to join it and were refused, were given another group, or met another machine.
    pub strangers: Vec<usize>,
    /// When the group was issued, or first seen.
    pub first: Moment,
}

/// The associations of all connections that repeat no other, in the order of their first frames.
pub(super) fn group(mapi: &Mapi) -> Vec<Association> {
    let mut all: Vec<Association> = Vec::new();
    let mut early: Vec<(usize, u32)> = Vec::new();
    for (number, connection) in mapi.connections.iter().enumerate() {
        if connection.is_copy() || !connection.is_mapi() || connection.rows.is_empty() {
            continue;
        }
        let (client, server) = (connection.client.ip, connection.server.ip);
        let bind = mapi.rows_of(connection).find(|row| row.kind == RpcKind::Bind);
        let granted = bind.and_then(|bind| bind.granted);
        let presented = bind.map(|bind| bind.presented).filter(|group| *group != 0);
        let known = |all: &[Association], group: u32, same: bool| {
            all.iter().rposition(|association| {
                let issuer = association.members.first().map(|first| &mapi.connections[*first].identity);
                let differs = issuer.and_then(|issuer| issuer.differs(&connection.identity)).is_some();
                association.client == client && association.group == Some(group) && !(same && differs)
            })
        };
        let joined = granted.filter(|_| granted == presented).and_then(|group| known(&all, group, true));
        if let Some(group) = presented.filter(|_| joined.is_none()) {
            match known(&all, group, false) {
                Some(place) => all[place].strangers.push(number),
                None => early.push((number, group)),
            }
        }
        if matches!(bind.map(|bind| bind.answer), Some(Answer::Nak(_) | Answer::Fault(_) | Answer::None)) {
            continue;
        }
        match joined {
            Some(place) => all[place].members.push(number),
            None => all.push(Association {
                client,
                server,
                group: granted,
                members: vec![number],
                strangers: Vec::new(),
                first: mapi.rows_of(connection).next().map_or_else(Moment::default, |row| row.first()),
            }),
        }
    }
    let places = oldest(mapi, &all);
    for (number, group) in early {
        let place = places.get(&(mapi.connections[number].client.ip, group));
        if let Some(&place) = place.filter(|place| all[**place].members.first() > Some(&number)) {
            all[place].strangers.push(number);
        }
    }
    all
}

/// The associations that are older than the capture, by client and group: the first connection that was seen of them
/// presented their group and was let in.
fn oldest(mapi: &Mapi, all: &[Association]) -> HashMap<(IpAddr, u32), usize> {
    let mut places = HashMap::new();
    for (place, association) in all.iter().enumerate() {
        let first = association.members.first().and_then(|first| mapi.connections.get(*first));
        let bind = first.and_then(|first| mapi.rows_of(first).find(|row| row.kind == RpcKind::Bind));
        if let Some(group) = association.group
            && bind.is_some_and(|bind| bind.presented == group)
        {
            places.entry((association.client, group)).or_insert(place);
        }
    }
    places
}

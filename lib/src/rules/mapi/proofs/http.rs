//! Sessions over HTTP that are spread over two servers.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::{Kind, Proof};
use crate::facts::mapi::{HttpSession, RpcConnection};
use crate::proto::Guid;
use crate::rules::mapi::codes;
use crate::rules::{Confidence, View};

/// Virtual connections of RPC over HTTP whose channels end at two servers.
pub(super) fn channels<'v>(view: &View<'v>, proofs: &mut Vec<Proof<'v>>) {
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
        let begin = |connection: &RpcConnection| view.connection(connection.flow).map(|row| row.first());
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
pub(super) fn sessions<'v>(view: &View<'v>, proofs: &mut Vec<Proof<'v>>) {
    type Uses<'v> = Vec<(&'v RpcConnection, &'v HttpSession)>;
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
        let name = |session: &HttpSession| {
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

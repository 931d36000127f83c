//! Context handles that are presented where they were not issued.

use std::collections::HashMap;

use super::{Kind, Proof};
use crate::facts::mapi::{Answer, Mapi, RpcConnection};
use crate::flow::Moment;
use crate::proto::dcerpc::event::Handle;
use crate::rules::mapi::{codes, fault, life, name, operation};
use crate::rules::{Confidence, View};

/// Context handles that are presented where they were not issued.
pub(super) fn handles<'v>(view: &View<'v>, proofs: &mut Vec<Proof<'v>>) {
    let mapi = &view.facts.mapi;
    let homes = homes(mapi);
    for (number, connection) in mapi.connections.iter().enumerate() {
        if connection.is_copy() {
            continue;
        }
        for row in mapi.rows_of(connection).filter(|row| row.interface.is_mapi()) {
            let refused = fault(row) == Some(codes::CONTEXT_MISMATCH);
            let Some((handle, home)) = row.handle.filter(|_| refused).and_then(|h| Some((h, homes.get(&h)?)))
            else {
                continue;
            };
            // One that is good later without having been issued is older than the capture.
            if home.number == number || home.issued && home.at > row.first() {
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
                None => (Confidence::Likely, format!("presented on {}", name(connection))),
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

/// Where a handle is known to be good: it was issued, or used with success.
pub(super) struct Home<'v> {
    connection: &'v RpcConnection,
    number: usize,
    at: Moment,
    issued: bool,
}

/// Where each handle is known to be good.
pub(super) fn homes(mapi: &Mapi) -> HashMap<Handle, Home<'_>> {
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

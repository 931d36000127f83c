//! Rules about MAPI clients: DCE/RPC to Exchange, usually through a load balancer to a Client Access server array.

mod adverts;
mod codes;
mod life;
mod proofs;

pub(super) mod affinity_break;
pub(super) mod connect_failed;
pub(super) mod context_fault;
pub(super) mod encryption_mismatch;
pub(super) mod endpoint_unreachable;
pub(super) mod idle_reset;
pub(super) mod reset;
pub(super) mod server_busy;
pub(super) mod session_limit;

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::{Draft, SubjectKind, View};
use crate::facts::mapi::{Answer, RpcConnection, RpcRow};

/// Rows of one client with their connections.
type Rows<'v> = Vec<(&'v RpcConnection, &'v RpcRow)>;

/// A finding about a client.
fn about(client: IpAddr, title: impl Into<String>) -> Draft {
    Draft::new(SubjectKind::Client, client.to_string(), title)
}

/// The rows on Exchange's own interfaces that `is` picks, by client. Calls that a second leg repeats are left out.
fn rows_by_client<'v>(view: &View<'v>, is: impl Fn(&RpcRow) -> bool) -> BTreeMap<IpAddr, Rows<'v>> {
    let mapi = &view.facts.mapi;
    let mut by_client: BTreeMap<IpAddr, Rows<'v>> = BTreeMap::new();
    for connection in mapi.own() {
        for row in mapi.rows_of(connection).filter(|row| row.interface.is_mapi() && is(row)) {
            by_client.entry(connection.client.ip).or_default().push((connection, row));
        }
    }
    for rows in by_client.values_mut() {
        rows.sort_by_key(|(_, row)| (row.last().frame, row.flow));
    }
    by_client
}

/// Names the servers, connections and users of rows.
fn also(draft: Draft, rows: &Rows<'_>) -> Draft {
    rows.iter().fold(draft, |draft, (connection, row)| {
        draft
            .also(connection.server.ip)
            .also_all(connection.identity.behind.then_some(connection.identity.address))
            .also_all(connection.identity.names.iter().map(|(name, _)| name))
            .also_all(connection.user.iter().chain(&row.user_dn))
            .also(name(connection))
    })
}

/// A connection as findings name it.
fn name(connection: &RpcConnection) -> String {
    format!("{}->{}", connection.client, connection.server)
}

/// An association as findings name it.
fn group(id: u32) -> String {
    format!("0x{id:08x}")
}

/// The operation of a row.
fn operation(row: &RpcRow) -> String {
    row.operation().map_or_else(|| "a call".to_owned(), str::to_owned)
}

/// Request and answer of a row as evidence.
fn show(draft: Draft, view: &View<'_>, row: &RpcRow, note: String) -> Draft {
    let flow = Some(row.flow);
    let draft = match row.request {
        Some(request) if row.reply.is_some() => {
            draft.evidence(view, flow, request.last, format!("request: {}", operation(row)))
        }
        _ => draft,
    };
    draft.evidence(view, flow, row.last(), note)
}

/// The status of a fault.
fn fault(row: &RpcRow) -> Option<u32> {
    match row.answer {
        Answer::Fault(status) => Some(status),
        _ => None,
    }
}

/// The return code of a response.
fn code(row: &RpcRow) -> Option<u32> {
    match row.answer {
        Answer::Response(code) => code,
        _ => None,
    }
}

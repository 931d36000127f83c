//! Records of what MAPI clients said.

use std::net::IpAddr;

use super::{Origin, Record, origin};
use crate::facts::mapi::{Answer, RpcConnection, RpcKind, RpcRow, place_of};
use crate::proto::Interface;
use crate::rules::View;

/// One bind, alter, call, fault or endpoint map with its answer.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[allow(missing_docs)]
#[non_exhaustive]
pub struct MapiRecord {
    #[cfg_attr(feature = "serde", serde(flatten))]
    pub origin: Origin,
    pub client_ip: IpAddr,
    pub client_port: u16,
    pub server_ip: IpAddr,
    pub server_port: u16,
    /// The server's own name, or its address behind a balancer.
    pub server_name: Option<String>,
    /// `bind`, `alter`, `call`, `fault`, `nak` or `map`.
    pub kind: &'static str,
    pub interface: &'static str,
    pub operation: Option<String>,
    pub call_id: Option<u32>,
    /// The group that was granted, else the one that was asked for.
    pub assoc_group: Option<String>,
    /// The handle of the request, else of the response.
    pub context_handle: Option<String>,
    pub auth_type: Option<u8>,
    pub auth_level: Option<u8>,
    pub sealed: bool,
    pub user: Option<String>,
    /// Return code, status of a fault, or reason of a bind_nak.
    pub status: Option<String>,
    pub reply_frame: Option<u64>,
    pub latency_us: Option<i64>,
    /// What the endpoint mapper named.
    pub endpoint: Option<String>,
}

/// The records of one vantage point. Calls that the second leg of a balancer repeats are left out.
pub(super) fn records<'a>(view: &View<'a>) -> Vec<Record> {
    let mapi = &view.facts.mapi;
    let mut owners = vec![None; mapi.rows.len()];
    for connection in mapi.own() {
        for row in &connection.rows {
            if let Some(owner) = owners.get_mut(*row) {
                *owner = Some(connection);
            }
        }
    }
    let rows = mapi.rows.iter().zip(owners);
    rows.filter_map(|(row, owner)| Some(Record::Mapi(Box::new(record(view, owner?, row))))).collect()
}

fn record(view: &View<'_>, connection: &RpcConnection, row: &RpcRow) -> MapiRecord {
    let identity = &connection.identity;
    let behind = identity.behind.then(|| identity.address.to_string());
    let hex = |number: u32| format!("0x{number:08x}");
    let asked = row.granted.or(Some(row.presented).filter(|group| *group != 0));
    // A call belongs to the group of its connection.
    let group = asked.or_else(|| view.facts.mapi.rows_of(connection).find_map(|row| row.granted));
    let named = row.operation().map(str::to_owned);
    let endpoint = row.endpoints.first();
    MapiRecord {
        origin: origin(view, row.request.map_or_else(|| row.last(), |request| request.last), Some(row.flow)),
        client_ip: connection.client.ip,
        client_port: connection.client.port,
        server_ip: connection.server.ip,
        server_port: connection.server.port,
        server_name: identity.names.first().map(|(name, _)| name.to_string()).or(behind),
        kind: kind(row),
        interface: row.interface.name(),
        operation: named.or_else(|| row.opnum.map(|number| format!("opnum {number}"))),
        call_id: row.request_type.is_none().then_some(row.call_id),
        assoc_group: group.map(hex),
        context_handle: row
            .handle
            .or(row.issued)
            .filter(|handle| !handle.is_null())
            .map(|handle| handle.to_string()),
        auth_type: row.auth.map(|auth| auth.provider),
        auth_level: row.auth.map(|auth| auth.level),
        sealed: row.sealed,
        user: row.user_dn.as_deref().or(connection.user.as_deref()).map(str::to_owned),
        status: match row.answer {
            Answer::Fault(status) => Some(hex(status)),
            Answer::Nak(reason) => Some(reason.to_string()),
            Answer::Response(code) => code.map(hex),
            Answer::None | Answer::Accepted => None,
        },
        reply_frame: row.reply.map(|reply| reply.last.frame.number()),
        latency_us: row.request.zip(row.reply).map(|(from, to)| to.first.time.since(from.last.time) / 1000),
        endpoint: endpoint.map(|endpoint| place_of(endpoint, connection.server.ip).to_string()),
    }
}

fn kind(row: &RpcRow) -> &'static str {
    match (row.answer, row.kind) {
        (Answer::Fault(_), _) => "fault",
        (Answer::Response(Some(code)), _) if row.request_type.is_some() && code != 0 => "fault",
        (Answer::Nak(_), _) => "nak",
        (_, RpcKind::Bind) => "bind",
        (_, RpcKind::Alter) => "alter",
        (_, RpcKind::Call) if row.interface == Interface::EndpointMapper && row.opnum == Some(3) => "map",
        (_, RpcKind::Call) => "call",
    }
}

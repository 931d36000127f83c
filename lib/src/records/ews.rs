//! One row per call of Exchange Web Services in clear.

use std::net::IpAddr;

use super::{Origin, origin};
use crate::facts::{EwsRow, Interface};
use crate::rules::View;

/// One call.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[allow(missing_docs)]
#[non_exhaustive]
pub struct EwsRecord {
    #[cfg_attr(feature = "serde", serde(flatten))]
    pub origin: Origin,
    pub client_ip: IpAddr,
    pub client_port: u16,
    pub server_ip: IpAddr,
    pub server_port: u16,
    pub url: Option<String>,
    pub operation: Option<String>,
    pub status: Option<u16>,
    /// `NoError` where the answer has no other code.
    pub response_code: Option<String>,
    /// `Server`.
    pub server_header: Option<String>,
    /// `X-FEServer`.
    pub frontend: Option<String>,
    pub latency_us: Option<i64>,
}

/// The rows of a vantage point, in the order of completion.
pub(super) fn all<'v>(view: &'v View<'_>) -> impl Iterator<Item = EwsRecord> + 'v {
    let rows = view.facts.ews.iter().filter(|row| row.interface == Interface::Ews);
    rows.map(|row| {
        let reply = row.reply.as_ref();
        EwsRecord {
            origin: origin(view, row.completed(), Some(row.flow)),
            client_ip: row.client.ip,
            client_port: row.client.port,
            server_ip: row.server.ip,
            server_port: row.server.port,
            url: url(row),
            operation: row.operation.as_deref().map(str::to_owned),
            status: row.status(),
            response_code: row
                .codes()
                .first()
                .map(|code| code.to_string())
                .or_else(|| reply.filter(|reply| reply.no_error).map(|_| "NoError".to_owned())),
            server_header: reply.and_then(|reply| reply.server.as_deref()).map(str::to_owned),
            frontend: reply.and_then(|reply| reply.frontend.as_deref()).map(str::to_owned),
            latency_us: row.latency_us(),
        }
    })
}

/// The target in absolute form.
fn url(row: &EwsRow) -> Option<String> {
    let target = row.target.as_deref()?;
    match &row.host {
        Some(host) if target.starts_with('/') => Some(format!("http://{host}{target}")),
        _ => Some(target.to_owned()),
    }
}

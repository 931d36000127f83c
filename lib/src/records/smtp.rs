//! `extract smtp`: one row per reply.

use std::net::IpAddr;

use super::{Origin, origin};
use crate::facts::SmtpRow;
use crate::rules::View;

/// One SMTP reply, all its lines.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[allow(missing_docs)]
#[non_exhaustive]
pub struct SmtpRecord {
    #[cfg_attr(feature = "serde", serde(flatten))]
    pub origin: Origin,
    pub client_ip: IpAddr,
    pub client_port: u16,
    pub server_ip: IpAddr,
    pub server_port: u16,
    /// What it answers: a verb, with the address of MAIL and RCPT, the client's name of EHLO, and the mechanism and
    /// account of AUTH. `None` for the greeting, and where the command was not captured.
    pub command: Option<String>,
    pub code: u16,
    pub enhanced: Option<String>,
    /// Without the codes; lines joined by a line feed.
    pub text: String,
    pub latency_us: Option<i64>,
}

pub(super) fn record(view: &View<'_>, row: &SmtpRow) -> SmtpRecord {
    SmtpRecord {
        origin: origin(view, row.last, Some(row.flow)),
        client_ip: row.client.ip,
        client_port: row.client.port,
        server_ip: row.server.ip,
        server_port: row.server.port,
        command: row.asked_for(),
        code: row.code,
        enhanced: row.enhanced.map(|code| code.to_string()),
        text: row.text.to_string(),
        latency_us: row.asked.map(|asked| row.first.time.since(asked.time) / 1000),
    }
}

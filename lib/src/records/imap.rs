//! Records of IMAP: one per command, and per greeting or untagged BYE.

use std::net::IpAddr;

use super::{Origin, origin};
use crate::facts::{ImapKind, ImapRow};
use crate::proto::imap::Status;
use crate::proto::sasl::Mechanism;
use crate::rules::View;
use crate::time::Timestamp;

/// One command with its reply, or a greeting or untagged BYE (`tag` and `command` are null).
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[allow(missing_docs)]
#[non_exhaustive]
pub struct ImapRecord {
    #[cfg_attr(feature = "serde", serde(flatten))]
    pub origin: Origin,
    pub client_ip: IpAddr,
    pub client_port: u16,
    pub server_ip: IpAddr,
    pub server_port: u16,
    pub tag: Option<String>,
    pub command: Option<&'static str>,
    /// SASL mechanism.
    pub mechanism: Option<&'static str>,
    pub domain: Option<String>,
    pub user: Option<String>,
    pub workstation: Option<String>,
    pub reply_frame: Option<u64>,
    pub reply_time: Option<Timestamp>,
    pub latency_us: Option<i64>,
    pub status: Option<Status>,
    pub text: Option<String>,
    /// Authenticated sessions of the account on this server after it.
    pub open_for_user: Option<u64>,
    /// Connections of the client's address to this server after it.
    pub open_for_ip: u64,
}

pub(super) fn record(view: &View<'_>, row: &ImapRow) -> ImapRecord {
    let login = row.login.as_deref();
    let reply = row.reply.as_ref();
    let answer = reply.filter(|_| row.kind == ImapKind::Command);
    let owned = |text: Option<&str>| text.map(str::to_owned);
    ImapRecord {
        origin: origin(view, row.last, Some(row.flow)),
        client_ip: row.client.ip,
        client_port: row.client.port,
        server_ip: row.server.ip,
        server_port: row.server.port,
        tag: owned(row.tag.as_deref()),
        command: row.command,
        mechanism: login.and_then(|login| login.way.mechanism()).map(Mechanism::name),
        domain: owned(login.and_then(|login| login.domain.as_deref())),
        user: owned(login.and_then(|login| login.user.as_deref())),
        workstation: owned(login.and_then(|login| login.workstation.as_deref())),
        reply_frame: answer.map(|reply| reply.last.frame.number()),
        reply_time: answer.map(|reply| reply.last.time),
        latency_us: answer.map(|reply| reply.first.time.since(row.sent.time) / 1000),
        status: reply.map(|reply| reply.status),
        text: reply.map(|reply| reply.text.to_string()),
        open_for_user: row.open_for_user,
        open_for_ip: row.open_for_ip,
    }
}

//! Rules about calls of Exchange Web Services in clear.

mod codes;

pub(super) mod auth_rejected;
pub(super) mod error;
pub(super) mod http_error;
pub(super) mod locale_calendar;
pub(super) mod mailbox_moved;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::draft::shown;
use super::{Draft, SubjectKind, View};
use crate::facts::{EwsRow, Interface};

/// Names that a finding lists of each kind.
const NAMED: usize = 64;

/// Calls of Exchange Web Services, in the order of their completion.
fn calls<'v>(view: &View<'v>) -> impl Iterator<Item = &'v EwsRow> {
    view.facts.ews.iter().filter(|row| row.interface == Interface::Ews)
}

/// The calls that are meant, by server.
fn by_server<'v>(rows: impl Iterator<Item = &'v EwsRow>) -> BTreeMap<IpAddr, Vec<&'v EwsRow>> {
    let mut servers: BTreeMap<IpAddr, Vec<&EwsRow>> = BTreeMap::new();
    for row in rows {
        servers.entry(row.server.ip).or_default().push(row);
    }
    servers
}

/// A finding about a server and the calls that show it.
fn about(view: &View<'_>, server: IpAddr, rows: &[&EwsRow], title: String) -> Draft {
    let mut clients = BTreeSet::new();
    let mut names = BTreeSet::new();
    for row in rows {
        clients.insert(row.client.ip);
        names.insert(row.server.to_string());
        let reply = row.reply.as_ref();
        names.extend(reply.and_then(|reply| reply.frontend.as_deref()).map(str::to_owned));
        names.extend(reply.and_then(|reply| reply.backend.as_deref()).map(str::to_owned));
        names.extend(row.authorization.as_ref().and_then(|said| said.user.as_deref()).map(str::to_lowercase));
    }
    let operations: BTreeSet<&str> = rows.iter().filter_map(|row| row.operation.as_deref()).collect();
    let draft = Draft::new(SubjectKind::Server, server.to_string(), title)
        .also_all(clients.iter().take(NAMED))
        .also_all(names.into_iter().take(NAMED))
        .count(rows.len())
        .value("operations", operations.into_iter().map(str::to_owned).collect::<Vec<_>>());
    shown(rows, 1).fold(draft, |draft, row| draft.evidence(view, Some(row.flow), row.completed(), note(row)))
}

/// What a call and its reply are, for evidence.
fn note(row: &EwsRow) -> String {
    let what = row.operation.as_deref().or(row.method.as_deref()).unwrap_or("call");
    let status = row.status().map_or("no reply".to_owned(), |status| status.to_string());
    let codes = row.codes().join(", ");
    format!("{what}: {status} {codes}").trim_end().to_owned()
}

/// How often each of some words stands there, for a sentence: `ErrorServerBusy (3), ErrorAccessDenied (1)`.
fn tally<'w>(words: impl Iterator<Item = &'w str>) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    words.for_each(|word| *counts.entry(word).or_default() += 1);
    let said: Vec<String> = counts.iter().map(|(word, count)| format!("{word} ({count})")).collect();
    said.join(", ")
}

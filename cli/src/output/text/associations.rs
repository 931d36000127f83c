//! The table of MAPI associations: who asked whom, and how it went.

use std::collections::BTreeSet;

use comfy_table::{Cell, CellAlignment, ContentArrangement, Table, presets};
use sibtrace::Facts;
use sibtrace::facts::mapi::{Answer, Association, Mapi, RpcConnection, RpcKind};
use sibtrace::report::Report;

use super::page::Page;
use super::style::{AMISS, DIM, Detail, Style};
use crate::output::clean;

/// Rows that the table shows unless all are asked for.
const ROWS: usize = 40;

/// The associations in the order of their first frames.
pub(crate) fn table(page: &mut Page, report: &Report, facts: &Facts, style: &Style) {
    // With two vantage points, the Cisco side tells what arrived.
    let Some(mapi) = facts.vantages.last().map(|vantage| &vantage.mapi) else {
        return;
    };
    if mapi.associations.is_empty() {
        return;
    }
    page.heading("MAPI associations");
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic).enforce_styling();
    table.set_width(u16::try_from(page.width()).unwrap_or(u16::MAX));
    table.set_header(["client", "group", "servers", "connections", "calls", "faults", "verdict"]);
    let most = if style.detail == Detail::Full { usize::MAX } else { ROWS };
    for association in mapi.associations.iter().take(most) {
        let seen = Seen::new(mapi, association);
        let verdict = match verdict(report, association, &seen) {
            "ok" => "ok".to_owned(),
            bad => format!("{AMISS}{bad}{AMISS:#}"),
        };
        let number = |number: usize| Cell::new(number).set_alignment(CellAlignment::Right);
        table.add_row([
            Cell::new(association.client),
            Cell::new(association.group.map_or_else(|| "?".to_owned(), |group| format!("{group:08x}"))),
            Cell::new(clean::text(&seen.servers.into_iter().collect::<Vec<_>>().join(", "))),
            number(seen.connections),
            number(seen.calls),
            number(seen.faults),
            Cell::new(verdict),
        ]);
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    for line in table.lines() {
        page.line(line.trim_end());
    }
    let hidden = mapi.associations.len().saturating_sub(most);
    if hidden > 0 {
        page.paragraph(0, &format!("{DIM}and {hidden} more (-v shows all){DIM:#}"));
    }
}

/// What an association's connections show, those included that were turned away.
pub(crate) struct Seen {
    pub(crate) servers: BTreeSet<String>,
    pub(crate) connections: usize,
    pub(crate) calls: usize,
    pub(crate) faults: usize,
}

impl Seen {
    /// What `association` shows.
    pub(crate) fn new(mapi: &Mapi, association: &Association) -> Self {
        let numbers = association.members.iter().chain(&association.strangers);
        let all: Vec<&RpcConnection> = numbers.filter_map(|number| mapi.connections.get(*number)).collect();
        let rows = || all.iter().flat_map(|connection| mapi.rows_of(connection));
        Seen {
            servers: all.iter().map(|connection| connection.identity.name()).collect(),
            connections: all.len(),
            calls: rows().filter(|row| row.kind == RpcKind::Call && row.interface.is_mapi()).count(),
            faults: rows().filter(|row| matches!(row.answer, Answer::Fault(_))).count(),
        }
    }
}

/// How an association fared, in a word.
pub(crate) fn verdict(report: &Report, association: &Association, seen: &Seen) -> &'static str {
    let group = association.group.map(|group| format!("0x{group:08x}"));
    let broken = report.findings.iter().any(|finding| {
        finding.rule == "mapi-affinity-break"
            && group.as_ref().is_some_and(|group| finding.subject.also.contains(group))
    });
    match (broken, seen.faults) {
        (true, _) => "spread",
        (false, 0) if association.strangers.is_empty() => "ok",
        (false, 0) => "refused",
        (false, _) => "faults",
    }
}

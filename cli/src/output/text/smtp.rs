//! The table of SMTP clients: what they handed over, and what was refused.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use comfy_table::{Cell, CellAlignment, ContentArrangement, Table, presets};
use sibtrace::Facts;
use sibtrace::facts::SmtpRow;
use sibtrace::flow::FlowId;
use sibtrace::proto::smtp::Verb;

use super::page::Page;
use super::style::{AMISS, DIM};
use crate::output::clean;

/// Rows that the table shows.
const ROWS: usize = 20;

/// What one client did at one server.
#[derive(Default)]
struct Visits<'f> {
    flows: BTreeSet<FlowId>,
    messages: u64,
    refused: u64,
    /// The latest refusal of something that the server understood.
    refusal: Option<&'f SmtpRow>,
}

/// The clients, those that were refused most often first.
pub(crate) fn table(page: &mut Page, facts: &Facts) {
    // With two vantage points, the Cisco side tells what arrived.
    let Some(vantage) = facts.vantages.last().filter(|vantage| !vantage.smtp.is_empty()) else {
        return;
    };
    let mut visits: BTreeMap<(IpAddr, IpAddr), Visits<'_>> = BTreeMap::new();
    for row in &vantage.smtp {
        let visit = visits.entry((row.client.ip, row.server.ip)).or_default();
        visit.flows.insert(row.flow);
        let ends_message = matches!(row.command, Some(Verb::Data | Verb::Bdat)) && row.code == 250;
        // A chunk is answered like a message; only the answer to the last one says that it is queued.
        visit.messages += u64::from(ends_message && (row.command == Some(Verb::Data) || is_queued(row)));
        if row.is_refusal() {
            visit.refused += 1;
            if row.command != Some(Verb::Other) {
                visit.refusal = Some(row);
            }
        }
    }
    let mut rows: Vec<_> = visits.into_iter().collect();
    rows.sort_by_key(|(_, visit)| std::cmp::Reverse(visit.refused));
    let hidden = rows.len().saturating_sub(ROWS);
    rows.truncate(ROWS);

    page.heading("SMTP");
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled)
        .enforce_styling();
    table.set_header(["client", "server", "sessions", "messages", "refused"]);
    for ((client, server), visit) in &rows {
        let number = |number: u64| Cell::new(number).set_alignment(CellAlignment::Right);
        table.add_row([
            Cell::new(client),
            Cell::new(server),
            number(visit.flows.len() as u64),
            number(visit.messages),
            number(visit.refused),
        ]);
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    for line in table.lines() {
        page.line(line.trim_end());
    }
    for ((client, _), visit) in &rows {
        if let Some(refusal) = visit.refusal {
            let said = refusal.said();
            page.hanging("", 2, &format!("{client}: {AMISS}{}{AMISS:#}", clean::text(&said)));
        }
    }
    if hidden > 0 {
        page.paragraph(0, &format!("{DIM}and {hidden} more with no more refusals{DIM:#}"));
    }
}

fn is_queued(row: &SmtpRow) -> bool {
    !row.text.to_ascii_lowercase().contains("octets")
}

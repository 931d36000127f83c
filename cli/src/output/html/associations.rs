//! The table of MAPI associations.

use super::Story;
use super::markup::Markup;
use super::table::{Cell, Column, Table};
use crate::output::text::associations::{Seen, verdict};

/// Writes a row per association, in the order of their first frames.
pub(super) fn section(html: &mut Markup, story: &Story<'_>) {
    let Some(vantage) = story.facts.vantages.last() else { return };
    let mut table = Table::new(
        "MAPI associations",
        vec![
            Column::text("client"),
            Column::text("group"),
            Column::text("begins"),
            Column::text("servers"),
            Column::number("connections"),
            Column::number("calls"),
            Column::number("faults"),
            Column::text("verdict"),
        ],
    );
    for association in &vantage.mapi.associations {
        let seen = Seen::new(&vantage.mapi, association);
        let number = |number: usize| Cell::number(number as f64, number.to_string());
        let (connections, calls, faults) =
            (number(seen.connections), number(seen.calls), number(seen.faults));
        let verdict = verdict(story.report, association, &seen);
        table.row(vec![
            Cell::text(association.client.to_string()),
            Cell::text(association.group.map_or_else(|| "?".to_owned(), |group| format!("{group:08x}"))),
            Cell::time(story.clock.date(association.first.time)),
            Cell::words(seen.servers.into_iter().collect::<Vec<_>>().join(", ")),
            connections,
            calls,
            faults,
            Cell::text(verdict).class(class(verdict)),
        ]);
    }
    if !table.is_empty() {
        table.write(html);
    }
}

/// The look of a verdict.
pub(super) fn class(verdict: &str) -> &'static str {
    if verdict == "ok" { "good" } else { "error" }
}

//! The table of IMAP accounts.

use super::Story;
use super::markup::Markup;
use super::table::{Cell, Column, Table};
use crate::output::text::accounts::{Row, rows};

/// Writes a row per account and server, those that were refused first.
pub(super) fn section(html: &mut Markup, story: &Story<'_>) {
    let mut table = Table::new(
        "E-mail accounts",
        vec![
            Column::text("account"),
            Column::text("server"),
            Column::number("sessions"),
            Column::number("most at once"),
            Column::number("limit"),
            Column::number("refused"),
            Column::text("clients"),
        ],
    );
    for row in worst_first(story) {
        let number = |number: u64| Cell::number(number as f64, number.to_string());
        let refused = number(row.refused.len() as u64);
        table.row(vec![
            Cell::text(row.account.clone()),
            Cell::text(row.server.to_string()),
            number(row.sessions as u64),
            number(row.peak()),
            row.limit.map_or_else(Cell::empty, number),
            refused,
            Cell::words(row.whose()),
        ]);
    }
    if !table.is_empty() {
        table.write(html);
    }
}

/// The accounts of the Cisco side, or of the only side, those that were refused most first.
pub(super) fn worst_first(story: &Story<'_>) -> Vec<Row> {
    let mut rows =
        story.facts.vantages.last().map_or_else(Vec::new, |vantage| rows(&vantage.imap, story.config));
    rows.sort_by_key(Row::rank);
    rows
}

//! The table of TLS handshakes: who was asked for, what was shown, and what the product would say.

use std::collections::BTreeMap;

use comfy_table::{Cell, CellAlignment, Color, ContentArrangement, Table, presets};
use sibtrace::records::{Kind, Record, TlsRecord, records};
use sibtrace::{Config, Facts};

use super::page::Page;
use super::style::{DIM, Detail, Style};
use crate::output::clean;

/// Rows that the table shows unless all are asked for.
const ROWS: usize = 20;

/// Equal handshakes are one row; those with a fault come first.
pub(crate) fn table(page: &mut Page, facts: &Facts, config: &Config, style: &Style) {
    let mut counts: BTreeMap<Row, usize> = BTreeMap::new();
    for record in records(Kind::Tls, facts, config) {
        if let Record::Tls(record) = record {
            *counts.entry(Row::of(&record)).or_default() += 1;
        }
    }
    if !counts.is_empty() {
        show(page, counts.into_iter().collect(), style);
    }
}

/// What the table says of handshakes that are alike.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Row {
    is_good: bool,
    server: String,
    name: String,
    chain: String,
    verdict: String,
}

impl Row {
    fn of(record: &TlsRecord) -> Self {
        Row {
            is_good: matches!(record.verdict, None | Some("Verified")),
            server: format!("{}:{}", record.server_ip, record.server_port),
            name: record.sni.as_deref().map_or("-".to_owned(), |name| clean::text(name).into_owned()),
            chain: chain(record),
            verdict: match record.verdict {
                Some(verdict) => verdict.to_owned(),
                None => format!("none ({})", record.outcome),
            },
        }
    }
}

/// The certificates as sent, by common name, or why there are none.
fn chain(record: &TlsRecord) -> String {
    let name = |name: &Option<String>| clean::text(name.as_deref().unwrap_or("?")).into_owned();
    let sent: Vec<String> = record.certificates.iter().map(|one| name(&one.subject_cn)).collect();
    match (sent.is_empty(), record.version.as_deref()) {
        (false, _) => sent.join(" < "),
        (true, Some(version)) if version.starts_with("TLS 1.3") => "encrypted (TLS 1.3)".to_owned(),
        (true, Some(_)) if record.outcome == "complete" => "not sent (session resumed)".to_owned(),
        (true, _) => "-".to_owned(),
    }
}

fn show(page: &mut Page, mut rows: Vec<(Row, usize)>, style: &Style) {
    page.heading("TLS handshakes");
    let hidden = match style.detail {
        Detail::Full => 0,
        _ => rows.len().saturating_sub(ROWS),
    };
    rows.truncate(rows.len() - hidden);
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(u16::try_from(page.width()).unwrap_or(u16::MAX))
        .enforce_styling();
    let count = Cell::new("count").set_alignment(CellAlignment::Right);
    table.set_header([
        Cell::new("server"),
        Cell::new("name asked"),
        Cell::new("chain as sent"),
        Cell::new("verdict"),
        count,
    ]);
    for (row, count) in &rows {
        let verdict = Cell::new(&row.verdict);
        table.add_row([
            Cell::new(&row.server),
            Cell::new(&row.name),
            Cell::new(&row.chain),
            if row.is_good { verdict } else { verdict.fg(Color::Red) },
            Cell::new(count).set_alignment(CellAlignment::Right),
        ]);
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    for line in table.lines() {
        page.line(&line);
    }
    if hidden > 0 {
        page.paragraph(0, &format!("{DIM}and {hidden} more (-v shows all){DIM:#}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::text::samples;
    use expect_test::expect;

    fn row(server: &str, verdict: &str) -> Row {
        Row {
            is_good: verdict == "Verified",
            server: server.to_owned(),
            name: "mail.example.com".to_owned(),
            chain: "mail.example.com < Example Issuing CA".to_owned(),
            verdict: verdict.to_owned(),
        }
    }

    #[test]
    fn each_kind_of_handshake_is_a_row() {
        let mut page = Page::new(100);
        let rows = vec![(row("10.0.0.2:443", "SAN Mismatch"), 3), (row("10.0.0.1:443", "Verified"), 1)];
        show(&mut page, rows, &samples::style(100));
        expect![[r#"
            TLS handshakes
            server        name asked        chain as sent                          verdict       count
            10.0.0.2:443  mail.example.com  mail.example.com < Example Issuing CA  SAN Mismatch      3
            10.0.0.1:443  mail.example.com  mail.example.com < Example Issuing CA  Verified          1
        "#]]
        .assert_eq(&anstream::adapter::strip_str(&page.into_text()).to_string());
    }
}

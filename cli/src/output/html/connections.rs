//! The connections that the findings are about.

use std::collections::BTreeSet;

use sibtrace::records::{Kind, Record, records};

use super::Story;
use super::markup::Markup;
use super::table::{Cell, Column, Table};
use crate::output::text::header::grouped;

/// Connections that are listed.
const ROWS: usize = 500;

/// Writes a row per connection that is evidence of a finding.
pub(super) fn section(html: &mut Markup, story: &Story<'_>) {
    let wanted: BTreeSet<(usize, u64)> = story
        .report
        .findings
        .iter()
        .flat_map(|finding| &finding.evidence)
        .filter_map(|evidence| Some((story.first_capture(evidence.capture), evidence.stream?)))
        .collect();
    if wanted.is_empty() {
        return;
    }
    let mut table = Table::new(
        "Connections",
        vec![
            Column::number("stream"),
            Column::number("frame"),
            Column::text("begins"),
            Column::text("originator"),
            Column::text("responder"),
            Column::text("protocol"),
            Column::text("handshake"),
            Column::text("close"),
            Column::number("bytes sent"),
            Column::number("received"),
            Column::number("missing"),
            Column::number("retransmitted"),
        ],
    );
    let rows = records(Kind::Connections, story.facts, story.config).filter_map(|record| match record {
        Record::Connection(record) => Some(record),
        _ => None,
    });
    let is_wanted = |capture: usize, stream: Option<u64>| {
        stream.is_some_and(|stream| wanted.contains(&(story.first_capture(capture), stream)))
    };
    for row in rows.filter(|row| is_wanted(row.origin.capture, row.origin.stream)).take(ROWS) {
        let number = |number: u64| Cell::number(number as f64, grouped(number));
        let missing = row.orig_missing + row.resp_missing;
        let end = |ip: std::net::IpAddr, port| Cell::text(std::net::SocketAddr::new(ip, port).to_string());
        table.row(vec![
            row.origin
                .stream
                .map_or_else(Cell::empty, |stream| Cell::number(stream as f64, stream.to_string())),
            number(row.origin.frame),
            Cell::time(story.clock.date(row.origin.time)),
            end(row.orig_ip, row.orig_port),
            end(row.resp_ip, row.resp_port),
            Cell::text(row.protocol.unwrap_or_default()),
            Cell::text(format!("{:?}", row.handshake).to_lowercase()),
            Cell::text(format!("{:?}", row.close).to_lowercase()),
            number(row.orig_bytes),
            number(row.resp_bytes),
            number(missing),
            number(row.retransmitted),
        ]);
    }
    table.write(html);
    if wanted.len() > ROWS {
        html.leaf(
            "p",
            &[("class", "dim")],
            &format!("The first {ROWS} of {}.", grouped(wanted.len() as u64)),
        );
    }
}

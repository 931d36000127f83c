//! The frames of a finding, with who sent them to whom.

use std::collections::HashMap;

use sibtrace::flow::{Connection, Endpoint, Moment};
use sibtrace::rules::{Evidence, Finding};

use super::Story;
use super::markup::Markup;
use super::table::{Cell, Column, Table};

/// The last part of a path.
pub(super) fn name(path: &str) -> &str {
    path.rsplit(['/', '\\']).next().unwrap_or(path)
}

/// Who sent what to whom, by capture and frame, as far as the facts tell.
#[derive(Debug)]
pub(super) struct Ways(HashMap<(usize, u64), (Endpoint, Endpoint)>);

impl Ways {
    /// The ways of the frames in which something known was complete.
    pub(super) fn new(story: &Story<'_>) -> Self {
        let mut ways = HashMap::new();
        for view in &story.context.views {
            let mut put = |at: Moment, from: Endpoint, to: Endpoint| {
                ways.entry((view.first_capture + at.frame.file(), at.frame.number())).or_insert((from, to));
            };
            for row in &view.facts.notifications {
                for at in [row.first, row.last] {
                    put(at, row.source, row.listener);
                }
                if let Some(reply) = &row.reply {
                    put(reply.first, row.listener, row.source);
                    put(reply.last, row.listener, row.source);
                }
            }
            for connection in &view.facts.connections {
                put(connection.first, connection.orig, connection.resp);
            }
        }
        Ways(ways)
    }
}

impl Story<'_> {
    /// The first capture of the vantage point that a capture belongs to, over which streams are counted.
    pub(super) fn first_capture(&self, capture: usize) -> usize {
        let firsts = self.context.views.iter().map(|view| view.first_capture);
        firsts.filter(|first| *first <= capture).max().unwrap_or(0)
    }

    fn connection(&self, evidence: &Evidence) -> Option<&Connection> {
        let first = self.first_capture(evidence.capture);
        let view = self.context.views.iter().find(|view| view.first_capture == first)?;
        view.facts.connections.get(usize::try_from(evidence.stream?).ok()?)
    }
}

/// Writes the table of a finding's frames.
pub(super) fn table(html: &mut Markup, finding: &Finding, story: &Story<'_>, ways: &Ways) {
    let several = story.report.captures.len() > 1;
    let mut columns = vec![
        Column::number("frame"),
        Column::text("time"),
        Column::text("from"),
        Column::text("to"),
        Column::text("what"),
    ];
    if several {
        columns.insert(0, Column::text("file"));
    }
    let mut table = Table::new("Evidence", columns);
    for evidence in &finding.evidence {
        let ends = ways.0.get(&(evidence.capture, evidence.frame)).copied();
        let (from, to) = match (ends, story.connection(evidence)) {
            (Some((from, to)), _) => (Cell::text(from.to_string()), Cell::text(to.to_string())),
            // One of the two sent it; the facts do not say which.
            (None, Some(connection)) => (
                Cell::text(connection.orig.to_string()).class("either"),
                Cell::text(connection.resp.to_string()).class("either"),
            ),
            (None, None) => (Cell::empty(), Cell::empty()),
        };
        let mut cells = vec![
            Cell::text(evidence.frame.to_string()),
            Cell::time(story.clock.precise(evidence.time)),
            from,
            to,
            Cell::words(evidence.note.clone()),
        ];
        if several {
            let capture = story.report.captures.get(evidence.capture);
            cells.insert(0, Cell::text(capture.map_or("", |capture| name(&capture.path))));
        }
        table.row(cells);
    }
    if !table.is_empty() {
        table.write(html);
    }
}

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
            let facts = view.facts;
            let mut put = |at: Option<Moment>, from: Endpoint, to: Endpoint| {
                let Some(at) = at else { return };
                ways.entry((view.first_capture + at.frame.file(), at.frame.number())).or_insert((from, to));
            };
            for row in &facts.notifications {
                put(Some(row.first), row.source, row.listener);
                put(Some(row.last), row.source, row.listener);
                put(row.reply.as_ref().map(|reply| reply.first), row.listener, row.source);
                put(row.reply.as_ref().map(|reply| reply.last), row.listener, row.source);
            }
            for row in &facts.imap.rows {
                // Without a tag it is the server that speaks.
                put(row.tag.as_ref().map(|_| row.last), row.client, row.server);
                put(row.reply.as_ref().map(|reply| reply.first), row.server, row.client);
                put(row.reply.as_ref().map(|reply| reply.last), row.server, row.client);
            }
            for row in &facts.smtp {
                put(row.asked, row.client, row.server);
                put(Some(row.first), row.server, row.client);
            }
            for connection in &facts.mapi.connections {
                for row in facts.mapi.rows_of(connection) {
                    put(row.request.map(|span| span.last), connection.client, connection.server);
                    put(row.reply.map(|span| span.last), connection.server, connection.client);
                }
            }
            for row in &facts.handshakes {
                put(row.hello, row.client, row.server);
                put(row.server_hello, row.server, row.client);
                put(row.certificates.as_ref().map(|sent| sent.0), row.server, row.client);
                put(row.client_certificates.as_ref().map(|sent| sent.0), row.client, row.server);
            }
            for connection in &facts.connections {
                put(Some(connection.first()), connection.orig, connection.resp);
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
                Cell::text(format!("↔ {}", connection.resp)).class("either"),
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

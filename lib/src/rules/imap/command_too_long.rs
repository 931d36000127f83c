//! `imap-command-too-long`.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::limits;
use crate::facts::{ImapKind, ImapRow};
use crate::proto::imap::Status;
use crate::rules::draft::shown;
use crate::rules::words::counted;
use crate::rules::{Confidence, Context, Draft, Findings, SubjectKind};

rule! {
    /// A command line is longer than the server takes.
    ///
    /// ## Meaning
    /// Exchange reads at most 10240 bytes of a command line. A client that names thousands of messages in one command
    /// gets BAD, or loses the connection, and its folder does not synchronize.
    ///
    /// ## Evidence
    /// A command line, without its literals, that is longer than the limit and is answered with BAD or BYE, or not at
    /// all.
    ///
    /// ## Traps
    /// The bytes of a literal (APPEND) do not count, nor do long replies. A long line that is answered with OK shows that
    /// the limit is higher.
    ///
    /// ## Remedy
    /// `Set-ImapSettings -Server <CAS> -MaxCommandSize 16384` (the maximum), then `Restart-Service MSExchangeIMAP4`, from
    /// Exchange 2013 on also `Restart-Service MSExchangeIMAP4BE`; or let the client name fewer messages at a time.
    ///
    /// ## References
    /// Set-ImapSettings; RFC 7162, 4.
    pub(crate) struct ImapCommandTooLong;
    id = "imap-command-too-long";
    severity = Warning;
    check = check;
}

fn check(cx: &Context<'_>, out: &mut Findings<'_>) {
    for view in &cx.views {
        let limit = limits::command(view);
        let byes = view.facts.imap.rows.iter().filter(|row| row.kind == ImapKind::Bye);
        let byes: BTreeMap<_, _> = byes.map(|row| (row.flow, row.last.frame)).collect();
        let mut by_client: BTreeMap<IpAddr, Vec<&ImapRow>> = BTreeMap::new();
        for row in view.facts.imap.rows.iter().filter(|row| row.line_length > limit) {
            let said_bye = byes.get(&row.flow).is_some_and(|bye| *bye >= row.first.frame);
            let is_refused = row.status() == Some(Status::Bad)
                || row.reply.is_none() && (said_bye || is_closed(view, row));
            if is_refused {
                by_client.entry(row.client.ip).or_default().push(row);
            }
        }
        for (client, rows) in by_client {
            let longest = rows.iter().map(|row| row.line_length).max().unwrap_or(0);
            let proven = rows.iter().any(|row| row.reply.is_some() || byes.contains_key(&row.flow));
            let title = format!("{} of {client} longer than {limit} bytes", counted(rows.len(), "command"));
            let draft = Draft::new(SubjectKind::Client, client.to_string(), title)
                .also_all(rows.iter().map(|row| row.server.ip).take(super::NAMED))
                .confidence(if proven { Confidence::Proven } else { Confidence::Likely })
                .count(rows.len())
                .value("longest", longest)
                .value("limit", limit)
                .detail(format!(
                    "The longest command line has {longest} bytes without its literals; the server takes {limit}. The last \
                     answer was {:?}.",
                    rows.last().map_or("", |row| row.text()),
                ));
            out.push(shown(&rows, 2).fold(draft, |draft, row| {
                let note = format!("a line of {} bytes", row.line_length);
                let draft = draft.evidence(view, Some(row.flow), row.last, note);
                match &row.reply {
                    Some(reply) => draft.evidence(view, Some(row.flow), reply.last, "its answer"),
                    None => draft,
                }
            }));
        }
    }
}

/// Whether the connection ended without an answer to the command.
fn is_closed(view: &crate::rules::View<'_>, row: &ImapRow) -> bool {
    let session = view.facts.imap.session(row.flow);
    session.is_some_and(|session| session.closed.is_some() && session.logout.is_none())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::imap::testing::{Site, ids};

    #[test]
    fn a_long_line_that_is_refused_is_too_long() {
        let mut site = Site::exchange_2010();
        site.long_command(3, "10.0.1.1", 10_241, Status::Bad);
        assert_eq!(ids(&site.findings(&ImapCommandTooLong)), ["10.0.1.1"]);
    }

    #[test]
    fn a_long_line_that_is_taken_is_not() {
        let mut site = Site::exchange_2010();
        site.long_command(3, "10.0.1.1", 12_000, Status::Ok);
        site.long_command(4, "10.0.1.1", 10_240, Status::Bad);
        assert!(site.findings(&ImapCommandTooLong).is_empty());
    }
}

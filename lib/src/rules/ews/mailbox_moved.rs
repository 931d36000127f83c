//! `ews-mailbox-moved`.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::codes::Class;
use super::{about, by_server, calls, tally};
use crate::facts::{EwsRow, NotificationRow};
use crate::rules::by_id::Change;
use crate::rules::words::counted;
use crate::rules::{Confidence, Context, Draft, Findings, SubjectKind, View};

rule! {
    /// A mailbox is being moved, or was moved, while the Cisco side still knows the old place.
    ///
    /// ## Meaning
    /// Exchange does not tell its clients of a move. Until somebody tells the Cisco server, messages and calendars of
    /// the user are not synchronised.
    ///
    /// ## Evidence
    /// `ErrorMailboxMoveInProgress` and the other codes of a move in the answer to a call in clear. Or a push
    /// subscription whose watermarks change to another mailbox database.
    ///
    /// ## Traps
    /// The codes also come up for some minutes while a database fails over.
    ///
    /// ## Remedy
    /// Unity Connection: update the server of the unified messaging account, or let the service search for Exchange
    /// servers, and reset the account. IM and Presence: disable and enable calendaring for the user.
    ///
    /// ## References
    /// Microsoft, EWS ResponseCode; Cisco, Unified Messaging Guide, Moving and Restoring Exchange Mailboxes.
    pub(crate) struct EwsMailboxMoved;
    id = "ews-mailbox-moved";
    severity = Warning;
    check = check;
}

fn check(cx: &Context<'_>, out: &mut Findings<'_>) {
    for view in &cx.views {
        for (server, rows) in by_server(calls(view).filter(|row| moves(row).next().is_some())) {
            let codes: BTreeSet<&str> = rows.iter().flat_map(|row| moves(row)).collect();
            let codes: Vec<String> = codes.into_iter().map(str::to_owned).collect();
            let title =
                format!("Exchange at {server} says that a mailbox is elsewhere: {}", codes.join(", "));
            let said = tally(rows.iter().flat_map(|row| moves(row)));
            out.push(
                about(view, server, &rows, title)
                    .detail(format!(
                        "{} failed: {said}. {}",
                        counted(rows.len(), "call"),
                        Class::Moved.meaning()
                    ))
                    .value("codes", codes),
            );
        }
        databases(view, out);
    }
}

fn moves(row: &EwsRow) -> impl Iterator<Item = &str> {
    row.codes().iter().map(|code| &**code).filter(|code| Class::of(code) == Some(Class::Moved))
}

/// States each source whose subscriptions change to another mailbox database in the middle of their lives.
fn databases(view: &View<'_>, out: &mut Findings<'_>) {
    let mut changes: BTreeMap<IpAddr, Vec<(&NotificationRow, &NotificationRow)>> = BTreeMap::new();
    for rows in view.changing(Change::Database) {
        for (before, row) in rows.iter().zip(&rows[1..]) {
            if let (Some(old), Some(new)) = (before.database(), row.database())
                && old != new
            {
                changes.entry(row.source.ip).or_default().push((before, row));
            }
        }
    }
    for (source, mut seen) in changes {
        seen.sort_by_key(|(_, row)| (row.last.frame, row.flow));
        let ids: BTreeSet<_> = seen.iter().filter_map(|(_, row)| row.request_id()).collect();
        let draft = Draft::new(
            SubjectKind::Server,
            source.to_string(),
            format!("The mailbox of a subscription of {source} changed its database"),
        )
        .confidence(Confidence::Likely)
        .detail(
            "The watermarks of a push subscription name another mailbox database than before: the mailbox was moved, \
             or the database was restored.",
        )
        .also_all(ids)
        .count(seen.len())
        .caveat("That the identifier in a watermark is the database's is known from samples only.");
        out.push(super::super::draft::shown(&seen, 2).fold(draft, |draft, (before, after)| {
            draft
                .evidence(view, Some(before.flow), before.last, "last watermark of the old database")
                .evidence(view, Some(after.flow), after.last, "first watermark of the new one")
        }));
    }
}

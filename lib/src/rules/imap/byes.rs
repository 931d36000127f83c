//! BYEs that the client did not ask for.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::reason::{Reason, code, reason};
use crate::facts::{ImapKind, ImapRow, ImapSession};
use crate::flow::{Dir, FlowId};
use crate::rules::{Draft, SubjectKind, View};
use crate::time::Timestamp;

/// An authenticated session may be silent for 30 minutes unless that was changed (AuthenticatedConnectionTimeout);
/// a timer may run a little early.
const IDLE: f64 = 29.0 * 60.0;
/// A session that was silent for so long may have met a time-out that was made shorter.
const QUIET: f64 = 60.0;
/// The shortest time-out that can be set, for both kinds (Set-ImapSettings), less the same little.
const SHORTEST: f64 = 28.0;
/// So many sessions that end within [`TOGETHER`] end because of the server.
const MANY: usize = 3;
const TOGETHER: f64 = 2.0;

/// A BYE in a session that had not asked for it.
#[derive(Debug)]
pub(super) struct Bye<'v> {
    pub(super) row: &'v ImapRow,
    /// Seconds since the client said something.
    pub(super) silence: f64,
    pub(super) cause: Cause,
}

/// Why the server ended a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// Nothing had been said for long by somebody who is logged in.
    Idle,
    /// Nobody logged in.
    NoLogin,
    /// The server's own reasons.
    Server,
}

/// The BYEs that need an explanation.
pub(super) fn unsolicited<'v>(view: &View<'v>) -> Vec<Bye<'v>> {
    let rows = &view.facts.imap.rows;
    let mut commands: BTreeMap<FlowId, Vec<&ImapRow>> = BTreeMap::new();
    for row in rows.iter().filter(|row| row.kind == ImapKind::Command) {
        commands.entry(row.flow).or_default().push(row);
    }
    let mut byes = Vec::new();
    for row in rows.iter().filter(|row| row.kind == ImapKind::Bye) {
        let Some(session) = view.facts.imap.session(row.flow).filter(|session| hears_both(view, session))
        else {
            continue;
        };
        if session.logout.is_some_and(|said| said.frame <= row.last.frame) {
            continue;
        }
        let commands = commands.get(&row.flow).map(Vec::as_slice).unwrap_or_default();
        let said = commands.iter().map(|command| command.sent).chain(session.authenticated);
        let last = said.filter(|at| at.frame < row.first.frame).max();
        let silence = row.first.time.seconds_since(last.unwrap_or(session.opened).time);
        let cause = if !session.is_authenticated_at(row.first) {
            match silence >= SHORTEST && !has_failed(view, commands) {
                true => Cause::NoLogin,
                false => continue,
            }
        } else if silence >= IDLE || silence >= QUIET && says_idle(row.text()) {
            Cause::Idle
        } else {
            Cause::Server
        };
        byes.push(Bye { row, silence, cause });
    }
    end_together(&mut byes);
    byes
}

/// Whether a log-in was refused: what follows belongs to that.
fn has_failed(view: &View<'_>, commands: &[&ImapRow]) -> bool {
    commands.iter().any(|row| reason(view, row).is_some_and(|reason| reason != Reason::Unavailable))
}

/// Whether the capture would show a LOGOUT.
fn hears_both(view: &View<'_>, session: &ImapSession) -> bool {
    view.connection(session.flow).is_some_and(|connection| {
        let dir = if connection.orig == session.client { Dir::Orig } else { Dir::Resp };
        let side = connection.side(dir);
        side.packets > 0 && side.missing == 0 && !side.acked_unseen
    })
}

fn says_idle(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let words = ["idle", "inactiv", "timeout", "timed out", "time-out"];
    matches!(code(text), Some(11 | 13)) || words.iter().any(|word| lower.contains(word))
}

/// Sessions that were silent for different times and end at once have not timed out.
fn end_together(byes: &mut [Bye<'_>]) {
    let times: Vec<_> = byes.iter().map(|bye| (bye.row.server.ip, bye.row.first.time)).collect();
    for (index, bye) in byes.iter_mut().enumerate() {
        let (server, time) = times[index];
        let is_near =
            |other: &&(IpAddr, Timestamp)| other.0 == server && other.1.seconds_since(time).abs() <= TOGETHER;
        // Byes are in order, so those that end together stand together.
        let from = index.saturating_sub(MANY);
        let near = times[from..].iter().take(2 * MANY).filter(is_near).count();
        if near >= MANY && bye.cause == Cause::Idle && bye.silence < IDLE {
            bye.cause = Cause::Server;
        }
    }
}

/// A finding about the BYEs to one client.
pub(super) fn draft(view: &View<'_>, client: IpAddr, title: String, byes: &[Bye<'_>]) -> Draft {
    let servers: BTreeSet<IpAddr> = byes.iter().map(|bye| bye.row.server.ip).collect();
    let account = |bye: &Bye<'_>| view.facts.imap.session(bye.row.flow)?.account.as_deref();
    let accounts: BTreeSet<&str> = byes.iter().filter_map(account).collect();
    let texts: BTreeSet<String> = byes.iter().map(|bye| bye.row.text().to_owned()).collect();
    let silence = byes.iter().map(|bye| bye.silence).fold(0.0, f64::max);
    Draft::new(SubjectKind::Client, client.to_string(), title)
        .also_all(servers.into_iter().take(super::NAMED))
        .also_all(accounts.into_iter().take(super::NAMED))
        .count(byes.len())
        .value("texts", texts.into_iter().take(super::NAMED).collect::<Vec<_>>())
        .value("silence_s", silence)
}

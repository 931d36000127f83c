//! Refused log-ins, sorted by what refused them: a limit, a wrong password, or a locked account. Exchange's text is
//! the same for all of them; what tells is when the same account is accepted, and how many of its sessions are open.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use super::Who;
use super::limits::{self, Limit};
use super::reason::{Reason, reason};
use crate::facts::{ImapLogin, ImapRow, Level};
use crate::flow::Connection;
use crate::proto::Secret;
use crate::rules::View;

/// Refusals in a row that make a lock-out.
const LOCKED: usize = 5;
/// The mailbox store allows one user so many sessions of IMAP unless it was told otherwise, whatever the IMAP service
/// allows (Exchange, managed store limits).
const STORE: u64 = 16;
/// A log-in that is taken so soon after one that was refused (seconds) did not wait for the end of a lock-out.
const SOON: f64 = 60.0;
/// Where the limit is not known, fewer sessions than the smallest default are few (Exchange 2007).
const FEW: u64 = 10;

/// The log-ins of one account, and how the refused ones are to be read.
#[derive(Debug)]
pub(super) struct Access<'v> {
    pub(super) who: Who<'v>,
    pub(super) accepted: Vec<&'v ImapRow>,
    /// Refused although the password is right.
    pub(super) throttled: Vec<Refused<'v>>,
    /// Refused, and nothing says that the password is right.
    pub(super) rejected: Vec<Refused<'v>>,
    /// Refused one after the other after the account had been accepted, by a server that is not full.
    pub(super) locked: Vec<Refused<'v>>,
    /// The account was accepted again after a lock-out.
    pub(super) is_unlocked: bool,
}

/// A refused log-in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Refused<'v> {
    pub(super) row: &'v ImapRow,
    pub(super) reason: Reason,
    /// Sessions of the account that were open on the server.
    pub(super) open: u64,
    /// The limit that they had reached.
    pub(super) limit: Option<Limit>,
    /// The limit that is known, reached or not.
    known: Option<Limit>,
    /// They had reached a limit, known or not.
    pub(super) is_full: bool,
    /// The password is another one than those that were accepted.
    pub(super) is_wrong: bool,
}

/// The log-ins of every account.
pub(super) fn accounts<'v>(view: &View<'v>) -> Vec<Access<'v>> {
    let mut by_who: BTreeMap<Who<'v>, Vec<(&'v ImapRow, Option<Reason>)>> = BTreeMap::new();
    for row in view.facts.imap.rows.iter().filter(|row| row.login.is_some()) {
        let reason = reason(view, row);
        let counts = matches!(reason, Some(Reason::Credentials | Reason::Disabled | Reason::TooMany));
        if counts || row.is_accepted_login() {
            by_who.entry(Who::of(row)).or_default().push((row, reason));
        }
    }
    let lossy = lossy(view);
    by_who.into_iter().map(|(who, attempts)| Access::new(view, &lossy, who, attempts)).collect()
}

/// Servers of whose connections packets are missing: sessions may be missing with them.
fn lossy(view: &View<'_>) -> BTreeSet<IpAddr> {
    let is_lossy =
        |connection: &Connection| connection.sides.iter().any(|side| side.missing > 0 || side.acked_unseen);
    let sessions = view.facts.imap.sessions.iter();
    let lossy = sessions.filter(|session| view.connection(session.flow).is_some_and(is_lossy));
    lossy.map(|session| session.server.ip).collect()
}

impl<'v> Access<'v> {
    fn new(
        view: &View<'v>,
        lossy: &BTreeSet<IpAddr>,
        who: Who<'v>,
        mut attempts: Vec<(&'v ImapRow, Option<Reason>)>,
    ) -> Self {
        attempts.sort_by_key(|(row, _)| row.settled().frame);
        let accepted: Vec<&ImapRow> =
            attempts.iter().filter(|(_, reason)| reason.is_none()).map(|(row, _)| *row).collect();
        let secrets = secrets(&accepted);
        let refusals = attempts.iter().filter_map(|&(row, reason)| Some((row, reason?)));
        let mut refused: Vec<Refused<'v>> =
            refusals.map(|(row, reason)| Refused::new(view, row, reason, &secrets)).collect();
        for refused in refused.iter_mut().filter(|refused| lossy.contains(&refused.row.server.ip)) {
            refused.is_full |= refused.is_nearly_full(refused.known);
        }
        if !accepted.is_empty() {
            find_hidden_limit(view, &accepted, &mut refused);
        }
        let mut access = Access {
            who,
            accepted,
            throttled: Vec::new(),
            rejected: Vec::new(),
            locked: Vec::new(),
            is_unlocked: false,
        };
        access.sort(refused);
        access
    }

    fn sort(&mut self, refused: Vec<Refused<'v>>) {
        let mut few = Vec::new();
        for refused in refused {
            match refused.reason {
                Reason::TooMany => self.throttled.push(refused),
                Reason::Disabled => self.rejected.push(refused),
                _ if refused.is_full && !refused.is_wrong => self.throttled.push(refused),
                _ => few.push(refused),
            }
        }
        self.take_nearly_full(&mut few);
        if self.accepted.is_empty() || matches!(self.who, Who::Client(_)) {
            self.rejected.extend(few);
        } else {
            for run in self.runs(few) {
                self.read(run);
            }
        }
        // What was refused on the way to a lock-out has led to it.
        if let Some(last) = self.locked.last().map(|last| last.row.settled().frame) {
            let (before, after) = std::mem::take(&mut self.rejected)
                .into_iter()
                .partition(|refused| refused.row.settled().frame < last);
            self.rejected = after;
            self.locked.extend::<Vec<_>>(before);
        }
        for list in [&mut self.throttled, &mut self.rejected, &mut self.locked] {
            list.sort_by_key(|refused| refused.row.settled().frame);
        }
    }

    /// Takes for throttled what was refused hardly below a limit that was met at other times: a session or two may be
    /// missing from the capture.
    fn take_nearly_full(&mut self, few: &mut Vec<Refused<'v>>) {
        let Some(limit) = self.throttled.iter().find_map(|refused| refused.limit) else {
            return;
        };
        let is_near =
            |refused: &Refused<'v>| !refused.is_wrong && refused.open >= limit.value - limit.value / 4;
        let (near, others) = std::mem::take(few).into_iter().partition(is_near);
        self.throttled.extend::<Vec<_>>(near);
        *few = others;
    }

    /// Refusals with no accepted log-in between them; those before the first accepted one, too.
    fn runs(&self, refused: Vec<Refused<'v>>) -> Vec<Vec<Refused<'v>>> {
        let mut runs: BTreeMap<usize, Vec<Refused<'v>>> = BTreeMap::new();
        for refused in refused {
            let at = refused.row.settled().frame;
            let before = self.accepted.partition_point(|accepted| accepted.settled().frame < at);
            runs.entry(before).or_default().push(refused);
        }
        runs.into_values().collect()
    }

    /// Reads a run of refusals by a server on which few sessions of the account were open.
    fn read(&mut self, run: Vec<Refused<'v>>) {
        let hosts: BTreeSet<Host<'v>> = run.iter().map(|refused| Host::of(refused.row)).collect();
        let (wrong, others): (Vec<Refused<'v>>, Vec<Refused<'v>>) =
            run.iter().copied().partition(|refused| refused.is_wrong);
        let is_known = others.iter().any(|refused| secret(refused.row).is_some());
        let is_stale = hosts.len() == 1
            && !is_known
            && !self.accepted.iter().any(|accepted| hosts.contains(&Host::of(accepted)));
        if others.is_empty() || is_stale {
            self.rejected.extend(run);
            return;
        }
        let first = run.first().map(|refused| refused.row.settled().frame);
        let before = self.accepted.iter().filter(|row| Some(row.settled().frame) < first).count();
        let is_last = before == self.accepted.len();
        // Sessions that are older than the capture were let in before, too.
        let was_let_in = before > 0 || run.first().is_some_and(|refused| refused.open > 0);
        if was_let_in && (run.len() >= LOCKED || is_last) {
            self.locked.extend(run);
            self.is_unlocked = !is_last;
            return;
        }
        self.throttled.extend(others);
        self.rejected.extend(wrong);
    }
}

impl<'v> Refused<'v> {
    fn new(view: &View<'v>, row: &'v ImapRow, reason: Reason, accepted: &[Secret]) -> Self {
        let level = level(view, row);
        let open = level.map_or(0, |level| level.lately(row.settled()));
        let peak = level.and_then(Level::peak).map_or(0, |peak| peak.1);
        let limit = limits::user(view, row.server.ip, peak);
        let reached = limit.filter(|limit| limit.value > 0 && open >= limit.value);
        let is_wrong = secret(row).is_some_and(|own| !accepted.is_empty() && !accepted.contains(&own));
        let is_full = reached.is_some()
            || open == STORE && peak == STORE
            || limits::are_unknown(view, row.server.ip) && open >= FEW;
        Refused { row, reason, open, limit: reached, known: limit, is_full, is_wrong }
    }

    /// Whether hardly fewer sessions were open than a limit allows.
    fn is_nearly_full(&self, limit: Option<Limit>) -> bool {
        limit.is_some_and(|limit| limit.value > 1 && self.open >= limit.value - limit.value / 4)
    }
}

/// Takes refusals for a limit where concurrency alone parts them from what was accepted: every one came while more
/// sessions were open than before any accepted log-in, and the account was accepted again when sessions had ended. A
/// limit that is known has to be lower than it seems for that, so then it must have happened more than once, or at once
/// when there was room.
fn find_hidden_limit<'v>(view: &View<'v>, accepted: &[&'v ImapRow], refused: &mut [Refused<'v>]) {
    let open_before =
        |row: &ImapRow| level(view, row).map_or(0, |level| level.at(row.settled())).saturating_sub(1);
    let most = accepted.iter().map(|row| open_before(row)).max().unwrap_or(0);
    let right = || refused.iter().filter(|refused| !refused.is_wrong);
    let place = |refused: &Refused<'v>| {
        accepted.partition_point(|row| row.settled().frame < refused.row.settled().frame)
    };
    let comes_back: BTreeSet<usize> = right().map(place).filter(|place| *place < accepted.len()).collect();
    let is_soon = right().any(|refused| {
        let next = accepted.get(place(refused)).map(|row| row.settled().time);
        next.is_some_and(|next| next.seconds_since(refused.row.settled().time) <= SOON)
    });
    let is_unknown = right().all(|refused| limits::are_unknown(view, refused.row.server.ip));
    let is_parted = right().all(|refused| refused.open > most.max(1));
    if is_parted && (comes_back.len() > usize::from(!is_unknown) || is_soon) {
        refused.iter_mut().filter(|refused| !refused.is_wrong).for_each(|refused| refused.is_full = true);
    }
}

fn level<'v>(view: &View<'v>, row: &ImapRow) -> Option<&'v Level> {
    let account: &Arc<str> = row.login.as_ref()?.account.as_ref()?;
    view.facts.imap.open.user(row.server.ip, account)
}

fn secret(row: &ImapRow) -> Option<Secret> {
    row.login.as_ref()?.secret
}

fn secrets(rows: &[&ImapRow]) -> Vec<Secret> {
    /// An account has hardly more passwords at a time.
    const KEPT: usize = 16;
    let mut kept: Vec<Secret> = Vec::new();
    for secret in rows.iter().filter_map(|row| secret(row)) {
        if kept.len() < KEPT && !kept.contains(&secret) {
            kept.push(secret);
        }
    }
    kept
}

/// A client host: by its own name, which it keeps behind a translator, and its address, as images of one installation
/// share a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Host<'v>(Option<&'v str>, IpAddr);

impl<'v> Host<'v> {
    fn of(row: &'v ImapRow) -> Self {
        let name = row.login.as_deref().and_then(|login: &ImapLogin| login.workstation.as_deref());
        Host(name, row.client.ip)
    }
}

//! Rules about IMAP: log-ins that are refused, limits, and sessions that the server ends.

mod access;
mod byes;
mod limits;
mod reason;
mod turned_away;

mod account_lockout;
mod auth_rejected;
mod auth_throttled;
mod command_too_long;
mod connection_limit;
mod idle_timeout;
mod login_disabled;
mod mailbox_unavailable;
mod plaintext_credentials;
mod server_bye;
mod tls_unavailable;

pub(super) use account_lockout::ImapAccountLockout;
pub(super) use auth_rejected::ImapAuthRejected;
pub(super) use auth_throttled::ImapAuthThrottled;
pub(super) use command_too_long::ImapCommandTooLong;
pub(super) use connection_limit::ImapConnectionLimit;
pub(super) use idle_timeout::ImapIdleTimeout;
pub(super) use login_disabled::ImapLoginDisabled;
pub(super) use mailbox_unavailable::ImapMailboxUnavailable;
pub(super) use plaintext_credentials::ImapPlaintextCredentials;
pub(super) use server_bye::ImapServerBye;
pub(super) use tls_unavailable::ImapTlsUnavailable;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::{Draft, SubjectKind, View};
use crate::facts::{ImapLogin, ImapRow};

/// Names that a finding lists of each kind.
const NAMED: usize = 64;

/// Whom a log-in is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Who<'v> {
    /// An account, by its bare name.
    Account(&'v str),
    /// The account is not seen (Kerberos, or the name was not captured): whoever logs in from an address.
    Client(IpAddr),
}

impl<'v> Who<'v> {
    fn of(row: &'v ImapRow) -> Self {
        let account = row.login.as_ref().and_then(|login| login.account.as_deref());
        account.map_or(Who::Client(row.client.ip), Who::Account)
    }

    /// A finding about it, with the addresses and names of `rows`.
    fn draft<'r>(&self, title: String, rows: impl IntoIterator<Item = &'r ImapRow>) -> Draft {
        let draft = match self {
            Who::Account(name) => Draft::new(SubjectKind::User, *name, title),
            Who::Client(ip) => Draft::new(SubjectKind::Client, ip.to_string(), title),
        };
        let rows: Vec<&ImapRow> = rows.into_iter().collect();
        let logins = || rows.iter().filter_map(|row| row.login.as_deref());
        let names: BTreeSet<String> = logins().filter_map(full_name).collect();
        let clients: BTreeSet<IpAddr> = rows.iter().map(|row| row.client.ip).collect();
        let servers: BTreeSet<IpAddr> = rows.iter().map(|row| row.server.ip).collect();
        draft
            .also_all(names.into_iter().take(NAMED))
            .also_all(clients.into_iter().take(NAMED))
            .also_all(servers.into_iter().take(NAMED))
    }
}

impl std::fmt::Display for Who<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Who::Account(name) => f.write_str(name),
            Who::Client(ip) => write!(f, "an account unknown from {ip}"),
        }
    }
}

/// `DOMAIN\user`, or the user name as sent where it says more than the bare name.
fn full_name(login: &ImapLogin) -> Option<String> {
    let user = login.user.as_deref()?;
    Some(match login.domain.as_deref() {
        Some(domain) => format!("{domain}\\{user}"),
        None => user.to_owned(),
    })
}

/// Rows by account: of the log-in, or of the session in which they stand.
fn by_account<'v>(
    view: &View<'v>,
    rows: impl Iterator<Item = &'v ImapRow>,
) -> BTreeMap<Who<'v>, Vec<&'v ImapRow>> {
    let mut all: BTreeMap<Who<'v>, Vec<&'v ImapRow>> = BTreeMap::new();
    for row in rows {
        let session = view.facts.imap.session(row.flow);
        let who = match (Who::of(row), session.and_then(|session| session.account.as_deref())) {
            (Who::Client(_), Some(account)) => Who::Account(account),
            (who, _) => who,
        };
        all.entry(who).or_default().push(row);
    }
    all
}

/// Addresses with how often each occurs: `10.1.2.3 (2), 10.1.2.4`.
fn tally(addresses: impl Iterator<Item = IpAddr>) -> String {
    const LISTED: usize = 12;
    let mut counts: BTreeMap<IpAddr, usize> = BTreeMap::new();
    addresses.for_each(|ip| *counts.entry(ip).or_default() += 1);
    let each = |(ip, count): (&IpAddr, &usize)| match count {
        1 => ip.to_string(),
        _ => format!("{ip} ({count})"),
    };
    let mut text = counts.iter().take(LISTED).map(each).collect::<Vec<_>>().join(", ");
    if counts.len() > LISTED {
        text += &format!(" and {} more", counts.len() - LISTED);
    }
    text
}

#[cfg(test)]
mod testing;

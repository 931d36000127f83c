//! The limits of a server: as configured, else the defaults of the version of Exchange that shows itself.

use std::net::IpAddr;

use crate::facts::Defaults;
use crate::rules::View;

/// MaxCommandSize of all versions that have one.
const COMMAND: u64 = 10_240;

/// A limit and how it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limit {
    pub(super) value: u64,
    /// The version whose default it is; `None` when it was configured.
    pub(super) version: Option<&'static str>,
}

impl Limit {
    fn of(configured: Option<u64>, default: Option<u64>, version: Option<&'static str>) -> Option<Self> {
        let by_user = configured.map(|value| Limit { value, version: None });
        by_user.or_else(|| default.map(|value| Limit { value, version }))
    }

    /// Whether a default that the traffic has gone beyond can still be in force.
    fn holds(&self, peak: u64) -> bool {
        self.version.is_none() || peak <= self.value
    }
}

impl std::fmt::Display for Limit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.version {
            Some(version) => write!(f, "{}, the default of {version}", self.value),
            None => write!(f, "{}, as configured", self.value),
        }
    }
}

fn defaults(view: &View<'_>, server: IpAddr) -> Option<Defaults> {
    view.facts.imap.servers.get(&server)?.defaults()
}

/// Whether nothing is known of the limit of sessions per user: it is neither configured nor told by a version, or
/// several machines share the address, each with a limit of its own.
pub(super) fn are_unknown(view: &View<'_>, server: IpAddr) -> bool {
    let hints = view.facts.imap.servers.get(&server);
    let are_several = hints.is_some_and(|hints| hints.names.len() > 1);
    view.config.imap_limits.user.is_none() && (are_several || defaults(view, server).is_none())
}

/// Sessions of one account (MaxConnectionsPerUser).
pub(super) fn user(view: &View<'_>, server: IpAddr, peak: u64) -> Option<Limit> {
    let defaults = defaults(view, server);
    let version = defaults.map(|defaults| defaults.version);
    let default = defaults.and_then(|defaults| defaults.user);
    Limit::of(view.config.imap_limits.user, default, version).filter(|limit| limit.holds(peak))
}

/// Connections of one address (MaxConnectionFromSingleIP).
pub(super) fn ip(view: &View<'_>, server: IpAddr, peak: u64) -> Option<Limit> {
    let defaults = defaults(view, server);
    let version = defaults.map(|defaults| defaults.version);
    let default = defaults.and_then(|defaults| defaults.ip);
    Limit::of(view.config.imap_limits.ip, default, version).filter(|limit| limit.holds(peak))
}

/// Connections in total (MaxConnections).
pub(super) fn total(view: &View<'_>, server: IpAddr, peak: u64) -> Option<Limit> {
    let defaults = defaults(view, server);
    let version = defaults.map(|defaults| defaults.version);
    let default = defaults.and_then(|defaults| defaults.total);
    Limit::of(view.config.imap_limits.total, default, version).filter(|limit| limit.holds(peak))
}

/// Bytes of a command line (MaxCommandSize).
pub(super) fn command(view: &View<'_>) -> u64 {
    view.config.imap_limits.command.unwrap_or(COMMAND)
}

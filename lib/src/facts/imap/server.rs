//! What shows the version of an IMAP server, and the limits that this version has unless they were changed.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;

use crate::flow::Moment;
use crate::proto::imap::Capabilities;
use crate::proto::ntlm::{Challenge, Version};
use crate::proto::subscription_id::BASE64;

/// Greetings that are kept of a server.
const GREETINGS: usize = 4;

/// What shows the version of a server.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ServerHints {
    /// Texts of its greetings, at most 4 different ones.
    pub greetings: Vec<Arc<str>>,
    /// Names of the machines behind its address, from greetings and NTLM challenges, with the first frame of each.
    pub names: BTreeMap<Arc<str>, Moment>,
    /// It offers commands that Exchange has from 2013 on (SASL-IR, MOVE, UNSELECT); `None` without a list.
    pub is_recent: Option<bool>,
    /// Windows, from NTLM challenges: the oldest where several machines answer.
    pub windows: Option<Version>,
}

/// The limits of a version of Exchange unless they were changed (Set-ImapSettings). `None`: unlimited, or not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Defaults {
    /// The version, as people name it.
    pub version: &'static str,
    /// MaxConnectionsPerUser.
    pub user: Option<u64>,
    /// MaxConnectionFromSingleIP.
    pub ip: Option<u64>,
    /// MaxConnections.
    pub total: Option<u64>,
    /// MaxCommandSize in bytes.
    pub command: Option<u64>,
}

const EXCHANGE_2007: Defaults =
    Defaults { version: "Exchange 2007", user: Some(10), ip: Some(20), total: Some(2000), command: None };
const EXCHANGE_2010: Defaults = Defaults {
    version: "Exchange 2010",
    user: Some(16),
    ip: Some(2000),
    total: Some(2000),
    command: Some(10_240),
};
/// 2147483647 connections in total and from one address: no limit.
const EXCHANGE_2013: Defaults = Defaults {
    version: "Exchange 2013 or later",
    user: Some(16),
    ip: None,
    total: None,
    command: Some(10_240),
};
/// What all versions from 2010 on have in common.
const EXCHANGE: Defaults = Defaults { version: "Exchange 2010 or later", ..EXCHANGE_2013 };

/// The older of two versions, where both are known.
fn oldest(one: Option<Version>, other: Option<Version>) -> Option<Version> {
    one.min(other).or(one).or(other)
}

impl ServerHints {
    pub(super) fn greeted(&mut self, text: &Arc<str>, at: Moment) {
        if let Some(name) = server_name(text) {
            self.name(&name, at);
        }
        self.greet(text);
    }

    pub(super) fn offered(&mut self, capabilities: &Capabilities) {
        let recent = ["SASL-IR", "MOVE", "UNSELECT"].iter().any(|name| capabilities.has(name));
        // What is offered after the log-in may be more than before.
        self.is_recent = Some(recent || self.is_recent == Some(true));
    }

    pub(super) fn challenged(&mut self, challenge: &Challenge, at: Moment) {
        if let Some(name) = challenge.dns_computer.as_ref().or(challenge.netbios_computer.as_ref()) {
            self.name(name, at);
        }
        self.windows = oldest(self.windows, challenge.version);
    }

    /// Takes in what another shard has learnt.
    pub(super) fn absorb(&mut self, other: Self) {
        for text in &other.greetings {
            self.greet(text);
        }
        for (name, at) in other.names {
            self.name(&name, at);
        }
        self.is_recent = self.is_recent.max(other.is_recent);
        self.windows = oldest(self.windows, other.windows);
    }

    fn greet(&mut self, text: &Arc<str>) {
        // The name at the end is not part of the wording.
        if self.greetings.len() < GREETINGS && !self.greetings.contains(text) {
            self.greetings.push(Arc::clone(text));
        }
    }

    fn name(&mut self, name: &str, at: Moment) {
        const NAMES: usize = 64;
        if self.names.len() < NAMES {
            let first = self.names.entry(name.into()).or_insert(at);
            *first = at.min(*first);
        }
    }

    /// Whether it says that it is Exchange 2007 or later.
    pub fn is_exchange(&self) -> bool {
        let says = |words: &str| self.greetings.iter().any(|text| text.contains(words));
        says("Microsoft Exchange IMAP4 service") || says("Microsoft Exchange Server 2007")
    }

    /// The limits of the version that shows itself. `None`: no version of which they are known.
    pub fn defaults(&self) -> Option<Defaults> {
        if !self.is_exchange() {
            return None;
        }
        let is_2007 = self.greetings.iter().any(|text| text.contains("Exchange Server 2007"));
        let windows = self.windows.map(|version| (version.major, version.minor));
        let has_name = self.greetings.iter().any(|text| server_name(text).is_some());
        Some(match (self.is_recent, windows) {
            _ if is_2007 => EXCHANGE_2007,
            // Exchange 2010 needs Windows 6.0, Exchange 2013 needs 6.1, Exchange 2010 does not run on 10.0.
            (_, Some((..=5, _))) => EXCHANGE_2007,
            (_, Some((10.., _))) | (Some(true), _) => EXCHANGE_2013,
            _ if has_name => EXCHANGE_2013,
            (Some(false), _) => EXCHANGE_2010,
            (None, _) => EXCHANGE,
        })
    }
}

/// The server's name at the end of a greeting: UTF-16LE in base64, in brackets.
fn server_name(greeting: &str) -> Option<String> {
    let (_, coded) = greeting.trim_end().strip_suffix(']')?.rsplit_once('[')?;
    let bytes = BASE64.decode(coded).ok()?;
    let units = bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
    let name: String = char::decode_utf16(units).collect::<Result<_, _>>().ok()?;
    let is_name = |letter: char| letter.is_ascii_alphanumeric() || "-._".contains(letter);
    (!name.is_empty() && name.chars().all(is_name)).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hints(greeting: &str) -> ServerHints {
        let mut hints = ServerHints::default();
        hints.greeted(&greeting.into(), Moment::default());
        hints
    }

    const READY: &str = "The Microsoft Exchange IMAP4 service is ready.";

    fn version(hints: &ServerHints) -> Option<&'static str> {
        hints.defaults().map(|defaults| defaults.version)
    }

    #[test]
    fn the_greeting_may_name_the_server() {
        let hints = hints(&format!("{READY} [RQBYADEALgBsAGEAYgA=]"));
        assert_eq!(hints.names.keys().map(|name| &**name).collect::<Vec<_>>(), ["EX1.lab"]);
        assert_eq!(version(&hints), Some("Exchange 2013 or later"));
        assert_eq!(server_name("ready [/////w==]"), None);
        assert_eq!(server_name("ready [CAPABILITY IMAP4rev1]"), None);
    }

    #[test]
    fn the_version_shows_in_greeting_capabilities_and_windows() {
        assert_eq!(version(&hints("Dovecot ready.")), None);
        assert_eq!(
            version(&hints("Microsoft Exchange Server 2003 IMAP4rev1 server version 6.5 ready.")),
            None
        );
        assert_eq!(
            version(&hints("Microsoft Exchange Server 2007 IMAP4 service ready")),
            Some("Exchange 2007")
        );
        let mut shown = hints(READY);
        assert_eq!(version(&shown), Some("Exchange 2010 or later"));
        let list = |names: &[&str]| Capabilities {
            at: Moment::default(),
            names: names.iter().map(|name| Box::from(*name)).collect(),
        };
        shown.offered(&list(&["IMAP4REV1", "AUTH=NTLM"]));
        assert_eq!(version(&shown), Some("Exchange 2010"));
        shown.windows = Some(Version { major: 10, minor: 0, build: 17763 });
        assert_eq!(version(&shown), Some("Exchange 2013 or later"));
        shown.windows = None;
        shown.offered(&list(&["IMAP4REV1", "SASL-IR"]));
        assert_eq!(version(&shown), Some("Exchange 2013 or later"));
    }
}

//! IMAP: commands with their replies, sessions, and how many of them were open when.

mod gather;
mod open;
mod server;
mod session;
mod told;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use crate::flow::{Endpoint, FlowId, Moment};
use crate::proto::Secret;
use crate::proto::imap::{Status, Way};

pub(crate) use gather::Imap;
pub use open::{Counts, Level};
pub use server::{Defaults, ServerHints};
pub(crate) use session::TLS_PORT;
pub use session::{ImapSession, TurnedAway};

/// IMAP as one vantage point saw it.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ImapFacts {
    /// Commands, greetings and BYEs, in the order of completion. Second copies of the same packets are left out.
    pub rows: Vec<ImapRow>,
    /// Connections to IMAP servers that were established, in the order of their first packets.
    pub sessions: Vec<ImapSession>,
    /// What shows the version of each server.
    pub servers: BTreeMap<IpAddr, ServerHints>,
    /// How many connections and sessions were open when.
    pub open: Counts,
}

/// A command, a greeting or an untagged BYE.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ImapRow {
    /// Its connection.
    pub flow: FlowId,
    /// Client.
    pub client: Endpoint,
    /// Server.
    pub server: Endpoint,
    /// What it is.
    pub kind: ImapKind,
    /// Frame with its first byte.
    pub first: Moment,
    /// Frame that completed it.
    pub last: Moment,
    /// Frame with the last thing that the client sent for it: the command, a SASL response, or `DONE`.
    pub sent: Moment,
    /// Tag of a command.
    pub tag: Option<Arc<str>>,
    /// Name of a command in upper case; `None` when it was not captured or is none.
    pub command: Option<&'static str>,
    /// Bytes of the command line without those of its literals.
    pub line_length: u64,
    /// Who logs in, for LOGIN and AUTHENTICATE.
    pub login: Option<Box<ImapLogin>>,
    /// The tagged reply, or the greeting or BYE itself.
    pub reply: Option<ImapReply>,
    /// Sessions of the account that were open on this server after it: of the account that logs in, or that has
    /// logged in. `None` when nobody has.
    pub open_for_user: Option<u64>,
    /// Connections of the client's address to this server.
    pub open_for_ip: u64,
}

/// What a row is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum ImapKind {
    Command,
    Greeting,
    Bye,
}

/// A try to log in.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ImapLogin {
    /// How.
    pub way: Way,
    /// Domain, as sent.
    pub domain: Option<Arc<str>>,
    /// User name, as sent.
    pub user: Option<Arc<str>>,
    /// The bare user name in lower case, which stands for the account.
    pub account: Option<Arc<str>>,
    /// Name of the client's host (NTLM).
    pub workstation: Option<Arc<str>>,
    /// The password, where it was sent as such.
    pub secret: Option<Secret>,
    /// The client sent what proves who it is.
    pub is_answered: bool,
    /// The client broke the exchange off.
    pub is_cancelled: bool,
    /// Whether the server had said that this way of logging in is allowed; `None` when it had said nothing.
    pub is_offered: Option<bool>,
}

/// A status line of the server.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ImapReply {
    /// Frame with its first byte.
    pub first: Moment,
    /// Frame that completed it.
    pub last: Moment,
    /// Status.
    pub status: Status,
    /// What follows the status.
    pub text: Arc<str>,
}

impl ImapRow {
    /// The status of the reply.
    pub fn status(&self) -> Option<Status> {
        self.reply.as_ref().map(|reply| reply.status)
    }

    /// The text of the reply.
    pub fn text(&self) -> &str {
        self.reply.as_ref().map_or("", |reply| &reply.text)
    }

    /// Whether a log-in was refused: the client had proved, or tried to prove, who it is. A cancelled exchange is not.
    pub fn is_refused_login(&self) -> bool {
        let refused = matches!(self.status(), Some(Status::No | Status::Bad));
        refused && self.login.as_ref().is_some_and(|login| !login.is_cancelled)
    }

    /// Whether a log-in was accepted.
    pub fn is_accepted_login(&self) -> bool {
        self.login.is_some() && self.status() == Some(Status::Ok)
    }

    /// When the server had dealt with it.
    pub fn settled(&self) -> Moment {
        self.reply.as_ref().map_or(self.sent, |reply| reply.first)
    }
}

impl ImapFacts {
    /// The session of a connection; `None` for a second copy of the same packets.
    pub fn session(&self, flow: FlowId) -> Option<&ImapSession> {
        let place = self.sessions.binary_search_by_key(&flow, |session| session.flow).ok()?;
        self.sessions.get(place)
    }
}

#[cfg(test)]
mod tests;

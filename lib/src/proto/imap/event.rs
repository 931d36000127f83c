//! Facts of IMAP connections as the dissector hands them on.

use crate::flow::Moment;
use crate::proto::Secret;
use crate::proto::ntlm::Challenge;
use crate::proto::sasl::Mechanism;

/// One fact of an IMAP connection.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fact {
    /// The first line of the server, unless the client spoke before. Where the connection began before the capture it
    /// is any other untagged status.
    Greeting(Reply),
    /// An untagged BYE that is not the greeting.
    Bye(Reply),
    /// What the server says it can do.
    Capabilities(Capabilities),
    /// A command, with its reply where one was captured.
    Command(Command),
}

impl Fact {
    /// The frame that completed it.
    pub fn completed(&self) -> Moment {
        match self {
            Fact::Greeting(reply) | Fact::Bye(reply) => reply.last,
            Fact::Capabilities(capabilities) => capabilities.at,
            Fact::Command(command) => command.last,
        }
    }
}

/// A status of the server (RFC 9051, 7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "UPPERCASE"))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[allow(missing_docs)]
pub enum Status {
    Ok,
    No,
    Bad,
    Bye,
    Preauth,
}

/// A status line of the server.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reply {
    /// Frame with its first byte.
    pub first: Moment,
    /// Frame that completed it.
    pub last: Moment,
    /// Status.
    pub status: Status,
    /// What follows the status, response code included, invalid UTF-8 replaced, at most 512 bytes.
    pub text: Box<str>,
}

/// What the server says it can do (RFC 9051, 7.2.2).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Capabilities {
    /// Frame that completed the list.
    pub at: Moment,
    /// Names in upper case, at most 64.
    pub names: Box<[Box<str>]>,
}

impl Capabilities {
    /// Whether the list has `name`, which is in upper case.
    pub fn has(&self, name: &str) -> bool {
        self.names.iter().any(|other| &**other == name)
    }
}

/// A command of the client.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Command {
    /// Frame with its first byte.
    pub first: Moment,
    /// Frame that completed it, literals included.
    pub last: Moment,
    /// Frame with the last thing that the client sent for it: the command, a SASL response, or `DONE`.
    pub sent: Moment,
    /// Tag.
    pub tag: Box<str>,
    /// Its name in upper case, `UID` included; `None` for a word that is no command, or where only the reply was
    /// captured. A word that is no command may be anything, even a password, and is not kept.
    pub name: Option<&'static str>,
    /// Bytes of the command line without those of its literals.
    pub line_length: u64,
    /// Who logs in, for LOGIN and AUTHENTICATE.
    pub login: Option<Box<Login>>,
    /// The tagged reply.
    pub reply: Option<Reply>,
}

/// How a client logs in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Way {
    /// By the command LOGIN.
    #[default]
    Login,
    /// By AUTHENTICATE, with a mechanism when it is a known one.
    Authenticate(Option<Mechanism>),
}

impl Way {
    /// Whether the password itself is sent.
    pub const fn is_clear(self) -> bool {
        matches!(self, Way::Login | Way::Authenticate(Some(Mechanism::Plain | Mechanism::Login)))
    }

    /// The SASL mechanism.
    pub const fn mechanism(self) -> Option<Mechanism> {
        match self {
            Way::Login => None,
            Way::Authenticate(mechanism) => mechanism,
        }
    }
}

impl std::fmt::Display for Way {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Way::Login => f.write_str("LOGIN"),
            Way::Authenticate(Some(mechanism)) => write!(f, "AUTHENTICATE {}", mechanism.name()),
            Way::Authenticate(None) => f.write_str("AUTHENTICATE"),
        }
    }
}

/// A try to log in, as far as it was captured.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Login {
    /// How.
    pub way: Way,
    /// Domain, as sent.
    pub domain: Option<Box<str>>,
    /// User name without a domain before it, as sent: it may have the form `user@domain`.
    pub user: Option<Box<str>>,
    /// Name of the client's host (NTLM).
    pub workstation: Option<Box<str>>,
    /// The password. `None` where it is not sent as such (NTLM, GSSAPI).
    pub secret: Option<Secret>,
    /// The client sent what proves who it is.
    pub is_answered: bool,
    /// The client broke the exchange off with `*`.
    pub is_cancelled: bool,
    /// How the server names itself (NTLM).
    pub challenge: Option<Box<Challenge>>,
}

//! SMTP as the stages above see it: replies, each with the command that it answers.

use std::fmt;

use crate::flow::{Dir, Moment};
use crate::proto::sasl::Credentials;

/// One reply, all its lines (RFC 5321, 4.2).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SmtpReply {
    /// The direction in which commands go.
    pub client: Dir,
    /// What it answers. `None`: the greeting, a reply that nobody asked for, or one whose command was not captured.
    pub command: Option<SmtpCommand>,
    /// Whether it is the first reply of the connection, sent before any command.
    pub is_greeting: bool,
    /// Code.
    pub code: u16,
    /// Enhanced status code (RFC 3463).
    pub enhanced: Option<Enhanced>,
    /// Text of all lines without both codes, joined by a line feed; at most 2 KiB. Empty for 334, which carries
    /// SASL data.
    pub text: Box<str>,
    /// Frame with its first byte.
    pub first: Moment,
    /// Frame that completed it.
    pub last: Moment,
}

/// A command, or the message that follows one.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SmtpCommand {
    /// Which one. The end of a message is answered as [`Verb::Data`] or [`Verb::Bdat`], too.
    pub verb: Verb,
    /// Name of the client for a greeting, address for MAIL and RCPT; at most 256 bytes.
    pub argument: Option<Box<str>>,
    /// Who logs in, in the final reply to AUTH.
    pub credentials: Option<Box<Credentials>>,
    /// Frame with the last byte that asked for this reply.
    pub last: Moment,
}

/// A command by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
#[allow(missing_docs)]
pub enum Verb {
    Auth,
    Bdat,
    Data,
    Ehlo,
    Etrn,
    Expn,
    Helo,
    Help,
    Lhlo,
    Mail,
    Noop,
    Quit,
    Rcpt,
    Rset,
    StartTls,
    Vrfy,
    /// As STARTTLS, between Exchange servers.
    XanonymousTls,
    Xclient,
    /// Exchange's log-in between its own servers, which goes on as AUTH does.
    Xexps,
    /// Any other. What it says is not kept: it may be a password that the server did not ask for.
    Other,
}

impl Verb {
    /// Whether SASL responses follow.
    pub(super) fn is_login(self) -> bool {
        matches!(self, Verb::Auth | Verb::Xexps)
    }

    pub(super) const ALL: [Verb; 19] = [
        Verb::Auth,
        Verb::Bdat,
        Verb::Data,
        Verb::Ehlo,
        Verb::Etrn,
        Verb::Expn,
        Verb::Helo,
        Verb::Help,
        Verb::Lhlo,
        Verb::Mail,
        Verb::Noop,
        Verb::Quit,
        Verb::Rcpt,
        Verb::Rset,
        Verb::StartTls,
        Verb::Vrfy,
        Verb::XanonymousTls,
        Verb::Xclient,
        Verb::Xexps,
    ];

    /// As written in the protocol.
    pub const fn name(self) -> &'static str {
        match self {
            Verb::Auth => "AUTH",
            Verb::Bdat => "BDAT",
            Verb::Data => "DATA",
            Verb::Ehlo => "EHLO",
            Verb::Etrn => "ETRN",
            Verb::Expn => "EXPN",
            Verb::Helo => "HELO",
            Verb::Help => "HELP",
            Verb::Lhlo => "LHLO",
            Verb::Mail => "MAIL",
            Verb::Noop => "NOOP",
            Verb::Quit => "QUIT",
            Verb::Rcpt => "RCPT",
            Verb::Rset => "RSET",
            Verb::StartTls => "STARTTLS",
            Verb::Vrfy => "VRFY",
            Verb::XanonymousTls => "X-ANONYMOUSTLS",
            Verb::Xclient => "XCLIENT",
            Verb::Xexps => "X-EXPS",
            Verb::Other => "other",
        }
    }
}

/// An enhanced status code: class, subject, detail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Enhanced(pub u8, pub u16, pub u16);

impl fmt::Display for Enhanced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

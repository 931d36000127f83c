//! Why a request was refused, as far as its reply says, and what to do about it.

use crate::facts::SmtpRow;
use crate::proto::smtp::{Enhanced, Verb};

/// The kinds of refusals, the most telling first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reason {
    Credentials,
    NotAuthenticated,
    SendAs,
    Relay,
    Directory,
    Errors,
    Size,
    Recipients,
    Recipient,
    Sender,
    Connection,
    Temporary,
    Other,
    /// It follows from a refusal before it.
    Sequence,
}

impl Reason {
    pub(super) fn of(row: &SmtpRow) -> Self {
        let text = row.text.to_ascii_lowercase();
        let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
        let is =
            |subject, detail| matches!(row.enhanced, Some(Enhanced(_, s, d)) if (s, d) == (subject, detail));
        let is_temporary = row.code < 500;
        match row.command {
            _ if is_temporary
                && says(&["temporary authentication failure", "temporary server error", "prx"]) =>
            {
                Reason::Directory
            }
            Some(Verb::Auth) => Reason::Credentials,
            _ if row.code == 535 => Reason::Credentials,
            _ if row.code == 503 => Reason::Sequence,
            _ if says(&["too many errors"]) => Reason::Errors,
            _ if is(7, 60) || says(&["send as this sender"]) => Reason::SendAs,
            _ if row.code == 530 || says(&["not authenticated", "not logged in"]) => Reason::NotAuthenticated,
            _ if is(7, 54) || says(&["unable to relay", "relay access denied", "relaying"]) => Reason::Relay,
            _ if is(5, 3) || says(&["too many recipients"]) => Reason::Recipients,
            _ if is(3, 4) || row.code == 552 || says(&["message size", "too large"]) => Reason::Size,
            _ if says(&["sender address rejected"]) => Reason::Sender,
            _ if is(1, 1) || is(1, 10) || says(&["user unknown", "unknown user", "no such user"]) => {
                Reason::Recipient
            }
            _ if is_temporary && !row.is_greeting => Reason::Temporary,
            _ if row.is_greeting => Reason::Connection,
            Some(Verb::Rcpt) => Reason::Recipient,
            Some(Verb::Mail) => Reason::Sender,
            _ => Reason::Other,
        }
    }

    /// Whether it concerns the account that sends, and with it every message.
    pub(super) fn is_about_the_sender(self) -> bool {
        use Reason::{Connection, Credentials, NotAuthenticated, Relay, SendAs, Sender};
        matches!(self, Credentials | NotAuthenticated | SendAs | Relay | Sender | Connection)
    }

    pub(super) fn words(self) -> &'static str {
        match self {
            Reason::Credentials => "the log-in fails",
            Reason::NotAuthenticated => "the client is not logged in",
            Reason::SendAs => "the account may not send as this sender",
            Reason::Relay => "the client may not relay",
            Reason::Directory => "the server cannot reach its directory or back end",
            Reason::Errors => "too many errors on one connection",
            Reason::Size => "the message is too large",
            Reason::Recipients => "too many recipients",
            Reason::Recipient => "a recipient is refused",
            Reason::Sender => "the sender is refused",
            Reason::Connection => "the connection is refused",
            Reason::Temporary => "refused for now",
            Reason::Other => "refused",
            Reason::Sequence => "a command out of its order",
        }
    }

    pub(super) fn remedy(self) -> &'static str {
        match self {
            Reason::Credentials => {
                "Log-in: check the account's name (`DOMAIN\\user` or `user@domain`) and password on the Cisco server, \
                 whether the account is locked, and the connector's `AuthMechanism`."
            }
            Reason::NotAuthenticated => {
                "Not logged in: let the client authenticate, or give its address a connector that allows anonymous \
                 senders; the connector is chosen by source address (`Get-ReceiveConnector | fl \
                 Identity,RemoteIPRanges,PermissionGroups`)."
            }
            Reason::SendAs => {
                "Send as: `Add-ADPermission -Identity <mailbox> -User <account> -ExtendedRights Send-As`, or let the \
                 client send as the account it logs in with."
            }
            Reason::Relay => {
                "Relay: log in, or allow it on the connector for the client's address: `Get-ReceiveConnector <name> | \
                 Add-ADPermission -User 'NT AUTHORITY\\ANONYMOUS LOGON' -ExtendedRights \
                 Ms-Exch-SMTP-Accept-Any-Recipient`."
            }
            Reason::Directory => {
                "Directory or back end: check the domain controllers and, from Exchange 2013 on, the mailbox servers \
                 behind the front-end transport service."
            }
            Reason::Errors => {
                "Too many errors: the connector closes a connection after `MaxProtocolErrors` (5); the replies before \
                 it name the cause."
            }
            Reason::Size => {
                "Size: `Set-ReceiveConnector <name> -MaxMessageSize <size>`, and the limits of the organisation and \
                 the mailbox."
            }
            Reason::Recipients => {
                "Recipients: `Set-ReceiveConnector <name> -MaxRecipientsPerMessage <number>` (200), or fewer \
                 recipients a message."
            }
            Reason::Recipient => {
                "Recipient: check that the address exists and is accepted (`Get-Recipient <address>`)."
            }
            Reason::Sender => "Sender: check the address that the Cisco server sends from.",
            Reason::Connection => "Connection: the server or a filter on it does not serve this address.",
            Reason::Temporary => {
                "For now: the client should try again; if it lasts, look at the server's protocol log."
            }
            Reason::Sequence => "Order: look for the refusal before it.",
            Reason::Other => {
                "Read the text; the server's protocol log has more: `Set-ReceiveConnector <name> \
                 -ProtocolLoggingLevel Verbose`."
            }
        }
    }
}

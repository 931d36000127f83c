//! What the wording of a server says about why it refuses.

use crate::facts::ImapRow;
use crate::proto::imap::Status;
use crate::rules::View;

/// Why a log-in was refused, as far as its own reply says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    /// The credentials are refused, or the server says so for another reason: one text for both.
    Credentials,
    /// The account may not use IMAP.
    Disabled,
    /// Too many connections, in so many words.
    TooMany,
    /// This way of logging in is not allowed, or not without TLS.
    NotAllowed,
    /// The mailbox cannot be opened.
    Unavailable,
}

/// Why a log-in was refused; `None` when it was not, or when it was no real attempt.
pub(super) fn reason(view: &View<'_>, row: &ImapRow) -> Option<Reason> {
    let login = row.login.as_ref()?;
    let status = row.status().filter(|status| matches!(status, Status::No | Status::Bad))?;
    let session = view.facts.imap.session(row.flow);
    // Somebody who is logged in already cannot do so again.
    if login.is_cancelled || session.is_some_and(|session| session.is_authenticated_at(row.first)) {
        return None;
    }
    let text = row.text().to_ascii_lowercase();
    if is_unavailable(&text) {
        return Some(Reason::Unavailable);
    }
    if is_too_many(&text) {
        return Some(Reason::TooMany);
    }
    if text.contains("currently disabled") {
        return Some(Reason::Disabled);
    }
    let plain = login.way.is_clear();
    let not_offered = login.is_offered == Some(false) && (plain || !login.is_answered);
    if not_offered || plain && wants_tls(&text) {
        return Some(Reason::NotAllowed);
    }
    let judged = login.is_answered && (status == Status::No || text.contains("failed"));
    judged.then_some(Reason::Credentials)
}

/// The log-in is accepted and the mailbox cannot be opened. `text` is in lower case.
pub(super) fn is_unavailable(text: &str) -> bool {
    ["server unavailable", "authenticated but not connected", "[unavailable]"]
        .iter()
        .any(|words| text.contains(words))
}

/// `text` is in lower case.
pub(super) fn is_too_many(text: &str) -> bool {
    let much = ["too many", "maximum number of", "[limit]", "limit exceeded", "limit reached"];
    let what = ["connection", "session"];
    much.iter().any(|words| text.contains(words)) && what.iter().any(|word| text.contains(word))
}

/// `text` is in lower case.
fn wants_tls(text: &str) -> bool {
    let said = [
        "invalid state",
        "[privacyrequired]",
        "logindisabled",
        "login is disabled",
        "login disabled",
        "plaintext authentication disallowed",
        "plaintext authentication not allowed",
        "starttls first",
        "must issue a starttls",
        "encryption required",
        "requires tls",
        "requires ssl",
    ];
    said.iter().any(|words| text.contains(words))
}

/// The number at the end of Exchange's `Connection is closed. 10` and its like.
pub(super) fn code(text: &str) -> Option<u32> {
    let (before, digits) = text.trim_end().rsplit_once(". ")?;
    let number = digits.trim_end_matches('.').parse().ok()?;
    (!before.is_empty()).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_a_bye_stands_at_its_end() {
        assert_eq!(code("Connection is closed. 10"), Some(10));
        assert_eq!(code("Server Unavailable. 15"), Some(15));
        assert_eq!(code("Microsoft Exchange Server 2010 IMAP4 server signing off."), None);
        assert_eq!(code("Connection closed"), None);
    }

    #[test]
    fn servers_say_too_many_in_several_ways() {
        for text in [
            "[limit] maximum number of connections from user+ip exceeded (mail_max_userip_connections=10)",
            "[alert] too many simultaneous connections. (failure)",
            "[unavailable] maximum number of connections from user+ip exceeded",
        ] {
            assert!(is_too_many(text), "{text}");
        }
        for text in ["too many failed log-ins", "connection is closed. 10", "login failed."] {
            assert!(!is_too_many(text), "{text}");
        }
    }
}

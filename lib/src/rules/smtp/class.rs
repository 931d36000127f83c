//! What a refusal is about, by its text.

use crate::facts::SmtpRow;
use crate::proto::smtp::{Enhanced, Verb};
use crate::rules::Confidence::{self, Likely, Proven};

/// The rule that a refusal belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    ConnectionLimit,
    RateLimit,
    Backpressure,
    Rejected,
}

/// Texts of one meaning, in lower case. The proven ones are Exchange's, the others those of servers that stand before it.
const TEXTS: [(Class, Confidence, &[&str]); 6] = [
    (Class::ConnectionLimit, Proven, &["maximum number of concurrent"]),
    (Class::ConnectionLimit, Likely, &["too many connections from", "too many open connections"]),
    (Class::RateLimit, Proven, &["message submission rate"]),
    (Class::RateLimit, Likely, &["too much mail from", "connection rate limit exceeded"]),
    (Class::Backpressure, Proven, &["insufficient system resources", "system not accepting"]),
    (Class::Backpressure, Likely, &["insufficient system storage"]),
];

/// What a refusal is about, and how surely. `None`: it refuses nothing that matters, or is none.
pub(super) fn class(row: &SmtpRow) -> Option<(Class, Confidence)> {
    if !row.is_refusal() {
        return None;
    }
    let text = row.text.to_ascii_lowercase();
    let known = TEXTS.iter().find(|(.., texts)| texts.iter().any(|known| text.contains(known)));
    if let Some((class, confidence, _)) = known {
        return Some((*class, *confidence));
    }
    // Exchange says this while the transport service is paused or inactive, and under back pressure.
    if row.code == 421 && row.enhanced == Some(Enhanced(4, 3, 2)) && text.contains("service not available") {
        return Some((Class::Backpressure, Confidence::Possible));
    }
    (!is_idle(row, &text) && matters(row, &text)).then_some((Class::Rejected, Proven))
}

/// The server closes a connection that nobody uses.
fn is_idle(row: &SmtpRow, text: &str) -> bool {
    let by_code = matches!(row.enhanced, Some(Enhanced(4, 4, 1 | 2)));
    let by_text =
        ["timed out", "timeout", "connection dropped", "idle"].iter().any(|word| text.contains(word));
    row.code == 421 && (by_code || by_text) || text.contains("timeout waiting for client")
}

/// Whether mail does not get through because of it.
fn matters(row: &SmtpRow, text: &str) -> bool {
    match row.command {
        // The client thought better of it.
        Some(Verb::Auth) => row.code != 501,
        Some(Verb::Mail | Verb::Rcpt | Verb::Data | Verb::Bdat) => true,
        _ if row.is_greeting || text.contains("too many errors") => true,
        // These codes answer nothing but the commands above.
        None => matches!(row.code, 450 | 452 | 530 | 535 | 550..=554),
        Some(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::smtp::tests::row;

    #[test]
    fn the_text_decides() {
        use Class::*;
        for (said, wanted) in [
            (
                "421 4.3.2 The maximum number of concurrent connections has exceeded a limit",
                Some(ConnectionLimit),
            ),
            (
                "421 4.3.2 The maximum number of concurrent server connections has exceeded a limit",
                Some(ConnectionLimit),
            ),
            ("421 4.3.2 Service not available", Some(Backpressure)),
            ("421 4.3.2 System not accepting network messages", Some(Backpressure)),
            ("452 4.3.1 Insufficient system resources (UsedDiskSpace[C:\\])", Some(Backpressure)),
            ("452 4.5.3 Too many recipients", Some(Rejected)),
            (
                "421 4.4.2 Message submission rate for this client has exceeded the configured limit",
                Some(RateLimit),
            ),
            ("421 4.4.2 Connection dropped due to SocketError", None),
            ("421 4.4.1 Connection timed out", None),
            ("451 4.7.0 Timeout waiting for client input", None),
            ("421 4.7.0 Too many errors on this connection, closing transmission channel", Some(Rejected)),
            ("250 2.1.5 Recipient OK", None),
            ("354 Start mail input", None),
        ] {
            assert_eq!(class(&row(Some(Verb::Rcpt), said)).map(|(class, _)| class), wanted, "{said}");
        }
    }

    #[test]
    fn what_keeps_no_mail_from_being_sent_is_no_refusal() {
        for (verb, said) in [
            (Some(Verb::Ehlo), "500 5.3.3 Unrecognized command"),
            (Some(Verb::Vrfy), "252 2.1.5 Cannot VRFY user"),
            (Some(Verb::Other), "500 5.3.3 Unrecognized command"),
            (Some(Verb::Auth), "501 5.7.0 Authentication cancelled"),
            (None, "500 5.3.3 Unrecognized command"),
        ] {
            assert_eq!(class(&row(verb, said)), None, "{said}");
        }
    }
}

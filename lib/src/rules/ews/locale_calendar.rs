//! `locale-calendar-mismatch`.

use std::collections::BTreeSet;

use super::{about, by_server};
use crate::facts::{EwsRow, Interface};
use crate::rules::{Confidence, Context, Findings};

rule! {
    /// The calendar folder is asked for by its name in another language than the mailbox has.
    ///
    /// ## Meaning
    /// Over WebDAV the calendar is found by its name, which depends on the language in which the mailbox was first
    /// opened: Calendar, Kalender, Agenda, Calendrier … With the wrong word there is no presence from the calendar.
    ///
    /// ## Evidence
    /// Status 404 in answer to a request whose path ends with such a word.
    ///
    /// ## Traps
    /// A mailbox that does not exist, or that has no calendar yet, answers in the same way.
    ///
    /// ## Remedy
    /// Set the language of the Presence Gateway to that of the mailboxes, or the mailbox's own
    /// (`Set-MailboxRegionalConfiguration <user> -Language en-US -LocalizeDefaultFolderName`). IM and Presence stores the
    /// word in pebackendgateway.localecalendarname.
    ///
    /// ## References
    /// Cisco, Troubleshooting Exchange Calendaring Integrations.
    pub(crate) struct LocaleCalendarMismatch;
    id = "locale-calendar-mismatch";
    severity = Info;
    check = check;
}

/// What the calendar is called, in lower case, with the languages.
const WORDS: &[(&str, &str)] = &[
    ("kalender", "Danish, German, Norwegian, Swedish or Estonian"),
    ("calendar", "English or Romanian"),
    ("calendario", "Spanish or Italian"),
    ("calendrier", "French"),
    ("agenda", "Dutch"),
    ("календарь", "Russian"),
    ("日历", "Simplified Chinese"),
    ("kalenteri", "Finnish"),
    ("calendário", "Portuguese"),
    ("kalendarz", "Polish"),
    ("kalendář", "Czech"),
    ("kalendár", "Slovak"),
    ("koledar", "Slovenian"),
    ("kalendar", "Croatian"),
    ("naptár", "Hungarian"),
    ("календар", "Bulgarian"),
    ("ημερολόγιο", "Greek"),
    ("takvim", "Turkish"),
    ("לוח שנה", "Hebrew"),
    ("التقويم", "Arabic"),
    ("予定表", "Japanese"),
    ("일정", "Korean"),
    ("行事曆", "Traditional Chinese"),
    ("ปฏิทิน", "Thai"),
    ("kalendārs", "Latvian"),
    ("kalendorius", "Lithuanian"),
    ("calendari", "Catalan"),
];

fn check(cx: &Context<'_>, out: &mut Findings<'_>) {
    for view in &cx.views {
        let missed = view.facts.ews.iter().filter(|row| {
            row.interface == Interface::WebDav && row.status() == Some(404) && word(row).is_some()
        });
        for (server, rows) in by_server(missed) {
            let words: BTreeSet<&str> =
                rows.iter().filter_map(|row| word(row)).map(|(word, _)| word).collect();
            let languages: BTreeSet<&str> =
                rows.iter().filter_map(|row| word(row)).map(|(_, name)| name).collect();
            let (words, languages) = (listed(&words), listed(&languages));
            // The word with which the same server does have calendars.
            let good = view.facts.ews.iter().filter(|row| {
                row.server.ip == server && row.status().is_some_and(|status| (200..300).contains(&status))
            });
            let good: BTreeSet<&str> = good.filter_map(word).map(|(word, _)| word).collect();
            let mut detail = format!(
                "404 in answer to requests for a folder called {}, the calendar in {}.",
                words.join(", "),
                languages.join("; ")
            );
            if !good.is_empty() {
                detail += &format!(
                    " Of other mailboxes the server has a folder called {}.",
                    listed(&good).join(", ")
                );
            }
            out.push(
                about(view, server, &rows, format!("No calendar called {} at {server}", words.join(", ")))
                    .confidence(Confidence::Possible)
                    .caveat("A mailbox that does not exist, or has no calendar yet, answers in the same way.")
                    .detail(detail)
                    .value("words", words)
                    .value("languages", languages),
            );
        }
    }
}

fn listed(words: &BTreeSet<&str>) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// The word for the calendar with which the path of a request ends, and its languages.
fn word(row: &EwsRow) -> Option<(&'static str, &'static str)> {
    let target = row.target.as_deref()?;
    let path = target.split(['?', '#']).next()?.trim_end_matches('/');
    let last = decoded(path.rsplit('/').next()?)?.to_lowercase();
    WORDS.iter().find(|(word, _)| *word == last).copied()
}

/// A segment of a path without its percent encoding (RFC 3986, 2.1).
fn decoded(segment: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.as_bytes();
    while let [byte, after @ ..] = rest {
        rest = match (byte, after) {
            (b'%', [high, low, after @ ..]) => {
                let digit =
                    |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
                bytes.push(digit(*high)? << 4 | digit(*low)?);
                after
            }
            _ => {
                bytes.push(*byte);
                after
            }
        };
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::decoded;

    #[test]
    fn percent_encoding_is_removed() {
        assert_eq!(decoded("Calend%C3%A1rio").as_deref(), Some("Calendário"));
        assert_eq!(decoded("%"), Some("%".to_owned()));
        assert_eq!(decoded("%zz"), None);
    }
}

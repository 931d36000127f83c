//! `smtp-rejected`.

mod reason;
mod retry;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use self::reason::Reason;
use self::retry::{Later, Outcomes};
use super::class::{Class, class};
use crate::facts::SmtpRow;
use crate::rules::words::counted;
use crate::rules::{Context, Findings, Severity};

rule! {
    /// The SMTP server refuses a log-in, a sender, a recipient or a message.
    ///
    /// ## Meaning
    /// The connection works and the server says no. What it means stands in the text: wrong credentials, no right to
    /// relay or to send as the sender, an unknown recipient, a message that is too large, or trouble of the server.
    ///
    /// ## Evidence
    /// A reply of 4xx or 5xx to AUTH, MAIL, RCPT, DATA, BDAT or to the end of a message, or in place of the greeting.
    ///
    /// ## Traps
    /// 334 and 354 ask for more and refuse nothing. What is refused for now (4xx) and accepted when it is tried again
    /// is greylisting, and only worth a note. A mechanism that is refused before another one is accepted, and a sender
    /// that is refused before the log-in, are a client feeling its way. A refusal that comes late may have been held
    /// back on purpose (`TarpitInterval`, 5 s). Limits and idle connections have rules of their own.
    ///
    /// ## Remedy
    /// Read the text of the reply; the server's protocol log has more: `Set-ReceiveConnector <name>
    /// -ProtocolLoggingLevel Verbose`.
    ///
    /// ## References
    /// RFC 5321, 4.2; RFC 3463; Microsoft cmdlet reference, `Set-ReceiveConnector`.
    pub(crate) struct SmtpRejected;
    id = "smtp-rejected";
    severity = Warning;
    check = check;
}

fn check(cx: &Context<'_>, out: &mut Findings<'_>) {
    for view in &cx.views {
        let outcomes = Outcomes::of(&view.facts.smtp);
        let mut by_client: BTreeMap<IpAddr, Vec<(&SmtpRow, Later)>> = BTreeMap::new();
        for (number, row) in view.facts.smtp.iter().enumerate() {
            if !class(row).is_some_and(|(class, _)| class == Class::Rejected) {
                continue;
            }
            let later = outcomes.later(&view.facts.smtp, number);
            if later != Later::FeltItsWay {
                by_client.entry(row.client.ip).or_default().push((row, later));
            }
        }
        for (client, refused) in by_client {
            let lasting: Vec<&SmtpRow> =
                refused.iter().filter(|(_, later)| *later == Later::Nothing).map(|(row, _)| *row).collect();
            let rows: Vec<&SmtpRow> = refused.iter().map(|(row, _)| *row).collect();
            let mut reasons: BTreeSet<Reason> = (if lasting.is_empty() { &rows } else { &lasting })
                .iter()
                .map(|row| Reason::of(row))
                .collect();
            if reasons.len() > 1 {
                reasons.remove(&Reason::Sequence);
            }
            let words: Vec<&str> = reasons.iter().map(|reason| reason.words()).collect();
            let title =
                format!("{} of {client} refused: {}", counted(rows.len(), "request"), words.join("; "));
            let remedies: Vec<&str> = reasons.iter().map(|reason| reason.remedy()).collect();
            let accepted = rows.len() - lasting.len();
            let mut draft = super::about(view, client, &rows, title)
                .value("accepted_later", accepted)
                .remedy(remedies.join(" "));
            if lasting.is_empty() {
                draft = draft
                    .severity(Severity::Info)
                    .caveat("All of it was accepted when the client tried again: no mail was lost.");
            } else if lasting.iter().any(|row| row.code >= 500 && Reason::of(row).is_about_the_sender()) {
                draft = draft.severity(Severity::Error);
            }
            out.push(draft);
        }
    }
}

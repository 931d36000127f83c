//! `imap-plaintext-credentials`.

use super::{by_account, tally};
use crate::facts::ImapRow;
use crate::rules::draft::shown;
use crate::rules::words::counted;
use crate::rules::{Context, Findings};

rule! {
    /// A password crosses the network in clear text.
    ///
    /// ## Meaning
    /// Who can capture this traffic can read the password of the account, as this capture holds it.
    ///
    /// ## Evidence
    /// LOGIN, or AUTHENTICATE with PLAIN or LOGIN, with the password, outside of TLS. It counts whether the log-in was
    /// accepted or not.
    ///
    /// ## Traps
    /// NTLM and Kerberos do not send the password. What follows STARTTLS is not seen. A log-in that is refused before the
    /// client sends the password exposes nothing.
    ///
    /// ## Remedy
    /// Use port 993 or STARTTLS, and forbid the rest: `Set-ImapSettings -Server <CAS> -LoginType SecureLogin`, then
    /// `Restart-Service MSExchangeIMAP4`. Change the password, and treat this capture as a secret.
    ///
    /// ## References
    /// RFC 8314, 3; Set-ImapSettings.
    pub(crate) struct ImapPlaintextCredentials;
    id = "imap-plaintext-credentials";
    severity = Warning;
    check = check;
}

fn check(cx: &Context<'_>, out: &mut Findings<'_>) {
    for view in &cx.views {
        let is_one = |row: &&ImapRow| row.login.as_ref().is_some_and(|login| login.secret.is_some());
        for (who, rows) in by_account(view, view.facts.imap.rows.iter().filter(is_one)) {
            let title =
                format!("The password of {who} was sent in clear text {}", counted(rows.len(), "time"));
            let draft =
                who.draft(title, rows.iter().copied()).count(rows.len()).value("log_ins", rows.len()).detail(
                    format!(
                        "{} from {} sent it outside of TLS.",
                        counted(rows.len(), "log-in"),
                        tally(rows.iter().map(|row| row.client.ip)),
                    ),
                );
            out.push(shown(&rows, 1).fold(draft, |draft, row| {
                draft.evidence(view, Some(row.flow), row.sent, "password in clear text")
            }));
        }
    }
}

//! `imap-login-disabled`.

use super::reason::{Reason, reason};
use super::{by_account, tally};
use crate::facts::ImapRow;
use crate::rules::draft::shown;
use crate::rules::words::counted;
use crate::rules::{Context, Findings};

rule! {
    /// A client logs in in a way that the server does not allow, mostly with a clear-text password and without TLS.
    ///
    /// ## Meaning
    /// With `LoginType SecureLogin`, its default, Exchange takes LOGIN and PLAIN inside TLS only and offers
    /// `LOGINDISABLED` on port 143. The password is not even looked at.
    ///
    /// ## Evidence
    /// LOGIN or AUTHENTICATE answered with NO or BAD, after a list of capabilities that has LOGINDISABLED or lacks the
    /// mechanism, or with a text that asks for TLS (`Command received in Invalid state.`).
    ///
    /// ## Traps
    /// It is no wrong password and no limit. LOGINDISABLED alone is no fault: a client that goes on with STARTTLS or NTLM
    /// does as it should.
    ///
    /// ## Remedy
    /// Let the client use port 993 or STARTTLS, or NTLM. Where clear-text passwords on the wire are accepted knowingly:
    /// `Set-ImapSettings -Server <CAS> -LoginType PlainTextLogin`, then `Restart-Service MSExchangeIMAP4`.
    ///
    /// ## References
    /// RFC 9051, 6.2.3 and 7.2.2; Set-ImapSettings.
    pub(crate) struct ImapLoginDisabled;
    id = "imap-login-disabled";
    severity = Error;
    check = check;
}

fn check(cx: &Context<'_>, out: &mut Findings<'_>) {
    for view in &cx.views {
        let is_one = |row: &&ImapRow| reason(view, row) == Some(Reason::NotAllowed);
        for (who, rows) in by_account(view, view.facts.imap.rows.iter().filter(is_one)) {
            let way =
                |row: &ImapRow| row.login.as_ref().map_or_else(String::new, |login| login.way.to_string());
            let mut ways: Vec<String> = rows.iter().map(|row| way(row)).collect();
            ways.sort_unstable();
            ways.dedup();
            let draft = who
                .draft(
                    format!("The server does not allow {} for {who}", ways.join(" and ")),
                    rows.iter().copied(),
                )
                .count(rows.len())
                .value("refused", rows.len())
                .detail(format!(
                    "{} by {} from {} refused with {:?}: the server does not offer this outside of TLS.",
                    counted(rows.len(), "log-in"),
                    ways.join(" and "),
                    tally(rows.iter().map(|row| row.client.ip)),
                    rows.last().map_or("", |row| row.text()),
                ))
                .value("ways", ways);
            out.push(shown(&rows, 1).fold(draft, |draft, row| {
                draft.evidence(view, Some(row.flow), row.settled(), format!("{} refused", way(row)))
            }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::imap::auth_rejected::ImapAuthRejected;
    use crate::rules::imap::testing::{Site, ids};

    #[test]
    fn login_although_it_is_disabled_is_no_wrong_password() {
        let mut site = Site::offering(&["IMAP4REV1", "LOGINDISABLED", "AUTH=NTLM"]);
        site.refused(1, "10.0.1.1", "svc", "pw");
        site.refused(2, "10.0.1.1", "svc", "pw");
        assert_eq!(ids(&site.findings(&ImapLoginDisabled)), ["svc"]);
        assert!(site.findings(&ImapAuthRejected).is_empty());
    }

    #[test]
    fn where_login_is_offered_its_refusal_is_another_matter() {
        let mut site = Site::offering(&["IMAP4REV1", "AUTH=NTLM"]);
        site.refused(1, "10.0.1.1", "svc", "pw");
        assert!(site.findings(&ImapLoginDisabled).is_empty());
    }
}

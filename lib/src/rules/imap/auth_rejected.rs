//! `imap-auth-rejected`.

use std::collections::HashSet;

use super::access::{self, Access, Refused};
use super::reason::{Reason, code};
use super::{Who, tally};
use crate::facts::ImapKind;
use crate::flow::FlowId;
use crate::rules::draft::shown;
use crate::rules::words::counted;
use crate::rules::{Confidence, Context, Draft, Findings, Severity, View};

/// Exchange ends a connection with this number after too many refused log-ins.
const TOO_MANY_FAILURES: u32 = 14;

rule! {
    /// Exchange refuses the credentials of an account.
    ///
    /// ## Meaning
    /// The password is wrong or has expired, the name has the wrong form, or the account may not use IMAP.
    ///
    /// ## Evidence
    /// `NO AUTHENTICATE failed.` or `NO LOGIN failed.` with no accepted log-in of the account in the capture, or with
    /// another password than the accepted ones.
    ///
    /// ## Traps
    /// A limit of sessions per user has the same text (`imap-auth-throttled`): where every attempt in the capture is
    /// refused, the sessions that fill the limit may lie outside of it. LOGIN without TLS may be forbidden
    /// (`imap-login-disabled`). A cancelled exchange is no refusal. Kerberos hides the account: then the client stands
    /// for it.
    ///
    /// ## Remedy
    /// Enter the password again on the Cisco side. Try the name as `DOMAIN\user` and as `user@domain`. Check the
    /// account: `Get-CASMailbox <account> | fl ImapEnabled`, and if need be `Set-CASMailbox <account> -ImapEnabled
    /// $true`; `Get-ADUser <account> -Properties LockedOut,PasswordExpired,Enabled`. A host with an old password shows
    /// by its workstation name.
    ///
    /// ## References
    /// Cisco TechNote 117589; RFC 9051, 6.2.2.
    pub(crate) struct ImapAuthRejected;
    id = "imap-auth-rejected";
    severity = Error;
    check = check;
}

fn check(cx: &Context<'_>, out: &mut Findings<'_>) {
    for view in &cx.views {
        let accounts = access::accounts(view);
        let cut_off = cut_off(view);
        let refused = accounts.iter().filter(|access| !access.rejected.is_empty());
        out.extend(refused.map(|access| state(view, access, &cut_off)));
    }
}

fn state(view: &View<'_>, access: &Access<'_>, cut_off: &HashSet<FlowId>) -> Draft {
    let refused = &access.rejected;
    let number = refused.len();
    let title = match &access.who {
        Who::Account(name) => format!("{} of {name} refused", counted(number, "log-in")),
        Who::Client(ip) => format!("{} from {ip} refused, account not seen", counted(number, "log-in")),
    };
    let clients = tally(refused.iter().map(|refused| refused.row.client.ip));
    let names = refused.iter().filter_map(|refused| refused.row.login.as_ref()?.workstation.as_deref());
    let mut hosts: Vec<&str> = names.collect();
    hosts.sort_unstable();
    hosts.dedup();
    let hosts = match hosts.is_empty() {
        true => String::new(),
        false => format!(" (workstations {})", hosts.iter().take(12).copied().collect::<Vec<_>>().join(", ")),
    };
    let accepted = access.accepted.len();
    let words = refused.last().map_or("", |refused| refused.row.text());
    let draft = access
        .who
        .draft(title, refused.iter().map(|refused| refused.row))
        .count(number)
        .value("refused", number)
        .value("accepted", accepted)
        .detail(format!(
            "The server answered {words:?} to {} from {clients}{hosts}. {} accepted in this capture.",
            counted(number, "log-in"),
            match accepted {
                0 => "No log-in of the account was".to_owned(),
                1 => "Another log-in of the account was".to_owned(),
                _ => format!("{accepted} other log-ins of the account were"),
            },
        ));
    let draft = judge(draft, access, cut_off);
    shown(refused, 1).fold(draft, |draft, refused| {
        draft.evidence(view, Some(refused.row.flow), refused.row.settled(), note(refused))
    })
}

fn note(refused: &Refused<'_>) -> &'static str {
    match (refused.reason, refused.is_wrong) {
        (Reason::Disabled, _) => "refused: the account may not use IMAP",
        (_, true) => "refused, with another password than the accepted ones",
        (_, false) => "refused",
    }
}

fn judge(draft: Draft, access: &Access<'_>, cut_off: &HashSet<FlowId>) -> Draft {
    let refused = &access.rejected;
    if refused.iter().any(|refused| refused.reason == Reason::Disabled) {
        return draft.remedy(
            "Switch IMAP on for the account: in Active Directory Users and Computers, Exchange Features, IMAP4 (Exchange \
             2003), or `Set-CASMailbox <account> -ImapEnabled $true`.",
        );
    }
    if refused.iter().any(|refused| refused.is_wrong) {
        return draft;
    }
    if matches!(access.who, Who::Client(_)) && !access.accepted.is_empty() {
        return draft.confidence(Confidence::Possible).severity(Severity::Warning).caveat(
            "The account is not seen, so it may be another one than that of the accepted log-ins, or the same one at a \
             limit of sessions.",
        );
    }
    if !access.accepted.is_empty() {
        return draft.confidence(Confidence::Likely).caveat(
            "Only one host is refused, and it is never accepted: an old password there is the likely cause. NTLM and \
             Kerberos do not let passwords be compared.",
        );
    }
    let draft = draft.confidence(Confidence::Possible).caveat(
        "Every attempt in this capture was refused: a limit of sessions per user looks the same from here. A capture at \
         the Exchange server that begins before the account's first log-in of the day would decide.",
    );
    match refused.len() {
        1 if !refused.iter().any(|refused| cut_off.contains(&refused.row.flow)) => {
            draft.severity(Severity::Warning)
        }
        _ => draft,
    }
}

/// The connections that the server ended because of refused log-ins.
fn cut_off(view: &View<'_>) -> HashSet<FlowId> {
    let byes = view.facts.imap.rows.iter().filter(|row| row.kind == ImapKind::Bye);
    byes.filter(|row| code(row.text()) == Some(TOO_MANY_FAILURES)).map(|row| row.flow).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::imap::testing::{Site, ids};

    #[test]
    fn refusals_only_may_be_a_wrong_password() {
        let mut site = Site::exchange_2010();
        site.refused(1, "10.0.1.1", "svc", "pw");
        assert_eq!(site.findings(&ImapAuthRejected)[0].severity, Severity::Warning);
        site.refused(2, "10.0.1.1", "svc", "pw");
        let findings = site.findings(&ImapAuthRejected);
        assert_eq!(ids(&findings), ["svc"]);
        assert_eq!((findings[0].severity, findings[0].confidence), (Severity::Error, Confidence::Possible));
    }

    #[test]
    fn an_old_password_beside_the_right_one_is_proven() {
        let mut site = Site::exchange_2010();
        site.accepted(1, "10.0.1.1", "svc", "pw");
        site.refused(2, "10.0.1.2", "svc", "old");
        site.accepted(3, "10.0.1.3", "svc", "pw");
        let findings = site.findings(&ImapAuthRejected);
        assert_eq!((ids(&findings), findings[0].confidence), (vec!["svc"], Confidence::Proven));
    }

    #[test]
    fn one_accounts_refusals_are_not_joined_with_anothers_successes() {
        let mut site = Site::exchange_2010();
        site.accepted(1, "10.0.1.1", "anna", "pw");
        site.refused(2, "10.0.1.1", "ben", "pw");
        site.refused(3, "10.0.1.1", "ben", "pw");
        assert_eq!(ids(&site.findings(&ImapAuthRejected)), ["ben"]);
    }
}

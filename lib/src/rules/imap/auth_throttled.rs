//! `imap-auth-throttled`.

use super::access::{self, Access, Refused};
use super::reason::Reason;
use super::tally;
use crate::rules::draft::shown;
use crate::rules::words::counted;
use crate::rules::{Confidence, Context, Draft, Findings, Severity, View};

rule! {
    /// Exchange refuses the right password, because the account has too many sessions or uses too much.
    ///
    /// ## Meaning
    /// All agents and the contact-centre server share one account, and each of them opens two connections. When a limit
    /// for the account is reached, Exchange answers `NO AUTHENTICATE failed.` or `NO LOGIN failed.`: the same text as
    /// for a wrong password. With the default of 16 sessions the ninth agent fails.
    ///
    /// ## Evidence
    /// The same account is accepted before or beside, with the same password where it can be compared, and refused
    /// while its open sessions have reached a limit; it is accepted again when sessions have ended.
    ///
    /// ## Traps
    /// Refusals in a row while few sessions are open are a lock-out or a changed password (`imap-account-lockout`). One
    /// host that is never accepted has an old password (`imap-auth-rejected`). LOGIN without TLS may be forbidden
    /// (`imap-login-disabled`).
    ///
    /// ## Remedy
    /// First raise the limit of sessions: `Set-ImapSettings -Server <CAS> -MaxConnectionsPerUser 2400`, then
    /// `Restart-Service MSExchangeIMAP4` (from Exchange 2013 on also `Restart-Service MSExchangeIMAP4BE`). Exchange 2013
    /// and later: leave `-MaxConnections` and `-MaxConnectionFromSingleIP` alone: they are unlimited (2147483647), and
    /// the values 2400 and 2000 that guides for Exchange 2010 give would lower both.
    ///
    /// Then, if log-ins are still refused, take the account out of throttling. Exchange 2010:
    /// `New-ThrottlingPolicy <policy>`, then
    /// `Set-ThrottlingPolicy <policy> -RCAMaxConcurrency $null -RCAPercentTimeInAD $null -RCAPercentTimeInCAS $null
    /// -RCAPercentTimeInMailboxRPC $null -IMAPMaxConcurrency $null -IMAPPercentTimeInAD $null -IMAPPercentTimeInCAS
    /// $null -IMAPPercentTimeInMailboxRPC $null -MessageRateLimit $null -RecipientRateLimit $null -CPUStartPercent
    /// $null`; Exchange 2010 SP1 and SP2 the same with `-CPAMaxConcurrency $null -CPAPercentTimeInCAS $null
    /// -CPAPercentTimeInMailboxRPC $null`. Then `Set-Mailbox <account> -ThrottlingPolicy <policy>`. Exchange 2013 and
    /// later: `New-ThrottlingPolicy <policy> -ImapMaxConcurrency Unlimited -ImapMaxBurst Unlimited -ImapRechargeRate
    /// Unlimited -ImapCutoffBalance Unlimited -RcaMaxConcurrency Unlimited`, then the same `Set-Mailbox`; write
    /// `Unlimited`, not `$null`.
    ///
    /// ## References
    /// Cisco TechNote 117589; Set-ImapSettings; Set-ThrottlingPolicy.
    pub(crate) struct ImapAuthThrottled;
    id = "imap-auth-throttled";
    severity = Error;
    check = check;
}

fn check(cx: &Context<'_>, out: &mut Findings<'_>) {
    for view in &cx.views {
        let accounts = access::accounts(view);
        out.extend(
            accounts.iter().filter(|access| !access.throttled.is_empty()).map(|access| state(view, access)),
        );
    }
}

fn state(view: &View<'_>, access: &Access<'_>) -> Draft {
    let refused = &access.throttled;
    let number = refused.len();
    let open = refused.iter().map(|refused| refused.open).max().unwrap_or(0);
    let full = refused.iter().filter(|refused| refused.is_full || refused.reason == Reason::TooMany).count();
    let limit = refused.iter().find_map(|refused| refused.limit);
    let title = format!(
        "{} of {} refused although the password is right, with {} open",
        counted(number, "log-in"),
        access.who,
        counted(open as usize, "session")
    );
    let clients = tally(refused.iter().map(|refused| refused.row.client.ip));
    let reached = match limit {
        Some(limit) => {
            format!("{full} of them came when the limit of sessions per user ({limit}) was reached. ")
        }
        None => format!("{full} of them came when as many sessions were open as ever. "),
    };
    let words = refused.last().map_or("", |refused| refused.row.text());
    let draft = access
        .who
        .draft(title, refused.iter().map(|refused| refused.row).chain(access.accepted.iter().copied()))
        .count(number)
        .value("refused", number)
        .value("accepted", access.accepted.len())
        .value("open_sessions", open)
        .detail(format!(
            "{} was accepted {} and refused {} in this capture, with the text of a wrong password ({words:?}). {reached}The \
             refused connections came from {clients}.",
            access.who,
            counted(access.accepted.len(), "time"),
            counted(number, "time"),
        ));
    let draft = match limit {
        Some(limit) => draft.value("limit", limit.value),
        None => draft,
    };
    let draft = judge(draft, access, full, number);
    let draft = match access.accepted.first() {
        Some(row) => draft.evidence(view, Some(row.flow), row.settled(), "the same account is accepted"),
        None => draft,
    };
    shown(refused, 1).fold(draft, |draft, refused| show(draft, view, refused))
}

fn judge(draft: Draft, access: &Access<'_>, full: usize, number: usize) -> Draft {
    let says_so = access.throttled.iter().any(|refused| refused.reason == Reason::TooMany);
    if access.accepted.is_empty() && !says_so {
        return draft.confidence(Confidence::Likely).caveat(
            "No log-in of the account was accepted in this capture: its open sessions began before and are told by \
             their number only.",
        );
    }
    let is_named = access.throttled.iter().any(|refused| refused.limit.is_some());
    if full == number {
        return if is_named || says_so { draft } else { draft.confidence(Confidence::Likely) };
    }
    let draft = draft.caveat(
        "Some were refused while fewer sessions were open than the limit allows: sessions inside TLS are not counted, \
         and a throttling policy counts time, not sessions.",
    );
    match full {
        0 if number == 1 => draft.confidence(Confidence::Possible).severity(Severity::Warning),
        _ => draft.confidence(Confidence::Likely),
    }
}

fn show(draft: Draft, view: &View<'_>, refused: &Refused<'_>) -> Draft {
    let note = format!("refused with {} open", counted(refused.open as usize, "session"));
    draft.evidence(view, Some(refused.row.flow), refused.row.settled(), note)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::imap::testing::{Site, ids};

    #[test]
    fn refusals_at_the_limit_are_throttled() {
        let mut site = Site::exchange_2010();
        for number in 0..16 {
            site.accepted(number, "10.0.1.1", "svc", "pw");
        }
        site.refused(20, "10.0.1.9", "svc", "pw");
        site.refused(21, "10.0.1.9", "svc", "pw");
        let findings = site.findings(&ImapAuthThrottled);
        assert_eq!(ids(&findings), ["svc"]);
        assert_eq!((findings[0].confidence, findings[0].count), (Confidence::Proven, 2));
        assert!(findings[0].detail.contains("16, the default of Exchange 2010"), "{}", findings[0].detail);
    }

    #[test]
    fn another_password_is_not_throttled() {
        let mut site = Site::exchange_2010();
        for number in 0..16 {
            site.accepted(number, "10.0.1.1", "svc", "pw");
        }
        site.refused(20, "10.0.1.9", "svc", "old");
        assert!(site.findings(&ImapAuthThrottled).is_empty());
    }

    #[test]
    fn a_limit_that_nobody_knows_shows_by_concurrency_alone() {
        let mut site = Site::unknown();
        for number in 0..4 {
            site.accepted(number, "10.0.1.1", "svc", "pw");
        }
        site.refused(10, "10.0.1.2", "svc", "pw");
        site.close(0, 12);
        site.accepted(20, "10.0.1.2", "svc", "pw");
        assert_eq!(ids(&site.findings(&ImapAuthThrottled)), ["svc"]);
    }
}

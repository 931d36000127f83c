//! `imap-account-lockout`.

use std::collections::BTreeMap;

use super::access::{self, Access};
use super::tally;
use crate::rules::draft::shown;
use crate::rules::words::counted;
use crate::rules::{Confidence, Context, Draft, Findings, Severity, View};

/// Fewer refusals may be chance.
const ENOUGH: usize = 5;

rule! {
    /// An account that was accepted is refused every time from some moment on.
    ///
    /// ## Meaning
    /// The account was locked out, or its password was changed and not everywhere: sessions that are open go on, new
    /// ones are refused, by whichever client.
    ///
    /// ## Evidence
    /// Accepted log-ins, then at least five refusals in a row while fewer sessions are open than any limit allows.
    ///
    /// ## Traps
    /// Refusals while the limit of sessions is reached are `imap-auth-throttled`. One host that is never accepted has an
    /// old password (`imap-auth-rejected`), and may be what locks the account.
    ///
    /// ## Remedy
    /// `Search-ADAccount -LockedOut`, then `Unlock-ADAccount <account>`. Find the host with the old password before it
    /// locks the account again: the workstation name of the refused NTLM log-ins, or event 4740 on the domain
    /// controller. If the password was changed, enter it everywhere on the Cisco side.
    ///
    /// ## References
    /// Unlock-ADAccount; MS-NLMP 2.2.1.3.
    pub(crate) struct ImapAccountLockout;
    id = "imap-account-lockout";
    severity = Error;
    check = check;
}

fn check(cx: &Context<'_>, out: &mut Findings<'_>) {
    for view in &cx.views {
        let accounts = access::accounts(view);
        out.extend(
            accounts.iter().filter(|access| !access.locked.is_empty()).map(|access| state(view, access)),
        );
    }
}

fn state(view: &View<'_>, access: &Access<'_>) -> Draft {
    let refused = &access.locked;
    let number = refused.len();
    let mut hosts: BTreeMap<&str, usize> = BTreeMap::new();
    for name in refused.iter().filter_map(|refused| refused.row.login.as_ref()?.workstation.as_deref()) {
        *hosts.entry(name).or_default() += 1;
    }
    let most = hosts.iter().max_by_key(|(_, count)| **count).map(|(name, _)| *name);
    let first = refused.first().map(|refused| refused.row);
    let since = first.map_or(String::new(), |row| format!(" since {}", row.settled().time.in_words()));
    let open = refused.iter().map(|refused| refused.open).max().unwrap_or(0);
    let title = format!(
        "{} is locked out, or its password was changed: {} refused in a row",
        access.who,
        counted(number, "log-in")
    );
    let draft = access
        .who
        .draft(title, refused.iter().map(|refused| refused.row).chain(access.accepted.iter().copied()))
        .count(number)
        .value("refused", number)
        .value("accepted", access.accepted.len())
        .value("open_sessions", open)
        .detail(format!(
            "{} was accepted {} and then refused {}{since}, from {}, with {} open at most.{}{}",
            access.who,
            counted(access.accepted.len(), "time"),
            counted(number, "time"),
            tally(refused.iter().map(|refused| refused.row.client.ip)),
            counted(open as usize, "session"),
            most.map_or(String::new(), |name| format!(" Workstation {name} was refused most often.")),
            if access.is_unlocked { " Later it was accepted again." } else { "" },
        ))
        .caveat("A lock-out and a changed password look the same on the wire.");
    let draft = match number {
        ENOUGH.. => draft.confidence(Confidence::Likely),
        _ => draft.confidence(Confidence::Possible).severity(Severity::Warning),
    };
    let last_good = access
        .accepted
        .iter()
        .rfind(|row| first.is_some_and(|first| row.settled().frame < first.settled().frame));
    let draft = match last_good {
        Some(row) => {
            draft.evidence(view, Some(row.flow), row.settled(), "the last log-in that was accepted before")
        }
        None => draft,
    };
    shown(refused, 1).fold(draft, |draft, refused| {
        draft.evidence(view, Some(refused.row.flow), refused.row.settled(), "refused")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::imap::testing::{Site, ids};

    #[test]
    fn successes_and_then_nothing_but_refusals_are_a_lock_out() {
        let mut site = Site::exchange_2010();
        site.accepted(1, "10.0.1.1", "svc", "pw");
        for number in 0..5 {
            site.refused(10 + number, "10.0.1.2", "svc", "pw");
        }
        assert_eq!(ids(&site.findings(&ImapAccountLockout)), ["svc"]);
        site.accepted(90, "10.0.1.1", "svc", "pw");
        assert_eq!(ids(&site.findings(&ImapAccountLockout)), ["svc"]);
    }

    #[test]
    fn four_refusals_between_successes_are_none() {
        let mut site = Site::exchange_2010();
        site.accepted(1, "10.0.1.1", "svc", "pw");
        for number in 0..4 {
            site.refused(10 + number, "10.0.1.2", "svc", "pw");
        }
        site.accepted(90, "10.0.1.1", "svc", "pw");
        assert!(site.findings(&ImapAccountLockout).is_empty());
    }
}

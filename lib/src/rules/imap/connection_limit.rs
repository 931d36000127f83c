//! `imap-connection-limit`.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::access::{self, Access, Refused};
use super::limits::{self, Limit};
use super::reason::Reason;
use super::tally;
use super::turned_away::{self, Counted, Refusal};
use crate::facts::{ImapSession, Level, TurnedAway};
use crate::flow::Moment;
use crate::rules::draft::shown;
use crate::rules::words::counted;
use crate::rules::{Confidence, Context, Draft, Findings, Severity, SubjectKind, View};

rule! {
    /// An IMAP server has reached a limit of connections: of an account, of a client address, or in total.
    ///
    /// ## Meaning
    /// Exchange counts the sessions of each account, the connections of each address and all connections, and refuses
    /// what goes beyond. Two connections for each agent on one shared account reach the default of 16 with eight agents.
    ///
    /// ## Evidence
    /// Refusals while the count of open connections, those from before the capture included, has reached the limit that
    /// was configured or is the version's default; `* BYE Connection is closed. 10` in place of a greeting; connections
    /// that are accepted and closed without a word. A count at the limit without a refusal is worth knowing only.
    ///
    /// ## Traps
    /// Half-closed connections do not count. Users inside TLS are not seen: there only addresses are counted. From
    /// Exchange 2013 on only the limit per user has a default.
    ///
    /// ## Remedy
    /// Raise the limit that was reached. Per user: `Set-ImapSettings -Server <CAS> -MaxConnectionsPerUser 2400`. Per
    /// address: `Set-ImapSettings -Server <CAS> -MaxConnectionFromSingleIP 2000`. In total: `Set-ImapSettings -Server
    /// <CAS> -MaxConnections 2400`. Then `Restart-Service MSExchangeIMAP4`, from Exchange 2013 on also
    /// `Restart-Service MSExchangeIMAP4BE`. On Exchange 2013 and later the last two are unlimited (2147483647) by
    /// default: the values for Exchange 2010 lower them, so set only `-MaxConnectionsPerUser` there. See
    /// `Get-ImapSettings | fl Max*`.
    ///
    /// ## References
    /// Set-ImapSettings; Cisco TechNote 117589.
    pub(crate) struct ImapConnectionLimit;
    id = "imap-connection-limit";
    severity = Error;
    check = check;
}

fn check(cx: &Context<'_>, out: &mut Findings<'_>) {
    for view in &cx.views {
        let accounts = access::accounts(view);
        for access in &accounts {
            out.extend(refused_user(view, access));
        }
        let turned_away = turned_away::refusals(view);
        for (counted, refusals) in &turned_away {
            out.push(refused_connections(view, *counted, refusals));
        }
        let refused: Vec<&Access<'_>> =
            accounts.iter().filter(|access| !access.throttled.is_empty()).collect();
        out.extend(full_users(view, &refused));
        out.extend(full_addresses(view, &turned_away));
        out.extend(full_servers(view, &turned_away));
    }
}

/// Refused log-ins of an account that has reached its limit.
fn refused_user(view: &View<'_>, access: &Access<'_>) -> Option<Draft> {
    let at_limit = |refused: &&Refused<'_>| refused.limit.is_some() || refused.reason == Reason::TooMany;
    let refused: Vec<Refused<'_>> = access.throttled.iter().filter(at_limit).copied().collect();
    let first = refused.first()?;
    let server = first.row.server.ip;
    let open = refused.iter().map(|refused| refused.open).max().unwrap_or(0);
    let limit = refused.iter().find_map(|refused| refused.limit);
    let (of_whom, words) = match limit {
        Some(limit) => {
            (format!("{open} sessions of {} at once", access.who), format!("the limit per user ({limit})"))
        }
        None => {
            (format!("{open} sessions of {} at once", access.who), "a limit that the server names".to_owned())
        }
    };
    let account = first.row.login.as_ref()?.account.as_ref();
    let sessions = account.map(|account| sessions_of(view, server, account, first.row.settled()));
    let (whose, earlier) = sessions.unwrap_or_default();
    let mut detail = format!(
        "{} refused while {open} sessions of {} were open on {server}; the last answer was {:?}. ",
        counted(refused.len(), "log-in"),
        access.who,
        refused.last().map_or("", |refused| refused.row.text()),
    );
    if !whose.is_empty() {
        detail += &format!("The open sessions were those of {whose}.");
    }
    let draft = access
        .who
        .draft(format!("{of_whom} reach {words}"), refused.iter().map(|refused| refused.row))
        .count(refused.len())
        .value("kind", "user")
        .value("peak", open)
        .value("refused", refused.len())
        .detail(detail);
    let draft = with_limit(draft, limit);
    let draft = match earlier {
        0 => draft,
        _ => draft.confidence(Confidence::Likely).caveat(format!(
            "{} began before the capture and {} taken for this account's, which is the only one seen there.",
            counted(earlier, "session"),
            if earlier == 1 { "is" } else { "are" },
        )),
    };
    let draft =
        peak_evidence(draft, view, account.and_then(|account| view.facts.imap.open.user(server, account)));
    Some(shown(&refused, 1).fold(draft, |draft, refused| {
        let note = format!("refused with {} open", counted(refused.open as usize, "session"));
        draft.evidence(view, Some(refused.row.flow), refused.row.settled(), note)
    }))
}

/// Whose sessions of an account were open at a moment, and how many of them began before the capture.
fn sessions_of(view: &View<'_>, server: IpAddr, account: &str, at: Moment) -> (String, usize) {
    let is_open = |session: &&ImapSession| {
        session.server.ip == server
            && session.account.as_deref() == Some(account)
            && session.is_authenticated_at(at)
            && session.closed.is_none_or(|closed| closed > at)
    };
    let open: Vec<&ImapSession> = view.facts.imap.sessions.iter().filter(is_open).collect();
    let earlier = open.iter().filter(|session| session.is_assumed).count();
    (tally(open.iter().map(|session| session.client.ip)), earlier)
}

fn with_limit(draft: Draft, limit: Option<Limit>) -> Draft {
    match limit {
        Some(limit) => draft.value("limit", limit.value),
        None => draft,
    }
}

fn peak_evidence(draft: Draft, view: &View<'_>, level: Option<&Level>) -> Draft {
    let peak = level.and_then(Level::peak).filter(|(at, _)| at.frame.number() > 0);
    match peak {
        Some((at, count)) => draft.evidence(view, None, at, format!("{count} open: the most at once")),
        None => draft,
    }
}

/// Connections that were turned away.
fn refused_connections(view: &View<'_>, what: Counted, refusals: &[Refusal<'_>]) -> Draft {
    let number = refusals.len();
    let open = refusals.iter().map(|refusal| refusal.open).max().unwrap_or(0);
    let limit = refusals.iter().find_map(|refusal| refusal.limit);
    let reached = |kind: &str| match limit {
        Some(limit) => format!("{open} were open, which is the limit {kind} ({limit})"),
        None => format!("{} open", if open == 1 { "1 was".to_owned() } else { format!("{open} were") }),
    };
    let draft = match what {
        Counted::Ip { server, client } => {
            let title = format!(
                "{} from {client} turned away: {}",
                counted(number, "connection"),
                reached("per address")
            );
            Draft::new(SubjectKind::Client, client.to_string(), title).also(server).value("kind", "ip")
        }
        Counted::Total { server } => {
            let title =
                format!("{} turned away by {server}: {}", counted(number, "connection"), reached("in total"));
            Draft::new(SubjectKind::Server, server.to_string(), title).value("kind", "total")
        }
    };
    let said = refusals.iter().find_map(|refusal| match refusal.how {
        TurnedAway::Bye(reply) => Some(format!("with {:?} in place of a greeting", reply.text)),
        TurnedAway::Silently(_) => None,
    });
    let clients = refusals.iter().map(|refusal| refusal.session.client.ip);
    let draft = draft
        .also_all(clients.clone().take(super::NAMED))
        .count(number)
        .value("peak", open)
        .value("refused", number)
        .detail(format!(
            "The server accepted {} and closed {} {}. {} came from {}.",
            counted(number, "connection"),
            if number == 1 { "it" } else { "them" },
            said.clone().unwrap_or_else(|| "without a word".to_owned()),
            if number == 1 { "It" } else { "They" },
            tally(clients),
        ));
    let draft = with_limit(draft, limit);
    let draft = match (limit, said) {
        (None, None) => draft.confidence(Confidence::Likely).caveat(
            "The limit is not known, and the server did not say why it closed: it may have had trouble of its own.",
        ),
        (None, Some(_)) => draft.caveat(
            "The server's limits are not known; whether it counts by address or in total is told from who else was let in.",
        ),
        _ => draft,
    };
    shown(refusals, 1).fold(draft, |draft, refusal| {
        let (at, note) = match refusal.how {
            TurnedAway::Bye(reply) => (reply.last, "BYE in place of a greeting"),
            TurnedAway::Silently(at) => (*at, "closed without a greeting"),
        };
        draft.evidence(view, Some(refusal.session.flow), at, note)
    })
}

/// Accounts at their limit of which nothing was refused.
fn full_users(view: &View<'_>, refused: &[&Access<'_>]) -> Vec<Draft> {
    let mut drafts = Vec::new();
    for ((server, account), level) in &view.facts.imap.open.by_user {
        let is_refused = refused.iter().any(|access| access.who == super::Who::Account(account));
        let Some((limit, peak)) =
            reached(level, |peak| limits::user(view, *server, peak)).filter(|_| !is_refused)
        else {
            continue;
        };
        let title = format!("{peak} sessions of {account} at once: the limit per user ({limit}) is reached");
        let draft = Draft::new(SubjectKind::User, &**account, title).also(server).value("kind", "user");
        drafts.push(at_limit(draft, view, level, limit, peak));
    }
    drafts
}

type TurnedAwayBy<'v> = BTreeMap<Counted, Vec<Refusal<'v>>>;

fn full_addresses(view: &View<'_>, turned_away: &TurnedAwayBy<'_>) -> Vec<Draft> {
    let mut drafts = Vec::new();
    for (&(server, client), level) in &view.facts.imap.open.by_ip {
        let is_refused = turned_away.contains_key(&Counted::Ip { server, client });
        let Some((limit, peak)) =
            reached(level, |peak| limits::ip(view, server, peak)).filter(|_| !is_refused)
        else {
            continue;
        };
        let title =
            format!("{peak} connections from {client} at once: the limit per address ({limit}) is reached");
        let draft =
            Draft::new(SubjectKind::Client, client.to_string(), title).also(server).value("kind", "ip");
        drafts.push(at_limit(draft, view, level, limit, peak));
    }
    drafts
}

fn full_servers(view: &View<'_>, turned_away: &TurnedAwayBy<'_>) -> Vec<Draft> {
    let mut drafts = Vec::new();
    for (&server, level) in &view.facts.imap.open.total {
        let is_refused = turned_away.contains_key(&Counted::Total { server });
        let Some((limit, peak)) =
            reached(level, |peak| limits::total(view, server, peak)).filter(|_| !is_refused)
        else {
            continue;
        };
        let title =
            format!("{peak} connections to {server} at once: the limit in total ({limit}) is reached");
        let draft = Draft::new(SubjectKind::Server, server.to_string(), title).value("kind", "total");
        drafts.push(at_limit(draft, view, level, limit, peak));
    }
    drafts
}

fn reached(level: &Level, limit: impl Fn(u64) -> Option<Limit>) -> Option<(Limit, u64)> {
    let (_, peak) = level.peak()?;
    let limit = limit(peak)?;
    (limit.value > 0 && peak >= limit.value).then_some((limit, peak))
}

fn at_limit(draft: Draft, view: &View<'_>, level: &Level, limit: Limit, peak: u64) -> Draft {
    let draft = draft
        .severity(Severity::Info)
        .value("peak", peak)
        .value("limit", limit.value)
        .detail(format!("{peak} were open at once; the limit is {limit}. Nothing was refused because of it: one more would be."));
    peak_evidence(draft, view, Some(level))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::imap::testing::{Site, ids};

    #[test]
    fn the_limit_of_a_user_is_named_with_its_origin() {
        let mut site = Site::exchange_2010();
        for number in 0..16 {
            site.accepted(number, "10.0.1.1", "svc", "pw");
        }
        let findings = site.findings(&ImapConnectionLimit);
        assert_eq!((ids(&findings), findings[0].severity), (vec!["svc"], Severity::Info));
        site.refused(20, "10.0.1.9", "svc", "pw");
        let findings = site.findings(&ImapConnectionLimit);
        assert_eq!((ids(&findings), findings[0].severity), (vec!["svc"], Severity::Error));
        assert!(findings[0].title.contains("16, the default of Exchange 2010"), "{}", findings[0].title);
        assert!(findings[0].detail.contains("10.0.1.1 (16)"), "{}", findings[0].detail);
    }

    #[test]
    fn a_default_that_was_exceeded_is_not_in_force() {
        let mut site = Site::exchange_2010();
        for number in 0..20 {
            site.accepted(number, "10.0.1.1", "svc", "pw");
        }
        assert!(site.findings(&ImapConnectionLimit).is_empty());
    }

    #[test]
    fn connections_greeted_with_bye_10_are_turned_away() {
        let mut site = Site::exchange_2010();
        site.accepted(1, "10.0.1.1", "svc", "pw");
        site.turned_away(5, "10.0.1.2", "Connection is closed. 10");
        site.turned_away(6, "10.0.1.3", "Connection is closed. 10");
        let findings = site.findings(&ImapConnectionLimit);
        assert_eq!(ids(&findings), ["10.0.0.1"]);
        assert_eq!(findings[0].subject.also, ["10.0.1.2", "10.0.1.3"]);
    }

    #[test]
    fn other_byes_are_no_limit() {
        let mut site = Site::exchange_2010();
        site.accepted(1, "10.0.1.1", "svc", "pw");
        site.turned_away(5, "10.0.1.2", "Connection is closed. 14");
        site.turned_away(6, "10.0.1.2", "Server shutting down.");
        assert!(site.findings(&ImapConnectionLimit).is_empty());
    }
}

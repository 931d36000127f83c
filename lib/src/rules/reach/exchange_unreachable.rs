//! `exchange-unreachable`.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::net::IpAddr;

use super::attempts::{self, Answer};
use super::{named, show};
use crate::facts::{EchoErrors, Outcome, Reach, Service, SilentPings, outcome};
use crate::flow::{Connection, Handshake};
use crate::rules::draft::shown;
use crate::rules::words::counted;
use crate::rules::{Confidence, Context, Draft, Findings, Severity, SubjectKind, View};

/// Echo requests in a row without a reply.
const PINGS: u64 = 3;

rule! {
    /// The Exchange server does not answer pings, or a router says that it cannot be reached.
    ///
    /// ## Meaning
    /// IM and Presence tests whether Exchange is there with a ping before anything else, and shows "unreachable" when no
    /// answer comes. Where TCP fails too, the host is down or no way leads to it. Where TCP works, only ICMP is
    /// filtered: the test fails, the integration does not.
    ///
    /// ## Evidence
    /// Three or more ICMP echo requests in a row without a reply, or one that an ICMP error answers, and no connection to
    /// the host; or an ICMP error in answer to a SYN to the TLS port. With TCP working it is worth knowing only.
    ///
    /// ## Traps
    /// A capture that shows one direction only proves nothing. Pings between other hosts are not Exchange's; name it
    /// with `--exchange-addr`.
    ///
    /// ## Remedy
    /// Check the address in Presence > Gateways, the name resolution on the Cisco server, and the routes and firewalls
    /// between. Permit ICMP echo from IM and Presence to Exchange as well as TCP 443; test with
    /// `utils network ping <server>`.
    ///
    /// ## References
    /// RFC 792; RFC 1812, 5.2.7.1; RFC 4443; Cisco, Troubleshooting Exchange Calendaring Integrations.
    pub(crate) struct ExchangeUnreachable;
    id = "exchange-unreachable";
    severity = Error;
    check = check;
}

fn check(cx: &Context<'_>, out: &mut Findings<'_>) {
    for view in &cx.views {
        if !view.is_one_way() {
            let mut silent: BTreeMap<IpAddr, Vec<(&Reach, SilentPings)>> = BTreeMap::new();
            for row in &view.facts.pings {
                let is_rejected = row.echo_errors.is_some() && row.echo_replies == 0;
                if let Some(pings) = row.silent_pings.filter(|pings| pings.count >= PINGS || is_rejected) {
                    silent.entry(row.server).or_default().push((row, pings));
                }
            }
            let hosts = if silent.is_empty() { Hosts::default() } else { Hosts::of(view) };
            for (server, rows) in silent {
                out.extend(unanswered(view, &hosts, server, &rows));
            }
        }
        rejected(view, out);
    }
}

/// What TCP shows of hosts.
#[derive(Default)]
struct Hosts<'v> {
    /// The last connection that each host took part in.
    working: HashMap<IpAddr, &'v Connection>,
    /// Hosts to which connections for a service of Exchange were tried.
    asked: HashSet<IpAddr>,
}

impl<'v> Hosts<'v> {
    fn of(view: &View<'v>) -> Self {
        let ports = &view.config.ports;
        let mut hosts = Hosts::default();
        for connection in &view.facts.connections {
            let goes_on = connection.handshake == Handshake::None
                && connection.sides.iter().all(|side| side.packets > 0);
            if goes_on || outcome(connection) == Some(Outcome::Connected) {
                hosts.working.insert(connection.orig.ip, connection);
                hosts.working.insert(connection.resp.ip, connection);
            }
            let services = [&ports.tls, &ports.imap, &ports.smtp, &ports.epm];
            if services.iter().any(|ports| ports.contains(&connection.resp.port)) {
                hosts.asked.insert(connection.resp.ip);
            }
        }
        hosts
    }
}

fn unanswered(
    view: &View<'_>,
    hosts: &Hosts<'_>,
    server: IpAddr,
    rows: &[(&Reach, SilentPings)],
) -> Option<Draft> {
    let first = rows.iter().map(|(_, pings)| pings.first).min_by_key(|at| at.frame)?;
    let answered: u64 = rows.iter().map(|(row, _)| row.echo_replies).sum();
    let working = hosts.working.get(&server).filter(|c| answered == 0 || c.last().frame > first.frame);
    if working.is_some() && answered > 0 {
        // Single pings get lost; the host is there.
        return None;
    }
    let count: u64 = rows.iter().map(|(_, pings)| pings.count).sum();
    let clients: BTreeSet<IpAddr> = rows.iter().map(|(row, _)| row.client).collect();
    let pings = counted(usize::try_from(count).unwrap_or(usize::MAX), "echo request");
    let is_exchange = view.is_exchange(server)
        || hosts.asked.contains(&server)
        || clients.iter().any(|client| view.is_cuc(*client));
    let (title, detail) = match working {
        Some(connection) => (
            format!("{server} does not answer pings, but TCP works"),
            format!(
                "{pings} in a row had no reply, while a connection {} -> {} works: ICMP is filtered. IM and Presence \
                 will show the server as unreachable.",
                connection.orig, connection.resp
            ),
        ),
        None => (
            format!("{server} cannot be reached"),
            format!("{pings} in a row had no reply, and no connection to the host came about meanwhile."),
        ),
    };
    let errors: Vec<EchoErrors> = rows.iter().filter_map(|(row, _)| row.echo_errors).collect();
    let rejected: u64 = errors.iter().map(|errors| errors.count).sum();
    let detail = match errors.first() {
        Some(errors) => {
            format!("{detail} To {rejected} of them {}.", super::words::unreachable(&errors.first))
        }
        None => detail,
    };
    let mut draft = Draft::new(SubjectKind::Server, server.to_string(), title)
        .also_all(clients.iter().take(super::NAMED))
        .detail(detail)
        .value("echo_errors", rejected)
        .value("echo_requests", rows.iter().map(|(row, _)| row.echo_requests).sum::<u64>())
        .value("echo_replies", answered)
        .value("clients", named(&clients));
    draft = match working {
        Some(connection) => draft
            .severity(Severity::Info)
            .remedy("Permit ICMP echo from IM and Presence to Exchange, else its test fails although the integration works.")
            .evidence(view, Some(connection.id), connection.last(), "a connection of the host that works"),
        None if !is_exchange => draft
            .severity(Severity::Info)
            .confidence(Confidence::Possible)
            .caveat("Nothing shows that this host is an Exchange server; name it with --exchange-addr."),
        None => draft,
    };
    if let Some(EchoErrors { first: error, .. }) = errors.first() {
        draft = draft.evidence(view, None, error.at, super::words::unreachable(error));
    }
    draft = shown(rows, 2).fold(draft, |draft, (_, pings)| {
        draft.evidence(view, None, pings.first, "first echo request without a reply").evidence(
            view,
            None,
            pings.last,
            "last echo request without a reply",
        )
    });
    Some(draft.count(usize::try_from(count).unwrap_or(usize::MAX)))
}

/// States each server to whose TLS port the way is closed by an ICMP error.
fn rejected(view: &View<'_>, out: &mut Findings<'_>) {
    for server in view.servers(Service::Tls) {
        let mut failures = server.filtered(view.end());
        failures.retain(|failure| matches!(failure.answer, Answer::Icmp(_)));
        if failures.is_empty() {
            continue;
        }
        let clients = attempts::clients(&failures);
        let said: BTreeSet<String> = attempts::kinds(&failures).keys().map(super::words::answer).collect();
        let accepted = server.others(&failures).after;
        let mut draft = Draft::new(
            SubjectKind::Server,
            server.ip.to_string(),
            format!("{} cannot be reached: a router rejects the connections", server.ip),
        )
        .also_all(clients.iter().take(super::NAMED))
        .count(failures.len())
        .detail(format!("What was seen: {}.", named(&said).join("; ")))
        .value("icmp", failures.len())
        .value("clients", named(&clients));
        if accepted > 0 {
            draft = draft.confidence(Confidence::Likely).caveat(super::words::passing(accepted));
        }
        out.push(shown(&failures, 2).fold(draft, |draft, failure| show(draft, view, failure)));
    }
}

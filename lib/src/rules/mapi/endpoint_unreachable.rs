//! `mapi-endpoint-unreachable`.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::adverts::{Advert, Adverts};
use crate::flow::{Connection, Dir, Handshake, Moment};
use crate::rules::draft::shown;
use crate::rules::reach::attempts::{self, Answer, Failure};
use crate::rules::words::counted;
use crate::rules::{Confidence, Context, Draft, Findings, SubjectKind, View};

rule! {
    /// A port that the RPC endpoint mapper named does not answer.
    ///
    /// ## Meaning
    /// The client asked TCP 135 where the mailbox or address book service listens, and cannot connect there. A firewall
    /// lacks the dynamic ports, the service is down, or a load balancer sent the question to one server and the
    /// connection to another, whose dynamic port is another one.
    ///
    /// ## Evidence
    /// An answer to ept_map, and then connections of that client to that port that are refused, not answered, or
    /// answered by ICMP; or that are accepted and closed without an answer to the first request, as a load balancer does
    /// that reaches nobody.
    ///
    /// ## Traps
    /// The end of the capture and captures of one direction prove no silence. 135 itself is `mapi-port-closed` and
    /// `mapi-port-filtered`. A refusal behind a virtual address hints at lost affinity, it does not prove it.
    ///
    /// ## Remedy
    /// Set the same static ports on every Client Access server (`TCP/IP Port` under
    /// `HKLM\SYSTEM\CurrentControlSet\Services\MSExchangeRPC\ParametersSystem`, `RpcTcpPort` under
    /// `...\MSExchangeAB\Parameters`), publish them on the balancer with the persistence of 135, and permit them through
    /// firewalls; with dynamic ports permit TCP 6005-65535.
    ///
    /// ## References
    /// C706 appendix O; MS-RPCE 2.2.1.2.5; TechNet ff625248, "Load Balancing Requirements of Exchange Protocols".
    pub(crate) struct MapiEndpointUnreachable;
    id = "mapi-endpoint-unreachable";
    severity = Error;
    check = check;
}

fn check(cx: &Context<'_>, out: &mut Findings<'_>) {
    for view in &cx.views {
        let adverts = Adverts::of(view);
        let places = adverts.places();
        if places.is_empty() {
            continue;
        }
        let one_way = view.is_one_way();
        let mut is_explained = false;
        for server in attempts::servers_at(view, |connection| places.contains(&connection.resp)) {
            let mut failures = server.refused();
            failures.extend(server.filtered(view.end()));
            if one_way || server.is_seen_one_way() {
                failures.retain(|failure| failure.answer != Answer::Nothing);
            }
            failures.sort_by_key(|failure| failure.connection.id);
            let known: Vec<_> = failures
                .into_iter()
                .filter_map(|failure| Some((adverts.before(failure.connection)?, failure)))
                .collect();
            if !known.is_empty() {
                out.push(state(view, server.ip, &known));
                is_explained = true;
            }
        }
        // Where the balancer's own attempts are seen to fail, the client's connections only repeat it.
        if !one_way && !is_explained {
            for (ip, closed) in closed_unanswered(view, &adverts) {
                out.push(state_closed(view, ip, &closed));
            }
        }
    }
}

/// A connection to a named endpoint that was accepted and closed without an answer, and the FIN.
type Closed<'v> = (Advert<'v>, &'v Connection, Moment);

/// Connections that carried a request to a named endpoint and were closed from there without a byte, by server.
fn closed_unanswered<'v>(view: &View<'v>, adverts: &Adverts<'v>) -> BTreeMap<IpAddr, Vec<Closed<'v>>> {
    let mut closed: BTreeMap<IpAddr, Vec<Closed<'v>>> = BTreeMap::new();
    for connection in &view.facts.connections {
        let (client, server) = (connection.side(Dir::Orig), connection.side(Dir::Resp));
        let is_silent = server.bytes == 0 && server.missing == 0 && !server.acked_unseen;
        if !is_silent || client.bytes == 0 || connection.handshake != Handshake::Full {
            continue;
        }
        let Some(fin) = server.fin.filter(|fin| client.fin.is_none_or(|own| own > *fin)) else { continue };
        if let Some(advert) = adverts.before(connection) {
            closed.entry(connection.resp.ip).or_default().push((advert, connection, fin));
        }
    }
    closed
}

fn state_closed(view: &View<'_>, ip: IpAddr, closed: &[Closed<'_>]) -> Draft {
    let (advert, first, _) = closed[0];
    let (port, interface) = (first.resp.port, advert.interface);
    let title = format!(
        "{ip} closes connections to TCP {port}, which the endpoint mapper named for {interface}, without an answer"
    );
    let mut draft = Draft::new(SubjectKind::Server, ip.to_string(), title)
        .count(closed.len())
        .value("closed", closed.len())
        .confidence(Confidence::Likely)
        .detail(format!(
            "{} named TCP {port} for {interface}. After that {ip} accepted {} of {} and closed without a byte.",
            advert.mapper.identity.name(),
            counted(closed.len(), "connection"),
            first.orig.ip,
        ))
        .caveat(
            "A load balancer accepts for a server that it then cannot reach. A capture behind it shows which server \
             that is, and whether it is the one whose mapper was asked.",
        )
        .evidence(view, Some(advert.mapper.flow), advert.at, "the endpoint mapper names the port");
    for (advert, connection, _) in closed {
        draft = draft.also(connection.orig.ip).also(connection.resp).also(advert.mapper.identity.name());
    }
    shown(closed, 2).fold(draft, |draft, (_, connection, fin)| {
        let draft = draft.evidence(view, Some(connection.id), connection.first(), "SYN");
        draft.evidence(view, Some(connection.id), *fin, "closed without an answer")
    })
}

fn state(view: &View<'_>, ip: IpAddr, known: &[(Advert<'_>, Failure<'_>)]) -> Draft {
    let number = |is: fn(&Answer) -> bool| known.iter().filter(|(_, failure)| is(&failure.answer)).count();
    let silent = number(|answer| *answer == Answer::Nothing);
    let icmp = number(|answer| matches!(answer, Answer::Icmp(_)));
    let refused = known.len() - silent - icmp;
    let (advert, first) = (&known[0].0, &known[0].1);
    let port = first.connection.resp.port;
    let how = match (refused, silent) {
        (0, 0) => "cannot be reached",
        (0, _) => "does not answer",
        _ => "refuses connections",
    };
    let title = format!("{ip} {how} on TCP {port}, which the endpoint mapper named for {}", advert.interface);
    let mut draft = Draft::new(SubjectKind::Server, ip.to_string(), title)
        .count(known.len())
        .value("refused", refused)
        .value("unanswered", silent)
        .value("icmp", icmp)
        .detail(format!(
            "{} named TCP {port} for {}. After that {} of {} failed.",
            advert.mapper.identity.name(),
            advert.interface,
            counted(known.len(), "attempt"),
            first.connection.orig.ip,
        ));
    for (advert, failure) in known {
        draft = draft
            .also(failure.connection.orig.ip)
            .also(failure.connection.resp)
            .also(advert.mapper.identity.name());
    }
    if !known.iter().any(|(_, failure)| failure.is_proof()) {
        draft = draft
            .confidence(Confidence::Likely)
            .caveat("Few attempts were seen, and what answered is not sure.");
    }
    if refused > 0 {
        draft = draft.caveat(
            "Behind a load balancer this also happens when the mapper of one server was asked and the connection went to \
             another.",
        );
    }
    draft = draft.evidence(view, Some(advert.mapper.flow), advert.at, "the endpoint mapper names the port");
    shown(known, 2).fold(draft, |draft, (_, failure)| {
        let connection = failure.connection;
        let flow = Some(connection.id);
        let syn = connection.syn.as_ref().map_or(connection.first(), |syn| syn.at);
        let draft = draft.evidence(view, flow, syn, "SYN");
        match failure.answer {
            Answer::Reset { at, .. } | Answer::ForeignReset { at, .. } => {
                draft.evidence(view, flow, at, "RST")
            }
            Answer::Icmp(icmp) => draft.evidence(view, flow, icmp.at, "ICMP error"),
            Answer::Nothing => match connection.last_syn().filter(|last| last.frame != syn.frame) {
                Some(last) => draft.evidence(view, flow, last, "last copy of the SYN, not answered"),
                None => draft,
            },
        }
    })
}

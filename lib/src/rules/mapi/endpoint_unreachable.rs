//! `mapi-endpoint-unreachable`.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use crate::facts::mapi::{Leg, Mapi, RpcConnection, place_of};
use crate::flow::{Endpoint, Moment};
use crate::proto::Interface;
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
    /// answered by ICMP.
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

/// An endpoint as a client learnt it.
#[derive(Clone, Copy)]
struct Advert<'v> {
    mapper: &'v RpcConnection,
    at: Moment,
    interface: Interface,
}

fn check(cx: &Context<'_>, out: &mut Findings<'_>) {
    for view in &cx.views {
        let adverts = adverts(&view.facts.mapi);
        if adverts.is_empty() {
            continue;
        }
        let one_way = view.is_one_way();
        let places: BTreeSet<Endpoint> = adverts.keys().map(|(_, place)| *place).collect();
        for server in attempts::servers_at(view, |connection| places.contains(&connection.resp)) {
            let mut failures = server.refused();
            failures.extend(server.filtered(view.end()));
            if one_way || server.is_seen_one_way() {
                failures.retain(|failure| failure.answer != Answer::Nothing);
            }
            failures.sort_by_key(|failure| failure.connection.id);
            let known: Vec<_> = failures
                .into_iter()
                .filter_map(|failure| Some((advert(&adverts, &failure)?, failure)))
                .collect();
            if !known.is_empty() {
                out.push(state(view, server.ip, &known));
            }
        }
    }
}

/// What clients were told, by client and endpoint: the first time.
fn adverts(mapi: &Mapi) -> BTreeMap<(IpAddr, Endpoint), Advert<'_>> {
    let mut adverts = BTreeMap::new();
    for mapper in &mapi.connections {
        let siblings = siblings(mapi, mapper);
        for row in mapi.rows_of(mapper) {
            for endpoint in row.endpoints.iter() {
                let advert = Advert { mapper, at: row.last(), interface: endpoint.interface };
                let here = Endpoint { ip: mapper.server.ip, port: endpoint.port };
                let others = siblings.iter().map(|ip| Endpoint { ip: *ip, port: endpoint.port });
                for place in [place_of(endpoint, mapper.server.ip), here].into_iter().chain(others) {
                    adverts.entry((mapper.client.ip, place)).or_insert(advert);
                }
            }
        }
    }
    adverts
}

/// The servers among which the balancer chose, where this connection is its leg to one of them.
fn siblings(mapi: &Mapi, mapper: &RpcConnection) -> BTreeSet<IpAddr> {
    let Some(Leg::Inner(outer)) = mapper.leg else { return BTreeSet::new() };
    let vip = mapi.connections.get(outer).map(|outer| outer.server.ip);
    let behind =
        mapi.own().filter(|connection| connection.identity.behind && Some(connection.server.ip) == vip);
    behind.map(|connection| connection.identity.address).collect()
}

fn advert<'v>(
    adverts: &BTreeMap<(IpAddr, Endpoint), Advert<'v>>,
    failure: &Failure<'_>,
) -> Option<Advert<'v>> {
    let connection = failure.connection;
    let advert = adverts.get(&(connection.orig.ip, connection.resp))?;
    (advert.at.time <= connection.first.time).then_some(*advert)
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
        let syn = connection.syn.as_ref().map_or(connection.first, |syn| syn.at);
        let draft = draft.evidence(view, flow, syn, "SYN");
        match failure.answer {
            Answer::Reset { at, .. } | Answer::ForeignReset { at, .. } => {
                draft.evidence(view, flow, at, "RST")
            }
            Answer::Icmp(icmp) => draft.evidence(view, flow, icmp.at, "ICMP error"),
            Answer::Nothing => match connection.last_syn.filter(|last| last.frame != syn.frame) {
                Some(last) => draft.evidence(view, flow, last, "last copy of the SYN, not answered"),
                None => draft,
            },
        }
    })
}

//! `mapi-endpoint-unreachable`.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use crate::facts::mapi::{Leg, Mapi, RpcConnection, place_of};
use crate::flow::{Dir, Endpoint, Moment};
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
        let adverts = adverts(view);
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
fn adverts<'v>(view: &View<'v>) -> BTreeMap<(IpAddr, Endpoint), Advert<'v>> {
    let mapi = &view.facts.mapi;
    let mut adverts = BTreeMap::new();
    let mut pools: BTreeMap<(IpAddr, Endpoint), BTreeSet<IpAddr>> = BTreeMap::new();
    for mapper in &mapi.connections {
        let (client, vip) = (mapper.client.ip, vip(mapi, mapper));
        for row in mapi.rows_of(mapper) {
            for endpoint in row.endpoints.iter() {
                let advert = Advert { mapper, at: row.last(), interface: endpoint.interface };
                let at = |ip| Endpoint { ip, port: endpoint.port };
                let pool = vip
                    .map(at)
                    .map(|vip| &*pools.entry((client, vip)).or_insert_with(|| behind(view, client, vip)));
                let here = [place_of(endpoint, mapper.server.ip), at(mapper.server.ip)];
                let others = pool.into_iter().flatten().map(|ip| at(*ip));
                for place in here.into_iter().chain(others) {
                    adverts.entry((client, place)).or_insert(advert);
                }
            }
        }
    }
    adverts
}

/// The address that clients call, where this connection is the balancer's leg to a server.
fn vip(mapi: &Mapi, mapper: &RpcConnection) -> Option<IpAddr> {
    let Some(Leg::Inner(outer)) = mapper.leg else { return None };
    mapi.connections.get(outer).map(|outer| outer.server.ip)
}

/// The servers behind a virtual endpoint: those that answered clients in its name, and those whose same port the
/// balancer tried while a client waited there that never got an answer.
fn behind(view: &View<'_>, balancer: IpAddr, vip: Endpoint) -> BTreeSet<IpAddr> {
    let answered =
        view.facts.mapi.own().filter(|client| client.identity.behind && client.server.ip == vip.ip);
    let mut servers: BTreeSet<IpAddr> = answered.map(|client| client.identity.address).collect();
    let mut waits_until = None;
    for connection in &view.facts.connections {
        let to = connection.resp;
        if to == vip && connection.side(Dir::Resp).bytes == 0 {
            waits_until = waits_until.max(Some(connection.last.time));
        }
        let is_on = connection.orig.ip == balancer && to.port == vip.port && to.ip != vip.ip;
        if is_on && waits_until >= Some(connection.first.time) {
            servers.insert(to.ip);
        }
    }
    servers
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

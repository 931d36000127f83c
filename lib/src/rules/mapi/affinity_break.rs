//! `mapi-affinity-break`.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::proofs::{self, Kind, Proof};
use crate::facts::mapi::Identity;
use crate::rules::draft::shown;
use crate::rules::{Confidence, Context, Findings, View};

rule! {
    /// The load balancer spread the connections of one MAPI session over several servers.
    ///
    /// ## Meaning
    /// A context handle and an association group are good only on the server that issued them. Unity opens several
    /// connections and takes it that all of them reach one Client Access server. When the balancer sends one of them
    /// elsewhere, its calls fail, and the application sees MAPI_E_NETWORK_ERROR (0x80040115), a code that never
    /// travels on the wire.
    ///
    /// ## Evidence
    /// Each of these alone: an association group issued by one server is presented to another; joining a group is
    /// refused while another connection of that group goes on to be answered; a context handle issued by one server is
    /// presented to another; one connection is served by two machines, of which the second may say no more than RST.
    /// Servers are told apart by the leg behind the
    /// balancer, by the names in their NTLM challenges, and by hardware addresses. For HTTP: the channels of one virtual
    /// connection, or the requests with one MapiContext, are answered by two servers.
    ///
    /// ## Traps
    /// Ids are chosen by each server for itself: that two servers issue equal ones means nothing. Two associations of
    /// one client on two servers are lawful, so are an address book elsewhere and a referral to another server. A group
    /// that is refused after its last connection closed is dead. A server that fell silent before the change was
    /// failed over.
    ///
    /// ## Remedy
    /// Give the client one server for all of its connections: with Network Load Balancing `Get-NlbClusterPortRule |
    /// Set-NlbClusterPortRule -NewAffinity Single`; on a hardware balancer source address persistence that TCP 135
    /// and both static RPC ports share, with a time-out of hours. Set the static ports on every Client Access
    /// server: `TCP/IP Port` under `HKLM\SYSTEM\CurrentControlSet\Services\MSExchangeRPC\ParametersSystem`, and
    /// `RpcTcpPort` under `...\MSExchangeAB\Parameters`.
    ///
    /// ## References
    /// MS-RPCE 3.3.1.4.1 and 3.3.1.5.7; C706 12.6.4.3; TechNet ff625248, "Load Balancing Requirements of Exchange
    /// Protocols".
    pub(crate) struct MapiAffinityBreak;
    id = "mapi-affinity-break";
    severity = Error;
    check = check;
}

fn check(cx: &Context<'_>, out: &mut Findings<'_>) {
    for view in &cx.views {
        let mut by_client: BTreeMap<IpAddr, Vec<Proof<'_>>> = BTreeMap::new();
        for proof in proofs::all(view) {
            by_client.entry(proof.client).or_default().push(proof);
        }
        for (client, proofs) in by_client {
            out.push(state(view, client, proofs));
        }
    }
}

fn state(view: &View<'_>, client: IpAddr, mut proofs: Vec<Proof<'_>>) -> crate::rules::Draft {
    proofs.sort_by_key(|proof| proof.kind);
    let confidence = proofs.iter().map(|proof| proof.confidence).max().unwrap_or(Confidence::Possible);
    let number = |kind| proofs.iter().filter(|proof| proof.kind == kind).count();
    let servers = servers(&proofs);
    let title = match servers.as_slice() {
        [_] | [] => {
            format!("Connections of {client} that belong together were served by more than one server")
        }
        _ => format!("Connections of {client} that belong together went to {}", servers.join(" and ")),
    };
    let mut draft = super::about(client, title)
        .detail(detail(&proofs))
        .confidence(confidence)
        .count(proofs.len())
        .value("groups_elsewhere", number(Kind::Group))
        .value("joins_refused", number(Kind::Join))
        .value("handles_elsewhere", number(Kind::Handle))
        .value("split_connections", number(Kind::Connection))
        .value("split_http_sessions", number(Kind::Http))
        .value("servers", servers);
    for proof in &proofs {
        draft = draft.also_all(proof.group.map(super::group));
        for connection in &proof.connections {
            draft = draft
                .also(connection.server.ip)
                .also(connection.identity.name())
                .also(super::name(connection));
        }
    }
    if confidence < Confidence::Proven {
        draft = draft.caveat(
            "Only one address of the servers is seen from here. A capture behind the balancer, or NTLM log-ins in \
             this one, would name the server that answered each connection; a server that lost its sessions looks the \
             same.",
        );
    }
    let frames: Vec<_> = proofs.iter().flat_map(|proof| proof.frames.iter().cloned()).collect();
    shown(&frames, 1)
        .fold(draft, |draft, (flow, at, note)| draft.evidence(view, Some(*flow), *at, note.as_str()))
}

/// Those who answered, by name. An address behind which others gave their names is no further server.
fn servers(proofs: &[Proof<'_>]) -> Vec<String> {
    let identities = || proofs.iter().flat_map(|proof| &proof.connections).map(|c| &c.identity);
    let fronts: BTreeSet<IpAddr> =
        identities().filter(|server| !server.names.is_empty()).map(|server| server.address).collect();
    let known = identities().filter(|server| !server.names.is_empty() || !fronts.contains(&server.address));
    known.map(Identity::name).collect::<BTreeSet<_>>().into_iter().collect()
}

/// The proofs, each kind on its own.
fn detail(proofs: &[Proof<'_>]) -> String {
    let kinds = [
        (Kind::Group, "Group issued by one server and presented to another"),
        (Kind::Join, "Join refused while the group is alive"),
        (Kind::Handle, "Context handle of one server sent to another"),
        (Kind::Connection, "One connection served by two machines"),
        (Kind::Http, "HTTP session spread over two servers"),
    ];
    let mut parts = Vec::new();
    for (kind, heading) in kinds {
        let mut of_kind = proofs.iter().filter(|proof| proof.kind == kind);
        let Some(first) = of_kind.next() else { continue };
        let more = match of_kind.count() {
            0 => String::new(),
            more => format!(" So {more} more times."),
        };
        parts.push(format!("{heading}: {}{more}", first.text));
    }
    parts.join(" ")
}

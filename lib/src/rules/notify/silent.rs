//! `notify-silent`.

use std::net::IpAddr;

use crate::capture::Vantage;
use crate::config::Network;
use crate::flow::Moment;
use crate::rules::{Confidence, Context, Draft, Findings, SubjectKind, View};
use crate::time::{Timestamp, nanos, spoken};

/// The TLS port of Unity Connection's Jetty; notifications inside TLS cannot be seen.
const JETTY_TLS: u16 = 7443;

rule! {
    /// Nobody even tries to notify Unity Connection.
    ///
    /// ## Meaning
    /// Exchange has no subscription for this host, posts elsewhere (a proxy, another address in the callback URL), or
    /// something far from here takes every packet.
    ///
    /// ## Evidence
    /// The capture shows other traffic of the host in both directions for at least two keep-alive intervals and a
    /// minute, and not one packet to its notification port.
    ///
    /// ## Traps
    /// A capture that was filtered to a port or another host cannot show it; neither can one that sees only one
    /// direction. Without users of single inbox nothing has to come. Notifications may come on another port or inside
    /// TLS.
    ///
    /// ## Remedy
    /// On Exchange, look for events 6 and 7 of "MSExchange Web Services" in the Application log and at the proxy
    /// settings (`netsh winhttp show proxy`, the EWS web.config). On Unity Connection, reset the subscription on the
    /// user's Unified Messaging Account page and run
    /// `run cuc dbquery unitydyndb select first 10 * from tbl_exsubscription`.
    ///
    /// ## References
    /// Cisco TechNotes 118883 and 116001.
    pub(crate) struct NotifySilent;
    id = "notify-silent";
    severity = Warning;
    check = check;
}

fn check(cx: &Context<'_>, out: &mut Findings<'_>) {
    for view in cx.views.iter().filter(|view| !view.is_one_way()) {
        for network in &cx.config.cuc_addrs {
            out.extend(host(view, network).and_then(|host| state(cx, view, &host)));
        }
    }
}

/// What the capture shows of one Cisco host.
struct Seen {
    ip: IpAddr,
    first: Moment,
    last: Timestamp,
    sent: u64,
    received: u64,
}

/// The host of a network that was seen first; a network without traffic has none.
fn host(view: &View<'_>, network: &Network) -> Option<Seen> {
    let mut seen: Option<Seen> = None;
    let mut add = |ip: IpAddr, first: Moment, last: Timestamp, sent: u64, received: u64| {
        if !network.contains(ip) {
            return;
        }
        let host = seen.get_or_insert(Seen { ip, first, last, sent: 0, received: 0 });
        if host.ip == ip {
            host.first = if first.time < host.first.time { first } else { host.first };
            host.last = host.last.max(last);
            host.sent += sent;
            host.received += received;
        }
    };
    for connection in &view.facts.connections {
        let [orig, resp] = [connection.sides[0].packets, connection.sides[1].packets];
        add(connection.orig.ip, connection.first(), connection.last().time, orig, resp);
        add(connection.resp.ip, connection.first(), connection.last().time, resp, orig);
    }
    let begin = view.facts.coverage.first.unwrap_or_default();
    for (ip, host) in &view.facts.coverage.hosts {
        add(*ip, Moment { time: host.first, ..begin }, host.last, host.sent, host.received);
    }
    seen.filter(|host| host.sent > 0 && host.received > 0)
}

fn state(cx: &Context<'_>, view: &View<'_>, host: &Seen) -> Option<Draft> {
    let mut ports = view.config.ports.notify.clone();
    let port = *ports.first()?;
    // Where a Subscribe call was seen, its callback is the place to watch.
    let asked = view.facts.ews.iter().filter_map(|row| row.subscribe.as_ref()?.destination());
    ports.extend(asked.map(|(_, port)| port));
    let needed = 2 * nanos(view.config.interval_on(port)) + 60_000_000_000;
    let to_port = |connection: &&crate::flow::Connection| {
        let listens = |end: crate::flow::Endpoint| {
            end.ip == host.ip && (ports.contains(&end.port) || end.port == JETTY_TLS)
        };
        listens(connection.orig) || listens(connection.resp)
    };
    // Any notification at all means that Exchange does send; where to is another rule's business.
    let tried =
        cx.views.iter().any(|view| view.facts.connections.iter().any(|connection| to_port(&connection)));
    let heard = tried || cx.views.iter().any(|view| !view.facts.notifications.is_empty());
    if heard || host.last.since(host.first.time) < needed {
        return None;
    }
    let lasted = spoken(host.last.seconds_since(host.first.time));
    let end = view.end()?;
    let draft = Draft::new(SubjectKind::Server, host.ip.to_string(), format!("Nobody notifies {}", host.ip))
        .detail(format!(
            "The capture shows {} for {lasted}, {} packets from it and {} to it, and not one packet to its \
             notification port.",
            host.ip, host.sent, host.received
        ))
        .value("ports", ports.iter().map(u16::to_string).collect::<Vec<_>>())
        .value("covered_s", host.last.seconds_since(host.first.time))
        .evidence(view, None, host.first, "first packet of the host")
        .evidence(view, None, end, "last packet of the capture")
        .caveat("Where no user has single inbox, nothing has to come.");
    Some(if view.is_at(Vantage::Exchange) {
        draft.confidence(Confidence::Possible).caveat(
            "Taken at Exchange, it shows only what this one server sends; other nodes may notify. Capture at the Cisco \
             host to be sure.",
        )
    } else {
        draft.confidence(Confidence::Likely)
    })
}

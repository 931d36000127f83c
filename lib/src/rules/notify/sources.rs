//! The addresses that notifications come from, and what gives away something between them and Exchange.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::passage::{Passage, passages};
use super::stack::not_windows;
use crate::compare::PairKind;
use crate::facts::NotificationRow;
use crate::flow::Moment;
use crate::proto::Header;
use crate::rules::{Context, Draft, Severity, SubjectKind, View};

/// One address that notifications came from, with the first notification that shows each sign.
#[derive(Clone, Debug)]
pub(crate) struct Source<'v> {
    pub(super) ip: IpAddr,
    /// Its notifications that count.
    pub(super) rows: Vec<&'v NotificationRow>,
    /// Header fields that only a middlebox adds, or that a client sends to a proxy, by lower-case name.
    pub(super) headers: BTreeMap<String, (&'v NotificationRow, &'v Header)>,
    /// A target in absolute form (RFC 9112, 3.2.2).
    pub(super) absolute: Option<&'v NotificationRow>,
    /// A SYN that no Windows stack makes, and why.
    pub(super) foreign: Option<(&'v NotificationRow, Moment, String)>,
    /// Whether a SYN may be of Windows.
    pub(super) windows: bool,
    /// A reply that a middlebox wrote, and what shows it.
    pub(super) reply: Option<(&'v NotificationRow, Moment, String)>,
    /// Addresses in `Host` that are not the destination.
    pub(super) hosts: BTreeMap<IpAddr, &'v NotificationRow>,
    /// Names of the servers that own the subscriptions, in lower case: host names are alike in any (RFC 4343).
    pub(super) servers: BTreeMap<String, &'v NotificationRow>,
    /// The same packets captured with other addresses: the first copy and the second.
    pub(super) copy: Option<(&'v NotificationRow, &'v NotificationRow)>,
    /// Notifications captured on both sides of the proxy that this address is: as Exchange sent it, and carried on.
    pub(super) carried_on: Option<(&'v NotificationRow, &'v NotificationRow)>,
    /// How they came here, where a second capture shows it.
    pub(super) passage: Option<Passage<'v>>,
    /// Two captures show that its connections go all the way.
    reaches: bool,
    /// The proxy that it sends to is shown too, by another capture or by this one: that one is told of.
    pub(super) is_relayed: bool,
}

/// All sources by address, as one vantage point shows them. Declared proxies are left out, what they do is expected; so
/// are Cisco hosts.
pub(crate) fn seen<'v>(view: &View<'v>) -> Vec<Source<'v>> {
    let mut by_ip: BTreeMap<IpAddr, Source<'v>> = BTreeMap::new();
    for row in &view.facts.notifications {
        let ip = row.source.ip;
        if view.is_proxy(ip) || view.is_cuc(ip) {
            continue;
        }
        let source = by_ip.entry(ip).or_insert_with(|| Source::new(ip));
        match row.copy_of {
            Some(first) => {
                source.copy = source.copy.or(Some((&view.facts.notifications[first as usize], row)))
            }
            None => source.add(view, row),
        }
    }
    for row in &view.facts.notifications {
        let Some(sent) = row.onward_of.map(|sent| &view.facts.notifications[sent as usize]) else { continue };
        if let Some(proxy) = by_ip.get_mut(&row.source.ip) {
            proxy.carried_on = proxy.carried_on.or(Some((sent, row)));
        }
        if let Some(sender) = by_ip.get_mut(&sent.source.ip) {
            sender.is_relayed = true;
        }
    }
    by_ip.into_values().collect()
}

/// The sources that a view shows, with what both vantage points say of the way.
pub(super) fn sources<'v>(cx: &'v Context<'v>, view: &'v View<'v>) -> Vec<Source<'v>> {
    let mut by_ip: BTreeMap<IpAddr, Source<'v>> =
        view.sources.iter().map(|source| (source.ip, source.clone())).collect();
    for (ip, passage) in passages(cx, view) {
        // A notification of which hardly anything was stored is no row, and its connection shows the way all the same.
        let is_source = !view.is_proxy(ip) && !view.is_cuc(ip);
        let source = is_source.then(|| by_ip.entry(ip).or_insert_with(|| Source::new(ip)));
        if let Some(source) = source {
            source.reaches = passage.kind.is_one_connection();
            source.is_relayed |= passage.kind == PairKind::Proxy && !cx.is_far_end(view);
            // At Exchange its own address says nothing of the way.
            source.passage = Some(passage).filter(|_| cx.is_far_end(view));
        }
    }
    by_ip.into_values().collect()
}

impl<'v> Source<'v> {
    fn new(ip: IpAddr) -> Self {
        Source {
            ip,
            rows: Vec::new(),
            headers: BTreeMap::new(),
            absolute: None,
            foreign: None,
            windows: false,
            reply: None,
            hosts: BTreeMap::new(),
            servers: BTreeMap::new(),
            copy: None,
            carried_on: None,
            passage: None,
            reaches: false,
            is_relayed: false,
        }
    }

    fn add(&mut self, view: &View<'v>, row: &'v NotificationRow) {
        // Most say what the one before said: names and addresses are read when they change.
        let before = self.rows.last().copied();
        let repeats = |same: fn(&NotificationRow, &NotificationRow) -> bool| {
            before.is_some_and(|before| same(before, row))
        };
        if row.is_post() {
            self.rows.push(row);
        }
        for header in row.head.proxy_headers.iter() {
            self.headers.entry(header.name.to_ascii_lowercase()).or_insert((row, header));
        }
        if row.head.target.get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case("http://")) {
            self.absolute = self.absolute.or(Some(row));
        }
        if !repeats(|a, b| a.flow == b.flow)
            && let Some(number) = view.facts.connections.number(row.flow)
        {
            match view.census.windows[number] {
                Some(false) if self.foreign.is_none() => {
                    let syn = view.facts.connections[number].syn.as_ref();
                    self.foreign = syn.and_then(|syn| Some((row, syn.at, not_windows(syn)?)));
                }
                Some(true) => self.windows = true,
                _ => {}
            }
        }
        if self.reply.is_none() {
            self.reply = foreign_reply(row);
        }
        if !repeats(|a, b| (&a.head.host, a.listener) == (&b.head.host, b.listener))
            && let Some(host) = host_address(row).filter(|host| *host != row.listener.ip)
        {
            // Two declared Cisco hosts are a cluster: the URL names the node that subscribed.
            let cluster = view.is_cuc(host) && view.is_cuc(row.listener.ip);
            if !cluster && !view.is_proxy(host) && !view.is_proxy(row.listener.ip) {
                self.hosts.entry(host).or_insert(row);
            }
        }
        if !repeats(|a, b| a.server() == b.server())
            && let Some(server) = row.server()
        {
            self.servers.entry(server.to_ascii_lowercase()).or_insert(row);
        }
    }

    /// The servers that own its subscriptions, as the first SubscriptionId of each spells the name.
    pub(super) fn server_names(&self) -> Vec<&'v str> {
        self.servers.values().filter_map(|row| row.server()).collect()
    }

    /// Whether a proxy or load balancer sends these notifications.
    pub(super) fn is_proxy(&self) -> bool {
        let said = !self.headers.is_empty() || self.absolute.is_some() || self.reply.is_some();
        // A stack that is seen at both ends is Exchange's own.
        said || self.carried_on.is_some() || self.relay().is_some() || self.foreign.is_some() && !self.reaches
    }

    /// Whether an address was translated on the way, and no proxy explains it.
    pub(super) fn is_translated(&self) -> bool {
        let signs = !self.hosts.is_empty() || self.servers.len() > 1 || self.copy.is_some();
        self.translation().is_some() || signs && !self.is_proxy() && !self.is_relayed
    }

    /// How its notifications came here, when an address was translated.
    pub(super) fn translation(&self) -> Option<&Passage<'v>> {
        self.passage.as_ref().filter(|passage| passage.kind.is_translated())
    }

    /// How its notifications came here, when other connections carried them on.
    pub(super) fn relay(&self) -> Option<&Passage<'v>> {
        self.passage.as_ref().filter(|passage| passage.kind == PairKind::Proxy)
    }

    /// Whether Exchange itself sends from this address.
    pub(super) fn is_direct(&self) -> bool {
        self.passage.as_ref().is_some_and(|passage| passage.kind == PairKind::Direct)
    }

    /// A finding about this source, worse when its subscriptions also lack keep-alives.
    pub(super) fn draft(&self, view: &View<'_>, title: String) -> Draft {
        let mut draft = Draft::new(SubjectKind::Source, self.ip.to_string(), title)
            .also_all(self.server_names())
            .count(self.rows.len().max(1))
            .value("notifications", self.rows.len());
        let mut listeners: Vec<IpAddr> = self.rows.iter().map(|row| row.listener.ip).collect();
        listeners.sort_unstable();
        listeners.dedup();
        draft = draft.also_all(listeners);
        if view.starved().contains(&self.ip) {
            draft = draft.severity(Severity::Error);
        }
        draft
    }
}

/// The address that `Host` names, when it is one.
fn host_address(row: &NotificationRow) -> Option<IpAddr> {
    let host = row.head.host.as_deref()?.trim();
    if let Some(bracketed) = host.strip_prefix('[') {
        return bracketed.split(']').next()?.parse().ok();
    }
    host.parse().ok().or_else(|| host.rsplit_once(':')?.0.parse().ok())
}

/// A reply that was not written by the listener.
fn foreign_reply(row: &NotificationRow) -> Option<(&NotificationRow, Moment, String)> {
    let reply = row.reply.as_ref()?;
    let gateway = reply.head.server.as_deref().filter(|_| matches!(reply.status, 502..=504));
    let gateway = gateway.filter(|server| !server.to_ascii_lowercase().contains("jetty"));
    let what = match (reply.status, gateway, reply.head.proxy_headers.first()) {
        (407, _, _) => "it demands authentication for a proxy (407)".to_owned(),
        (status, Some(server), _) => format!("it has status {status} and was written by {server}"),
        (_, _, Some(header)) => format!("it carries {}: {}", header.name, header.value),
        _ => return None,
    };
    Some((row, reply.last, what))
}

//! `notify-source-unexpected`.

use std::collections::BTreeSet;

use super::sources::{Source, sources};
use crate::rules::words::counted;
use crate::rules::{Context, Draft, Findings, Severity, View};

rule! {
    /// Notifications come from an address that is not among the expected Exchange servers.
    ///
    /// ## Meaning
    /// Every Client Access server (Exchange 2007 and 2010) or Mailbox server (2013 and later) posts from its own
    /// address, never from the load balancer's. An address outside the expected set is a node that was forgotten,
    /// a proxy, or a translated source.
    ///
    /// ## Evidence
    /// The source address of complete notifications, held against `--exchange-addr`.
    ///
    /// ## Traps
    /// Without `--exchange-addr` nothing is unexpected. Where headers, the TCP stack or a second address show what
    /// the source is, `notify-source-proxy` or `notify-source-nat` speak instead. Another server of the same domain
    /// beside the expected ones is a node to be added to the set.
    ///
    /// ## Remedy
    /// Compare the address with `Get-ClientAccessServer | fl Name` and `Get-MailboxServer | fl Name`. If it is a node,
    /// add it to the set; if not, find the firewall, proxy or balancer that owns it and exempt this traffic from it.
    /// A capture at Exchange over the same time, read with `sibtrace compare`, shows what the address was before.
    ///
    /// ## References
    /// Microsoft, "How to: Maintain affinity between a group of subscriptions and the Mailbox server in Exchange".
    pub(crate) struct NotifySourceUnexpected;
    id = "notify-source-unexpected";
    severity = Warning;
    check = check;
}

fn check(cx: &Context<'_>, out: &mut Findings<'_>) {
    if cx.config.exchange_addrs.is_empty() {
        return;
    }
    for view in &cx.views {
        let sources = sources(cx, view);
        let (expected, others): (Vec<_>, Vec<_>) =
            sources.iter().partition(|source| view.is_exchange(source.ip));
        let known: BTreeSet<&str> =
            expected.iter().flat_map(|source| source.servers.keys().map(String::as_str)).collect();
        for source in others.into_iter().filter(|source| !source.is_proxy() && !source.is_translated()) {
            out.extend(state(view, source, &known));
        }
    }
}

fn state(view: &View<'_>, source: &Source<'_>, known: &BTreeSet<&str>) -> Option<Draft> {
    let (first, last) = (source.rows.first()?, source.rows.last()?);
    let title = format!("Notifications come from {}, which is not an expected Exchange server", source.ip);
    let says = match source.server_names().as_slice() {
        [] => "Their SubscriptionIds do not name the server that sent them.".to_owned(),
        names => format!("Their SubscriptionIds name the server {}.", names.join(", ")),
    };
    let draft = source
        .draft(view, title)
        .detail(format!("{} came from {}. {says}", counted(source.rows.len(), "notification"), source.ip))
        .evidence(view, Some(first.flow), first.last, "first notification from this address")
        .evidence(view, Some(last.flow), last.last, "last notification from this address");
    let domain = |name: &str| name.split_once('.').map(|(_, domain)| domain.to_owned());
    let sibling = |name: &String| {
        !known.contains(name.as_str()) && known.iter().any(|other| domain(other) == domain(name))
    };
    if !source.servers.is_empty() && source.servers.keys().all(sibling) {
        return Some(draft.severity(Severity::Info).caveat(
            "The name belongs to the domain of the expected servers: most likely another node. Add it to the set.",
        ));
    }
    if source.is_direct() {
        return Some(draft.caveat(
            "The capture at Exchange shows the same address: it is the server's own. Add it to the set.",
        ));
    }
    Some(draft.caveat(
        "From this side a translated source (NAT) and a proxy that adds no header look the same as a forgotten node. \
         A capture at Exchange decides.",
    ))
}

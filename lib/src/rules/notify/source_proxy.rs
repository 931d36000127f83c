//! `notify-source-proxy`.

use super::sources::{Source, sources};
use crate::rules::{Confidence, Context, Draft, Findings, View};

rule! {
    /// Notifications reach Unity Connection through a proxy or a load balancer.
    ///
    /// ## Meaning
    /// The .NET code in Exchange that sends notifications follows the proxy settings of the EWS `web.config` and of
    /// the system. A proxy on this path delays, refuses or loses keep-alives, and Unity Connection sees the proxy's
    /// address instead of the server's. The path should be direct.
    ///
    /// ## Evidence
    /// Header fields that only a middlebox adds (`Via`, `Forwarded`, `X-Forwarded-For` and the like) or that a client
    /// sends to a proxy (`Proxy-Connection`); a request target in absolute form; a reply that a proxy wrote (407, or
    /// an error page by another server); a SYN that no Windows stack makes, since Exchange always runs on Windows; the
    /// same notification on both sides of the proxy, in two connections.
    ///
    /// ## Traps
    /// A load balancer or reverse proxy that belongs there: declare it with `--proxy-addr`. Taken on the Exchange
    /// server, headers for a proxy show that a proxy is configured, not that it misbehaves. A small maximum segment
    /// size or an HTTP/1.0 request alone proves nothing.
    ///
    /// ## Remedy
    /// Exempt Unity Connection from the proxy in the EWS web.config of every Exchange node:
    /// `<system.net><defaultProxy><proxy usesystemdefault="true" bypassonlocal="true"/><bypasslist><add
    /// address="..."/></bypasslist></defaultProxy></system.net>`, look at `netsh winhttp show proxy` and
    /// `Get-ExchangeServer | fl Name,InternetWebProxy`, then recycle MSExchangeServicesAppPool.
    ///
    /// ## References
    /// MSDN "Push Event Notifications", section on proxy servers; RFC 9110 7.6.3; RFC 7239; RFC 9112 3.2.2.
    pub(crate) struct NotifySourceProxy;
    id = "notify-source-proxy";
    severity = Warning;
    check = check;
}

fn check(cx: &Context<'_>, out: &mut Findings<'_>) {
    for view in &cx.views {
        for source in sources(cx, view).iter().filter(|source| source.is_proxy() && !source.is_relayed) {
            out.push(state(view, source));
        }
    }
}

fn state(view: &View<'_>, source: &Source<'_>) -> Draft {
    let mut said = Vec::new();
    let mut draft =
        source.draft(view, format!("Notifications from {} come through a proxy or load balancer", source.ip));
    for (row, header) in source.headers.values() {
        let field = format!("{}: {}", header.name, header.value);
        draft = draft.evidence(view, Some(row.flow), row.last, &*field).also_all(addresses(&header.value));
        said.push(field);
    }
    let mut detail = String::new();
    if !said.is_empty() {
        detail += &format!("The requests carry {}. ", said.join(", "));
        draft = draft.value("headers", said);
    }
    if let Some(row) = source.absolute {
        detail += &format!(
            "The request target is in absolute form ({}), as a client writes it to a proxy. ",
            row.head.target
        );
        draft = draft.evidence(view, Some(row.flow), row.last, "request target in absolute form");
    }
    if let Some((row, at, what)) = &source.reply {
        detail += &format!("A reply did not come from Unity Connection's Jetty: {what}. ");
        draft = draft.evidence(view, Some(row.flow), *at, format!("reply of a middlebox: {what}"));
    }
    if let Some((row, at, why)) = &source.foreign {
        detail += &format!("The connection was not opened by a Windows host, which Exchange is: {why}. ");
        draft = draft.evidence(view, Some(row.flow), *at, format!("SYN of another stack: {why}"));
    }
    if source.servers.len() > 1 {
        let names = source.server_names().join(", ");
        detail += &format!("The servers {names} send from this one address. ");
    }
    if let Some((host, _)) = source.hosts.first_key_value() {
        detail += &format!("The requests were addressed to {host}. ");
        draft = draft.also(host);
    }
    if let Some((sent, onward)) = source.carried_on {
        detail += &format!(
            "What {} sent to {} went on to {} in another connection while {} waited for the answer. ",
            sent.source.ip, sent.listener.ip, onward.listener.ip, sent.source.ip
        );
        draft = draft
            .also_all([sent.source.ip, sent.listener.ip])
            .evidence(view, Some(sent.flow), sent.last, "as Exchange sent it")
            .evidence(view, Some(onward.flow), onward.last, "the same notification, carried on");
    }
    if let Some(passage) = source.relay() {
        let before = &passage.before;
        detail += &passage.sentence("in other connections, as");
        draft = passage.show(draft.also_all([before.source.ip, before.listener.ip]));
        return draft.detail(detail.trim_end());
    }
    let http = !source.headers.is_empty() || source.absolute.is_some() || source.reply.is_some();
    if http || source.carried_on.is_some() || source.servers.len() > 1 {
        return draft.detail(detail.trim_end());
    }
    draft.detail(detail.trim_end()).confidence(Confidence::Likely).caveat(
        "Only the TCP stack shows it: a firewall that rewrites SYNs would look the same. A capture at Exchange decides.",
    )
}

/// The addresses in the value of a header field: what `X-Forwarded-For` or `Forwarded` say of the true source.
fn addresses(value: &str) -> impl Iterator<Item = std::net::IpAddr> {
    value.split([',', ';', ' ', '=', '"', '[', ']']).filter_map(|word| word.parse().ok())
}

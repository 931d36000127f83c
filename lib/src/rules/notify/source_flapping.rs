//! `notify-source-flapping`.

use std::net::IpAddr;

use crate::rules::by_id::Change;
use crate::rules::{Context, Findings, Severity};

rule! {
    /// The notifications of one subscription come from changing addresses.
    ///
    /// ## Meaning
    /// A subscription belongs to one Exchange server, which posts from one address. When the address changes back
    /// and forth, a pool of translated addresses or several proxies stand between; some of them will fail.
    ///
    /// ## Evidence
    /// One Exchange SubscriptionId from two or more source addresses that alternate.
    ///
    /// ## Traps
    /// One change for good is a hand-over. Several SubscriptionIds under one `id=` are re-subscriptions to other
    /// servers. IPv4 and IPv6 of one server are both its own. Second copies of a packet do not count.
    ///
    /// ## Remedy
    /// Pin the translation of each Exchange node to one address, or exempt TCP 7080 from translation and proxies.
    ///
    /// ## References
    /// RFC 4787 4.1 (address pooling).
    pub(crate) struct NotifySourceFlapping;
    id = "notify-source-flapping";
    severity = Warning;
    check = check;
}

fn check(cx: &Context<'_>, out: &mut Findings<'_>) {
    for view in &cx.views {
        for rows in view.changing(Change::Source) {
            let changes: Vec<_> =
                rows.windows(2).filter(|pair| pair[0].source.ip != pair[1].source.ip).collect();
            if changes.len() < 2 {
                continue;
            }
            let mut addresses: Vec<IpAddr> = rows.iter().map(|row| row.source.ip).collect();
            addresses.sort_unstable();
            addresses.dedup();
            let listed: Vec<String> = addresses.iter().map(IpAddr::to_string).collect();
            let first = rows[0];
            let mut draft = super::about_row(first, format!("Notifications of {} come from {} addresses", super::name(first), addresses.len()))
                .also_all(&addresses)
                .count(changes.len())
                .value("changes", changes.len())
                .value("sources", listed.clone())
                .detail(format!(
                    "The source of its notifications changes {} times between {} addresses ({}), although the subscription belongs to {}.",
                    changes.len(),
                    listed.len(),
                    listed.join(", "),
                    first.server().unwrap_or("one server"),
                ));
            draft =
                draft.evidence(view, Some(first.flow), first.last, format!("first from {}", first.source.ip));
            for pair in &changes {
                let note = format!("from {} after {}", pair[1].source.ip, pair[0].source.ip);
                draft = draft.evidence(view, Some(pair[1].flow), pair[1].last, note);
            }
            if addresses.len() == 2 && addresses[0].is_ipv4() != addresses[1].is_ipv4() {
                draft = draft.severity(Severity::Info).caveat(
                    "The two are an IPv4 and an IPv6 address: most likely both are the server's own.",
                );
            }
            out.push(draft);
        }
    }
}

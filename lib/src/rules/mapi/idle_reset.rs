//! `mapi-idle-reset`.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::reset::{By, Cut, cuts, show};
use crate::rules::draft::shown;
use crate::rules::words::counted;
use crate::rules::{Confidence, Context, Findings};
use crate::time::spoken;

rule! {
    /// An idle MAPI connection was reset or dropped from the server's side.
    ///
    /// ## Meaning
    /// A load balancer or firewall forgets connections that are silent for its idle time-out. EcDoAsyncWaitEx is parked
    /// for up to five minutes, so a shorter time-out breaks every wait for new mail.
    ///
    /// ## Evidence
    /// RST from the server's side after a silence, with no call outstanding or only a parked EcDoAsyncWaitEx; FIN from
    /// there after a silence while that call is parked; or a request after two silent minutes or more that is answered
    /// by RST at once, or not at all.
    ///
    /// ## Traps
    /// A reset with a call outstanding on a busy connection is `mapi-reset`. One right after the last answer is a way to
    /// close, and so is FIN when no call is outstanding.
    ///
    /// ## Remedy
    /// Raise the idle time-out of the balancer for the RPC ports to two hours, or at least well over five minutes, and
    /// lower the TCP keep-alive time of the client (`KeepAliveTime`) below it.
    ///
    /// ## References
    /// MS-OXCRPC 3.3.4.1; TechNet ff625248, "Load Balancing Requirements of Exchange Protocols".
    pub(crate) struct MapiIdleReset;
    id = "mapi-idle-reset";
    severity = Info;
    check = check;
}

fn check(cx: &Context<'_>, out: &mut Findings<'_>) {
    for view in &cx.views {
        let mut by_client: BTreeMap<IpAddr, Vec<Cut<'_>>> = BTreeMap::new();
        for cut in cuts(view).into_iter().filter(|cut| cut.is_idle) {
            by_client.entry(cut.client).or_default().push(cut);
        }
        for (client, cuts) in by_client {
            let idle = |cut: &Cut<'_>| cut.idle as f64 / 1e9;
            let shortest = cuts.iter().map(idle).fold(f64::INFINITY, f64::min);
            let parked = cuts.iter().filter(|cut| cut.open.iter().any(|row| row.is_parked())).count();
            let title = format!(
                "{} of {client} cut after {} of silence",
                counted(cuts.len(), "idle MAPI connection"),
                spoken(shortest)
            );
            let mut draft = super::about(client, title)
                .count(cuts.len())
                .value("connections", cuts.len())
                .value("idle_s", shortest)
                .value("parked_calls", parked)
                .detail(format!(
                    "From the server's side {} cut after a silence of {} or more.{}",
                    if cuts.len() == 1 { "a connection was" } else { "connections were" },
                    spoken(shortest),
                    if parked > 0 { " EcDoAsyncWaitEx was parked on it." } else { "" }
                ));
            for cut in &cuts {
                draft = draft.also(cut.connection.server.ip).also(super::name(cut.connection));
            }
            if !cuts.iter().any(|cut| matches!(cut.by, By::Reset(_))) {
                draft = draft.confidence(Confidence::Likely).caveat(
                    match cuts.iter().any(|cut| cut.by == By::Fin) {
                        true => "A server that was shut down closes its connections, too.",
                        false => {
                            "The server's silence may also be a loss on the path, or a server that died."
                        }
                    },
                );
            }
            out.push(shown(&cuts, 2).fold(draft, |draft, cut| show(draft, view, cut)));
        }
    }
}

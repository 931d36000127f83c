//! `keepalive-missing`.

use super::life::{Life, each_gap_over};
use crate::rules::{Context, Findings};
use crate::time::spoken;

rule! {
    /// A subscription went longer than its keep-alive interval without a notification.
    ///
    /// ## Meaning
    /// When nothing happens in a mailbox, Exchange sends a keep-alive (a StatusEvent) each time the StatusFrequency
    /// of the subscription has passed: every 5 minutes for Unity Connection, every 60 for IM and Presence. Any other
    /// notification restarts that clock. A longer pause means that Exchange did not send, or that something on the
    /// way took the message. Until it ends, new messages are not synchronised.
    ///
    /// ## Evidence
    /// Two neighbouring notifications of one subscription that lie further apart than the interval and its
    /// tolerance, or the last one and the end of the capture. A notification that is sent again counts once, at
    /// its first try.
    ///
    /// ## Traps
    /// The time before the first notification says nothing. A stretch in which the capture itself has no packets of
    /// anyone although others are usual, a jump of its clock, and lost packets on the same port are not the
    /// network's fault. Where a new subscription takes over, the gap ends there. After `Unsubscribe` silence is right.
    ///
    /// ## Remedy
    /// On Exchange, look in the Application log for events 6 and 7 of "MSExchange Web Services": they say that
    /// sending failed, and where to. Check the path from every Exchange Client Access or Mailbox node to TCP 7080 of
    /// every Unity Connection node (`utils firewall ipv4 list` on Unity Connection), the proxy settings
    /// (`Get-ExchangeServer | fl Name,InternetWebProxy`, `netsh winhttp show proxy`), and the load of Exchange. A
    /// capture at Exchange over the same time, read with `sibtrace compare`, tells not sent from lost on the way.
    ///
    /// ## References
    /// MS-OXWSNTIF 3.1.4.3.3.6 (StatusFrequency); Cisco TechNote 118883.
    pub(crate) struct KeepaliveMissing;
    id = "keepalive-missing";
    severity = Warning;
    check = check;
}

fn check(cx: &Context<'_>, out: &mut Findings<'_>) {
    for view in &cx.views {
        each_gap_over(cx, view, Life::deadline, out, |subscription, life, longest, gaps| {
            let lasted = spoken(longest.seconds);
            let title = format!("No keep-alive for {lasted} on subscription {}", subscription.request_id);
            let mut detail = format!(
                "Exchange should notify at least every {}; {lasted} passed without a notification, from {} to {}.",
                spoken(life.interval_s),
                longest.from.time.in_words(),
                longest.to.time.in_words(),
            );
            if gaps > 1 {
                detail += &format!(" There are {gaps} such gaps.");
            }
            detail += longest.ending();
            let blame = cx.blame(view, &subscription.request_id, longest);
            if let Some(blame) = blame {
                detail += blame.sentence();
            }
            let draft = super::about(subscription, title);
            let draft = blame.into_iter().fold(draft, |draft, blame| draft.value("guilty", blame.name()));
            draft
                .detail(detail)
                .value("gap_s", longest.seconds)
                .value("interval_s", life.interval_s)
                .value("tolerance_s", life.tolerance_s)
        });
    }
}

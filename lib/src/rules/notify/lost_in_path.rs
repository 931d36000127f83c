//! `notify-lost-in-path`.

use std::collections::BTreeMap;

use crate::facts::NotificationRow;
use crate::rules::words::counted;
use crate::rules::{Confidence, Context, Draft, Findings, Loss, SubjectKind, View};

rule! {
    /// A notification left Exchange and never reached Unity Connection.
    ///
    /// ## Meaning
    /// Exchange sent the whole notification; a firewall, a translator or a proxy on the way did not deliver it.
    /// Exchange tries again for about 4 minutes and then deletes the subscription, and the mailbox is not synchronised
    /// until Unity Connection subscribes anew.
    ///
    /// ## Evidence
    /// Two captures over the same time, read with `sibtrace compare`: all bytes of the POST in the capture at
    /// Exchange, and nothing of it at Unity Connection, while others arrived there on the same way. Either nobody
    /// acknowledged its bytes, or a proxy took them and passed nothing on.
    ///
    /// ## Traps
    /// Nothing is called lost where the capture at Unity Connection would not have shown it: before its beginning,
    /// within half a minute of its end, where it stood still or lost packets, where it saw nothing else on this way, or
    /// where the clocks cannot be told. What the host acknowledged, or answered with 200, has arrived. A lost SYN is
    /// `notify-port-filtered`.
    ///
    /// ## Remedy
    /// Follow the connection that is named here through every hop: the firewall's log and connection table, the
    /// translation table, the proxy's log. Look for rules that let handshakes pass and drop content (application
    /// inspection, path MTU), and for time-outs shorter than the keep-alive interval.
    ///
    /// ## References
    /// RFC 9293 3.8.1 (retransmission); Microsoft, EWS reference, StatusFrequency (push).
    pub(crate) struct NotifyLostInPath;
    id = "notify-lost-in-path";
    severity = Error;
    check = check;
}

fn check(cx: &Context<'_>, out: &mut Findings<'_>) {
    let (Some(path), Some(exchange)) = (&cx.path, cx.views.first()) else { return };
    let mut by_subject: BTreeMap<(SubjectKind, String), Vec<(&NotificationRow, Loss)>> = BTreeMap::new();
    for (row, loss) in path.lost() {
        let row = &exchange.facts.notifications[row];
        by_subject.entry(super::subject(row)).or_default().push((row, loss));
    }
    for lost in by_subject.values() {
        out.push(state(exchange, lost));
    }
}

fn state(exchange: &View<'_>, lost: &[(&NotificationRow, Loss)]) -> Draft {
    let (first, _) = lost[0];
    let taken = lost.iter().filter(|(_, loss)| *loss == Loss::Taken).count();
    let title = format!(
        "{} of {} left Exchange and did not arrive",
        counted(lost.len(), "notification"),
        super::name(first)
    );
    let mut detail = format!(
        "The capture at Exchange shows all bytes sent from {} to {}; the capture at the Cisco side was running, saw \
         others on this way, and shows nothing of {}.",
        first.source,
        first.listener,
        if lost.len() == 1 { "it" } else { "them" },
    );
    if taken < lost.len() {
        detail += " Nobody acknowledged the bytes.";
    }
    if taken > 0 {
        detail += " Something between acknowledged the bytes and did not pass them on.";
    }
    let mut draft = super::about_row(first, title).detail(detail).count(lost.len()).value("lost", lost.len());
    if taken == lost.len() {
        draft = draft.confidence(Confidence::Likely).caveat(
            "The proxy may have passed them to another host of a cluster, where nothing was captured; its log tells.",
        );
    }
    lost.iter().fold(draft, |draft, (row, _)| {
        draft.evidence(exchange, Some(row.flow), row.last, "sent by Exchange, never arrived")
    })
}

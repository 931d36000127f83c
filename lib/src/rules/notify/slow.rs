//! `notify-slow`.

use std::collections::BTreeMap;

use crate::facts::{NotificationRow, ReplyRow};
use crate::rules::words::counted;
use crate::rules::{Context, Findings};
use crate::time::{nanos, spoken};

rule! {
    /// The reply to a notification took unusually long.
    ///
    /// ## Meaning
    /// A healthy Unity Connection answers within a few milliseconds. Slow replies hold Exchange's sending threads and
    /// end in time-outs and retries.
    ///
    /// ## Evidence
    /// More than `--slow-reply` (5 seconds) from the last byte of the request to the first byte of its reply.
    ///
    /// ## Traps
    /// The time before the body arrived is the sender's and is not counted. Where the reply was sent again by TCP,
    /// loss on the path made it late, not Unity Connection; the caveat says so.
    ///
    /// ## Remedy
    /// Look at CPU, disk and database load of Unity Connection (`show process load`, `utils iostat`), and at the number
    /// of notifications in this capture.
    ///
    /// ## References
    /// Cisco TechNote 118883.
    pub(crate) struct NotifySlow;
    id = "notify-slow";
    severity = Warning;
    check = check;
}

/// A latency in nanoseconds, the notification and its reply.
type Slow<'v> = (i64, &'v NotificationRow, &'v ReplyRow);

fn check(cx: &Context<'_>, out: &mut Findings<'_>) {
    let limit = nanos(cx.config.slow_reply);
    for view in &cx.views {
        let mut by_subject: BTreeMap<_, Vec<Slow<'_>>> = BTreeMap::new();
        for row in view.odd() {
            let Some(reply) = &row.reply else { continue };
            let latency = reply.first.time.since(row.last.time);
            if latency > limit && !view.sight.clock_jumped(row.last, reply.first) {
                by_subject.entry(super::subject(row)).or_default().push((latency, row, reply));
            }
        }
        for slow in by_subject.values() {
            let (_, first, _) = slow[0];
            let worst = slow.iter().map(|(latency, ..)| *latency).max().unwrap_or_default() as f64 / 1e9;
            let title = format!("Replies to {} took up to {}", super::name(first), spoken(worst));
            let mut draft = super::about_row(first, title)
                .count(slow.len())
                .value("worst_s", worst)
                .value("slow_replies", slow.len())
                .detail(format!(
                    "{} waited longer than {} for the first byte of the reply; about 5 ms is usual.",
                    counted(slow.len(), "notification"),
                    spoken(limit as f64 / 1e9)
                ));
            for (latency, row, reply) in slow {
                let note =
                    format!("first byte of the reply, {} after the request", spoken(*latency as f64 / 1e9));
                draft = draft.evidence(view, Some(row.flow), row.last, "request complete").evidence(
                    view,
                    Some(row.flow),
                    reply.first,
                    note,
                );
            }
            let sent_again = slow.iter().any(|(_, row, _)| {
                view.connection(row.flow)
                    .is_some_and(|connection| connection.sides.iter().any(|side| side.retransmitted > 0))
            });
            let caveat = "TCP sent segments of these connections again: loss on the path may have made the reply late.";
            out.push(draft.caveats(sent_again.then(|| caveat.to_owned())));
        }
    }
}

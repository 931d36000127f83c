//! `notify-watermark-gap`.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::facts::NotificationRow;
use crate::proto::Watermark;
use crate::rules::{Context, Findings, View};
use crate::time::Timestamp;

rule! {
    /// The chain of watermarks of a subscription has a hole: a notification is missing.
    ///
    /// ## Meaning
    /// Every notification names the watermark of the event before its first one. When that is not the last watermark
    /// of the notification before, one between them never came here. This proves loss even where the timing looks
    /// fine; the receiver should build the subscription anew.
    ///
    /// ## Evidence
    /// `PreviousWatermark` of a notification differs from the last `Watermark` of the one before it, on streams
    /// without gaps.
    ///
    /// ## Traps
    /// The first notification in a capture has nothing to follow. A notification that is sent again repeats its
    /// watermarks. Each POST has a connection of its own, so packets that the capture lost on neighbouring
    /// connections in between excuse it.
    ///
    /// ## Remedy
    /// As for `keepalive-missing`: look for what takes single notifications on the way. A capture at Exchange, read
    /// with `sibtrace compare`, shows the one that is missing.
    ///
    /// ## References
    /// Microsoft, EWS reference, PreviousWatermark.
    pub(crate) struct NotifyWatermarkGap;
    id = "notify-watermark-gap";
    severity = Warning;
    check = check;
}

fn check(cx: &Context<'_>, out: &mut Findings<'_>) {
    for view in &cx.views {
        let incomplete = incomplete(view);
        let text = |mark: Option<&Watermark>| mark.map(Watermark::to_string).unwrap_or_default();
        for (subscription, life) in view.facts.subscriptions.iter().zip(&view.lives) {
            let row = |place: usize| &view.facts.notifications[subscription.rows[place]];
            for &place in &life.changes.broken {
                let (before, after) = (row(life.tries[place - 1].last()), row(life.tries[place].first));
                if is_excused(view, &incomplete, before, after)
                    || cx.was_missed(view, &subscription.request_id, before.last, after.last)
                {
                    continue;
                }
                let draft = super::about_row(after, format!("A notification of {} is missing", super::name(after)))
                    .detail(format!(
                        "The notification at {} follows watermark {}, but the one before it, at {}, ended with {}.",
                        after.last.time.in_words(),
                        text(after.previous_watermark()),
                        before.last.time.in_words(),
                        text(before.watermark()),
                    ))
                    .evidence(view, Some(before.flow), before.last, "last notification before the hole")
                    .evidence(view, Some(after.flow), after.last, "its PreviousWatermark is not the last Watermark");
                out.push(draft);
            }
        }
    }
}

/// When notifications were sent that were captured in part, by `id=`.
type Incomplete<'v> = BTreeMap<Option<&'v Arc<str>>, Vec<Timestamp>>;

/// One of these may be the missing link.
fn incomplete<'v>(view: &View<'v>) -> Incomplete<'v> {
    let mut times = Incomplete::new();
    for (_, row) in view.census.heard.odd.iter().filter(|(_, row)| row.copy_of.is_none() && !row.is_post()) {
        times.entry(row.request_id()).or_default().push(row.first.time);
    }
    times.values_mut().for_each(|times| times.sort_unstable());
    times
}

fn is_excused(
    view: &View<'_>,
    incomplete: &Incomplete<'_>,
    before: &NotificationRow,
    after: &NotificationRow,
) -> bool {
    let (from, to) = (before.last.time, after.first.time);
    let partly = [before.request_id(), None].iter().any(|id| {
        incomplete.get(id).is_some_and(|times| {
            times.get(times.partition_point(|time| *time < from)).is_some_and(|time| *time <= to)
        })
    });
    partly
        || !view.facts.has_notifications_of(to)
        || view.sight.lost_something(after.listener.port, from, to)
        || view.sight.clock_jumped(before.last, after.first)
        || !view.sight.saw_all(from, to)
        || view.counted_drops() > 0
}

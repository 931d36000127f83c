//! `subscription-stale`.

use super::life::{Gap, Life, Until, each_gap_over};
use crate::facts::Subscription;
use crate::rules::{Context, Findings, View};
use crate::time::{nanos, spoken};

rule! {
    /// A subscription was silent for so long that Unity Connection called it stale.
    ///
    /// ## Meaning
    /// Every 2 minutes Unity Connection looks for subscriptions whose last notification is more than 15 minutes old
    /// and subscribes again. Until then, 15 to 17 minutes in all, the mailbox is not synchronised; where the path
    /// stays broken, this repeats every 16 minutes for every user.
    ///
    /// ## Evidence
    /// More than 15 minutes between two notifications of one subscription, or between its last one and the end of
    /// the capture. Best with a new SubscriptionId that was created within that time.
    ///
    /// ## Traps
    /// IM and Presence (port 50020) expects a keep-alive only every 60 minutes and has no such limit. Holes of the
    /// capture itself are not counted. A subscription whose user was disabled, or that was ended with
    /// `Unsubscribe`, is silent by right.
    ///
    /// ## Remedy
    /// Restore the path from Exchange to Unity Connection first (see `keepalive-missing`). Then reset the
    /// subscription with the Reset button on the user's Unified Messaging Account page, and look at
    /// `run cuc dbquery unitydyndb select first 10 * from tbl_exsubscription` for time stamps that do not move.
    ///
    /// ## References
    /// Cisco TechNotes 118883 and 116001.
    pub(crate) struct SubscriptionStale;
    id = "subscription-stale";
    severity = Error;
    check = check;
}

fn check(cx: &Context<'_>, out: &mut Findings<'_>) {
    let limit = nanos(cx.config.stale_after) as f64 / 1e9;
    for view in &cx.views {
        each_gap_over(
            cx,
            view,
            |life| life.stale_after(limit),
            out,
            |subscription, life, longest, _| {
                let lasted = spoken(longest.seconds);
                let title = format!(
                    "Subscription {} was silent for {lasted}: stale for Unity Connection",
                    subscription.request_id
                );
                let blame = cx.blame(view, &subscription.request_id, longest);
                let detail = format!(
                    "Unity Connection subscribes again when {} have passed without a notification; here {lasted} passed, \
                 from {} to {}.{}{}{}",
                    spoken(limit),
                    longest.from.time.in_words(),
                    longest.to.time.in_words(),
                    longest.ending(),
                    renewed_within(view, subscription, life, longest).unwrap_or_default(),
                    blame.map_or("", |blame| blame.sentence()),
                );
                super::about(subscription, title)
                    .detail(detail)
                    .value("gap_s", longest.seconds)
                    .value("stale_after_s", limit)
            },
        );
    }
}

/// The sentence that says that the subscription after a gap is a new one: its creation time lies within the gap.
fn renewed_within(view: &View<'_>, subscription: &Subscription, life: &Life, gap: &Gap) -> Option<String> {
    let rows = &view.facts.notifications;
    let next = match gap.until {
        Until::Next => {
            let place = subscription.rows.partition_point(|row| rows[*row].last.time < gap.to.time);
            &rows[*subscription.rows.get(place)?]
        }
        Until::Successor => view.facts.subscriptions[life.successor?].first(view.facts)?,
        Until::End | Until::Full => return None,
    };
    let created = next.created().filter(|created| (gap.from.time..=gap.to.time).contains(created))?;
    Some(format!(
        " The SubscriptionId after it was created at {}, {} after the last notification: Unity Connection had \
         subscribed again.",
        created.in_words(),
        spoken(created.seconds_since(gap.from.time))
    ))
}

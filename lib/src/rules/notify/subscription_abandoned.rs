//! `subscription-abandoned`.

use crate::facts::{NotificationRow, Subscription};
use crate::rules::{Context, Draft, Findings, View};
use crate::time::spoken;

rule! {
    /// Exchange tried to notify, failed at every try, and deleted the subscription.
    ///
    /// ## Meaning
    /// When a send fails, Exchange tries again after 30 seconds and doubles the time, as long as the StatusFrequency
    /// allows: for Unity Connection the last try comes after about 4 minutes. Then it deletes the subscription
    /// without a word. An outage of the callback of 4 minutes therefore costs every subscription that had something
    /// to say, until Unity Connection subscribes again after 15 minutes.
    ///
    /// ## Evidence
    /// One notification sent again and again on that ladder, every try without a good reply, and then no traffic for
    /// this subscription for at least two intervals.
    ///
    /// ## Traps
    /// A ladder that the end of the capture cuts is not finished.
    ///
    /// ## Remedy
    /// Find why the sends failed (the findings beside this one say it) and restore the path; Unity Connection then
    /// subscribes again by itself. On Exchange, events 6 and 7 of "MSExchange Web Services" name the attempts.
    ///
    /// ## References
    /// Microsoft, EWS reference, StatusFrequency (push).
    pub(crate) struct SubscriptionAbandoned;
    id = "subscription-abandoned";
    severity = Error;
    check = check;
}

fn check(cx: &Context<'_>, out: &mut Findings<'_>) {
    for view in &cx.views {
        for (subscription, life) in view.facts.subscriptions.iter().zip(&view.lives) {
            for tries in life.abandoned(subscription, view) {
                out.push(state(view, subscription, &tries));
            }
        }
    }
}

fn state(view: &View<'_>, subscription: &Subscription, tries: &[&NotificationRow]) -> Draft {
    let (first, last) = (tries[0], tries[tries.len() - 1]);
    let lasted = last.first.time.seconds_since(first.first.time);
    let title =
        format!("Exchange gave up subscription {} after {} tries", subscription.request_id, tries.len());
    let mut draft = super::about(subscription, title)
        .count(tries.len())
        .value("tries", tries.len())
        .value("last_try_s", lasted)
        .detail(format!(
            "The same notification was sent {} times within {} and never got a good reply; after the last try at {} \
             nothing came for this subscription for at least two intervals.",
            tries.len(),
            spoken(lasted),
            last.first.time.in_words()
        ));
    for row in tries {
        let after = row.first.time.seconds_since(first.first.time);
        let note =
            if after == 0.0 { "first try".to_owned() } else { format!("again after {}", spoken(after)) };
        draft = draft.evidence(view, Some(row.flow), row.last, note);
    }
    draft
}

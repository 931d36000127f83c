//! `notify-retry`.

use super::retries::failed;
use crate::rules::{Confidence, Context, Findings};
use crate::time::spoken;

rule! {
    /// Exchange sent a notification again: it judges that the send before failed.
    ///
    /// ## Meaning
    /// Exchange got no reply, or not the one it wants. A retry that succeeds costs nothing but shows a path or a
    /// listener in trouble; after the last try, about 4 minutes later, the subscription is deleted.
    ///
    /// ## Evidence
    /// The same SubscriptionId, watermark and events sent again after a try that visibly failed, or at two or more
    /// successive steps of Exchange's ladder that begins with 30 seconds, even if a reply with 200 is visible: it was
    /// lost behind the capture point.
    ///
    /// ## Traps
    /// An idle mailbox repeats its watermark at every keep-alive: the same watermark an interval after a reply with
    /// 200 is a new keep-alive. Second copies of the same packets are no retry.
    ///
    /// ## Remedy
    /// Find why the try before failed: `notify-unanswered`, `notify-rejected` and the port findings say it. Where every
    /// try was answered with 200 here, look between this capture point and Exchange.
    ///
    /// ## References
    /// Microsoft, EWS reference, StatusFrequency (push).
    pub(crate) struct NotifyRetry;
    id = "notify-retry";
    severity = Warning;
    check = check;
}

fn check(cx: &Context<'_>, out: &mut Findings<'_>) {
    for view in &cx.views {
        for (subscription, life) in view.facts.subscriptions.iter().zip(&view.lives) {
            let row = |place: usize| &view.facts.notifications[subscription.rows[place]];
            for tries in life.tries.iter().filter(|tries| !tries.again.is_empty()) {
                let first = row(tries.first);
                let visible = failed(first);
                let why = if visible {
                    "its first try visibly failed"
                } else {
                    "it followed Exchange's retry times"
                };
                let again = tries.again.len();
                let mut draft = super::about(
                    subscription,
                    format!("Exchange sent notifications of subscription {} again", subscription.request_id),
                )
                .count(again)
                .confidence(if visible { Confidence::Proven } else { Confidence::Likely })
                .detail(format!(
                    "The notification of {} was sent again {}; {why}.",
                    first.first.time.in_words(),
                    if again == 1 { "once".to_owned() } else { format!("{again} times") }
                ))
                .evidence(view, Some(first.flow), first.last, "first try");
                for place in &tries.again {
                    let retry = row(*place);
                    let after = spoken(retry.first.time.seconds_since(first.first.time));
                    draft = draft.evidence(
                        view,
                        Some(retry.flow),
                        retry.last,
                        format!("the same again, {after} after the first try"),
                    );
                }
                out.push(draft);
            }
        }
    }
}

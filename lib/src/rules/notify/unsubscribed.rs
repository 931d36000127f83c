//! `notify-unsubscribed`.

use crate::facts::NotificationRow;
use crate::rules::{Context, Findings, Severity, View};

rule! {
    /// Unity Connection answered a notification with Unsubscribe.
    ///
    /// ## Meaning
    /// It does not know the subscription (any more), and this is its only way to be rid of it. Exchange then deletes
    /// it. For a subscription that was superseded this is right; else the user has no subscription now.
    ///
    /// ## Evidence
    /// `SubscriptionStatus` with the value `Unsubscribe` in the reply.
    ///
    /// ## Traps
    /// Where a younger subscription of the same mailbox is answered with OK, the old one was superseded: that is
    /// only worth knowing.
    ///
    /// ## Remedy
    /// Reset the subscription on the user's Unified Messaging Account page. After a restore of Unity Connection, look
    /// for orphans with `run cuc dbquery unitydyndb select first 10 * from tbl_exsubscription`.
    ///
    /// ## References
    /// Microsoft, EWS reference, SubscriptionStatus; MS-OXWSNTIF 3.1.4.3.
    pub(crate) struct NotifyUnsubscribed;
    id = "notify-unsubscribed";
    severity = Warning;
    check = check;
}

fn check(cx: &Context<'_>, out: &mut Findings<'_>) {
    for view in &cx.views {
        for row in view.notifications() {
            let Some(reply) = row.reply.as_ref().filter(|reply| result(reply) == Some("Unsubscribe")) else {
                continue;
            };
            let title = format!("Unity Connection unsubscribed {}", super::name(row));
            let draft = super::about_row(row, title)
                .detail("The reply to its notification says Unsubscribe; Exchange deletes the subscription.")
                .evidence(view, Some(row.flow), row.last, "the notification")
                .evidence(view, Some(row.flow), reply.last, "SubscriptionStatus Unsubscribe");
            out.push(match successor(view, row) {
                Some(next) => draft
                    .severity(Severity::Info)
                    .evidence(view, Some(next.flow), next.last, "a younger subscription of the same mailbox, answered with OK")
                    .also_all(&next.request_id),
                None if row.mailbox.is_none() => {
                    draft.caveat("The SubscriptionId does not name the mailbox: whether a younger one replaced it cannot be told.")
                }
                None => draft,
            });
        }
    }
}

fn result(reply: &crate::facts::ReplyRow) -> Option<&str> {
    reply.result.as_deref()
}

/// A younger subscription of the same mailbox, or under the same `id=`, that is answered with OK.
fn successor<'v>(view: &View<'v>, old: &NotificationRow) -> Option<&'v NotificationRow> {
    view.notifications().find(|row| {
        let same_user =
            row.mailbox.is_some() && row.mailbox == old.mailbox || row.request_id == old.request_id;
        let younger = row.created.zip(old.created).is_some_and(|(new, old)| new > old);
        same_user && younger && row.reply.as_ref().and_then(result) == Some("OK")
    })
}

//! `notify-unsubscribed`.

use std::collections::HashMap;
use std::sync::Arc;

use crate::facts::{NotificationRow, ReplyRow};
use crate::proto::{Guid, NotificationResult};
use crate::rules::{Context, Findings, Severity, View};
use crate::time::Timestamp;

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
        let ended = |row: &&NotificationRow| answer(row, NotificationResult::Unsubscribe).is_some();
        let mut ended = view.odd().filter(ended).peekable();
        if ended.peek().is_none() {
            continue;
        }
        let successors = Successors::new(view);
        for row in ended {
            let title = format!("Unity Connection unsubscribed {}", super::name(row));
            let mut draft = super::about_row(row, title)
                .detail("The reply to its notification says Unsubscribe; Exchange deletes the subscription.")
                .evidence(view, Some(row.flow), row.last, "the notification");
            if let Some(reply) = &row.reply {
                draft = draft.evidence(view, Some(row.flow), reply.last, "SubscriptionStatus Unsubscribe");
            }
            out.push(match successors.of(row) {
                Some(next) => draft
                    .severity(Severity::Info)
                    .evidence(view, Some(next.flow), next.last, "a younger subscription of the same mailbox, answered with OK")
                    .also_all(next.request_id()),
                None if row.mailbox().is_none() => {
                    draft.caveat("The SubscriptionId does not name the mailbox: whether a younger one replaced it cannot be told.")
                }
                None => draft,
            });
        }
    }
}

/// The reply to a notification, if it has this result.
fn answer(row: &NotificationRow, result: NotificationResult) -> Option<&ReplyRow> {
    row.reply.as_ref().filter(|reply| reply.result == Some(result))
}

/// Notifications that were answered with OK, by mailbox and by `id=`: in the order of completion, each younger than
/// all before it, for only those can be the first that is younger than another one.
#[derive(Default)]
struct Successors<'v> {
    by_mailbox: HashMap<Guid, Vec<Candidate<'v>>>,
    by_id: HashMap<Option<&'v Arc<str>>, Vec<Candidate<'v>>>,
}

/// When its subscription was created, its place among all notifications, and itself.
type Candidate<'v> = (Timestamp, usize, &'v NotificationRow);

impl<'v> Successors<'v> {
    fn new(view: &View<'v>) -> Self {
        let mut successors = Successors::default();
        for (place, row) in view.notifications().enumerate() {
            let Some(created) = row.created().filter(|_| answer(row, NotificationResult::Ok).is_some())
            else {
                continue;
            };
            let add = |known: &mut Vec<Candidate<'v>>| {
                if known.last().is_none_or(|(youngest, ..)| *youngest < created) {
                    known.push((created, place, row));
                }
            };
            add(successors.by_id.entry(row.request_id()).or_default());
            if let Some(mailbox) = row.mailbox() {
                add(successors.by_mailbox.entry(mailbox).or_default());
            }
        }
        successors
    }

    /// A younger subscription of the same mailbox, or under the same `id=`, that is answered with OK.
    fn of(&self, old: &NotificationRow) -> Option<&'v NotificationRow> {
        let created = old.created()?;
        let lists = [
            old.mailbox().and_then(|mailbox| self.by_mailbox.get(&mailbox)),
            self.by_id.get(&old.request_id()),
        ];
        let first = |list: &Vec<Candidate<'v>>| {
            let (_, place, row) = list.get(list.partition_point(|(one, ..)| *one <= created))?;
            Some((*place, *row))
        };
        let earliest = lists.into_iter().flatten().filter_map(first).min_by_key(|(place, _)| *place);
        earliest.map(|(_, row)| row)
    }
}

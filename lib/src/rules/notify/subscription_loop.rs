//! `subscription-loop`.

use std::collections::{BTreeMap, BTreeSet};

use crate::facts::NotificationRow;
use crate::flow::Moment;
use crate::rules::{Confidence, Context, Draft, Findings, View};
use crate::time::Timestamp;

/// Unity Connection subscribes again 15 to 17 minutes after the last notification; some time to subscribe added.
const ROUND: std::ops::RangeInclusive<f64> = 14.0 * 60.0..=20.0 * 60.0;
/// A subscription that lives no longer than this never outlived one round (seconds).
const YOUNG: f64 = 17.0 * 60.0;
/// So many subscriptions that are all young are no chance.
const ENOUGH: usize = 10;
/// Decoded creation times are assumed to be UTC; a little disagreement of clocks is allowed (seconds).
const CLOCKS: f64 = 60.0;

rule! {
    /// Unity Connection subscribes again and again: no subscription outlives 17 minutes.
    ///
    /// ## Meaning
    /// Subscribing works, but notifications do not stay alive: every 15 to 17 minutes Unity Connection finds its
    /// subscriptions stale and makes new ones. Between, mailboxes are not synchronised, and Exchange collects
    /// subscriptions up to its limit.
    ///
    /// ## Evidence
    /// Two or more renewals of one subscription about 16 minutes apart; or ten or more subscriptions whose decoded
    /// creation times are all less than 17 minutes old when they are last heard.
    ///
    /// ## Traps
    /// After a restart of Unity Connection's synchronisation service (the `pid=` changes) or a mass migration all
    /// subscriptions are young by right. An age below zero or off by whole hours is a matter of clocks.
    ///
    /// ## Remedy
    /// Find what stops the keep-alives (`keepalive-missing` and the findings about the source name the path), then
    /// restart "Connection Mailbox Sync" in Cisco Unity Connection Serviceability so that all accounts subscribe anew.
    ///
    /// ## References
    /// Cisco TechNote 118883.
    pub(crate) struct SubscriptionLoop;
    id = "subscription-loop";
    severity = Error;
    check = check;
}

fn check(cx: &Context<'_>, out: &mut Findings<'_>) {
    for view in &cx.views {
        let renewed = chains(view);
        let looping = renewed.iter().filter(|starts| rounds(starts) >= 2);
        let mut found = false;
        for starts in looping {
            found = true;
            out.push(renewals(view, starts));
        }
        if !found && view.census.heard.pids < 2 {
            out.extend(all_young(view));
        }
    }
}

/// One start of a subscription, with the notification that shows it.
struct Start<'v> {
    row: &'v NotificationRow,
    at: Moment,
    /// When it began: the decoded creation time, else the first notification.
    began: Timestamp,
}

/// Subscriptions that follow each other: under one `id=` by their SubscriptionIds, else by taking over.
fn chains<'v>(view: &'v View<'_>) -> Vec<Vec<Start<'v>>> {
    let subscriptions = &view.facts.subscriptions;
    let followed: BTreeSet<usize> = view.lives.iter().filter_map(|life| life.successor).collect();
    let heads = (0..subscriptions.len()).filter(|index| !followed.contains(index));
    heads
        .map(|head| {
            let mut starts: Vec<Start<'v>> = Vec::new();
            let mut next = Some(head);
            while let Some(index) = next {
                for place in &view.lives[index].changes.renewed {
                    let row = &view.facts.notifications[subscriptions[index].rows[*place]];
                    if starts.last().is_none_or(|start| start.row.subscription_id() != row.subscription_id())
                    {
                        starts.push(Start {
                            row,
                            at: row.last,
                            began: row.created().unwrap_or(row.last.time),
                        });
                    }
                }
                next = view.lives[index].successor;
            }
            starts
        })
        .collect()
}

/// How many renewals in a row came about one round after the start before.
fn rounds(starts: &[Start<'_>]) -> usize {
    let in_round = |pair: &[Start<'_>]| ROUND.contains(&pair[1].began.seconds_since(pair[0].began));
    let (longest, _) = starts.windows(2).fold((0, 0), |(longest, run), pair| {
        let run = if in_round(pair) { run + 1 } else { 0 };
        (longest.max(run), run)
    });
    longest
}

fn renewals(view: &View<'_>, starts: &[Start<'_>]) -> Draft {
    let first = starts[0].row;
    let title = format!("Unity Connection renews {} about every 16 minutes", super::name(first));
    let mut draft = super::about_row(first, title)
        .count(rounds(starts))
        .value("renewals", starts.len() - 1)
        .detail(format!(
            "Within this capture the subscription was renewed {} times, about 16 minutes apart: each time Unity \
             Connection found it stale.",
            starts.len() - 1
        ));
    for start in starts {
        draft = draft.also_all(start.row.request_id()).also_all(start.row.subscription_id()).evidence(
            view,
            Some(start.row.flow),
            start.at,
            "first notification of a new subscription",
        );
    }
    draft
}

fn all_young(view: &View<'_>) -> Option<Draft> {
    let age = |row: &NotificationRow| row.created().map(|created| row.last.time.seconds_since(created));
    if view
        .notifications()
        .any(|row| row.subscription_id().is_some() && age(row).is_some_and(|age| age >= YOUNG))
    {
        return None;
    }
    let mut oldest: BTreeMap<&str, (f64, &NotificationRow)> = BTreeMap::new();
    for row in view.notifications() {
        if let (Some(id), Some(age)) = (row.subscription_id(), age(row)) {
            let known = oldest.entry(id).or_insert((age, row));
            if age > known.0 {
                *known = (age, row);
            }
        }
    }
    let young = oldest.values().all(|(age, _)| (-CLOCKS..YOUNG).contains(age));
    if oldest.len() < ENOUGH || !young {
        return None;
    }
    let (_, (_, first)) = oldest.first_key_value()?;
    let eldest = oldest.values().map(|(age, _)| *age).fold(0.0, f64::max);
    let mut draft = super::about_row(first, format!("All {} subscriptions are younger than 17 minutes", oldest.len()))
        .confidence(Confidence::Likely)
        .count(oldest.len())
        .value("subscriptions", oldest.len())
        .value("oldest_s", eldest)
        .detail(format!(
            "The creation times in the SubscriptionIds show that none of the {} subscriptions was older than {} when it \
             was last heard: Unity Connection makes them anew all the time.",
            oldest.len(),
            crate::time::spoken(eldest)
        ))
        .caveat("A restart of Unity Connection's synchronisation, or a mass migration, shortly before looks the same.");
    for (_, row) in oldest.values() {
        draft = draft.also_all(row.request_id()).evidence(
            view,
            Some(row.flow),
            row.last,
            "last notification of a young subscription",
        );
    }
    Some(draft)
}

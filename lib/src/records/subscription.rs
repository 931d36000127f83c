//! `subscriptions`: one row per push subscription.

use std::net::IpAddr;

use super::{Origin, origin};
use crate::facts::Subscription;
use crate::rules::{Life, View};
use crate::time::{Timestamp, nanos};

/// One push subscription, by the `id=` of its request target.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[allow(missing_docs)]
#[non_exhaustive]
pub struct SubscriptionRecord {
    #[cfg_attr(feature = "serde", serde(flatten))]
    pub origin: Origin,
    pub request_id: String,
    pub subscription_ids: Vec<String>,
    pub servers: Vec<String>,
    pub sources: Vec<IpAddr>,
    pub created: Option<Timestamp>,
    pub notifications: u64,
    pub keepalives: u64,
    pub first: Timestamp,
    pub last: Timestamp,
    pub longest_gap_s: f64,
    /// The frame after which the longest gap begins.
    pub longest_gap_frame: u64,
    pub state: SubscriptionState,
}

/// How a subscription fared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "lowercase"))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum SubscriptionState {
    /// Every notification came in time.
    Ok,
    /// A keep-alive was missing.
    Gap,
    /// Unity Connection called it stale.
    Stale,
    /// Exchange gave it up.
    Abandoned,
    /// Another subscription took over.
    Renewed,
    /// It was unsubscribed.
    Ended,
}

pub(super) fn all<'a>(view: &'a View<'a>) -> impl Iterator<Item = SubscriptionRecord> + 'a {
    view.facts.subscriptions.iter().zip(&view.lives).filter_map(move |(subscription, life)| {
        let (first, last) = (subscription.first(view.facts)?, subscription.last(view.facts)?);
        let longest = life.longest();
        Some(SubscriptionRecord {
            origin: origin(view, first.last, Some(first.flow)),
            request_id: subscription.request_id.to_string(),
            subscription_ids: subscription.subscription_ids.iter().map(|id| id.to_string()).collect(),
            servers: subscription.servers.iter().map(|server| server.to_string()).collect(),
            sources: subscription.sources.clone(),
            created: subscription.created,
            notifications: subscription.rows.len() as u64,
            keepalives: subscription.keepalives,
            first: first.last.time,
            last: last.last.time,
            longest_gap_s: longest.map_or(0.0, |gap| gap.seconds),
            longest_gap_frame: longest.map_or(last.last.frame, |gap| gap.from.frame).number(),
            state: state(view, subscription, life),
        })
    })
}

fn state(view: &View<'_>, subscription: &Subscription, life: &Life) -> SubscriptionState {
    let over = |limit: f64| life.gaps.iter().any(|gap| gap.seconds > limit);
    let stale = nanos(view.config.stale_after) as f64 / 1e9;
    if life.ended {
        SubscriptionState::Ended
    } else if life.successor.is_some() {
        SubscriptionState::Renewed
    } else if !life.abandoned(subscription, view).is_empty() {
        SubscriptionState::Abandoned
    } else if over(life.stale_after(stale)) {
        SubscriptionState::Stale
    } else if over(life.deadline()) {
        SubscriptionState::Gap
    } else {
        SubscriptionState::Ok
    }
}

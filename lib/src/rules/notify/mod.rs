//! Rules about push notifications and their subscriptions.

mod changes;
mod life;
mod passage;
mod retries;
mod sources;
mod stack;

mod error;
mod keepalive_missing;
mod lost_in_path;
mod malformed;
mod rejected;
mod retry;
mod silent;
mod slow;
mod source_flapping;
mod source_nat;
mod source_proxy;
mod source_unexpected;
mod subscription_abandoned;
mod subscription_loop;
mod subscription_stale;
mod unanswered;
mod unsubscribed;
mod watermark_gap;

pub(super) use error::NotifyError;
pub(super) use keepalive_missing::KeepaliveMissing;
pub(super) use lost_in_path::NotifyLostInPath;
pub(super) use malformed::NotifyMalformed;
pub(super) use rejected::NotifyRejected;
pub(super) use retry::NotifyRetry;
pub(super) use silent::NotifySilent;
pub(super) use slow::NotifySlow;
pub(super) use source_flapping::NotifySourceFlapping;
pub(super) use source_nat::NotifySourceNat;
pub(super) use source_proxy::NotifySourceProxy;
pub(super) use source_unexpected::NotifySourceUnexpected;
pub(super) use subscription_abandoned::SubscriptionAbandoned;
pub(super) use subscription_loop::SubscriptionLoop;
pub(super) use subscription_stale::SubscriptionStale;
pub(super) use unanswered::NotifyUnanswered;
pub(super) use unsubscribed::NotifyUnsubscribed;
pub(super) use watermark_gap::NotifyWatermarkGap;

pub(crate) use life::lives;
pub use life::{Gap, Life, Until};
pub(crate) use sources::{Source, seen};
pub(crate) use stack::may_be_windows;

use super::{Draft, SubjectKind};
use crate::facts::{NotificationRow, Subscription};

/// A finding about a subscription, with its other names.
fn about(subscription: &Subscription, title: impl Into<String>) -> Draft {
    Draft::new(SubjectKind::Subscription, &*subscription.request_id, title)
        .also_all(&subscription.subscription_ids)
        .also_all(&subscription.servers)
        .also_all(&subscription.sources)
        .also_all(&subscription.listeners)
}

/// A finding about the subscription of one notification; without an `id=` about its connection.
fn about_row(row: &NotificationRow, title: impl Into<String>) -> Draft {
    let (kind, id) = subject(row);
    Draft::new(kind, id, title)
        .also_all(row.subscription_id())
        .also_all(row.server())
        .also(row.source.ip)
        .also(row.listener.ip)
}

/// Whom a finding about one notification is about.
fn subject(row: &NotificationRow) -> (SubjectKind, String) {
    match row.request_id() {
        Some(id) => (SubjectKind::Subscription, id.to_string()),
        None => (SubjectKind::Connection, format!("{}->{}", row.source, row.listener)),
    }
}

/// How that is called in a sentence.
fn name(row: &NotificationRow) -> String {
    match row.request_id() {
        Some(id) => format!("subscription {id}"),
        None => format!("the connection from {} to {}", row.source, row.listener),
    }
}

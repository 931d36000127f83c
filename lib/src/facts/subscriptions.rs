//! Push subscriptions: notifications grouped by the `id=` of their target.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::copies::Marker;
use super::{Connections, NotificationRow, Table, Texts, VantageFacts};
use crate::time::Timestamp;

/// One push subscription as the listener knows it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Subscription {
    /// `id=` of the request target.
    pub request_id: Arc<str>,
    /// Its notifications that count, in time order: indices into the notifications of the vantage point.
    pub rows: Vec<usize>,
    /// Exchange's SubscriptionIds, in order of appearance.
    pub subscription_ids: Vec<Arc<str>>,
    /// Server names decoded from these.
    pub servers: Vec<Arc<str>>,
    /// Addresses that sent, in order of appearance.
    pub sources: Vec<IpAddr>,
    /// Addresses that received, in order of appearance.
    pub listeners: Vec<IpAddr>,
    /// The port that received first.
    pub port: u16,
    /// Earliest decoded creation time.
    pub created: Option<Timestamp>,
    /// Notifications that only say that nothing happened.
    pub keepalives: u64,
    /// StatusFrequency, where the Subscribe call was seen.
    pub interval: Option<Duration>,
    /// The address that the Subscribe call named for notifications.
    pub destination: Option<Arc<str>>,
}

/// Marks second copies among the notifications and groups those that count. `rows` are in time order; so are the groups,
/// by their first notification.
pub(crate) fn group(rows: &mut Table<NotificationRow>, connections: &Connections) -> Vec<Subscription> {
    let mut copies = Marker::new(connections);
    let mut ids = Texts::default();
    let mut subscriptions: Vec<Subscription> = Vec::new();
    for number in 0..rows.len() {
        // Both at once, while the row is in the cache.
        copies.mark(rows, number);
        let row = &rows[number];
        let Some(id) = row.request_id().filter(|_| row.is_post()) else { continue };
        let place = ids.number(id);
        if place == subscriptions.len() {
            subscriptions.push(Subscription::new(id, row.listener.port));
        }
        subscriptions[place].add(number, row);
    }
    subscriptions
}

/// Distinct values that are kept of each list of a subscription.
const KEPT: usize = 64;

impl Subscription {
    /// Its first notification.
    pub fn first<'f>(&self, facts: &'f VantageFacts) -> Option<&'f NotificationRow> {
        facts.notifications.get(*self.rows.first()?)
    }

    /// Its last notification.
    pub fn last<'f>(&self, facts: &'f VantageFacts) -> Option<&'f NotificationRow> {
        facts.notifications.get(*self.rows.last()?)
    }

    fn new(id: &Arc<str>, port: u16) -> Self {
        Subscription {
            request_id: Arc::clone(id),
            rows: Vec::new(),
            subscription_ids: Vec::new(),
            servers: Vec::new(),
            sources: Vec::new(),
            listeners: Vec::new(),
            port,
            created: None,
            keepalives: 0,
            interval: None,
            destination: None,
        }
    }

    fn add(&mut self, number: usize, row: &NotificationRow) {
        if row.counts() {
            self.rows.push(number);
            self.keepalives += u64::from(row.is_keepalive() == Some(true));
        }
        note(&mut self.subscription_ids, row.subscription_id());
        note(&mut self.servers, row.decoded_id().map(|id| &id.server));
        note(&mut self.sources, Some(&row.source.ip));
        note(&mut self.listeners, Some(&row.listener.ip));
        self.created = match (self.created, row.created()) {
            (Some(known), Some(new)) => Some(known.min(new)),
            (known, new) => known.or(new),
        };
    }
}

fn note<T: Clone + PartialEq>(known: &mut Vec<T>, new: Option<&T>) {
    // The newest is the likeliest to recur.
    if let Some(new) = new.filter(|new| known.len() < KEPT && !known.iter().rev().any(|old| old == *new)) {
        known.push(new.clone());
    }
}

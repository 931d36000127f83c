//! Push subscriptions: notifications grouped by the `id=` of their target.

use std::net::IpAddr;
use std::sync::Arc;

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
}

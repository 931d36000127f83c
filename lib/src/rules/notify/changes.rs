//! What changes from one notification of a subscription to the next, found while its rows are at hand.

use super::retries::Tries;
use crate::facts::NotificationRow;

/// Places among the rows of a subscription, or among its notifications, where something is new.
#[derive(Clone, Debug, Default)]
pub(crate) struct Changes {
    /// Rows with another SubscriptionId than the one before, the first included.
    pub(crate) renewed: Vec<usize>,
    /// Notifications that do not follow the one before by their watermarks.
    pub(crate) broken: Vec<usize>,
}

impl Changes {
    /// Those of a subscription with these rows, of which each notification has the given tries.
    pub(super) fn new(rows: &[&NotificationRow], tries: &[Tries]) -> Self {
        let id = |place: usize| rows[place].subscription_id();
        let renewed = (0..rows.len()).filter(|&place| place == 0 || id(place) != id(place - 1));
        let broken = (1..tries.len()).filter(|&place| {
            let (before, after) = (rows[tries[place - 1].last()], rows[tries[place].first]);
            is_gap(before, after)
        });
        Changes { renewed: renewed.collect(), broken: broken.collect() }
    }
}

/// Whether one of the same subscription is missing between two notifications.
fn is_gap(before: &NotificationRow, after: &NotificationRow) -> bool {
    let known = before.watermark().is_some() && after.previous_watermark().is_some();
    known
        && before.subscription_id() == after.subscription_id()
        && before.watermark() != after.previous_watermark()
}

//! Notifications by Exchange's SubscriptionId, and what changes among those with one id: hardly ever does anything.

use std::net::IpAddr;

use crate::facts::{NotificationRow, Texts, VantageFacts};
use crate::proto::Guid;

/// The notifications that count, by SubscriptionId.
#[derive(Debug)]
pub(crate) struct ById(Vec<Group>);

/// What may change in the life of a subscription.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Change {
    /// The address that its notifications come from.
    Source,
    /// The mailbox database that its watermarks name.
    Database,
}

/// Notifications with one id.
#[derive(Debug)]
struct Group {
    /// Their places among all.
    rows: Vec<usize>,
    source: IpAddr,
    database: Option<Guid>,
    /// By [`Change`].
    changes: [bool; 2],
}

impl ById {
    pub(super) fn new(facts: &VantageFacts) -> Self {
        let mut ids = Texts::default();
        let mut groups: Vec<Group> = Vec::new();
        for (place, row) in facts.notifications.iter().enumerate().filter(|(_, row)| row.counts()) {
            let Some(id) = row.subscription_id() else { continue };
            let number = ids.number(id);
            if number == groups.len() {
                groups.push(Group::new(row));
            }
            groups[number].add(place, row);
        }
        ById(groups)
    }

    /// The places of notifications of one id each among which `what` changes.
    pub(super) fn changing(&self, what: Change) -> impl Iterator<Item = &[usize]> {
        self.0.iter().filter(move |group| group.changes[what as usize]).map(|group| group.rows.as_slice())
    }
}

impl Group {
    fn new(first: &NotificationRow) -> Self {
        Group { rows: Vec::new(), source: first.source.ip, database: first.database(), changes: [false; 2] }
    }

    fn add(&mut self, place: usize, row: &NotificationRow) {
        self.rows.push(place);
        self.changes[Change::Source as usize] |= self.source != row.source.ip;
        self.changes[Change::Database as usize] |= self.database != row.database();
    }
}

//! Second copies: a capture on a router, on all interfaces, or of both ports of a switch shows a packet twice,
//! and a translator between the two changes its addresses. The two copies of one notification are told by what
//! no translator makes equal by chance: the client's initial sequence number, or the same bytes sent by the same
//! kind of stack while the first copy still waits for its reply.
//!
//! A proxy that was captured on both sides shows a notification twice as well, in a connection of Exchange's and one
//! of its own, which it opens or uses while Exchange waits for the answer.

use std::collections::{HashMap, VecDeque};

use super::{Connections, NotificationRow, Table};
use crate::flow::{Connection, FlowId, Syn};
use crate::time::Timestamp;

/// A proxy carries a notification on within this time, also when it must connect first (nanoseconds).
const ONWARD: i64 = 30_000_000_000;
/// Both copies are captured within this time of each other (nanoseconds).
const NEAR: i64 = 1_000_000_000;
/// Rows with one body that are remembered: nobody sends as many at once.
const KEPT: usize = 64;

/// Marks rows that are the second copy of another, or carry another on.
pub(super) struct Marker<'c> {
    connections: &'c Connections,
    recent: Recent,
}

impl<'c> Marker<'c> {
    /// For the notifications of these connections.
    pub(super) fn new(connections: &'c Connections) -> Self {
        Marker { connections, recent: Recent::default() }
    }

    /// Marks the next row, in their order.
    pub(super) fn mark(&mut self, rows: &mut Table<NotificationRow>, number: usize) {
        let syn = |flow: FlowId| self.connections.of(flow)?.syn.as_ref();
        let row = &rows[number];
        let (body, time) = ((row.body_digest, row.body_length), row.first.time);
        self.recent.forget(time);
        let (mut first, mut sender) = (None, None);
        for sent in self.recent.with(body).take(KEPT).filter(|sent| time.since(sent.time) <= ONWARD) {
            let other = &rows[sent.row];
            if other.flow == row.flow {
                continue;
            }
            // The oldest counts.
            if time.since(other.first.time) <= NEAR
                && (other.source, other.listener) != (row.source, row.listener)
                && same_packets(syn(other.flow), syn(row.flow), nested(other, row))
            {
                first = Some(sent.row);
            }
            let connection = |row: &NotificationRow| self.connections.of(row.flow);
            if waits_for(other, row) && !passes_through(connection(other), connection(row)) {
                sender = Some(sent.row);
            }
        }
        match (first, sender) {
            (Some(first), _) => rows[number].copy_of = u32::try_from(first).ok(),
            (None, Some(sender)) => rows[number].onward_of = u32::try_from(sender).ok(),
            (None, None) => self.recent.add(body, time, number),
        }
    }
}

/// Digest and length.
type Body = (u64, u64);

/// The rows that came lately and are no copies: few enough to be in the cache, which the rows themselves are not.
#[derive(Default)]
struct Recent {
    sent: VecDeque<Sent>,
    /// How many were forgotten: places count from the first one ever.
    forgotten: usize,
    /// The place of the latest with each body.
    latest: HashMap<Body, usize, ahash::RandomState>,
}

struct Sent {
    body: Body,
    time: Timestamp,
    row: usize,
    /// The place of the one before it with this body.
    before: Option<usize>,
}

impl Recent {
    /// Forgets what is too old at `now`. Rows are in the order of their ends, so one may begin earlier than that.
    fn forget(&mut self, now: Timestamp) {
        while let Some(old) = self.sent.pop_front_if(|sent| now.since(sent.time) > 2 * ONWARD) {
            if self.latest.get(&old.body) == Some(&self.forgotten) {
                self.latest.remove(&old.body);
            }
            self.forgotten += 1;
        }
    }

    /// Those with a body, the latest first.
    fn with(&self, body: Body) -> impl Iterator<Item = &Sent> {
        let at = |place: usize| self.sent.get(place.checked_sub(self.forgotten)?);
        let latest = self.latest.get(&body).and_then(|place| at(*place));
        std::iter::successors(latest, move |sent| at(sent.before?))
    }

    fn add(&mut self, body: Body, time: Timestamp, row: usize) {
        let before = self.latest.insert(body, self.forgotten + self.sent.len());
        self.sent.push_back(Sent { body, time, row, before });
    }
}

/// Whether two connections are the two sides of one translator.
fn same_packets(one: Option<&Syn>, two: Option<&Syn>, nested: bool) -> bool {
    let (Some(one), Some(two)) = (one, two) else {
        return false;
    };
    let same_stack = one.options == two.options && one.window == two.window && one.timestamp == two.timestamp;
    one.isn == two.isn || nested && same_stack && one.mss == two.mss && one.ip_id == two.ip_id
}

/// Whether `next` may be what a proxy made of `sent`: between other hosts, begun while the sender waited for the answer.
fn waits_for(sent: &NotificationRow, next: &NotificationRow) -> bool {
    let hosts = |row: &NotificationRow| (row.source.ip, row.listener.ip);
    let waits = match &sent.reply {
        Some(reply) => next.first.time <= reply.first.time,
        None => sent.listener.ip == next.source.ip && next.first.time.since(sent.last.time) <= NEAR,
    };
    waits && hosts(sent) != hosts(next) && sent.is_post()
}

/// Whether a second connection is a first one behind a translator, which opens nothing of its own: the SYN passes it
/// before the answer comes back.
fn passes_through(first: Option<&Connection>, second: Option<&Connection>) -> bool {
    let syns = first.zip(second).and_then(|(first, second)| {
        Some((first.syn.as_ref()?.at.time, second.syn.as_ref()?.at.time, first.syn_ack.as_ref()?.at.time))
    });
    syns.is_some_and(|(first, second, answer)| (first..=answer).contains(&second))
}

/// Whether `second` began before the reply to `first` was complete.
fn nested(first: &NotificationRow, second: &NotificationRow) -> bool {
    first.reply.as_ref().is_none_or(|reply| second.first.time <= reply.last.time)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_not_too_old_is_found_by_its_body(
            steps in prop::collection::vec((0..4_u64, 0..ONWARD), 0..60),
        ) {
            let (mut recent, mut all) = (Recent::default(), Vec::new());
            let mut now = Timestamp::default();
            for (row, (body, step)) in steps.into_iter().enumerate() {
                now = Timestamp::from_nanos(now.nanos() + step);
                recent.forget(now);
                let is_kept = |time: Timestamp| now.since(time) <= 2 * ONWARD;
                let same = all.iter().rev().filter(|(other, time, _)| *other == body && is_kept(*time));
                let wanted: Vec<usize> = same.map(|(.., row)| *row).collect();
                prop_assert_eq!(recent.with((body, 0)).map(|sent| sent.row).collect::<Vec<_>>(), wanted);
                recent.add((body, 0), now, row);
                all.push((body, now, row));
            }
            prop_assert!(recent.latest.len() <= recent.sent.len());
        }
    }
}

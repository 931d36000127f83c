//! Notifications seen at both places.
//!
//! A notification with events moves its mailbox's watermark on, so its content is unique, except that Exchange may
//! send it again. The keep-alives of an idle mailbox are the same bytes every time: which is which is told by their
//! connection, by the `Date` of the reply, which proxies pass on, or by the time once the clocks are known.

use std::collections::HashMap;
use std::hash::Hash;

use super::clock::{Bound, Clock, Sample};
use super::kind::is_randomised;
use super::links::{Links, Window, align};
use super::transport::{Groups, SLACK};
use crate::facts::{NotificationRow, Table, VantageFacts};
use crate::flow::FlowId;

/// Exchange sends a notification again after 30 seconds at the earliest: what comes later than this may be the next
/// try (nanoseconds).
const LATE: i64 = 25_000_000_000;
/// Differences of time that agree within this belong to one offset of the clocks (nanoseconds).
const CLUSTER: i64 = 5_000_000_000;

/// So much of a subscription's `id=` is among the first 128 bytes of a packet, TCP timestamps and all.
const ID_SEEN: usize = 4;

type Rows = Table<NotificationRow>;

/// What a notification says, as far as that survives a proxy; `None` where it cannot be read.
fn content(row: &NotificationRow) -> Option<u64> {
    if row.copy_of.is_some() || !row.counts() {
        return None;
    }
    let seeds = ahash::RandomState::with_seeds(0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344);
    Some(match row.subscription_id() {
        Some(id) => seeds.hash_one((
            id,
            row.request_id(),
            row.previous_watermark(),
            row.watermark(),
            row.events_digest(),
            row.said.as_ref().map(|said| &said.recurring.response_code),
        )),
        None => seeds.hash_one((row.request_id(), row.body_digest, row.body_length)),
    })
}

/// The notifications of connections that were seen at both places: by content, then the only one left on each side.
pub(super) fn by_connection(
    exchange: &VantageFacts,
    cuc: &VantageFacts,
    connections: &Links,
    links: &mut Links,
) {
    let mut there: HashMap<FlowId, Vec<usize>, ahash::RandomState> = HashMap::default();
    for (place, row) in cuc.notifications.iter().enumerate().filter(|(_, row)| row.copy_of.is_none()) {
        there.entry(row.flow).or_default().push(place);
    }
    let sent = exchange.notifications.iter().enumerate();
    for (place, row) in sent.filter(|(_, row)| row.copy_of.is_none() && row.onward_of.is_none()) {
        let partner = exchange.connections.number(row.flow).and_then(|stream| connections.at_cuc(stream));
        let Some(candidates) = partner
            .and_then(|partner| cuc.connections.get(partner))
            .and_then(|connection| there.get_mut(&connection.id))
        else {
            continue;
        };
        // The order of requests on one connection is kept by every translator; an unreadable one is taken in turn.
        let same = |candidate: &usize| content(&cuc.notifications[*candidate]) == content(row);
        let best = candidates.iter().take(8).position(same).unwrap_or(0);
        if best < candidates.len() {
            links.link(place, candidates.remove(best));
        }
    }
}

/// Those with the same content whose replies the listener wrote in the same second.
pub(super) fn by_date(exchange: &Rows, cuc: &Rows, links: &mut Links) {
    let key = |row: &NotificationRow| Some((content(row)?, row.reply.as_ref()?.date?));
    Groups::new(exchange, cuc, key, links).each(|here, there| {
        for (one, two) in here.iter().zip(there) {
            links.link(*one, *two);
        }
    });
}

/// Those of which one place stored only the first bytes: of the same subscription, with replies that the listener wrote
/// in the same second, when there is only one of them at each place.
pub(super) fn by_date_of_cut(exchange: &Rows, cuc: &Rows, links: &mut Links) {
    let key = |row: &NotificationRow| {
        let id = row.request_id().filter(|_| row.copy_of.is_none() && row.onward_of.is_none())?;
        Some((id.get(..ID_SEEN)?.to_owned(), row.reply.as_ref()?.date?))
    };
    Groups::new(exchange, cuc, key, links).each(|here, there| {
        if let ([one], [two]) = (here, there)
            && !(exchange[*one].counts() && cuc[*two].counts())
        {
            links.link(*one, *two);
        }
    });
}

/// Those with the same content from the same port of the same source, when the beginning of one connection is not
/// known, or only its sequence numbers were changed.
pub(super) fn by_ends(exchange: &VantageFacts, cuc: &VantageFacts, links: &mut Links) {
    let key = |row: &NotificationRow| Some((content(row)?, row.source, row.listener));
    let (here, there) = (&exchange.notifications, &cuc.notifications);
    Groups::new(here, there, key, links).each(|one, two| {
        let ([one], [two]) = (one, two) else { return };
        let connections = exchange.connection(here[*one].flow).zip(cuc.connection(there[*two].flow));
        if connections
            .is_some_and(|(one, two)| one.syn.is_none() || two.syn.is_none() || is_randomised(one, two))
        {
            links.link(*one, *two);
        }
    });
}

/// Those with events that were seen once at each place. One of them may be another try than the other is, so they
/// count only where most of them agree on the offset of the clocks; the offset must leave no doubt.
pub(super) fn by_events(exchange: &Rows, cuc: &Rows, links: &mut Links) {
    let key = |row: &NotificationRow| (row.is_keepalive() == Some(false)).then(|| content(row)).flatten();
    let mut found = Links::new(exchange.len(), cuc.len());
    Groups::new(exchange, cuc, key, links).each(|here, there| {
        if let ([one], [two]) = (here, there) {
            found.link(*one, *two);
        }
    });
    let offset = |one: usize, two: usize| exchange[one].last.time.since(cuc[two].last.time);
    let Some((low, high)) = majority(found.pairs().map(|(one, two)| offset(one, two)).collect()) else {
        return;
    };
    for (one, two) in found.pairs().filter(|(one, two)| (low..=high).contains(&offset(*one, *two))) {
        links.link(one, two);
    }
}

/// The narrow range in which most of the values lie: at least two thirds of them.
fn majority(mut values: Vec<i64>) -> Option<(i64, i64)> {
    values.sort_unstable();
    let mut best = (0, 0);
    let mut end = 0;
    for start in 0..values.len() {
        while values.get(end).is_some_and(|value| value.saturating_sub(values[start]) <= CLUSTER) {
            end += 1;
        }
        if end - start > best.1 - best.0 {
            best = (start, end);
        }
    }
    let (start, end) = best;
    ((end - start) * 3 >= values.len() * 2 && end > start).then(|| (values[start], values[end - 1]))
}

/// The rest, by content and time.
pub(super) fn by_time(exchange: &Rows, cuc: &Rows, clock: &Clock, links: &mut Links) {
    aligned(exchange, cuc, clock, content, LATE, links);
}

/// Those whose content was changed on the way: of the same subscription, at the same time.
pub(super) fn by_subscription(exchange: &Rows, cuc: &Rows, clock: &Clock, links: &mut Links) {
    const AT_ONCE: i64 = 2_000_000_000;
    let key = |row: &NotificationRow| row.request_id().cloned().filter(|_| row.counts());
    aligned(exchange, cuc, clock, key, AT_ONCE, links);
}

/// Whether a clock that rests on content alone explains the rest: hardly any notification that arrived may lack one
/// that left at that time.
pub(super) fn explains(exchange: &VantageFacts, cuc: &VantageFacts, clock: &Clock, links: &Links) -> bool {
    let known: std::collections::HashSet<_> =
        exchange.subscriptions.iter().map(|subscription| &subscription.request_id).collect();
    let span = exchange.coverage.first.zip(exchange.notified_until());
    let (mut all, mut without) = (0, 0);
    for (place, row) in cuc.notifications.iter().enumerate().filter(|(_, row)| content(row).is_some()) {
        let within = clock
            .to_exchange(row.last)
            .zip(span)
            .is_some_and(|(at, (first, last))| at.since(first.time) > LATE && last.time.since(at) > 0);
        if within && row.request_id().is_some_and(|id| known.contains(id)) {
            all += 1;
            without += usize::from(links.at_exchange(place).is_none());
        }
    }
    without * 5 <= all
}

/// What a notification and its reply, seen at both places, say of the clocks.
pub(super) fn samples(
    exchange: &NotificationRow,
    cuc: &NotificationRow,
) -> impl Iterator<Item = Sample> + use<> {
    let complete = exchange.counts() && cuc.counts();
    let request = Sample { exchange: exchange.last, cuc: cuc.last, bound: Bound::AtLeast };
    let reply = exchange.reply.as_ref().zip(cuc.reply.as_ref());
    let reply = reply.filter(|(one, two)| one.date == two.date && one.status == two.status);
    let reply = reply.map(|(one, two)| Sample { exchange: one.first, cuc: two.first, bound: Bound::AtMost });
    complete.then_some(request).into_iter().chain(reply)
}

fn aligned<K: Eq + Hash>(
    exchange: &Rows,
    cuc: &Rows,
    clock: &Clock,
    key: impl Fn(&NotificationRow) -> Option<K>,
    late: i64,
    links: &mut Links,
) {
    let slack = clock.uncertainty.saturating_add(SLACK);
    let window = Window { early: slack, late: late.saturating_add(slack) };
    Groups::new(exchange, cuc, key, links).each(|here, there| {
        let expected = |row: &usize| Some((clock.to_cuc(exchange[*row].last)?.nanos(), *row));
        let mut here: Vec<_> = here.iter().filter_map(expected).collect();
        let mut there: Vec<_> = there.iter().map(|row| (cuc[*row].last.time.nanos(), *row)).collect();
        here.sort_unstable();
        there.sort_unstable();
        align(&here, &there, window, links);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: i64 = 1_000_000_000;

    #[test]
    fn most_must_agree_on_the_offset() {
        assert_eq!(majority(vec![2 * S, 90 * S, S, 3 * S]), Some((S, 3 * S)));
        assert_eq!(majority(vec![S, 300 * S]), None);
        assert_eq!(majority(vec![S]), Some((S, S)));
        assert_eq!(majority(Vec::new()), None);
    }
}

//! Second copies: a capture on a router, on all interfaces, or of both ports of a switch shows a packet twice,
//! and a translator between the two changes its addresses. The two copies of one notification are told by what
//! no translator makes equal by chance: the client's initial sequence number, or the same bytes sent by the same
//! kind of stack while the first copy still waits for its reply.
//!
//! A proxy that was captured on both sides shows a notification twice as well, in a connection of Exchange's and one
//! of its own, which it opens or uses while Exchange waits for the answer.

use std::collections::HashMap;

use super::{Connections, NotificationRow, Table};
use crate::flow::{Connection, FlowId, Syn};
use crate::time::Timestamp;

/// A proxy carries a notification on within this time, also when it must connect first (nanoseconds).
const ONWARD: i64 = 30_000_000_000;
/// Both copies are captured within this time of each other (nanoseconds).
const NEAR: i64 = 1_000_000_000;
/// Rows with one body that are remembered: nobody sends as many at once.
const KEPT: usize = 64;

/// Marks every row that is the second copy of another, or carries another on. Both slices are in order.
pub(crate) fn mark(rows: &mut Table<NotificationRow>, connections: &Connections) {
    let syn = |flow: FlowId| connections.of(flow)?.syn.as_ref();
    // The last rows with the same body that are no copies themselves, and their times: none of them is in the cache.
    let mut latest: HashMap<(u64, u64), Vec<(Timestamp, usize)>, ahash::RandomState> = HashMap::default();
    for number in 0..rows.len() {
        let row = &rows[number];
        let known = latest.entry((row.body_digest, row.body_length)).or_default();
        known.retain(|(time, _)| row.first.time.since(*time) <= ONWARD);
        let numbers = || known.iter().map(|(_, number)| *number);
        let first = numbers().find(|&first| {
            let other = &rows[first];
            other.flow != row.flow
                && row.first.time.since(other.first.time) <= NEAR
                && (other.source, other.listener) != (row.source, row.listener)
                && same_packets(syn(other.flow), syn(row.flow), nested(other, row))
        });
        let sender = numbers().find(|&sender| {
            let other = &rows[sender];
            other.flow != row.flow
                && waits_for(other, row)
                && !passes_through(connections.of(other.flow), connections.of(row.flow))
        });
        match (first, sender) {
            (Some(first), _) => rows[number].copy_of = u32::try_from(first).ok(),
            (None, Some(sender)) => rows[number].onward_of = u32::try_from(sender).ok(),
            (None, None) => {
                if known.len() == KEPT {
                    known.remove(0);
                }
                known.push((row.first.time, number));
            }
        }
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

//! Second copies: a capture on a router, on all interfaces, or of both ports of a switch shows a packet twice,
//! and a translator between the two changes its addresses. The two copies of one notification are told by what
//! no translator makes equal by chance: the client's initial sequence number, or the same bytes sent by the same
//! kind of stack while the first copy still waits for its reply.

use std::collections::HashMap;

use super::NotificationRow;
use crate::flow::{Connection, FlowId, Syn};

/// A proxy carries a notification on within this time, also when it must connect first (nanoseconds).
const ONWARD: i64 = 30_000_000_000;
/// Both copies are captured within this time of each other (nanoseconds).
const NEAR: i64 = 1_000_000_000;

/// Rows with one body that are remembered: nobody sends as many at once.
const KEPT: usize = 64;

/// Marks every row that is the second copy of another, or carries another on. Both slices are in order.
pub(crate) fn mark(rows: &mut [NotificationRow], connections: &[Connection]) {
    let connection = |flow: FlowId| {
        let stream = connections.binary_search_by_key(&flow, |connection| connection.id).ok()?;
        connections.get(stream)
    };
    let syn = |flow: FlowId| connection(flow)?.syn.as_ref();
    // The last row with the same body that is no copy itself.
    let mut latest: HashMap<(u64, u64), Vec<usize>, ahash::RandomState> = HashMap::default();
    for number in 0..rows.len() {
        let row = &rows[number];
        let known = latest.entry((row.body_digest, row.body_length)).or_default();
        known.retain(|&first| row.first.time.since(rows[first].first.time) <= ONWARD);
        let first = known.iter().copied().find(|&first| {
            let other = &rows[first];
            other.flow != row.flow
                && row.first.time.since(other.first.time) <= NEAR
                && (other.source, other.listener) != (row.source, row.listener)
                && same_packets(syn(other.flow), syn(row.flow), nested(other, row))
        });
        let sender = known.iter().copied().find(|&sender| {
            let other = &rows[sender];
            other.flow != row.flow && carries_on(other, connection(other.flow), row, connection(row.flow))
        });
        match (first, sender) {
            (Some(first), _) => rows[number].copy_of = Some(first),
            (None, Some(sender)) => rows[number].onward_of = Some(sender),
            (None, None) => {
                if known.len() == KEPT {
                    known.remove(0);
                }
                known.push(number);
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

/// Whether `next` is what a proxy made of `sent`: between other hosts, begun while the sender waited for the answer.
fn carries_on(
    sent: &NotificationRow,
    taken: Option<&Connection>,
    next: &NotificationRow,
    onward: Option<&Connection>,
) -> bool {
    if (sent.source.ip, sent.listener.ip) == (next.source.ip, next.listener.ip) || !sent.is_post() {
        return false;
    }
    let waits = match &sent.reply {
        Some(reply) => next.first.time <= reply.first.time,
        None => sent.listener.ip == next.source.ip && next.first.time.since(sent.last.time) <= NEAR,
    };
    // A translator opens nothing of its own: its second SYN passes before the answer to the first comes back.
    let passes = taken.zip(onward).is_some_and(|(taken, onward)| {
        let (Some(syn), Some(answer)) = (&taken.syn, &taken.syn_ack) else { return false };
        onward.syn.as_ref().is_some_and(|next| syn.at.time <= next.at.time && next.at.time <= answer.at.time)
    });
    waits && !passes
}

/// Whether `second` began before the reply to `first` was complete.
fn nested(first: &NotificationRow, second: &NotificationRow) -> bool {
    first.reply.as_ref().is_none_or(|reply| second.first.time <= reply.last.time)
}

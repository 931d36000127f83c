//! Second copies: a capture on a router, on all interfaces, or of both ports of a switch shows a packet twice,
//! and a translator between the two changes its addresses. The two copies of one notification are told by what
//! no translator makes equal by chance: the client's initial sequence number, or the same bytes sent by the same
//! kind of stack while the first copy still waits for its reply.

use std::collections::HashMap;

use super::NotificationRow;
use crate::flow::{Connection, FlowId, Syn};

/// Both copies are captured within this time of each other (nanoseconds).
const NEAR: i64 = 1_000_000_000;

/// Marks every row that is the second copy of another. Both slices are in order.
pub(crate) fn mark(rows: &mut [NotificationRow], connections: &[Connection]) {
    let syn = |flow: FlowId| {
        let stream = connections.binary_search_by_key(&flow, |connection| connection.id).ok()?;
        connections[stream].syn.as_ref()
    };
    // The last row with the same body that is no copy itself.
    let mut latest: HashMap<(u64, u64), Vec<usize>, ahash::RandomState> = HashMap::default();
    for number in 0..rows.len() {
        let row = &rows[number];
        let known = latest.entry((row.body_digest, row.body_length)).or_default();
        known.retain(|&first| row.first.time.since(rows[first].first.time) <= NEAR);
        let first = known.iter().copied().find(|&first| {
            let other = &rows[first];
            other.flow != row.flow
                && (other.source, other.listener) != (row.source, row.listener)
                && same_packets(syn(other.flow), syn(row.flow), nested(other, row))
        });
        match first {
            Some(first) => rows[number].copy_of = Some(first),
            None => known.push(number),
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

/// Whether `second` began before the reply to `first` was complete.
fn nested(first: &NotificationRow, second: &NotificationRow) -> bool {
    first.reply.as_ref().is_none_or(|reply| second.first.time <= reply.last.time)
}

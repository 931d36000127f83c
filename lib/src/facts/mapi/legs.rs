//! Both legs of a load balancer: the same calls on two connections, one inside of the other in time.

use super::Leg;
use super::rows::Line;
use crate::flow::Moment;

/// The balancer passes a message on within this time (nanoseconds).
const NEAR: i64 = 2_000_000_000;

/// Which connection is which leg, for lines in the order of their first frames.
pub(super) fn pair(lines: &[Line]) -> Vec<Option<Leg>> {
    let mut legs = vec![None; lines.len()];
    let mut order: Vec<(Moment, usize)> =
        lines.iter().enumerate().filter_map(|(number, line)| Some((begins(line)?, number))).collect();
    order.sort_unstable();
    for (place, &(begin, outer)) in order.iter().enumerate() {
        if legs[outer].is_some() {
            continue;
        }
        let near = order[place + 1..].iter().take_while(|(other, _)| other.time.since(begin.time) <= NEAR);
        let inner = near
            .map(|(_, inner)| *inner)
            .find(|&inner| legs[inner].is_none() && same(&lines[outer], &lines[inner]));
        if let Some(inner) = inner {
            legs[outer] = Some(Leg::Outer(inner));
            legs[inner] = Some(Leg::Inner(outer));
        }
    }
    legs
}

fn begins(line: &Line) -> Option<Moment> {
    line.rows.iter().filter_map(|row| row.request.map(|span| span.first)).min()
}

/// Whether `inner` says what `outer` says, to another place.
fn same(outer: &Line, inner: &Line) -> bool {
    if (outer.client, outer.server) == (inner.client, inner.server) {
        return false;
    }
    let mut agreed = 0;
    for (one, two) in outer.rows.iter().zip(&inner.rows) {
        let agree = |half: usize| match (one.digests[half], two.digests[half]) {
            (0, _) | (_, 0) => None,
            (one, two) => Some(one == two),
        };
        let is_inside = match (one.request, two.request, one.reply, two.reply) {
            (Some(one), Some(two), _, _) if one.first > two.last => false,
            (_, _, Some(one), Some(two)) if two.first > one.last => false,
            _ => true,
        };
        if one.call_id != two.call_id || agree(0) == Some(false) || agree(1) == Some(false) || !is_inside {
            return false;
        }
        agreed += usize::from(agree(0) == Some(true));
    }
    agreed > 0
}

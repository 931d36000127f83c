//! Which notifications are sent again.
//!
//! Exchange sends again when it judges that a send failed: 30 s after the first try, then at doubled times, as long
//! as the StatusFrequency allows. An idle mailbox repeats its watermark at every keep-alive, so the same watermark
//! alone is no retry.

use crate::facts::NotificationRow;
use crate::proto::State;

/// Elapsed times of the tries, in seconds: Microsoft's table, and its sentence read as waits between tries.
const LADDERS: [[f64; 7]; 2] =
    [[30.0, 60.0, 120.0, 240.0, 480.0, 960.0, 1920.0], [30.0, 90.0, 210.0, 450.0, 930.0, 1890.0, 3810.0]];

/// Tries of one notification, as positions in the rows of a subscription.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tries {
    /// The first try.
    pub(crate) first: usize,
    /// The tries after it.
    pub(crate) again: Vec<usize>,
}

impl Tries {
    /// The last try.
    pub(crate) fn last(&self) -> usize {
        self.again.last().copied().unwrap_or(self.first)
    }
}

/// Groups the notifications of one subscription into tries. Every position occurs once.
pub(crate) fn tries(rows: &[&NotificationRow], interval_s: f64) -> Vec<Tries> {
    let mut all: Vec<Tries> = Vec::with_capacity(rows.len());
    let mut number = 0;
    while number < rows.len() {
        let mut series = Tries { first: number, again: Vec::new() };
        let mut next = number + 1;
        while next < rows.len() && same_content(rows[number], rows[next]) {
            let elapsed = |n: usize| rows[n].first.time.seconds_since(rows[number].first.time);
            // The ladder ends within the interval; a repetition about an interval later is a new keep-alive.
            let in_time = elapsed(next) < interval_s * 0.9;
            let after_failure = failed(rows[next - 1]);
            let on_ladder = next > number + 1 && !series.again.is_empty()
                || on_ladder(elapsed(next), 0)
                    && rows.get(next + 1).is_some_and(|row| same_content(rows[number], row))
                    && on_ladder(elapsed(next + 1), 1);
            if !(in_time && (after_failure || on_ladder)) {
                break;
            }
            if !is_second_leg(rows[next - 1], rows[next]) {
                series.again.push(next);
            }
            next += 1;
        }
        all.push(series);
        number = next;
    }
    all
}

/// Whether `elapsed` is the given step of one of the ladders, within 15 s or 20 %.
pub(crate) fn on_ladder(elapsed: f64, step: usize) -> bool {
    LADDERS
        .iter()
        .filter_map(|ladder| ladder.get(step))
        .any(|due| (elapsed - due).abs() <= (due * 0.2).max(15.0))
}

/// Whether `next` answers the demand for authentication that `before` met: no retry, since Exchange waits before it
/// tries again.
fn is_second_leg(before: &NotificationRow, next: &NotificationRow) -> bool {
    let demand = before.reply.as_ref().filter(|reply| matches!(reply.status, 401 | 407));
    demand.is_some_and(|demand| next.first.time.seconds_since(demand.last.time) < LADDERS[0][0] / 2.0)
}

/// Whether a send visibly failed: no complete reply, or another status than 200.
pub(crate) fn failed(row: &NotificationRow) -> bool {
    match &row.reply {
        None => true,
        Some(reply) => reply.status != 200 || reply.state == State::Cut,
    }
}

fn same_content(one: &NotificationRow, two: &NotificationRow) -> bool {
    // The digest first: it nearly always tells.
    one.events_digest() == two.events_digest()
        && one.subscription_id() == two.subscription_id()
        && one.previous_watermark() == two.previous_watermark()
        // A body that could not be read is compared as a whole.
        && (one.subscription_id().is_some()
            || (one.body_digest, one.body_length) == (two.body_digest, two.body_length))
}

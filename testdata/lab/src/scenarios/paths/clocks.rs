//! Two captures whose clocks or lengths differ.

use super::translators::healthy;
use super::{HOURS, LOST, SECONDS, arrived, exchange_at_work, notified};
use crate::cuc::at;
use crate::damage;
use crate::site::CUC;
use crate::two_ends::{Pair, Way};

pub(super) fn time_zone() -> Pair {
    let path = "compare/time-zone";
    healthy(path, "Exchange's clock shows local time as if it were UTC.", CUC, Way::default())
        .ahead(-5 * HOURS + 2 * SECONDS)
        .fact("time_zone_h", -5.0)
}

pub(super) fn clock_set() -> Pair {
    let path = "compare/clock-set";
    let mut lab = exchange_at_work(path, 30);
    notified(&mut lab, 29);
    let cuc = arrived(&lab, path, 30, Way::default(), |_| false);
    let all = lab.sent.len();
    let mut trace = lab.trace;
    damage::step(&mut trace, at(16, 3), 45 * SECONDS);
    Pair::new(path, "Exchange's clock is set by 45 seconds in mid-capture.", trace, cuc)
        .fact("clock_jumps", 1)
        .allow(&["capture-clock-step"])
        .pairs("direct", all)
        .pairs("lost", 0)
        .forbid(LOST)
}

pub(super) fn begun_late() -> Pair {
    let path = "compare/begun-late";
    let mut lab = exchange_at_work(path, 30);
    notified(&mut lab, 29);
    let all = lab.sent.len();
    let mut cuc = arrived(&lab, path, 30, Way::default(), |_| false);
    damage::stall(&mut cuc, 0, at(12, 0));
    let seen = lab.sent.iter().filter(|sent| sent.at > at(12, 0)).count();
    Pair::new(
        path,
        "The capture at Unity Connection begins twelve minutes after the one at Exchange.",
        lab.trace,
        cuc,
    )
    .ahead(-HOURS)
    .fact("sent", all)
    .pairs("direct", seen)
    .pairs("unmatched", all - seen)
    .pairs("lost", 0)
    .forbid(LOST)
}

//! Notifications that one end sends and the other never sees.

use super::proxies::connections_after;
use super::{
    FAILING, HOURS, LOST, SECONDS, answered, arrived, between, direct, exchange, exchange_at_work, fail,
    notified, subscription,
};
use crate::cuc::{Lab, at};
use crate::damage;
use crate::site::{CUC, CUC_PORT, EXCHANGE, EXCHANGE_2, Reply, Subscription, far};
use crate::tcp::Stack;
use crate::time::{MINUTE, SECOND};
use crate::trace::{Packet, Trace};
use crate::two_ends::{Pair, Way};

/// A packet of Exchange with more than the head of a request.
fn is_body(packet: &Packet) -> bool {
    packet.ip.len() > 500 && damage::sender(&packet.ip) == Some(EXCHANGE)
}

pub(super) fn body_dropped() -> Pair {
    let path = "notify-lost-in-path/hit";
    let mut lab = exchange_at_work(path, 30);
    notified(&mut lab, 29);
    let mut one = subscription(&mut lab);
    lab.beat(&mut one, at(1, 0), at(9, 0));
    let last = lab.sent.last().map_or(at(9, 0), |sent| sent.at);
    let began = last + 5 * MINUTE;
    fail(&mut lab, &mut one, began, &Reply::Unacknowledged);
    let failing = connections_after(&lab, &one.id, began);
    let cuc = arrived(&lab, path, 30, Way::default(), |packet| {
        failing.contains(&packet.connection) && is_body(packet)
    });
    let text = "A firewall lets handshakes and heads of requests pass and drops the bodies of one mailbox's notifications. \
                Exchange's clock is most of a day ahead.";
    let arrived = answered(&lab);
    Pair::new(path, text, lab.trace, cuc)
        .ahead(23 * HOURS + 17 * 60 * SECONDS + 123_456_000)
        .expect(LOST, &one.id)
        .expect("keepalive-missing", &one.id)
        .allow(&FAILING)
        .pairs("direct", arrived)
        .pairs("lost", 5)
}

/// Healthy notifications, then failing ones, which the Cisco side has no chance to see.
fn unseen(path: &str) -> (Lab, Subscription, Trace) {
    let mut lab = exchange_at_work(path, 30);
    notified(&mut lab, 10);
    let mut one = subscription(&mut lab);
    lab.beat(&mut one, at(1, 0), at(9, 0));
    fail(&mut lab, &mut one, at(15, 0), &Reply::Unacknowledged);
    let cuc = arrived(&lab, path, 30, Way::default(), |packet| is_body(packet) && packet.time > at(14, 50));
    (lab, one, cuc)
}

pub(super) fn shorter() -> Pair {
    let path = "notify-lost-in-path/miss-shorter";
    let (lab, _, mut cuc) = unseen(path);
    damage::stall(&mut cuc, at(13, 0), at(60, 0));
    let text = "The capture at Unity Connection ends two minutes before Exchange's notifications fail.";
    let arrived = answered(&lab);
    Pair::new(path, text, lab.trace, cuc)
        .ahead(90 * SECONDS)
        .allow(&FAILING)
        .pairs("direct", arrived)
        .pairs("lost", 0)
        .forbid(LOST)
}

pub(super) fn filtered() -> Pair {
    let path = "notify-lost-in-path/miss-filtered";
    let (lab, _, mut cuc) = unseen(path);
    cuc.packets.retain(|packet| !between(packet, &[CUC_PORT]));
    let text = "The capture at Unity Connection was filtered to other ports: nothing of Exchange is in it.";
    Pair::new(path, text, lab.trace, cuc)
        .allow(&FAILING)
        .allow(&["notify-silent"])
        .fact("clock_offset_us", serde_json::Value::Null)
        .pairs("lost", 0)
        .forbid(LOST)
}

pub(super) fn filtered_to_one_source() -> Pair {
    let path = "notify-lost-in-path/miss-other-source";
    let mut lab = exchange_at_work(path, 25);
    notified(&mut lab, 24);
    let mut other = subscription(&mut lab);
    other.how.from = exchange(EXCHANGE_2);
    lab.beat(&mut other, at(1, 0), at(9, 0));
    fail(&mut lab, &mut other, at(14, 0), &Reply::Unacknowledged);
    let cuc = arrived(&lab, path, 25, Way::default(), |packet| {
        let second = Some(EXCHANGE_2);
        damage::sender(&packet.ip) == second || packet.ip[16..20] == [10, 10, 20, 12]
    });
    let text = "The capture at Unity Connection was filtered to the first of two Exchange servers; the second one's \
                notifications fail.";
    let arrived = lab.sent.iter().filter(|sent| sent.source == EXCHANGE).count();
    Pair::new(path, text, lab.trace, cuc)
        .ahead(-33 * SECONDS)
        .expecting(&[EXCHANGE, EXCHANGE_2])
        .allow(&FAILING)
        .pairs("direct", arrived)
        .pairs("lost", 0)
        .forbid(LOST)
}

pub(super) fn drops() -> Pair {
    let path = "notify-lost-in-path/miss-drops";
    let mut lab = exchange_at_work(path, 25);
    notified(&mut lab, 24);
    let bodies: Vec<_> = lab.sent.iter().skip(2).step_by(3).map(|sent| sent.packet()).collect();
    let whole: Vec<_> = lab.sent.iter().skip(3).step_by(4).map(|sent| sent.packet()).collect();
    let gone: Vec<_> =
        lab.trace.packets.iter().filter(|p| whole.contains(&p.id)).map(|packet| packet.connection).collect();
    let cuc = arrived(&lab, path, 25, Way::default(), |packet| {
        bodies.contains(&packet.id) || gone.contains(&packet.connection)
    });
    let text =
        "The sniffer at Unity Connection loses packets and whole connections; Exchange has every reply.";
    Pair::new(path, text, lab.trace, cuc)
        .ahead(4 * SECONDS)
        .allow(&["capture-drops"])
        .pairs("lost", 0)
        .forbid(LOST)
}

pub(super) fn drops_beside_failures() -> Pair {
    let path = "notify-lost-in-path/miss-drops-beside";
    let mut lab = exchange_at_work(path, 25);
    notified(&mut lab, 24);
    let mut one = subscription(&mut lab);
    lab.beat(&mut one, at(1, 0), at(9, 0));
    let how = direct().answered(Reply::Silence(Some(20 * SECOND)));
    lab.keep_alive_by(&mut one, at(14, 0), &how);
    let connection = connections_after(&lab, &one.id, at(13, 59));
    let cuc = arrived(&lab, path, 25, Way::default(), |packet| connection.contains(&packet.connection));
    let text = "A notification that the host acknowledged and did not answer is missing in the sniffer at Unity Connection.";
    Pair::new(path, text, lab.trace, cuc).ahead(4 * SECONDS).allow(&FAILING).pairs("lost", 0).forbid(LOST)
}

pub(super) fn reply_lost() -> Pair {
    let path = "notify-lost-in-path/miss-reply-lost";
    let mut lab = exchange_at_work(path, 25);
    notified(&mut lab, 24);
    let mut one = subscription(&mut lab);
    lab.beat(&mut one, at(1, 0), at(9, 0));
    lab.keep_alive(&mut one, at(12, 0));
    let lost = connections_after(&lab, &one.id, at(11, 59));
    let cuc = arrived(&lab, path, 25, Way::default(), |_| false);
    let mut trace = lab.trace;
    // Exchange hears the acknowledgments of the request, and nothing of the reply.
    let replied = |packet: &Packet| {
        lost.contains(&packet.connection)
            && damage::sender(&packet.ip) == Some(CUC)
            && (packet.ip.len() > 100 || packet.ip[33] & 1 != 0)
    };
    let first = trace.packets.iter().find(|packet| replied(packet)).map_or(0, |packet| packet.time);
    trace.packets.retain(|packet| !(lost.contains(&packet.connection) && packet.time >= first));
    let text = "Unity Connection replies to a notification; the reply is lost on the way back.";
    Pair::new(path, text, trace, cuc)
        .ahead(-2 * SECONDS)
        .expect("notify-unanswered", &one.id)
        .allow(&FAILING)
        .pairs("lost", 0)
        .forbid(LOST)
}

pub(super) fn syn_dropped() -> Pair {
    let path = "notify-lost-in-path/miss-syn-dropped";
    let mut lab = exchange_at_work(path, 30);
    let ids: Vec<String> = notified(&mut lab, 9).into_iter().map(|one| one.id).collect();
    for minute in [14, 15, 16, 18] {
        lab.unanswered(at(minute, 30), exchange(EXCHANGE), far(CUC, Stack::Linux), CUC_PORT, 2);
    }
    let cuc = arrived(&lab, path, 30, Way::default(), |packet| packet.time > at(14, 0));
    let text = "A firewall begins to drop port 7080: the SYNs leave Exchange and never arrive.";
    let arrived = answered(&lab);
    Pair::new(path, text, lab.trace, cuc)
        .ahead(-7 * HOURS)
        .expect("notify-port-filtered", &CUC.to_string())
        .expect("keepalive-missing", &ids[0])
        .expect("keepalive-missing", &ids[1])
        .allow(&FAILING)
        .pairs("direct", arrived)
        .forbid(LOST)
        .forbid("notify-silent")
}

pub(super) fn reset_between() -> Pair {
    let path = "notify-port-filtered/hit-reset-between";
    let mut lab = exchange_at_work(path, 30);
    notified(&mut lab, 9);
    for minute in [14, 15, 16, 18] {
        lab.refused(at(minute, 30), exchange(EXCHANGE), far(CUC, Stack::Linux), CUC_PORT);
    }
    let cuc = arrived(&lab, path, 30, Way::default(), |packet| packet.time > at(14, 0));
    let text = "A firewall refuses port 7080 in the name of Unity Connection, with its very hop count; the host never sees \
                the SYNs.";
    Pair::new(path, text, lab.trace, cuc)
        .ahead(12 * SECONDS)
        .expect("notify-port-filtered", &CUC.to_string())
        .allow(&FAILING)
        .forbid("notify-port-closed")
        .forbid(LOST)
}

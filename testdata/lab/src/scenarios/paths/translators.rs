//! Healthy ways through address translation and firewalls.

use std::net::{IpAddr, Ipv4Addr};

use super::{HOURS, LOST, ROUTER, SECONDS, VIRTUAL, arrived, exchange_at_work, notified, subscription};
use crate::cuc::at;
use crate::site::{CUC, EXCHANGE};
use crate::two_ends::{Pair, Way};

/// Twenty minutes of healthy notifications across `way`, sent to `to`.
pub(super) fn healthy(path: &str, text: &str, to: IpAddr, way: Way) -> Pair {
    let mut lab = exchange_at_work(path, 20);
    let mut one = subscription(&mut lab);
    one.how.to.ip = to;
    lab.beat(&mut one, at(1, 20), at(19, 0));
    let mut idle = subscription(&mut lab);
    idle.how.to.ip = to;
    lab.idle(&mut idle, at(2, 5), at(19, 0));
    let cuc = arrived(&lab, path, 20, way, |_| false);
    let all = lab.sent.len();
    Pair::new(path, text, lab.trace, cuc)
        .fact("sent", all)
        .fact("received", all)
        .fact("answered", all)
        .forbid(LOST)
}

pub(super) fn source_nat() -> Pair {
    let path = "compare/source-nat";
    let way = Way { source: Some(ROUTER), port: 20_000, ..Way::default() };
    healthy(path, "A router hides Exchange behind its own address and rewrites the ports.", CUC, way)
        .ahead(17 * HOURS + 500_000_000)
        .expect("notify-source-nat", &ROUTER.to_string())
        .forbid("notify-source-proxy")
        .forbid("notify-source-unexpected")
}

pub(super) fn source_nat_cut() -> Pair {
    let path = "compare/source-nat-cut";
    let way = Way { source: Some(ROUTER), port: 20_000, ..Way::default() };
    let mut lab = exchange_at_work(path, 20);
    notified(&mut lab, 19);
    let cuc = arrived(&lab, path, 20, way, |_| false);
    let text = "A router hides Exchange behind its own address and rewrites the ports, and both captures keep 128 bytes of \
                each packet: no notification can be read, and the connections show the way.";
    let connections = lab.sent.len();
    Pair::new(path, text, lab.trace, cuc)
        .cut()
        .ahead(-5 * HOURS)
        .expect("notify-source-nat", &ROUTER.to_string())
        .forbid("notify-source-proxy")
        .forbid("notify-source-unexpected")
        .forbid(LOST)
        .fact("connections", serde_json::json!({ "source-nat": connections }))
}

pub(super) fn destination_nat() -> Pair {
    let path = "compare/destination-nat";
    let way = Way { destination: Some((VIRTUAL, Ipv4Addr::new(10, 10, 30, 44))), ..Way::default() };
    healthy(path, "Exchange sends to a virtual address.", VIRTUAL.into(), way)
        .ahead(250_000_000)
        .expect("notify-source-nat", &EXCHANGE.to_string())
        .forbid("notify-source-proxy")
}

pub(super) fn double_nat() -> Pair {
    let path = "compare/double-nat";
    let destination = Some((VIRTUAL, Ipv4Addr::new(10, 10, 30, 44)));
    let way = Way { source: Some(ROUTER), destination, ..Way::default() };
    healthy(path, "Source and destination are both rewritten.", VIRTUAL.into(), way)
        .ahead(-250_000_000)
        .expect("notify-source-nat", &ROUTER.to_string())
        .forbid("notify-source-proxy")
}

pub(super) fn randomised() -> Pair {
    let path = "compare/random-sequence";
    let way = Way { sequence: 0x1357_9bdf, ..Way::default() };
    healthy(
        path,
        "A firewall gives every connection other sequence numbers, and changes nothing else.",
        CUC,
        way,
    )
    .ahead(61 * SECONDS)
    .forbid("notify-source-proxy")
    .forbid("notify-source-nat")
}

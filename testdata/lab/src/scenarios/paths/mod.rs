//! The same traffic captured at Exchange and at Unity Connection: what is lost, what is changed, and what only seems so.

mod clocks;
mod losses;
mod proxies;
mod translators;

use std::net::{IpAddr, Ipv4Addr};

use crate::cuc::{Lab, at};
use crate::site::{CUC, CUC_PORT, Delivery, EXCHANGE, Reply, Subscription, far, near};
use crate::tcp::{Host, Stack};
use crate::time::{HOUR, Nanos, SECOND};
use crate::trace::{Packet, Trace};
use crate::two_ends::{Pair, Way, cross};

const LOST: &str = "notify-lost-in-path";

const FAILING: [&str; 6] = [
    "keepalive-missing",
    "subscription-stale",
    "subscription-abandoned",
    "notify-unanswered",
    "notify-retry",
    "notify-rejected",
];

const HOURS: i64 = HOUR as i64;
/// Between packets of other traffic.
const REST: Nanos = 90 * SECOND;
const SECONDS: i64 = SECOND as i64;
const VIRTUAL: Ipv4Addr = Ipv4Addr::new(10, 10, 40, 200);
const ROUTER: Ipv4Addr = Ipv4Addr::new(10, 10, 30, 1);

pub(super) fn pairs() -> Vec<Pair> {
    vec![
        losses::body_dropped(),
        proxies::proxy_keeps(),
        losses::shorter(),
        losses::filtered(),
        losses::filtered_to_one_source(),
        losses::drops(),
        losses::drops_beside_failures(),
        proxies::idle_proxy(),
        proxies::idle_direct(),
        losses::reply_lost(),
        losses::syn_dropped(),
        losses::reset_between(),
        translators::source_nat(),
        translators::source_nat_cut(),
        translators::destination_nat(),
        translators::double_nat(),
        translators::randomised(),
        proxies::proxy(),
        proxies::proxy_by_route(),
        clocks::time_zone(),
        clocks::clock_set(),
        clocks::begun_late(),
    ]
}

fn exchange(ip: IpAddr) -> Host {
    near(ip, Stack::Windows)
}

/// As captured at Exchange.
fn direct() -> Delivery {
    Delivery::direct(exchange(EXCHANGE), far(CUC, Stack::Linux), CUC_PORT)
}

/// Exchange at work, as captured there.
fn exchange_at_work(name: &str, minutes: u64) -> Lab {
    let mut lab = Lab::new(name);
    lab.background(exchange(EXCHANGE), at(0, 0), at(minutes, 0), REST);
    lab
}

/// Unity Connection at work, and nothing of Exchange yet.
fn cisco_at_work(name: &str, minutes: u64) -> Lab {
    let mut lab = Lab::new(&format!("{name}-cuc"));
    lab.background(near(CUC, Stack::Linux), at(0, 0), at(minutes, 0), REST);
    lab
}

fn subscription(lab: &mut Lab) -> Subscription {
    let age = lab.trace.rng.between(3 * 3600, 40 * 3600);
    lab.subscribe(at(0, 0) - age * SECOND, &direct())
}

/// Two mailboxes that are notified through the whole capture.
fn notified(lab: &mut Lab, minutes: u64) -> Vec<Subscription> {
    (0..2)
        .map(|number| {
            let mut one = subscription(lab);
            lab.beat(&mut one, at(1, 20 + 50 * number), at(minutes, 0));
            one
        })
        .collect()
}

/// What arrives at Unity Connection, beside what it does otherwise.
fn arrived(lab: &Lab, name: &str, minutes: u64, way: Way, lost: impl Fn(&Packet) -> bool) -> Trace {
    let unseen = |packet: &Packet| !between(packet, &[CUC_PORT]) || lost(packet);
    beside(cisco_at_work(name, minutes), &cross(&lab.trace, EXCHANGE, way, unseen))
}

/// Whether one of its ports is among these.
fn between(packet: &Packet, ports: &[u16]) -> bool {
    let port = |at: usize| packet.ip.get(at..at + 2).map(|port| u16::from_be_bytes([port[0], port[1]]));
    [20, 22].into_iter().filter_map(port).any(|port| ports.contains(&port))
}

fn beside(mut lab: Lab, trace: &Trace) -> Trace {
    lab.trace.packets.extend(trace.packets.iter().cloned());
    lab.trace.sort();
    lab.trace
}

fn answered(lab: &Lab) -> usize {
    lab.sent.iter().filter(|sent| sent.status == Some(200)).count()
}

/// Tries of one notification that are never acknowledged, on Exchange's ladder.
fn fail(lab: &mut Lab, one: &mut Subscription, from: Nanos, reply: &Reply) {
    let how = one.how.answered(reply.clone());
    lab.keep_alive_by(one, from, &how);
    for elapsed in [30, 60, 120, 240] {
        lab.retry(one, from + elapsed * SECOND, &how);
    }
}

//! The same traffic captured at Exchange and at Unity Connection: what is lost, what is changed, and what only seems so.

use crate::cuc::{Lab, at};
use crate::damage;
use crate::site::{
    CUC, CUC_PORT, Delivery, EXCHANGE, EXCHANGE_2, Kind, PROXY, Reply, Subscription, far, near,
};
use crate::tcp::{Host, Stack};
use crate::time::{HOUR, MILLISECOND, MINUTE, Nanos, SECOND};
use crate::trace::{Packet, Trace};
use crate::two_ends::{Pair, Way, cross};
use std::net::{IpAddr, Ipv4Addr};

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
        body_dropped(),
        proxy_keeps(),
        shorter(),
        filtered(),
        filtered_to_one_source(),
        drops(),
        drops_beside_failures(),
        idle_proxy(),
        idle_direct(),
        reply_lost(),
        syn_dropped(),
        reset_between(),
        source_nat(),
        source_nat_cut(),
        destination_nat(),
        double_nat(),
        randomised(),
        proxy(),
        proxy_by_route(),
        time_zone(),
        clock_set(),
        begun_late(),
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

/// A packet of Exchange with more than the head of a request.
fn is_body(packet: &Packet) -> bool {
    packet.ip.len() > 500 && damage::sender(&packet.ip) == Some(EXCHANGE)
}

fn body_dropped() -> Pair {
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

fn connections_after(lab: &Lab, id: &str, from: Nanos) -> Vec<Option<u32>> {
    let requests: Vec<_> = (lab.sent.iter())
        .filter(|sent| sent.subscription == id && sent.at >= from)
        .map(|sent| sent.packet())
        .collect();
    (lab.trace.packets.iter())
        .filter(|packet| requests.contains(&packet.id))
        .map(|packet| packet.connection)
        .collect()
}

/// Exchange's side of a proxy that takes its connections: replies come after the proxy has the listener's.
fn to_proxy() -> Delivery {
    let proxy = Host { ip: CUC, hops: 1, ..far(PROXY, Stack::Linux) };
    Delivery::direct(exchange(EXCHANGE), proxy, CUC_PORT).answered(Reply::Late(30 * MILLISECOND))
}

/// The proxy's side, as captured at Unity Connection.
fn from_proxy() -> Delivery {
    let mut how = Delivery::direct(far(PROXY, Stack::Linux), near(CUC, Stack::Linux), CUC_PORT);
    how.headers = vec!["X-Forwarded-For: 10.10.20.11".into()];
    how
}

/// Sends the last notification of a mailbox on, as the proxy does.
fn pass_on(lab: &mut Lab, one: &Subscription, kind: Kind, when: Nanos, how: &Delivery) {
    let body = one.last.clone().map(|(_, body)| body.into_bytes()).unwrap_or_default();
    lab.post(one, kind, body, when + 6 * MILLISECOND, how);
}

/// Notifications of one mailbox through a proxy: a keep-alive each interval, and events at the fourth if it is not idle.
fn through_proxy(labs: &mut [Lab; 2], minutes: u64, idle: bool, hows: &[Delivery; 2]) -> Subscription {
    let [sender, receiver] = labs;
    let mut one = subscription(sender);
    one.how = hows[0].clone();
    let mut when = at(1, 7) + sender.trace.rng.between(0, 200) * SECOND;
    let mut number = 0;
    while when < at(minutes, 0) {
        number += 1;
        let kind = if !idle && number % 4 == 2 { Kind::Message } else { Kind::KeepAlive };
        match kind {
            Kind::Message => sender.message(&mut one, when),
            _ => sender.keep_alive(&mut one, when),
        };
        pass_on(receiver, &one, kind, when, &hows[1]);
        when += 5 * MINUTE;
    }
    one
}

fn proxy_keeps() -> Pair {
    let path = "notify-lost-in-path/hit-proxy";
    let mut labs = [exchange_at_work(path, 35), cisco_at_work(path, 35)];
    through_proxy(&mut labs, 34, false, &[to_proxy(), from_proxy()]);
    let one = through_proxy(&mut labs, 14, false, &[to_proxy(), from_proxy()]);
    let [mut sender, receiver] = labs;
    let arrived = receiver.sent.len();
    let last = sender.sent.iter().filter(|sent| sent.subscription == one.id).map(|sent| sent.at).max();
    let mut one = one;
    fail(&mut sender, &mut one, last.unwrap_or_default() + 5 * MINUTE, &Reply::Error(504, "Gateway Timeout"));
    let text = "A proxy takes the notifications of one mailbox, does not pass them on, and answers 504.";
    Pair::new(path, text, sender.trace, receiver.trace)
        .ahead(-1_750_000_000)
        .expect(LOST, &one.id)
        .expect("notify-source-proxy", &PROXY.to_string())
        .allow(&FAILING)
        .pairs("proxy", arrived)
        .pairs("lost", 5)
        .forbid("notify-source-nat")
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

fn shorter() -> Pair {
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

fn filtered() -> Pair {
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

fn filtered_to_one_source() -> Pair {
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

fn drops() -> Pair {
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

fn drops_beside_failures() -> Pair {
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

fn idle_proxy() -> Pair {
    let path = "notify-lost-in-path/miss-idle-proxy";
    let mut hows = [to_proxy(), from_proxy()];
    hows.iter_mut().for_each(|how| how.reply = Reply::Undated);
    let mut labs = [exchange_at_work(path, 35), cisco_at_work(path, 35)];
    through_proxy(&mut labs, 34, true, &hows);
    let mut one = through_proxy(&mut labs, 20, true, &hows);
    let [mut sender, receiver] = labs;
    fail(&mut sender, &mut one, at(27, 0), &Reply::Error(502, "Bad Gateway"));
    let text = "Only keep-alives of idle mailboxes, through a proxy that drops Date: the clocks may be apart by any number of \
                intervals. They are, by two.";
    Pair::new(path, text, sender.trace, receiver.trace)
        .ahead(600 * SECONDS)
        .fact("clock_offset_us", serde_json::Value::Null)
        .allow(&FAILING)
        .allow(&["notify-source-proxy"])
        .pairs("lost", 0)
        .forbid(LOST)
}

fn idle_direct() -> Pair {
    let path = "notify-lost-in-path/miss-idle-direct";
    let mut lab = exchange_at_work(path, 30);
    for second in [10, 20] {
        let mut one = subscription(&mut lab);
        let mut when = at(1, second);
        while when < at(29, 0) {
            lab.keep_alive(&mut one, when);
            when += 5 * MINUTE;
        }
    }
    let cuc = arrived(&lab, path, 30, Way::default(), |_| false);
    let all = lab.sent.len();
    Pair::new(
        path,
        "Idle mailboxes, and clocks that are apart by exactly three keep-alive intervals.",
        lab.trace,
        cuc,
    )
    .ahead(900 * SECONDS)
    .pairs("direct", all)
    .pairs("lost", 0)
    .forbid(LOST)
}

fn reply_lost() -> Pair {
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

fn syn_dropped() -> Pair {
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

fn reset_between() -> Pair {
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

/// Twenty minutes of healthy notifications across `way`, sent to `to`.
fn healthy(path: &str, text: &str, to: IpAddr, way: Way) -> Pair {
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

fn source_nat() -> Pair {
    let path = "compare/source-nat";
    let way = Way { source: Some(ROUTER), port: 20_000, ..Way::default() };
    healthy(path, "A router hides Exchange behind its own address and rewrites the ports.", CUC, way)
        .ahead(17 * HOURS + 500_000_000)
        .expect("notify-source-nat", &ROUTER.to_string())
        .forbid("notify-source-proxy")
        .forbid("notify-source-unexpected")
}

fn source_nat_cut() -> Pair {
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

fn destination_nat() -> Pair {
    let path = "compare/destination-nat";
    let way = Way { destination: Some((VIRTUAL, Ipv4Addr::new(10, 10, 30, 44))), ..Way::default() };
    healthy(path, "Exchange sends to a virtual address.", VIRTUAL.into(), way)
        .ahead(250_000_000)
        .expect("notify-source-nat", &EXCHANGE.to_string())
        .forbid("notify-source-proxy")
}

fn double_nat() -> Pair {
    let path = "compare/double-nat";
    let destination = Some((VIRTUAL, Ipv4Addr::new(10, 10, 30, 44)));
    let way = Way { source: Some(ROUTER), destination, ..Way::default() };
    healthy(path, "Source and destination are both rewritten.", VIRTUAL.into(), way)
        .ahead(-250_000_000)
        .expect("notify-source-nat", &ROUTER.to_string())
        .forbid("notify-source-proxy")
}

fn randomised() -> Pair {
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

fn proxy() -> Pair {
    let path = "compare/proxy-idle";
    let mut labs = [exchange_at_work(path, 30), cisco_at_work(path, 30)];
    for _ in 0..2 {
        through_proxy(&mut labs, 29, true, &[to_proxy(), from_proxy()]);
    }
    let [sender, receiver] = labs;
    let all = sender.sent.len();
    let text = "Idle mailboxes through a proxy that adds a header; only the Date of the replies tells which keep-alive is \
                which, for the clocks are apart by two intervals.";
    Pair::new(path, text, sender.trace, receiver.trace)
        .ahead(-600 * SECONDS)
        .expect("notify-source-proxy", &PROXY.to_string())
        .pairs("proxy", all)
        .forbid(LOST)
        .forbid("notify-source-nat")
}

fn proxy_by_route() -> Pair {
    let path = "compare/proxy-other-host";
    let mut labs = [exchange_at_work(path, 30), cisco_at_work(path, 30)];
    let mut to_proxy = to_proxy();
    to_proxy.to.ip = PROXY;
    to_proxy.host = Some(format!("{CUC}:{CUC_PORT}"));
    for _ in 0..2 {
        through_proxy(&mut labs, 29, false, &[to_proxy.clone(), from_proxy()]);
    }
    let [sender, receiver] = labs;
    let all = sender.sent.len();
    let text = "Exchange connects to a proxy and names Unity Connection in Host: no translation, the proxy explains it.";
    Pair::new(path, text, sender.trace, receiver.trace)
        .ahead(90 * SECONDS)
        .expect("notify-source-proxy", &PROXY.to_string())
        .pairs("proxy", all)
        .forbid(LOST)
        .forbid("notify-source-nat")
}

fn time_zone() -> Pair {
    let path = "compare/time-zone";
    healthy(path, "Exchange's clock shows local time as if it were UTC.", CUC, Way::default())
        .ahead(-5 * HOURS + 2 * SECONDS)
        .fact("time_zone_h", -5.0)
}

fn clock_set() -> Pair {
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

fn begun_late() -> Pair {
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

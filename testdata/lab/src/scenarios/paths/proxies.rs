//! Ways through a proxy, which keeps connections, notifications or silence.

use super::{FAILING, LOST, SECONDS, arrived, cisco_at_work, exchange, exchange_at_work, fail, subscription};
use crate::cuc::{Lab, at};
use crate::site::{CUC, CUC_PORT, Delivery, EXCHANGE, Kind, PROXY, Reply, Subscription, far, near};
use crate::tcp::{Host, Stack};
use crate::time::{MILLISECOND, MINUTE, Nanos, SECOND};
use crate::two_ends::{Pair, Way};

pub(super) fn connections_after(lab: &Lab, id: &str, from: Nanos) -> Vec<Option<u32>> {
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

pub(super) fn proxy_keeps() -> Pair {
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

pub(super) fn idle_proxy() -> Pair {
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

pub(super) fn idle_direct() -> Pair {
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

pub(super) fn proxy() -> Pair {
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

pub(super) fn proxy_by_route() -> Pair {
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

//! Who sends: proxies, address translation, unknown and changing sources.

use super::cuc_at_work;
use crate::container::{Container, Order};
use crate::cuc::{Lab, at};
use crate::damage;
use crate::scenario::Scenario;
use crate::site::{
    CUC, CUC_PORT, Delivery, EXCHANGE, EXCHANGE_2, PROXY, Reply, SERVER, SERVER_2, Sent, Subscription, far,
    near,
};
use crate::tcp::{Host, Stack};
use crate::time::{MILLISECOND, SECOND};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

pub(super) fn scenarios() -> Vec<Scenario> {
    vec![
        proxy_headers(),
        proxy_stack(),
        proxy_absolute(),
        proxy_both_sides(),
        proxy_declared(),
        odd_windows(),
        nat_host(),
        nat_shared(),
        nat_router(),
        nat_host_name(),
        one_server(),
        unexpected(),
        unexpected_untold(),
        unexpected_node(),
        flapping(),
        handed_over(),
        two_families(),
    ]
}

const NAT: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 10, 99, 1));
const LONG_AGO: u64 = 90_000 * SECOND;

fn cuc() -> Host {
    near(CUC, Stack::Linux)
}

fn from(source: Host) -> Delivery {
    Delivery::direct(source, cuc(), CUC_PORT)
}

/// Twenty minutes of healthy notifications that travel as told, of a mailbox on `server`.
fn notified(lab: &mut Lab, server: &str, how: &Delivery) -> (Subscription, Vec<Sent>) {
    let mut subscription = lab.subscribe_on(server, at(0, 0) - LONG_AGO, how);
    let start = at(1, 0) + lab.trace.rng.between(0, 90) * SECOND;
    let sent = lab.beat(&mut subscription, start, at(19, 50));
    (subscription, sent)
}

fn proxy_headers() -> Scenario {
    let path = "notify-source-proxy/hit";
    let mut lab = cuc_at_work(path, 20);
    let mut how = from(far(PROXY, Stack::Linux));
    how.headers = vec!["X-Forwarded-For: 10.10.20.11".into()];
    let (_, sent) = notified(&mut lab, SERVER, &how);
    let text = "HAProxy in HTTP mode between Exchange and Unity Connection; it adds X-Forwarded-For.";
    Scenario::new(path, text, lab)
        .expect("notify-source-proxy", &PROXY.to_string(), &sent[..1].iter().collect::<Vec<_>>())
        .confidence("proven")
        .forbid("notify-source-unexpected")
        .forbid("notify-source-nat")
}

fn proxy_stack() -> Scenario {
    let path = "notify-source-proxy/hit-stack";
    let mut lab = cuc_at_work(path, 20);
    notified(&mut lab, SERVER, &from(far(PROXY, Stack::Linux)));
    let text =
        "A TCP proxy that changes no header: its SYN has Linux's TTL and options, Exchange's never has.";
    Scenario::new(path, text, lab)
        .expect_on("notify-source-proxy", &PROXY.to_string(), &[])
        .forbid("notify-source-unexpected")
        .forbid("notify-source-nat")
}

fn proxy_absolute() -> Scenario {
    let path = "notify-source-proxy/hit-absolute-form";
    let mut lab = Lab::new(path);
    let exchange = near(EXCHANGE, Stack::Windows);
    lab.background(exchange, at(0, 0), at(20, 0), 25 * SECOND);
    let mut how = Delivery::direct(exchange, far(PROXY, Stack::Linux), 8080);
    how.absolute = true;
    how.host = Some(format!("{CUC}:{CUC_PORT}"));
    how.headers = vec!["Proxy-Connection: Close".into()];
    notified(&mut lab, SERVER, &how);
    let text = "Captured at Exchange: it sends its notifications to a proxy's port, in absolute form.";
    Scenario::new(path, text, lab)
        .expect_somewhere("notify-source-proxy")
        .forbid("notify-silent")
        .forbid("notify-source-nat")
}

fn proxy_both_sides() -> Scenario {
    let path = "notify-source-proxy/hit-both-sides";
    let mut lab = cuc_at_work(path, 20);
    let to_proxy = Delivery::direct(far(EXCHANGE, Stack::Windows), near(PROXY, Stack::Linux), CUC_PORT)
        .answered(Reply::Late(30 * MILLISECOND));
    let from_proxy = from(near(PROXY, Stack::Linux));
    for _ in 0..2 {
        let mut subscription = lab.subscribe_on(SERVER, at(0, 0) - LONG_AGO, &to_proxy);
        let start = at(1, 0) + lab.trace.rng.between(0, 90) * SECOND;
        for turn in 0..4 {
            let when = start + turn * 300 * SECOND;
            match turn {
                1 => lab.message(&mut subscription, when),
                _ => lab.keep_alive(&mut subscription, when),
            };
            lab.retry(&subscription, when + 6 * MILLISECOND, &from_proxy);
            // It is the same notification, and counts once.
            lab.sent.pop();
        }
    }
    let text = "Captured at a proxy: every notification passes twice, in two connections.";
    Scenario::new(path, text, lab)
        .expect("notify-source-proxy", &PROXY.to_string(), &[])
        .confidence("proven")
        .open(&["sources"])
        .forbid("notify-source-flapping")
        .forbid("notify-source-nat")
        .forbid("notify-watermark-gap")
        .forbid("notify-retry")
}

fn proxy_declared() -> Scenario {
    let path = "notify-source-proxy/miss";
    let mut lab = cuc_at_work(path, 20);
    let mut how = from(far(PROXY, Stack::Linux));
    how.headers = vec!["X-Forwarded-For: 10.10.20.11".into()];
    notified(&mut lab, SERVER, &how);
    let text = "The same proxy, and the user has said that it is one.";
    Scenario::new(path, text, lab)
        .told(&[EXCHANGE], &[CUC], &[PROXY])
        .forbid("notify-source-proxy")
        .forbid("notify-source-unexpected")
}

fn odd_windows() -> Scenario {
    let path = "notify-source-proxy/miss-low-port-small-mss";
    let mut lab = cuc_at_work(path, 20);
    let mut exchange = far(EXCHANGE, Stack::Windows);
    exchange.mss = 1360;
    exchange.hops = 9;
    notified(&mut lab, SERVER, &from(exchange));
    let text = "Exchange itself, nine hops away through a tunnel, from ports below 49152: no proxy.";
    Scenario::new(path, text, lab).forbid("notify-source-proxy").forbid("notify-source-nat")
}

fn nat_host() -> Scenario {
    let path = "notify-source-nat/hit";
    let inner = IpAddr::V4(Ipv4Addr::new(192, 168, 7, 44));
    let mut lab = Lab::new(path);
    let listener = near(inner, Stack::Linux);
    lab.background(listener, at(0, 0), at(20, 0), 25 * SECOND);
    let mut how = Delivery::direct(far(EXCHANGE, Stack::Windows), listener, CUC_PORT);
    how.host = Some(format!("{CUC}:{CUC_PORT}"));
    let (_, sent) = notified(&mut lab, SERVER, &how);
    let text = "Exchange's own connections, addressed to another address than the one they arrive at.";
    Scenario::new(path, text, lab)
        .told(&[EXCHANGE], &[inner], &[])
        .expect("notify-source-nat", &EXCHANGE.to_string(), &sent[..1].iter().collect::<Vec<_>>())
        .forbid("notify-source-proxy")
}

fn nat_shared() -> Scenario {
    let path = "notify-source-nat/hit-shared-address";
    let mut lab = cuc_at_work(path, 20);
    let mut second = far(NAT, Stack::Windows);
    second.hops = 4;
    notified(&mut lab, SERVER, &from(far(NAT, Stack::Windows)));
    notified(&mut lab, SERVER_2, &from(second));
    let text = "Two Exchange servers, by the names in their subscriptions, share one source address; both stacks are Windows.";
    Scenario::new(path, text, lab)
        .told(&[EXCHANGE, EXCHANGE_2], &[CUC], &[])
        .expect_on("notify-source-nat", &NAT.to_string(), &[])
        .forbid("notify-source-proxy")
        .forbid("notify-source-unexpected")
}

fn nat_router() -> Scenario {
    let path = "notify-source-nat/hit-router";
    let mut lab = cuc_at_work(path, 20);
    notified(&mut lab, SERVER, &from(far(EXCHANGE, Stack::Windows)));
    let text =
        "Captured on the translating router, on both sides of it: every packet of Exchange is there twice.";
    let (IpAddr::V4(inside), IpAddr::V4(outside)) = (EXCHANGE, NAT) else { unreachable!("both are IPv4") };
    Scenario::new(path, text, lab)
        .damaged(|trace| damage::translate(trace, inside, outside))
        .container(Container::NgEnhanced { order: Order::Little, resolution: 9 })
        .expect_somewhere("notify-source-nat")
        .allow("notify-source-unexpected")
        .forbid("notify-source-flapping")
        .forbid("notify-retry")
        .open(&["sources"])
}

fn nat_host_name() -> Scenario {
    let path = "notify-source-nat/miss";
    let mut lab = cuc_at_work(path, 20);
    let mut how = Delivery::to_cuc();
    how.host = Some("cuc.corp.example.com:7080".into());
    notified(&mut lab, SERVER, &how);
    let text = "The Host header is a name: without DNS it proves nothing.";
    Scenario::new(path, text, lab).forbid("notify-source-nat").forbid("notify-source-proxy")
}

fn one_server() -> Scenario {
    let path = "notify-source-nat/miss-letter-case";
    let mut lab = cuc_at_work(path, 20);
    for server in [SERVER.to_owned(), SERVER.to_uppercase()] {
        notified(&mut lab, &server, &Delivery::to_cuc());
    }
    let text = "Two subscriptions spell the name of their server in different case.";
    Scenario::new(path, text, lab).forbid("notify-source-nat")
}

fn unexpected() -> Scenario {
    let path = "notify-source-unexpected/hit";
    let stranger = IpAddr::V4(Ipv4Addr::new(10, 10, 77, 9));
    let mut lab = cuc_at_work(path, 20);
    notified(&mut lab, SERVER, &Delivery::to_cuc());
    let (_, sent) = notified(&mut lab, "mail7.example.net", &from(far(stranger, Stack::Windows)));
    let text = "A Windows host of another domain, which is not in the expected set, notifies as well.";
    Scenario::new(path, text, lab)
        .expect("notify-source-unexpected", &stranger.to_string(), &sent[..1].iter().collect::<Vec<_>>())
        .severity("warning")
}

fn unexpected_untold() -> Scenario {
    let path = "notify-source-unexpected/miss";
    let stranger = IpAddr::V4(Ipv4Addr::new(10, 10, 77, 9));
    let mut lab = cuc_at_work(path, 20);
    notified(&mut lab, SERVER, &Delivery::to_cuc());
    notified(&mut lab, "mail7.example.net", &from(far(stranger, Stack::Windows)));
    let text = "The same traffic, and no expected addresses given: nothing is unexpected.";
    Scenario::new(path, text, lab).told(&[], &[CUC], &[]).forbid("notify-source-unexpected")
}

fn unexpected_node() -> Scenario {
    let path = "notify-source-unexpected/hit-other-node";
    let mut lab = cuc_at_work(path, 20);
    notified(&mut lab, SERVER, &Delivery::to_cuc());
    notified(&mut lab, SERVER_2, &from(far(EXCHANGE_2, Stack::Windows)));
    let text = "Another node of the expected server's domain: worth adding to the set, no fault.";
    Scenario::new(path, text, lab)
        .expect_on("notify-source-unexpected", &EXCHANGE_2.to_string(), &[])
        .severity("info")
}

fn flapping() -> Scenario {
    let path = "notify-source-flapping/hit";
    let mut lab = cuc_at_work(path, 25);
    let mut subscription = lab.subscribe(at(0, 0) - LONG_AGO, &Delivery::to_cuc());
    let ways = [EXCHANGE, EXCHANGE_2].map(|ip| from(far(ip, Stack::Windows)));
    let sent: Vec<Sent> = (0..5)
        .map(|turn| lab.keep_alive_by(&mut subscription, at(1 + turn * 5, 0), &ways[turn as usize % 2]))
        .collect();
    let text = "One subscription's keep-alives come from two addresses in turn.";
    Scenario::new(path, text, lab).told(&[EXCHANGE, EXCHANGE_2], &[CUC], &[]).expect(
        "notify-source-flapping",
        &subscription.id,
        &[&sent[0], &sent[1]],
    )
}

fn handed_over() -> Scenario {
    let path = "notify-source-flapping/miss";
    let mut lab = cuc_at_work(path, 25);
    let mut subscription = lab.subscribe(at(0, 0) - LONG_AGO, &Delivery::to_cuc());
    for turn in 0..5 {
        let source = if turn < 2 { EXCHANGE } else { EXCHANGE_2 };
        lab.keep_alive_by(&mut subscription, at(1 + turn * 5, 0), &from(far(source, Stack::Windows)));
    }
    let text = "The database moves to another member of the availability group: the source changes once.";
    Scenario::new(path, text, lab).told(&[EXCHANGE, EXCHANGE_2], &[CUC], &[])
}

fn two_families() -> Scenario {
    let path = "notify-source-flapping/miss-ipv6";
    let exchange = IpAddr::V6(Ipv6Addr::new(0xfd00, 0, 0, 20, 0, 0, 0, 0x11));
    let listener = IpAddr::V6(Ipv6Addr::new(0xfd00, 0, 0, 30, 0, 0, 0, 0x44));
    let mut lab = cuc_at_work(path, 25);
    let mut subscription = lab.subscribe(at(0, 0) - LONG_AGO, &Delivery::to_cuc());
    let six = Delivery::direct(far(exchange, Stack::Windows), near(listener, Stack::Linux), CUC_PORT);
    let ways = [Delivery::to_cuc(), six];
    for turn in 0..5 {
        lab.keep_alive_by(&mut subscription, at(1 + turn * 5, 0), &ways[turn as usize % 2]);
    }
    let text = "One server that uses its IPv4 and its IPv6 address in turn.";
    Scenario::new(path, text, lab).told(&[EXCHANGE, exchange], &[CUC, listener], &[])
}

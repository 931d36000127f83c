//! Sites where all is well, and the README's example.

use super::subscribed;
use crate::container::Compression;
use crate::cuc::{Lab, at};
use crate::scenario::Scenario;
use crate::site::{
    CUC, CUC_PORT, Delivery, EXCHANGE, EXCHANGE_2, PRESENCE, PRESENCE_PORT, PROXY, Reply, SERVER_2, far, near,
};
use crate::tcp::Stack;
use crate::time::{HOUR, SECOND};

pub(super) fn scenarios() -> Vec<Scenario> {
    vec![six_subscriptions(), presence(), dag_members(), showcase()]
}

fn six_subscriptions() -> Scenario {
    let mut lab = Lab::new("healthy/cuc");
    lab.background(near(CUC, Stack::Linux), at(0, 0), at(90, 0), 40 * SECOND);
    for place in 0..6 {
        let mut subscription = subscribed(&mut lab);
        lab.beat(&mut subscription, at(0, 20 + place * 47), at(89, 50));
    }
    let text = "Six subscriptions of one Exchange server, 90 minutes, mail and keep-alives; all is well.";
    Scenario::new("healthy/cuc", text, lab).compressed(Compression::Gzip)
}

fn presence() -> Scenario {
    let mut lab = Lab::new("healthy/presence");
    let listener = near(PRESENCE, Stack::Linux);
    lab.background(listener, at(0, 0), at(400, 0), 150 * SECOND);
    let how = Delivery::direct(far(EXCHANGE, Stack::Windows), listener, PRESENCE_PORT);
    for place in 0..2 {
        let mut subscription = lab.subscribe(at(0, 0) - 30 * HOUR, &how);
        lab.idle(&mut subscription, at(7 + place * 11, 0), at(399, 0));
    }
    let text =
        "Two calendar subscriptions of IM and Presence on port 50020: a keep-alive an hour, as it should be.";
    Scenario::new("healthy/presence", text, lab)
        .told(&[EXCHANGE], &[PRESENCE], &[])
        .forbid("keepalive-missing")
}

fn dag_members() -> Scenario {
    let mut lab = Lab::new("healthy/two-servers");
    lab.background(near(CUC, Stack::Linux), at(0, 0), at(40, 0), 25 * SECOND);
    let mut first = subscribed(&mut lab);
    lab.beat(&mut first, at(0, 40), at(39, 50));
    let how = Delivery::direct(far(EXCHANGE_2, Stack::Windows), near(CUC, Stack::Linux), CUC_PORT);
    let mut second = lab.subscribe_on(SERVER_2, at(0, 0) - 5 * HOUR, &how);
    lab.beat(&mut second, at(2, 10), at(39, 50));
    let text = "Two Exchange servers, each with its own subscription and address; both expected.";
    Scenario::new("healthy/two-servers", text, lab).told(&[EXCHANGE, EXCHANGE_2], &[CUC], &[])
}

fn showcase() -> Scenario {
    let mut lab = Lab::new("first/SIBTrace");
    lab.background(near(CUC, Stack::Linux), at(0, 0), at(120, 0), 45 * SECOND);
    for place in 0..2 {
        let mut subscription = subscribed(&mut lab);
        lab.beat(&mut subscription, at(0, 30 + place * 71), at(119, 30));
    }

    let mut silent = subscribed(&mut lab);
    let last_of_silent = lab.beat(&mut silent, at(1, 5), at(62, 0)).pop();

    let mut rejected = subscribed(&mut lab);
    lab.beat(&mut rejected, at(2, 2), at(40, 0));
    let broken = rejected.how.answered(Reply::Error(500, "Server Error"));
    let last = lab.sent.last().map_or(0, |sent| sent.at);
    // Each failure is followed by Exchange's second try 30 s later, which succeeds.
    let mut failures = Vec::new();
    for round in 1..=3 {
        let moment = last + round * 290 * SECOND;
        failures.push(lab.keep_alive_by(&mut rejected, moment, &broken));
        lab.retry(&rejected, moment + 30 * SECOND, &Delivery::to_cuc());
    }
    lab.beat(&mut rejected, last + 4 * 290 * SECOND, at(119, 30));

    let mut through_proxy = Delivery::direct(far(PROXY, Stack::Linux), near(CUC, Stack::Linux), CUC_PORT);
    through_proxy.headers =
        vec!["X-Forwarded-For: 10.10.20.12".into(), "Via: 1.1 proxy1 (squid/3.5.20)".into()];
    let mut proxied = lab.subscribe_on(SERVER_2, at(0, 0) - 9 * HOUR, &through_proxy);
    let first_proxied = lab.beat(&mut proxied, at(2, 44), at(119, 30)).remove(0);

    let text = "Unity Connection, two hours, five subscriptions: one falls silent for good, one is answered with 500 \
                three times, one comes through a proxy.";
    Scenario::new("first/SIBTrace", text, lab)
        .suffix("cap")
        .told(&[EXCHANGE, EXCHANGE_2], &[CUC], &[])
        .expect(
            "subscription-stale",
            &silent.id,
            &[last_of_silent.as_ref()].map(|last| last.expect("it did notify")),
        )
        .severity("error")
        .expect(
            "keepalive-missing",
            &silent.id,
            &[last_of_silent.as_ref()].map(|last| last.expect("it did notify")),
        )
        .expect("notify-rejected", &rejected.id, &[&failures[0], &failures[2]])
        .severity("error")
        .expect("notify-retry", &rejected.id, &[])
        .expect("notify-source-proxy", &PROXY.to_string(), &[&first_proxied])
}

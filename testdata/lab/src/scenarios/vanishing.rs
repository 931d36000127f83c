//! Subscriptions that end: stale, abandoned, renewed in a loop.

use super::{cuc_at_work, neighbour, subscribed};
use crate::cuc::{Lab, at};
use crate::scenario::Scenario;
use crate::site::{CUC, Delivery, EXCHANGE, PRESENCE, PRESENCE_PORT, Reply, Sent, far, near};
use crate::tcp::Stack;
use crate::time::{HOUR, MINUTE, SECOND};

pub(super) fn scenarios() -> Vec<Scenario> {
    vec![
        stale(),
        stale_and_renewed(),
        not_quite_stale(),
        renewed_early(),
        unsubscribed(),
        presence_silent(),
        abandoned("hit", &[0, 30, 60, 120, 240]),
        abandoned("hit-waits", &[0, 30, 90, 210]),
        ladder_cut(),
        ladder_recovers(),
        looping(),
        looping_with_new_ids(),
        all_young(),
        restarted(),
        from_the_future(),
    ]
}

fn last(sent: &[Sent]) -> Sent {
    sent.last().cloned().expect("the subscription did notify")
}

fn stale() -> Scenario {
    let path = "subscription-stale/hit";
    let mut lab = cuc_at_work(path, 32);
    neighbour(&mut lab, 31);
    let mut subscription = subscribed(&mut lab);
    let before = last(&lab.idle(&mut subscription, at(2, 0), at(8, 0)));
    let text = "One subscription stops; 25 minutes later it is still silent while its neighbour goes on.";
    Scenario::new(path, text, lab)
        .expect("subscription-stale", &subscription.id, &[&before])
        .severity("error")
        .confidence("proven")
        .expect("keepalive-missing", &subscription.id, &[&before])
}

fn stale_and_renewed() -> Scenario {
    let path = "subscription-stale/hit-renewed";
    let mut lab = cuc_at_work(path, 40);
    neighbour(&mut lab, 39);
    let mut old = subscribed(&mut lab);
    let before = last(&lab.idle(&mut old, at(2, 0), at(8, 0)));
    let renewal = before.at + 16 * MINUTE;
    let mut new = lab.renew(&old, renewal);
    let after = lab.idle(&mut new, renewal + SECOND, at(39, 30)).remove(0);
    let text = "One subscription stops; 16 minutes later Unity Connection subscribes the mailbox anew, under a new id.";
    Scenario::new(path, text, lab)
        .expect("subscription-stale", &old.id, &[&before, &after])
        .expect("keepalive-missing", &old.id, &[&before, &after])
        .forbid("subscription-loop")
}

fn not_quite_stale() -> Scenario {
    let path = "subscription-stale/miss";
    let mut lab = cuc_at_work(path, 32);
    neighbour(&mut lab, 31);
    let mut subscription = subscribed(&mut lab);
    let before = last(&lab.idle(&mut subscription, at(2, 0), at(8, 0)));
    let after = lab.keep_alive(&mut subscription, before.at + 890 * SECOND);
    lab.idle(&mut subscription, after.at + 300 * SECOND, at(31, 30));
    let text = "One subscription is silent for 14 minutes 50 seconds: keep-alives are missing, but it is not yet stale.";
    Scenario::new(path, text, lab)
        .expect("keepalive-missing", &subscription.id, &[&before, &after])
        .forbid("subscription-stale")
}

fn renewed_early() -> Scenario {
    let path = "subscription-stale/miss-renewed";
    let mut lab = cuc_at_work(path, 32);
    neighbour(&mut lab, 31);
    let mut old = subscribed(&mut lab);
    let before = last(&lab.idle(&mut old, at(2, 0), at(8, 0)));
    let renewal = before.at + 240 * SECOND;
    let mut new = lab.renew(&old, renewal);
    lab.idle(&mut new, renewal + SECOND, at(31, 30));
    let text = "An administrator resets the account: a new subscription of the same mailbox takes over after four minutes.";
    Scenario::new(path, text, lab).forbid("subscription-stale").forbid("keepalive-missing")
}

fn unsubscribed() -> Scenario {
    let path = "subscription-stale/miss-unsubscribed";
    let mut lab = cuc_at_work(path, 32);
    let mut old = subscribed(&mut lab);
    let before = last(&lab.idle(&mut old, at(2, 0), at(8, 0)));
    let mut new = lab.renew(&old, before.at + 100 * SECOND);
    lab.idle(&mut new, before.at + 101 * SECOND, at(31, 30));
    let way = old.how.answered(Reply::Unsubscribe);
    lab.keep_alive_by(&mut old, before.at + 300 * SECOND, &way);
    let text = "Unity Connection ends a superseded subscription with Unsubscribe; its silence afterwards is no fault.";
    Scenario::new(path, text, lab).forbid("subscription-stale").forbid("keepalive-missing")
}

fn presence_silent() -> Scenario {
    let path = "subscription-stale/miss-presence";
    let mut lab = Lab::new(path);
    let listener = near(PRESENCE, Stack::Linux);
    lab.background(listener, at(0, 0), at(310, 0), 150 * SECOND);
    let how = Delivery::direct(far(EXCHANGE, Stack::Windows), listener, PRESENCE_PORT);
    let mut other = lab.subscribe(at(0, 0) - 30 * HOUR, &how);
    lab.idle(&mut other, at(9, 0), at(309, 0));
    let mut subscription = lab.subscribe(at(0, 0) - 30 * HOUR, &how);
    let before = last(&lab.idle(&mut subscription, at(5, 0), at(70, 0)));
    let text = "A subscription of IM and Presence falls silent for hours: keep-alives are missing, but the 15 minutes are Unity Connection's rule.";
    Scenario::new(path, text, lab)
        .told(&[EXCHANGE], &[PRESENCE], &[])
        .expect("keepalive-missing", &subscription.id, &[&before])
        .forbid("subscription-stale")
}

fn abandoned(variant: &str, ladder: &[u64]) -> Scenario {
    let path = format!("subscription-abandoned/{variant}");
    let mut lab = cuc_at_work(&path, 36);
    neighbour(&mut lab, 35);
    let mut subscription = subscribed(&mut lab);
    let before = last(&lab.idle(&mut subscription, at(2, 0), at(8, 0)));
    let tries = climb(&mut lab, &mut subscription, before.at + 300 * SECOND, ladder);
    let text =
        "Jetty answers 503 to a notification and to every repetition; Exchange gives the subscription up.";
    let (first, end) = (&tries[0], last(&tries));
    Scenario::new(&path, text, lab)
        .expect("subscription-abandoned", &subscription.id, &[&end])
        .severity("error")
        .expect("notify-rejected", &subscription.id, &[first, &end])
        .expect("notify-retry", &subscription.id, &[])
        .expect("keepalive-missing", &subscription.id, &[])
        .expect("subscription-stale", &subscription.id, &[])
}

/// A keep-alive that fails at every step of a ladder of seconds.
fn climb(
    lab: &mut Lab,
    subscription: &mut crate::site::Subscription,
    moment: u64,
    ladder: &[u64],
) -> Vec<Sent> {
    let way = subscription.how.answered(Reply::Error(503, "Service Unavailable"));
    let mut tries = vec![lab.keep_alive_by(subscription, moment, &way)];
    for after in &ladder[1..] {
        tries.push(lab.retry(subscription, moment + after * SECOND, &way));
    }
    tries
}

fn ladder_cut() -> Scenario {
    let path = "subscription-abandoned/miss";
    let mut lab = Lab::new(path);
    let mut subscription = subscribed(&mut lab);
    let before = last(&lab.idle(&mut subscription, at(2, 0), at(8, 0)));
    let moment = before.at + 300 * SECOND;
    let end = moment + 330 * SECOND;
    let tries = climb(&mut lab, &mut subscription, moment, &[0, 30, 60, 120, 240]);
    let mut other = subscribed(&mut lab);
    lab.beat(&mut other, at(1, 17), end);
    lab.background(near(CUC, Stack::Linux), at(0, 0), end, 25 * SECOND);
    let text = "The capture ends a minute and a half after the last repetition: nobody knows what came next.";
    Scenario::new(path, text, lab)
        .expect("notify-rejected", &subscription.id, &[&tries[0]])
        .expect("notify-retry", &subscription.id, &[])
        .forbid("subscription-abandoned")
        .forbid("keepalive-missing")
}

fn ladder_recovers() -> Scenario {
    let path = "subscription-abandoned/miss-recovers";
    let mut lab = cuc_at_work(path, 30);
    let mut subscription = subscribed(&mut lab);
    let before = last(&lab.idle(&mut subscription, at(2, 0), at(8, 0)));
    let moment = before.at + 300 * SECOND;
    let tries = climb(&mut lab, &mut subscription, moment, &[0, 30]);
    lab.retry(&subscription, moment + 60 * SECOND, &Delivery::to_cuc());
    let mail = lab.message(&mut subscription, moment + 200 * SECOND);
    lab.idle(&mut subscription, mail.at + 300 * SECOND, at(29, 30));
    let text = "Two tries fail, the third succeeds, and the subscription lives on.";
    Scenario::new(path, text, lab)
        .expect("notify-rejected", &subscription.id, &[&tries[0]])
        .expect("notify-retry", &subscription.id, &[])
        .forbid("subscription-abandoned")
        .forbid("keepalive-missing")
}

fn looping() -> Scenario {
    let path = "subscription-loop/hit";
    let mut lab = cuc_at_work(path, 60);
    neighbour(&mut lab, 59);
    let mut subscription = lab.subscribe(at(2, 0), &Delivery::to_cuc());
    let first = lab.keep_alive(&mut subscription, at(2, 1));
    let mut sent = vec![first];
    for round in 1..=3 {
        let renewal = at(2 + 16 * round, 0);
        let id = subscription.id.clone();
        subscription = lab.renew(&subscription, renewal);
        subscription.id = id;
        sent.push(lab.keep_alive(&mut subscription, renewal + SECOND));
    }
    let text = "Every 16 minutes Unity Connection subscribes anew under the same id, hears once from Exchange, and never again.";
    Scenario::new(path, text, lab)
        .expect("subscription-loop", &subscription.id, &[])
        .severity("error")
        .expect("subscription-stale", &subscription.id, &[&sent[0], &sent[1]])
        .expect("keepalive-missing", &subscription.id, &[&sent[0], &sent[1]])
}

fn looping_with_new_ids() -> Scenario {
    let path = "subscription-loop/hit-new-ids";
    let mut lab = cuc_at_work(path, 60);
    neighbour(&mut lab, 59);
    let mut subscription = lab.subscribe(at(2, 0), &Delivery::to_cuc());
    let mut sent = vec![lab.keep_alive(&mut subscription, at(2, 1))];
    for round in 1..=3 {
        let renewal = at(2 + 16 * round, 0);
        subscription = lab.renew(&subscription, renewal);
        sent.push(lab.keep_alive(&mut subscription, renewal + SECOND));
    }
    let text = "The same loop, with a new id each time.";
    let mut scenario = Scenario::new(path, text, lab).expect_somewhere("subscription-loop");
    for pair in sent.windows(2) {
        scenario = scenario
            .expect("subscription-stale", &pair[0].subscription, &[&pair[0], &pair[1]])
            .expect("keepalive-missing", &pair[0].subscription, &[&pair[0], &pair[1]]);
    }
    // The last one is silent for ten minutes when the capture ends.
    scenario.expect("keepalive-missing", &sent[3].subscription, &[&sent[3]])
}

fn all_young() -> Scenario {
    let path = "subscription-loop/hit-all-young";
    let mut lab = cuc_at_work(path, 12);
    for place in 0..11 {
        let mut subscription =
            lab.subscribe(at(0, 0) - 200 * SECOND + place * 11 * SECOND, &Delivery::to_cuc());
        lab.idle(&mut subscription, at(0, 20 + place * 20), at(11, 50));
    }
    let text = "A short capture in which all eleven subscriptions are younger than a quarter of an hour.";
    Scenario::new(path, text, lab).expect_somewhere("subscription-loop").confidence("likely")
}

fn restarted() -> Scenario {
    let path = "subscription-loop/miss";
    let mut lab = cuc_at_work(path, 14);
    for place in 0..10 {
        let mut old = lab.subscribe(at(0, 0) - 200 * SECOND, &Delivery::to_cuc());
        lab.keep_alive(&mut old, at(0, 20 + place * 8));
        let mut new = lab.renew(&old, at(3, 30 + place));
        new.pid = 30_112;
        lab.idle(&mut new, at(3, 40 + place * 8), at(13, 50));
    }
    let text = "The sync service was restarted: all subscriptions are young, and the pid has changed.";
    Scenario::new(path, text, lab).forbid("subscription-loop").forbid("keepalive-missing")
}

fn from_the_future() -> Scenario {
    let path = "subscription-loop/miss-time-zone";
    let mut lab = cuc_at_work(path, 12);
    for place in 0..11 {
        let mut subscription =
            lab.subscribe(at(120, 0) - 200 * SECOND + place * 11 * SECOND, &Delivery::to_cuc());
        lab.idle(&mut subscription, at(0, 20 + place * 20), at(11, 50));
    }
    let text = "Creation times two hours in the future: a matter of zones, not of age.";
    Scenario::new(path, text, lab).forbid("subscription-loop")
}

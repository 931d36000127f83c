//! What Unity Connection answers, and what Exchange says besides events.

use super::{cuc_at_work, neighbour, subscribed};
use crate::cuc::{Lab, at};
use crate::damage;
use crate::ews;
use crate::scenario::Scenario;
use crate::site::{CUC, CUC_PORT, Delivery, EXCHANGE, Kind, PROXY, Reply, Sent, Subscription, far, near};
use crate::tcp::Stack;
use crate::time::SECOND;

pub(super) fn scenarios() -> Vec<Scenario> {
    vec![
        rejected(),
        rejected_by_proxy(),
        continued(),
        first_leg(),
        unanswered(),
        reset_tells(),
        unanswered_and_idle(),
        reply_without_end(),
        request_at_the_end(),
        reply_cut(),
        slow(),
        quick_enough(),
        late_body(),
        unsubscribed(),
        superseded(),
        events_unreadable(),
        store_unavailable(),
        no_error(),
        malformed(),
        unusual_but_lawful(),
        sixteen_bits(),
    ]
}

/// A lab, a subscription that is idle from minute 2 to 12, and when its next keep-alive is due.
fn until_noon(path: &str, minutes: u64) -> (Lab, Subscription, u64) {
    let mut lab = cuc_at_work(path, minutes);
    let mut subscription = subscribed(&mut lab);
    let due =
        lab.idle(&mut subscription, at(2, 0), at(12, 10)).last().map_or(0, |sent| sent.at + 300 * SECOND);
    (lab, subscription, due)
}

/// The last keep-alive is answered in this way; the capture goes on for a while.
fn ends_with(path: &str, reply: Reply, minutes: u64) -> (Lab, Subscription, Sent) {
    let (mut lab, mut subscription, due) = until_noon(path, minutes);
    let way = subscription.how.answered(reply);
    let sent = lab.keep_alive_by(&mut subscription, due, &way);
    (lab, subscription, sent)
}

fn rejected() -> Scenario {
    let path = "notify-rejected/hit";
    let (mut lab, subscription, sent) = ends_with(path, Reply::Error(500, "Server Error"), 30);
    let second = lab.retry(&subscription, sent.at + 30 * SECOND, &Delivery::to_cuc());
    let mut subscription = subscription;
    lab.idle(&mut subscription, second.at + 290 * SECOND, at(29, 30));
    neighbour(&mut lab, 29);
    let text = "Jetty answers a notification with 500; the repetition succeeds.";
    Scenario::new(path, text, lab)
        .expect("notify-rejected", &subscription.id, &[&sent])
        .severity("error")
        .expect("notify-retry", &subscription.id, &[&second])
}

fn rejected_by_proxy() -> Scenario {
    let path = "notify-rejected/hit-proxy";
    let mut lab = Lab::new(path);
    let exchange = near(EXCHANGE, Stack::Windows);
    lab.background(exchange, at(0, 0), at(3, 0), 20 * SECOND);
    let mut how = Delivery::direct(exchange, far(PROXY, Stack::Linux), 8080);
    how.absolute = true;
    how.host = Some(format!("{CUC}:{CUC_PORT}"));
    how.reply = Reply::Proxy;
    let mut subscription = lab.subscribe(at(0, 0) - 90_000 * SECOND, &how);
    let sent = lab.keep_alive(&mut subscription, at(2, 45));
    let text = "Captured at Exchange: a proxy asks it for credentials.";
    Scenario::new(path, text, lab)
        .expect("notify-rejected", &subscription.id, &[&sent])
        .expect_somewhere("notify-source-proxy")
}

fn continued() -> Scenario {
    let path = "notify-rejected/miss";
    let mut lab = cuc_at_work(path, 22);
    let mut subscription = subscribed(&mut lab);
    subscription.how.reply = Reply::Continue;
    subscription.how.headers = vec!["Expect: 100-continue".into()];
    lab.beat(&mut subscription, at(2, 0), at(21, 30));
    let text = "Exchange waits for 100 Continue before it sends the body; the final status is 200.";
    Scenario::new(path, text, lab).forbid("notify-rejected").forbid("notify-unanswered")
}

fn first_leg() -> Scenario {
    let path = "notify-rejected/miss-first-leg";
    let mut lab = cuc_at_work(path, 22);
    let mut subscription = subscribed(&mut lab);
    let demand = subscription.how.answered(Reply::Error(401, "Unauthorized"));
    let mut answer = Delivery::to_cuc();
    answer.headers = vec!["Authorization: NTLM TlRMTVNTUAADAAAA".into()];
    for minute in [2, 7, 12, 17] {
        lab.keep_alive_by(&mut subscription, at(minute, 0), &demand);
        lab.retry(&subscription, at(minute, 0) + SECOND / 10, &answer);
    }
    let text =
        "Somebody in front of Jetty demands authentication; Exchange gives it at once, and is accepted.";
    Scenario::new(path, text, lab).forbid("notify-rejected").forbid("notify-retry")
}

fn reset_tells() -> Scenario {
    let path = "notify-unanswered/miss-reset-acknowledges";
    let (mut lab, mut subscription, due) = until_noon(path, 20);
    let mut how = subscription.how.clone();
    how.reset = true;
    let sent = lab.keep_alive_by(&mut subscription, due, &how);
    let text =
        "The sniffer misses the reply; the reset with which Exchange ends the connection acknowledges it.";
    Scenario::new(path, text, lab)
        .damaged(|trace| damage::lose_after(trace, sent.packet()))
        .expect_somewhere("capture-drops")
        .forbid("notify-unanswered")
        .open(&["replies_200", "unanswered"])
}

fn unanswered() -> Scenario {
    let path = "notify-unanswered/hit";
    let (mut lab, mut subscription, sent) = ends_with(path, Reply::Silence(Some(SECOND)), 30);
    let second = lab.retry(&subscription, sent.at + 30 * SECOND, &Delivery::to_cuc());
    lab.idle(&mut subscription, second.at + 290 * SECOND, at(29, 30));
    let text = "Unity Connection takes a notification and closes the connection without a word; the repetition succeeds.";
    Scenario::new(path, text, lab)
        .expect("notify-unanswered", &subscription.id, &[&sent])
        .severity("error")
        .expect("notify-retry", &subscription.id, &[&second])
}

fn unanswered_and_idle() -> Scenario {
    let path = "notify-unanswered/hit-idle";
    let (lab, subscription, sent) = ends_with(path, Reply::Silence(None), 20);
    let text = "A notification is acknowledged and never answered; the connection stays open while the capture goes on.";
    Scenario::new(path, text, lab).expect("notify-unanswered", &subscription.id, &[&sent])
}

fn reply_without_end() -> Scenario {
    let path = "notify-unanswered/miss";
    let (lab, _, _) = ends_with(path, Reply::Open, 20);
    let text = "The reply is there, but not yet the FIN that ends it.";
    Scenario::new(path, text, lab)
        .open(&["replies_200", "unanswered"])
        .forbid("notify-unanswered")
        .forbid("notify-rejected")
}

fn request_at_the_end() -> Scenario {
    let path = "notify-unanswered/miss-capture-ends";
    let mut lab = Lab::new(path);
    let mut subscription = subscribed(&mut lab);
    let due =
        lab.idle(&mut subscription, at(2, 0), at(12, 10)).last().map_or(0, |sent| sent.at + 300 * SECOND);
    let way = subscription.how.answered(Reply::Silence(None));
    lab.keep_alive_by(&mut subscription, due, &way);
    lab.background(near(CUC, Stack::Linux), at(0, 0), due + 4 * SECOND, 20 * SECOND);
    let text = "The capture ends a few seconds after a request: the answer may still come.";
    Scenario::new(path, text, lab).open(&["unanswered"]).forbid("notify-unanswered")
}

fn reply_cut() -> Scenario {
    let path = "notify-unanswered/miss-one-way";
    let mut lab = cuc_at_work(path, 22);
    neighbour(&mut lab, 21);
    let text =
        "Nothing that Unity Connection sends was captured, so its answers are missing from the capture only.";
    Scenario::new(path, text, lab)
        .damaged(|trace| crate::damage::mute(trace, CUC))
        .expect_somewhere("capture-one-way")
        .allow("capture-drops")
        .open(&["unanswered"])
        .forbid("notify-unanswered")
        .forbid("notify-port-filtered")
}

fn slow() -> Scenario {
    let path = "notify-slow/hit";
    let (lab, subscription, sent) = ends_with(path, Reply::Late(7 * SECOND), 20);
    let text = "Unity Connection needs seven seconds for its answer.";
    Scenario::new(path, text, lab).expect("notify-slow", &subscription.id, &[&sent])
}

fn quick_enough() -> Scenario {
    let path = "notify-slow/miss";
    let (lab, _, _) = ends_with(path, Reply::Late(4 * SECOND), 20);
    let text = "Unity Connection needs four seconds for its answer: below the limit of five.";
    Scenario::new(path, text, lab).forbid("notify-slow")
}

fn late_body() -> Scenario {
    let path = "notify-slow/miss-late-body";
    let (mut lab, mut subscription, due) = until_noon(path, 20);
    let way = Delivery { pause: 8 * SECOND, ..subscription.how.clone() };
    lab.keep_alive_by(&mut subscription, due, &way);
    let text = "Exchange sends the body eight seconds after the head; the answer follows at once.";
    Scenario::new(path, text, lab).forbid("notify-slow").forbid("notify-unanswered")
}

fn unsubscribed() -> Scenario {
    let path = "notify-unsubscribed/hit";
    let (mut lab, subscription, sent) = ends_with(path, Reply::Unsubscribe, 30);
    neighbour(&mut lab, 29);
    let text = "Unity Connection does not know a subscription and ends it, and nothing takes its place.";
    Scenario::new(path, text, lab)
        .expect("notify-unsubscribed", &subscription.id, &[&sent])
        .severity("warning")
}

fn superseded() -> Scenario {
    let path = "notify-unsubscribed/miss";
    let (mut lab, mut old, due) = until_noon(path, 30);
    let mut new = lab.renew(&old, due - 100 * SECOND);
    lab.idle(&mut new, due - 99 * SECOND, at(29, 30));
    let way = old.how.answered(Reply::Unsubscribe);
    lab.keep_alive_by(&mut old, due, &way);
    let text = "Unity Connection ends a subscription that a younger one of the same mailbox has replaced.";
    Scenario::new(path, text, lab)
}

/// An error notification at the subscription's next turn, and a minute more of the capture.
fn error(path: &str, code: &str) -> (Lab, Subscription, Sent) {
    let (mut lab, subscription, due) = until_noon(path, 20);
    let body = ews::error_body(&subscription.soap_id, code).into_bytes();
    let sent = lab.post(&subscription, Kind::Neither, body, due, &subscription.how);
    (lab, subscription, sent)
}

fn events_unreadable() -> Scenario {
    let path = "notify-error/hit";
    let (lab, subscription, sent) = error(path, "ErrorReadEventsFailed");
    let text = "Exchange reports ErrorReadEventsFailed: it has deleted the subscription.";
    Scenario::new(path, text, lab).expect("notify-error", &subscription.id, &[&sent]).severity("error")
}

fn store_unavailable() -> Scenario {
    let path = "notify-error/hit-warning";
    let (lab, subscription, sent) = error(path, "ErrorMailboxStoreUnavailable");
    let text = "Exchange reports ErrorMailboxStoreUnavailable.";
    Scenario::new(path, text, lab).expect("notify-error", &subscription.id, &[&sent]).severity("warning")
}

fn no_error() -> Scenario {
    let path = "notify-error/miss";
    let (mut lab, mut subscription, due) = until_noon(path, 20);
    reworded(&mut lab, &mut subscription, due, |body| {
        body.replace(
            "<m:ResponseCode>NoError",
            "<m:MessageText>No ErrorReadEventsFailed here.</m:MessageText><m:ResponseCode>NoError",
        )
        .into_bytes()
    });
    let text = "The name of an error stands in a success message's text: the code decides, not the text.";
    Scenario::new(path, text, lab).forbid("notify-error").forbid("notify-malformed")
}

/// A keep-alive whose body is written in another way.
fn reworded(
    lab: &mut Lab,
    subscription: &mut Subscription,
    moment: u64,
    rewrite: impl Fn(String) -> Vec<u8>,
) -> Sent {
    let body = rewrite(subscription.idle_body(moment));
    lab.post(subscription, Kind::KeepAlive, body, moment, &subscription.how)
}

fn malformed() -> Scenario {
    let path = "notify-malformed/hit";
    let (mut lab, subscription, due) = until_noon(path, 20);
    let body = subscription.idle_body(due);
    let broken = body.replace("</t:SubscriptionId>", "<t:Subscr").into_bytes();
    let sent = lab.post(&subscription, Kind::Neither, broken, due, &subscription.how);
    let text = "A body that is no well-formed XML, on a stream without gaps.";
    Scenario::new(path, text, lab)
        .expect("notify-malformed", &subscription.id, &[&sent])
        .open(&["keepalives", "messages"])
}

fn unusual_but_lawful() -> Scenario {
    let path = "notify-malformed/miss";
    let mut lab = cuc_at_work(path, 20);
    let mut subscription = subscribed(&mut lab);
    for minute in [2, 7, 12, 17] {
        reworded(&mut lab, &mut subscription, at(minute, 0), |body| {
            let body =
                body.replace("soap11", "Umschlag").replace("m:", "meldung:").replace(":m=", ":meldung=");
            let body = body.replace("t:", "typ:").replace(":t=", ":typ=");
            format!("\u{feff}{}\r\n", body.replace("><", ">\r\n\t <")).into_bytes()
        });
    }
    let text =
        "Unusual but lawful: a byte order mark, other namespace prefixes, white space between elements.";
    Scenario::new(path, text, lab).forbid("notify-malformed")
}

fn sixteen_bits() -> Scenario {
    let path = "notify-malformed/miss-utf-16";
    let mut lab = cuc_at_work(path, 20);
    let mut subscription = subscribed(&mut lab);
    for minute in [2, 7, 12, 17] {
        reworded(&mut lab, &mut subscription, at(minute, 0), |body| {
            let body = format!("\u{feff}{}", body.replace("utf-8", "utf-16"));
            body.encode_utf16().flat_map(u16::to_le_bytes).collect()
        });
    }
    let text = "Bodies in UTF-16 with a byte order mark.";
    Scenario::new(path, text, lab).forbid("notify-malformed")
}

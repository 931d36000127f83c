//! Gaps, lost events and repetitions in one subscription's life.

use super::{cuc_at_work, neighbour, subscribed};
use crate::cuc::{Lab, at};
use crate::damage;
use crate::scenario::Scenario;
use crate::site::{CUC, Delivery, EXCHANGE, PRESENCE, PRESENCE_PORT, Reply, Sent, far, near};
use crate::tcp::{Conversation, Side, Stack};
use crate::time::{HOUR, MINUTE, SECOND};

pub(super) fn scenarios() -> Vec<Scenario> {
    vec![
        missing(),
        missing_at_the_end(),
        late_but_in_time(),
        sniffer_stall(),
        quiet_network(),
        hourly(),
        begins_late(),
        other_interval(),
        watermark_gap(),
        watermark_chain(),
        watermark_drops(),
        retried(),
        retried_on_the_ladder(),
        idle_mailbox(),
    ]
}

fn last(sent: &[Sent]) -> Sent {
    sent.last().cloned().expect("the subscription did notify")
}

fn missing() -> Scenario {
    let path = "keepalive-missing/hit";
    let mut lab = cuc_at_work(path, 32);
    neighbour(&mut lab, 31);
    let mut subscription = subscribed(&mut lab);
    let before = last(&lab.idle(&mut subscription, at(2, 0), at(8, 0)));
    let after = lab.keep_alive(&mut subscription, before.at + 600 * SECOND);
    lab.idle(&mut subscription, after.at + 300 * SECOND, at(31, 30));
    let text = "One subscription is silent for ten minutes, then goes on; its neighbour never stops.";
    Scenario::new(path, text, lab)
        .expect("keepalive-missing", &subscription.id, &[&before, &after])
        .severity("warning")
        .forbid("subscription-stale")
}

fn missing_at_the_end() -> Scenario {
    let path = "keepalive-missing/hit-open";
    let mut lab = cuc_at_work(path, 21);
    neighbour(&mut lab, 20);
    let mut subscription = subscribed(&mut lab);
    let before = last(&lab.idle(&mut subscription, at(2, 0), at(8, 0)));
    let text = "One subscription stops, and the capture ends 14 minutes later while its neighbour goes on.";
    Scenario::new(path, text, lab)
        .expect("keepalive-missing", &subscription.id, &[&before])
        .confidence("proven")
        .forbid("subscription-stale")
}

fn late_but_in_time() -> Scenario {
    let path = "keepalive-missing/miss";
    let mut lab = cuc_at_work(path, 26);
    let mut subscription = subscribed(&mut lab);
    let before = last(&lab.idle(&mut subscription, at(2, 0), at(8, 0)));
    lab.idle(&mut subscription, before.at + 350 * SECOND, at(25, 30));
    let text = "A keep-alive comes 50 seconds after its time: within the tolerance.";
    Scenario::new(path, text, lab).forbid("keepalive-missing")
}

fn sniffer_stall() -> Scenario {
    let path = "keepalive-missing/miss-capture-stalls";
    let mut lab = cuc_at_work(path, 32);
    let mut other = subscribed(&mut lab);
    lab.idle(&mut other, at(2, 30), at(31, 30));
    let mut subscription = subscribed(&mut lab);
    lab.idle(&mut subscription, at(2, 0), at(31, 30));
    let text = "The capture has a hole of six and a half minutes in which nobody is heard.";
    Scenario::new(path, text, lab)
        .damaged(|trace| damage::stall(trace, at(10, 5), at(16, 35)))
        .allow("capture-drops")
        .allow("capture-clock-step")
        .allow("notify-watermark-gap")
        .forbid("keepalive-missing")
}

fn quiet_network() -> Scenario {
    let path = "keepalive-missing/hit-quiet-network";
    let mut lab = Lab::new(path);
    lab.background(near(CUC, Stack::Linux), at(0, 0), at(1, 40), 2 * SECOND);
    let mut subscription = subscribed(&mut lab);
    let before = last(&lab.idle(&mut subscription, at(1, 0), at(21, 30)));
    let again = lab.idle(&mut subscription, at(72, 0), at(93, 0));
    let frames = [&before, &again[0]];
    let text =
        "Nobody but Exchange speaks after the first minutes, and Exchange is silent for most of an hour.";
    Scenario::new(path, text, lab).expect("keepalive-missing", &subscription.id, &frames).expect(
        "subscription-stale",
        &subscription.id,
        &frames,
    )
}

fn hourly() -> Scenario {
    let path = "keepalive-missing/miss-presence";
    let mut lab = Lab::new(path);
    let listener = near(PRESENCE, Stack::Linux);
    lab.background(listener, at(0, 0), at(190, 0), 100 * SECOND);
    let how = Delivery::direct(far(EXCHANGE, Stack::Windows), listener, PRESENCE_PORT);
    let mut subscription = lab.subscribe(at(0, 0) - 30 * HOUR, &how);
    lab.idle(&mut subscription, at(5, 0), at(189, 0));
    let text = "A keep-alive an hour is what IM and Presence asks for.";
    Scenario::new(path, text, lab)
        .told(&[EXCHANGE], &[PRESENCE], &[])
        .forbid("keepalive-missing")
        .forbid("notify-silent")
}

fn begins_late() -> Scenario {
    let path = "keepalive-missing/miss-begins-late";
    let mut lab = cuc_at_work(path, 25);
    let mut subscription = subscribed(&mut lab);
    lab.idle(&mut subscription, at(10, 0), at(24, 50));
    let text =
        "The first notification comes ten minutes after the first packet; what was before it is unknown.";
    Scenario::new(path, text, lab).forbid("keepalive-missing")
}

fn other_interval() -> Scenario {
    let path = "keepalive-missing/miss-other-interval";
    let mut lab = cuc_at_work(path, 40);
    let mut subscription = subscribed(&mut lab);
    subscription.interval = 10 * MINUTE;
    lab.idle(&mut subscription, at(2, 0), at(39, 50));
    let text = "A keep-alive every ten minutes, as the user says it should be.";
    Scenario::new(path, text, lab).interval(600).forbid("keepalive-missing")
}

fn watermark_gap() -> Scenario {
    let path = "notify-watermark-gap/hit";
    let mut lab = cuc_at_work(path, 22);
    let mut subscription = subscribed(&mut lab);
    let before = last(&lab.idle(&mut subscription, at(2, 0), at(8, 0)));
    subscription.lose_event();
    let after = lab.message(&mut subscription, before.at + 200 * SECOND);
    lab.idle(&mut subscription, after.at + 300 * SECOND, at(21, 30));
    let text =
        "A notification continues from a watermark that none before it ended with: one was lost on the way.";
    Scenario::new(path, text, lab).expect("notify-watermark-gap", &subscription.id, &[&after])
}

fn watermark_chain() -> Scenario {
    let path = "notify-watermark-gap/miss";
    let mut lab = cuc_at_work(path, 22);
    let mut subscription = subscribed(&mut lab);
    let before = last(&lab.idle(&mut subscription, at(2, 0), at(8, 0)));
    let burst = before.at + 200 * SECOND;
    for part in 0..4 {
        lab.message_part(&mut subscription, burst + part * SECOND, part < 3);
    }
    lab.idle(&mut subscription, burst + 303 * SECOND, at(21, 30));
    let text = "Four notifications in a row, three of which announce more events; then an idle mailbox repeats its watermark.";
    Scenario::new(path, text, lab).forbid("notify-watermark-gap").forbid("notify-retry")
}

fn watermark_drops() -> Scenario {
    let path = "notify-watermark-gap/miss-drops";
    let mut lab = cuc_at_work(path, 22);
    let mut other = subscribed(&mut lab);
    lab.idle(&mut other, at(2, 30), at(5, 0));
    let mut subscription = subscribed(&mut lab);
    let before = last(&lab.idle(&mut subscription, at(2, 0), at(8, 0)));
    let burst = before.at + 30 * SECOND;
    // One notification is not captured at all; of the neighbour's beside it only the body is missing.
    let first = lab.trace.packets.len();
    lab.message(&mut subscription, burst);
    let unseen: Vec<_> = lab.trace.packets[first..].iter().map(|packet| packet.id).collect();
    lab.sent.pop();
    let holed = lab.keep_alive(&mut other, burst + SECOND / 5);
    lab.idle(&mut subscription, burst + 280 * SECOND, at(21, 30));
    let mail = lab.message(&mut other, holed.at + 40 * SECOND);
    lab.idle(&mut other, mail.at + 300 * SECOND, at(21, 30));
    let text = "The sniffer loses a moment: a whole notification, and the body of another, whose ACK shows it. The watermark's jump is the capture's fault.";
    Scenario::new(path, text, lab)
        .damaged(|trace| {
            damage::lose(trace, &unseen);
            damage::lose(trace, &holed.request[1..]);
        })
        .expect_somewhere("capture-drops")
        .forbid("notify-watermark-gap")
        .forbid("notify-malformed")
}

fn retried() -> Scenario {
    let path = "notify-retry/hit";
    let mut lab = cuc_at_work(path, 22);
    let mut subscription = subscribed(&mut lab);
    let before = last(&lab.idle(&mut subscription, at(2, 0), at(8, 0)));
    let moment = before.at + 300 * SECOND;
    let broken = subscription.how.answered(Reply::Error(503, "Service Unavailable"));
    let failed = lab.keep_alive_by(&mut subscription, moment, &broken);
    let again = lab.retry(&subscription, moment + 30 * SECOND, &Delivery::to_cuc());
    lab.idle(&mut subscription, moment + 320 * SECOND, at(21, 30));
    let text =
        "A notification is answered with 503; thirty seconds later Exchange sends it again, and all is well.";
    Scenario::new(path, text, lab).expect("notify-retry", &subscription.id, &[&again]).expect(
        "notify-rejected",
        &subscription.id,
        &[&failed],
    )
}

fn retried_on_the_ladder() -> Scenario {
    let path = "notify-retry/hit-ladder";
    let mut lab = cuc_at_work(path, 22);
    let mut subscription = subscribed(&mut lab);
    let before = last(&lab.idle(&mut subscription, at(2, 0), at(8, 0)));
    let moment = before.at + 200 * SECOND;
    lab.message(&mut subscription, moment);
    let way = Delivery::to_cuc();
    let second = lab.retry(&subscription, moment + 30 * SECOND, &way);
    let third = lab.retry(&subscription, moment + 60 * SECOND, &way);
    lab.message(&mut subscription, moment + 250 * SECOND);
    lab.idle(&mut subscription, moment + 550 * SECOND, at(21, 30));
    let text = "Exchange sends the same events at 0, 30 and 60 seconds although each was answered with 200: the replies do not reach it.";
    Scenario::new(path, text, lab).expect("notify-retry", &subscription.id, &[&second, &third])
}

fn idle_mailbox() -> Scenario {
    let path = "notify-retry/miss";
    let mut lab = cuc_at_work(path, 40);
    let mut subscription = subscribed(&mut lab);
    lab.idle(&mut subscription, at(2, 0), at(39, 30));
    // A segment that TCP repeats is no notification that Exchange repeats.
    let how = Delivery::to_cuc();
    let port = lab.next_port();
    let mut talk =
        Conversation::new(&mut lab.trace, at(12, 0), (near(CUC, Stack::Linux), port), (how.from, 5222));
    talk.handshake();
    talk.send(Side::Originator, b"presence");
    talk.wait(SECOND / 4);
    talk.retransmit(Side::Originator, b"presence");
    talk.ack(Side::Responder);
    talk.fin(Side::Originator);
    talk.fin(Side::Responder);
    talk.ack(Side::Originator);
    let text = "An idle mailbox: every keep-alive has the watermark of the one before, five minutes ago and answered with 200.";
    Scenario::new(path, text, lab).forbid("notify-retry").forbid("notify-watermark-gap")
}

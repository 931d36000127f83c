//! The quality of the capture itself.

use super::{cuc_at_work, neighbour, subscribed};
use crate::container::{Container, Order};
use crate::cuc::{Lab, at};
use crate::damage::{self, FileDamage};
use crate::scenario::Scenario;
use crate::site::{CUC, CUC_PORT, Delivery, EXCHANGE, PRESENCE, PRESENCE_PORT, far, near};
use crate::tcp::{Conversation, Side, Stack};
use crate::time::{HOUR, MICROSECOND, SECOND};
use crate::trace::Trace;
use std::net::{IpAddr, Ipv4Addr};

pub(super) fn scenarios() -> Vec<Scenario> {
    vec![
        healthy("capture-truncated/hit", "The file ends inside its last record.")
            .file_damaged(FileDamage::CutLast)
            .expect_somewhere("capture-truncated"),
        healthy("capture-truncated/miss", "The file ends where its last record does.")
            .forbid("capture-truncated"),
        damaged(),
        healthy(
            "capture-damaged/miss",
            "The header's snapshot length is 64 and no record keeps to it: lengths of records decide.",
        )
        .container(Container::PcapLying)
        .forbid("capture-damaged")
        .forbid("capture-truncated"),
        snapped(),
        healthy("capture-snaplen/miss", "Every frame is whole.").forbid("capture-snaplen"),
        drops(),
        counted_drops(),
        dropped_keep_alive(),
        no_drops(),
        short("hit", 8).expect_somewhere("capture-short").severity("info"),
        short("miss", 22).forbid("capture-short"),
        short_for_presence(),
        short_of_something_else(),
        limited("hit", 1000).expect_somewhere("capture-limit-reached").severity("info"),
        limited("miss", 1001).forbid("capture-limit-reached"),
        one_way(),
        half_heard(),
        stepped_back(),
        stepped_forward(),
        stepped_in_silence(),
        two_queues(),
        two_hosts(),
        healthy("capture-duplicates/hit", "A SPAN session of both ports: every packet is there twice.")
            .damaged(damage::double)
            .expect_somewhere("capture-duplicates")
            .severity("info")
            .forbid("notify-retry")
            .forbid("notify-source-flapping"),
        repeated(),
    ]
}

/// Twenty-two minutes of Unity Connection with one healthy subscription.
fn lab(path: &str) -> Lab {
    let mut lab = cuc_at_work(path, 22);
    neighbour(&mut lab, 21);
    lab
}

fn healthy(path: &str, text: &str) -> Scenario {
    Scenario::new(path, text, lab(path))
}

/// The frame number of a name look-up near the middle: nothing that the facts count.
fn bystander(trace: &Trace) -> u64 {
    let middle = trace.packets.len() / 2;
    let after = trace.packets[middle..].iter().position(|packet| packet.connection.is_none());
    (middle + after.expect("name look-ups go on to the end") + 1) as u64
}

fn damaged() -> Scenario {
    let path = "capture-damaged/hit";
    let mut lab = lab(path);
    lab.trace.sort();
    let number = bystander(&lab.trace);
    Scenario::new(
        path,
        "The header of one record in the middle says nonsense; the records after it are sound.",
        lab,
    )
    .file_damaged(FileDamage::Corrupt(number))
    .expect_somewhere("capture-damaged")
    .open(&["packets"])
    .forbid("capture-truncated")
}

fn snapped() -> Scenario {
    healthy("capture-snaplen/hit", "Unity Connection's capture without `size ALL`: 128 bytes of each frame.")
        .snaplen(128)
        .expect_somewhere("capture-snaplen")
        .open(&[
            "notifications",
            "keepalives",
            "messages",
            "replies_200",
            "unanswered",
            "subscriptions",
            "sources",
        ])
        .forbid("notify-malformed")
        .forbid("notify-unanswered")
        .forbid("keepalive-missing")
}

fn drops() -> Scenario {
    let path = "capture-drops/hit";
    let mut lab = lab(path);
    let mut subscription = subscribed(&mut lab);
    let sent = lab.idle(&mut subscription, at(2, 0), at(20, 0));
    let text =
        "The sniffer misses the body of one notification, which Unity Connection acknowledges and answers.";
    Scenario::new(path, text, lab)
        .damaged(|trace| damage::lose(trace, &sent[1].request[1..]))
        .expect_somewhere("capture-drops")
        .forbid("notify-malformed")
        .forbid("notify-unanswered")
        .forbid("keepalive-missing")
}

fn counted_drops() -> Scenario {
    healthy(
        "capture-drops/hit-counter",
        "Nothing is seen to be missing, but the capture's own statistics count 412 drops.",
    )
    .container(Container::NgDecorated { drops: 412 })
    .expect_somewhere("capture-drops")
}

fn dropped_keep_alive() -> Scenario {
    let path = "keepalive-missing/miss-counted-drops";
    let mut lab = lab(path);
    let mut subscription = subscribed(&mut lab);
    let sent = lab.idle(&mut subscription, at(2, 0), at(20, 0));
    let syn = lab.trace.packets.iter().find(|packet| packet.id == sent[1].syn);
    let connection = syn.and_then(|packet| packet.connection);
    lab.sent.retain(|one| one.syn != sent[1].syn);
    Scenario::new(
        path,
        "The sniffer misses the whole connection of one keep-alive, and counts what it lost.",
        lab,
    )
    .damaged(|trace| trace.packets.retain(|packet| packet.connection != connection))
    .container(Container::NgDecorated { drops: 14 })
    .expect_somewhere("capture-drops")
    .forbid("keepalive-missing")
}

fn no_drops() -> Scenario {
    let path = "capture-drops/miss";
    let mut lab = lab(path);
    let (cuc, peer) = (near(CUC, Stack::Linux), far(EXCHANGE, Stack::Windows));
    let ports = (lab.next_port(), 5269);
    let mut talk = Conversation::new(&mut lab.trace, at(0, 0) - 50 * SECOND, (peer, ports.0), (cuc, ports.1));
    talk.handshake();
    talk.send(Side::Originator, b"said before the capture began");
    talk.ack(Side::Responder);
    talk.wait_until(at(3, 0));
    for _ in 0..4 {
        talk.wait(40 * SECOND);
        talk.probe(Side::Originator);
        talk.ack(Side::Responder);
        talk.send(Side::Responder, b"seen");
        talk.ack(Side::Originator);
    }
    let text =
        "A connection that began before the capture, with keep-alive probes; statistics that count no drop.";
    Scenario::new(path, text, lab)
        .damaged(|trace| damage::stall(trace, 0, at(0, 0)))
        .container(Container::NgDecorated { drops: 0 })
        .forbid("capture-drops")
}

fn short(variant: &str, minutes: u64) -> Scenario {
    let path = format!("capture-short/{variant}");
    let mut lab = cuc_at_work(&path, minutes);
    neighbour(&mut lab, minutes - 1);
    Scenario::new(&path, &format!("A healthy subscription, captured for {minutes} minutes."), lab)
}

fn short_for_presence() -> Scenario {
    let path = "capture-short/hit-presence";
    let mut lab = Lab::new(path);
    let listener = near(PRESENCE, Stack::Linux);
    lab.background(listener, at(0, 0), at(90, 0), 80 * SECOND);
    let how = Delivery::direct(far(EXCHANGE, Stack::Windows), listener, PRESENCE_PORT);
    let mut subscription = lab.subscribe(at(0, 0) - 30 * HOUR, &how);
    lab.idle(&mut subscription, at(20, 0), at(89, 0));
    let text = "An hour and a half of IM and Presence, whose keep-alives come once an hour.";
    Scenario::new(path, text, lab)
        .told(&[EXCHANGE], &[PRESENCE], &[])
        .expect_somewhere("capture-short")
        .severity("info")
        .forbid("notify-silent")
}

fn short_of_something_else() -> Scenario {
    let path = "capture-short/miss-other-traffic";
    let lab = cuc_at_work(path, 5);
    let text = "Five minutes without any notification traffic or any word of Unity Connection: the interval does not matter.";
    Scenario::new(path, text, lab).told(&[EXCHANGE], &[], &[]).forbid("capture-short").forbid("notify-silent")
}

fn limited(variant: &str, packets: usize) -> Scenario {
    let path = format!("capture-limit-reached/{variant}");
    let mut lab = Lab::new(&path);
    for place in 0..3 {
        let mut subscription = subscribed(&mut lab);
        lab.beat(&mut subscription, at(1, place * 47), at(60, 0));
    }
    lab.background(near(CUC, Stack::Linux), at(0, 0), at(60, 0), 6 * SECOND);
    let text = format!("A healthy site; the file has exactly {packets} packets.");
    Scenario::new(&path, &text, lab).damaged(|trace| trace.packets.truncate(packets)).open(&["unanswered"])
}

fn one_way() -> Scenario {
    let path = "capture-one-way/hit";
    let mut lab = lab(path);
    let how = Delivery::to_cuc();
    // The answers to these SYNs were given, and not captured.
    lab.unanswered(at(12, 0), how.from, how.to, how.port, 2);
    let text = "Only what goes to Unity Connection was captured.";
    Scenario::new(path, text, lab)
        .damaged(|trace| damage::mute(trace, CUC))
        .expect_somewhere("capture-one-way")
        .allow("capture-drops")
        .open(&["unanswered"])
        .forbid("notify-unanswered")
        .forbid("notify-port-filtered")
}

fn half_heard() -> Scenario {
    let path = "capture-one-way/miss";
    let mut lab = lab(path);
    let (cuc, other) =
        (near(CUC, Stack::Linux), far(std::net::Ipv4Addr::new(10, 10, 60, 7).into(), Stack::Linux));
    let port = lab.next_port();
    // A backup stream whose return path lies elsewhere.
    let mut talk = Conversation::new(&mut lab.trace, at(4, 0), (cuc, port), (other, 5514));
    talk.handshake();
    for _ in 0..6 {
        talk.wait(10 * SECOND);
        talk.send(Side::Originator, b"<134>Jun 29 15:04:00 cuc log line\n");
    }
    let text = "One connection of many is heard in one direction only.";
    Scenario::new(path, text, lab).damaged(|trace| damage::mute(trace, other.ip)).forbid("capture-one-way")
}

fn stepped_back() -> Scenario {
    let path = "capture-clock-step/hit";
    let mut lab = cuc_at_work(path, 32);
    neighbour(&mut lab, 31);
    let text = "The clock of the capturing machine is set back by half an hour in mid-capture.";
    Scenario::new(path, text, lab)
        .damaged(|trace| damage::step(trace, at(14, 3), -1800 * SECOND as i64))
        .expect_somewhere("capture-clock-step")
        .open(&["span_s"])
        .forbid("keepalive-missing")
        .forbid("subscription-stale")
}

fn stepped_forward() -> Scenario {
    let path = "capture-clock-step/hit-forward";
    let mut lab = cuc_at_work(path, 32);
    neighbour(&mut lab, 31);
    let text = "The clock is set forward by two hours in mid-capture; the TCP timestamps of an SSH session go on as before.";
    Scenario::new(path, text, lab)
        .damaged(|trace| damage::step(trace, at(14, 3), 7200 * SECOND as i64))
        .expect_somewhere("capture-clock-step")
        .open(&["span_s"])
        .forbid("keepalive-missing")
        .forbid("subscription-stale")
}

fn stepped_in_silence() -> Scenario {
    let path = "capture-clock-step/hit-in-silence";
    let mut lab = Lab::new(path);
    for second in [10, 13, 40] {
        let mut subscription = subscribed(&mut lab);
        lab.idle(&mut subscription, at(1, second), at(30, 0));
    }
    let text = "The clock is set forward by an hour while nobody sends; only the Date of the replies tells.";
    Scenario::new(path, text, lab)
        .damaged(|trace| damage::step(trace, at(14, 3), 3600 * SECOND as i64))
        .expect_somewhere("capture-clock-step")
        .open(&["span_s"])
        .forbid("keepalive-missing")
        .forbid("subscription-stale")
}

fn two_queues() -> Scenario {
    let path = "capture-clock-step/miss";
    let text = "Two receive queues: now and then a packet is stored some microseconds after a later one.";
    healthy(path, text)
        .damaged(|trace| {
            for place in (10..trace.packets.len()).step_by(23) {
                let previous = trace.packets[place - 1].time;
                if trace.packets[place].time - previous < 100 * MICROSECOND {
                    trace.packets[place].time = previous - 3 * MICROSECOND;
                }
            }
        })
        .container(Container::NgEnhanced { order: Order::Little, resolution: 9 })
        .forbid("capture-clock-step")
}

fn two_hosts() -> Scenario {
    let path = "capture-clock-step/miss-two-hosts";
    let mut lab = Lab::new(path);
    let other = IpAddr::V4(Ipv4Addr::new(10, 10, 30, 45));
    for (node, second) in [(CUC, 10), (other, 14), (CUC, 21), (other, 33)] {
        let how = Delivery::direct(far(EXCHANGE, Stack::Windows), near(node, Stack::Linux), CUC_PORT);
        let mut subscription = lab.subscribe(at(0, 0) - HOUR, &how);
        lab.idle(&mut subscription, at(1, second), at(21, 0));
    }
    let text = "Both nodes of a Unity Connection cluster, each captured on its own at the same time, with silences between.";
    Scenario::new(path, text, lab)
        .told(&[EXCHANGE], &[CUC, other], &[])
        .apart(other)
        .forbid("capture-clock-step")
        .forbid("notify-silent")
}

fn repeated() -> Scenario {
    let path = "capture-duplicates/miss";
    let mut lab = lab(path);
    let (cuc, peer) = (near(CUC, Stack::Linux), far(EXCHANGE, Stack::Windows));
    for minute in 3..18 {
        let port = lab.next_port();
        let mut talk = Conversation::new(&mut lab.trace, at(minute, 0), (peer, port), (cuc, 5269));
        talk.handshake();
        talk.send(Side::Originator, b"first");
        talk.wait(SECOND / 3);
        talk.retransmit(Side::Originator, b"first");
        talk.ack(Side::Responder);
        talk.fin(Side::Originator);
        talk.fin(Side::Responder);
        talk.ack(Side::Originator);
    }
    let text = "Segments that TCP sends again a third of a second later, under another IP identification.";
    Scenario::new(path, text, lab).forbid("capture-duplicates").forbid("notify-retry")
}

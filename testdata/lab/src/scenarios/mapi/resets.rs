//! Connections that are reset, by whomever.

use super::refusals::waiting;
use super::{GROUPS, PORT, UNITY, VIP, array, bound, quiet, scenario, unity};
use crate::cuc::{Lab, at};
use crate::rpc::{Answer, handle};
use crate::scenario::Scenario;
use crate::site::{far, near};
use crate::tcp::Stack;
use crate::time::MICROSECOND;
use crate::trace::Packet;
use crate::wire;

/// A call is answered with a reset whose packet `change` alters.
fn reset_otherwise(path: &str, text: &str, change: impl Fn(&mut Packet)) -> Scenario {
    let mut lab = Lab::new(path);
    let line = bound(at(0, 30), None, 0, GROUPS[0]).connect(at(0, 31), handle(1), 0);
    let line = line.work(at(1, 0), handle(1)).fail(at(2, 0), handle(1), &Answer::Nothing);
    let packets =
        line.reset(at(2, 0) + 4 * MICROSECOND).play(&mut lab, unity(), (near(VIP, Stack::Windows), PORT));
    let reset = packets[packets.len() - 1];
    let damaged = scenario(path, text, lab)
        .damaged(|trace| trace.packets.iter_mut().filter(|packet| packet.id == reset).for_each(change));
    damaged.expect_on("mapi-reset", &UNITY.to_string(), &[reset])
}

pub(super) fn reset_by_another_node() -> Scenario {
    let text = "A call reaches another host of the cluster, which knows no such connection and resets it.";
    reset_otherwise("mapi-affinity-break/hit-reset", text, |packet| packet.source[5] ^= 3)
        .expect("mapi-affinity-break", &UNITY.to_string(), &[])
        .confidence("proven")
}

pub(super) fn reset_by_a_firewall() -> Scenario {
    let text = "A firewall beside the server resets a connection in its name, with a TTL of its own.";
    let scenario = reset_otherwise("mapi-affinity-break/miss-reset", text, |packet| {
        packet.source[5] ^= 3;
        // From 128, with which Windows begins, to 64.
        (0..64).for_each(|_| wire::hop(&mut packet.ip));
    });
    scenario.forbid("mapi-affinity-break")
}

pub(super) fn reset_in_a_call() -> Scenario {
    let path = "mapi-reset/hit";
    let mut lab = Lab::new(path);
    let line =
        bound(at(0, 30), None, 0, GROUPS[0]).connect(at(0, 31), handle(1), 0).work(at(0, 50), handle(1));
    let line = line.fail(at(1, 0), handle(1), &Answer::Nothing).reset(at(1, 2));
    let packets = line.play(&mut lab, unity(), array());
    let text = "The connection is reset two seconds after a call.";
    scenario(path, text, lab)
        .expect_on("mapi-reset", &UNITY.to_string(), &packets[6..8])
        .forbid("mapi-idle-reset")
}

pub(super) fn reset_after_close() -> Scenario {
    let path = "mapi-reset/miss-closed";
    let mut lab = Lab::new(path);
    let line =
        bound(at(0, 30), None, 0, GROUPS[0]).connect(at(0, 31), handle(1), 0).work(at(1, 0), handle(1));
    line.close(at(1, 5)).play(&mut lab, unity(), array());
    let scenario =
        scenario(path, "The server answers the close of the client with RST.", lab).damaged(|trace| {
            // The FIN of the server becomes RST.
            let server = far(VIP, Stack::Windows).mac;
            let fin = trace.packets.iter_mut().rev().find(|packet| packet.source == server);
            if let Some(flags) = fin.and_then(|packet| packet.ip.get_mut(33)) {
                *flags = 0x14;
            }
            trace.packets.pop();
        });
    quiet(scenario, &["reset", "idle-reset"])
}

pub(super) fn idle_reset() -> Scenario {
    let path = "mapi-idle-reset/hit";
    let mut lab = Lab::new(path);
    let packets = waiting(&Answer::Nothing).reset(at(3, 0)).play(&mut lab, unity(), array());
    let text = "The balancer forgets a connection after two minutes, in which a wait is parked.";
    scenario(path, text, lab)
        .expect_on("mapi-idle-reset", &UNITY.to_string(), &packets[4..6])
        .severity("info")
        .forbid("mapi-reset")
}

pub(super) fn client_gone() -> Scenario {
    let path = "mapi-idle-reset/miss-client";
    let mut lab = Lab::new(path);
    waiting(&Answer::Nothing).close(at(3, 0)).play(&mut lab, unity(), array());
    let text = "The client closes its connection after two minutes, in which a wait is parked.";
    quiet(scenario(path, text, lab), &["reset", "idle-reset"])
}

pub(super) fn reset_at_once() -> Scenario {
    let path = "mapi-idle-reset/miss";
    let mut lab = Lab::new(path);
    let line =
        bound(at(0, 30), None, 0, GROUPS[0]).connect(at(0, 31), handle(1), 0).work(at(1, 0), handle(1));
    line.reset(at(1, 1)).play(&mut lab, unity(), array());
    let text = "The server ends a connection with RST right after its last answer.";
    quiet(scenario(path, text, lab), &["reset", "idle-reset"])
}

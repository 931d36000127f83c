//! Sessions that a balancer spreads over several servers, and those that stay where they are.

use super::{
    GROUPS, MISMATCH, PORT, UNITY, VIP, array, bound, named, quiet, scenario, session, through, unity,
};
use crate::cuc::{Lab, at};
use crate::rpc::{Bound, EMSMDB, Line, Security, handle};
use crate::scenario::Scenario;
use crate::site::near;
use crate::tcp::Stack;

fn stray(security: Option<Security>) -> Line {
    let line = bound(at(2, 30), security, GROUPS[0], GROUPS[1]);
    line.fail(at(3, 30), handle(1), &MISMATCH).fail(at(4, 30), handle(1), &MISMATCH).close(at(5, 0))
}

pub(super) fn spread_seen_behind() -> Scenario {
    let path = "mapi-affinity-break/hit-balancer";
    let mut lab = Lab::new(path);
    through(&mut lab, &session(None), 0);
    let strayed = through(&mut lab, &stray(None), 1);
    let text = "Captured on the balancer: the second connection of a session goes to another server.";
    let scenario = scenario(path, text, lab)
        .expect_on("mapi-affinity-break", &UNITY.to_string(), &strayed[..1])
        .confidence("proven")
        .expect_on("mapi-context-fault", &UNITY.to_string(), &strayed[3..4])
        .severity("error");
    quiet(scenario, &["connect-failed", "session-limit", "reset", "idle-reset"])
}

pub(super) fn spread_sealed() -> Scenario {
    let path = "mapi-affinity-break/hit-sealed";
    let mut lab = Lab::new(path);
    session(named(0, 6)).play(&mut lab, unity(), array());
    let strayed = stray(named(1, 6)).play(&mut lab, unity(), array());
    let text = "Stubs are encrypted; the NTLM challenges name two servers behind one address.";
    scenario(path, text, lab)
        .expect_on("mapi-affinity-break", &UNITY.to_string(), &strayed[..1])
        .confidence("proven")
        .expect("mapi-context-fault", &UNITY.to_string(), &[])
}

pub(super) fn spread_in_clear() -> Scenario {
    let path = "mapi-affinity-break/hit-handle";
    let mut lab = Lab::new(path);
    session(None).play(&mut lab, unity(), array());
    let line = bound(at(2, 30), None, 0, GROUPS[1]);
    let strayed = line.fail(at(3, 30), handle(1), &MISMATCH).close(at(5, 0)).play(&mut lab, unity(), array());
    let text = "A context handle is not known on a second connection, while the first goes on with it.";
    scenario(path, text, lab)
        .expect_on("mapi-affinity-break", &UNITY.to_string(), &strayed[2..4])
        .confidence("likely")
        .expect("mapi-context-fault", &UNITY.to_string(), &[])
}

pub(super) fn joined_elsewhere() -> Scenario {
    let path = "mapi-affinity-break/hit-joined-elsewhere";
    let mut lab = Lab::new(path);
    session(named(0, 6)).play(&mut lab, unity(), array());
    let line = bound(at(2, 30), named(1, 6), GROUPS[0], GROUPS[0]);
    let strayed = line.fail(at(3, 30), handle(1), &MISMATCH).close(at(5, 0)).play(&mut lab, unity(), array());
    let text =
        "Another server lets a connection join the group, and does not know the handle that comes with it.";
    scenario(path, text, lab)
        .expect_on("mapi-affinity-break", &UNITY.to_string(), &strayed[..1])
        .confidence("proven")
        .expect("mapi-context-fault", &UNITY.to_string(), &[])
}

pub(super) fn join_refused() -> Scenario {
    let path = "mapi-affinity-break/hit-join";
    let mut lab = Lab::new(path);
    session(None).play(&mut lab, unity(), array());
    let line = Line::new(at(2, 30), None).bind(&[EMSMDB], GROUPS[0], Bound::Nak(0)).close(at(2, 31));
    let refused = line.play(&mut lab, unity(), array());
    let text = "Joining a group is refused while another connection of it goes on.";
    scenario(path, text, lab)
        .expect_on("mapi-affinity-break", &UNITY.to_string(), &refused[..2])
        .confidence("likely")
        .expect("mapi-context-fault", &UNITY.to_string(), &[])
        .severity("error")
}

pub(super) fn older_than_the_capture() -> Scenario {
    let path = "mapi-affinity-break/hit-older";
    let mut lab = Lab::new(path);
    let line = Line::new(at(2, 30), None).bind(&[EMSMDB], GROUPS[0], Bound::Nak(0)).close(at(2, 31));
    let refused = through(&mut lab, &line, 1);
    let again = bound(at(2, 40), None, GROUPS[0], GROUPS[0]).work(at(3, 30), handle(1)).close(at(5, 0));
    through(&mut lab, &again, 0);
    let text = "A group that is older than the capture is refused by one server and known to the other.";
    scenario(path, text, lab)
        .expect_on("mapi-affinity-break", &UNITY.to_string(), &refused[..2])
        .confidence("likely")
        .expect("mapi-context-fault", &UNITY.to_string(), &[])
        .severity("error")
}

pub(super) fn two_machines() -> Scenario {
    let path = "mapi-affinity-break/hit-one-connection";
    let mut lab = Lab::new(path);
    session(None).play(&mut lab, unity(), (near(VIP, Stack::Windows), PORT));
    let text = "From minute 5 on packets of the server come from another host of the cluster.";
    let scenario = scenario(path, text, lab).damaged(|trace| {
        let server = near(VIP, Stack::Windows).mac;
        for packet in
            trace.packets.iter_mut().filter(|packet| packet.source == server && packet.time > at(5, 0))
        {
            packet.source[5] ^= 3;
        }
    });
    scenario.expect("mapi-affinity-break", &UNITY.to_string(), &[]).confidence("proven")
}

pub(super) fn sticky() -> Scenario {
    let path = "mapi-affinity-break/miss-sticky";
    let mut lab = Lab::new(path);
    through(&mut lab, &session(None), 0);
    let second = bound(at(2, 30), None, GROUPS[0], GROUPS[0]).work(at(3, 30), handle(1)).close(at(5, 0));
    through(&mut lab, &second, 0);
    let text = "Both connections of a session reach one server.";
    quiet(
        scenario(path, text, lab),
        &["affinity-break", "context-fault", "reset", "idle-reset", "connect-failed"],
    )
}

pub(super) fn two_profiles() -> Scenario {
    let path = "mapi-affinity-break/miss-two-profiles";
    let mut lab = Lab::new(path);
    session(named(0, 6)).play(&mut lab, unity(), array());
    // The other server happens to issue the same number.
    let other = bound(at(2, 0), named(1, 6), 0, GROUPS[0]).connect(at(2, 1), handle(2), 0);
    other.work(at(3, 0), handle(2)).close(at(9, 0)).play(&mut lab, unity(), array());
    let joins = bound(at(4, 0), named(1, 6), GROUPS[0], GROUPS[0]).work(at(4, 10), handle(2));
    joins.close(at(8, 0)).play(&mut lab, unity(), array());
    let text = "Two sessions on two servers, which issue equal group ids: each is at home.";
    quiet(scenario(path, text, lab), &["affinity-break", "context-fault"])
}

pub(super) fn dead_group() -> Scenario {
    let path = "mapi-affinity-break/miss-dead-group";
    let mut lab = Lab::new(path);
    let first = bound(at(0, 30), named(0, 6), 0, GROUPS[0]).connect(at(0, 31), handle(1), 0);
    first.work(at(1, 0), handle(1)).close(at(2, 0)).play(&mut lab, unity(), array());
    let late = Line::new(at(4, 0), named(1, 6)).bind(&[EMSMDB], GROUPS[0], Bound::Nak(0)).close(at(4, 1));
    late.play(&mut lab, unity(), array());
    let anew = bound(at(4, 2), named(1, 6), 0, GROUPS[1]).connect(at(4, 3), handle(2), 0);
    anew.work(at(5, 0), handle(2)).close(at(9, 0)).play(&mut lab, unity(), array());
    let text = "A group is refused after its last connection closed, and the client begins anew.";
    scenario(path, text, lab)
        .expect("mapi-context-fault", &UNITY.to_string(), &[])
        .severity("info")
        .forbid("mapi-affinity-break")
}

pub(super) fn dead_group_at_the_end() -> Scenario {
    let path = "mapi-affinity-break/miss-dead-group-at-the-end";
    let mut lab = Lab::new(path);
    let first = bound(at(0, 30), None, 0, GROUPS[0]).connect(at(0, 31), handle(1), 0);
    first.work(at(1, 0), handle(1)).close(at(2, 0)).play(&mut lab, unity(), array());
    let late = Line::new(at(4, 0), None).bind(&[EMSMDB], GROUPS[0], Bound::Nak(0)).close(at(4, 1));
    late.play(&mut lab, unity(), array());
    let text = "A group is refused after its last connection closed; then the capture ends.";
    scenario(path, text, lab)
        .expect("mapi-context-fault", &UNITY.to_string(), &[])
        .severity("info")
        .forbid("mapi-affinity-break")
}

pub(super) fn restart() -> Scenario {
    let path = "mapi-context-fault/hit-restart";
    let mut lab = Lab::new(path);
    let first = bound(at(0, 30), None, 0, GROUPS[0]).connect(at(0, 31), handle(1), 0);
    first.work(at(1, 0), handle(1)).close(at(2, 0)).play(&mut lab, unity(), array());
    let line = bound(at(4, 0), None, 0, GROUPS[1]).fail(at(4, 1), handle(1), &MISMATCH).close(at(4, 2));
    let packets = line.play(&mut lab, unity(), array());
    let text = "After a restart of the server the client presents its old handle.";
    scenario(path, text, lab)
        .expect_on("mapi-context-fault", &UNITY.to_string(), &packets[2..4])
        .severity("error")
        .forbid("mapi-affinity-break")
}

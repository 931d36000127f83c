//! What the server refuses: log-ins, sessions, calls.

use super::{GROUPS, UNITY, array, bound, named, quiet, scenario, session, unity};
use crate::cuc::{Lab, at};
use crate::rpc::{Answer, Bound, EMSMDB, Line, handle};
use crate::scenario::Scenario;
use crate::time::SECOND;

pub(super) fn refused_login() -> Scenario {
    let path = "mapi-context-fault/miss-authentication";
    let mut lab = Lab::new(path);
    let line = Line::new(at(1, 0), named(0, 6)).bind(&[EMSMDB], 0, Bound::Nak(9)).close(at(1, 1));
    line.play(&mut lab, unity(), array());
    let text = "A bind is refused for its authentication.";
    quiet(scenario(path, text, lab), &["context-fault", "affinity-break", "connect-failed"])
}

pub(super) fn connect_failed() -> Scenario {
    let path = "mapi-connect-failed/hit";
    let mut lab = Lab::new(path);
    let line = bound(at(1, 0), None, 0, GROUPS[0]).connect(at(1, 1), handle(0), 0x7d8).close(at(1, 2));
    let packets = line.play(&mut lab, unity(), array());
    let text = "MAPI is disabled for the mailbox.";
    let scenario =
        scenario(path, text, lab).expect_on("mapi-connect-failed", &UNITY.to_string(), &packets[2..4]);
    quiet(scenario, &["session-limit", "encryption-mismatch", "reset"])
}

pub(super) fn connected() -> Scenario {
    let path = "mapi-connect-failed/miss";
    let mut lab = Lab::new(path);
    session(None).play(&mut lab, unity(), array());
    quiet(
        scenario(path, "A session that works.", lab),
        &["connect-failed", "session-limit", "server-busy", "reset"],
    )
}

pub(super) fn session_limit() -> Scenario {
    let path = "mapi-session-limit/hit";
    let mut lab = Lab::new(path);
    session(None).play(&mut lab, unity(), array());
    let line = bound(at(3, 0), None, 0, GROUPS[1]).connect(at(3, 1), handle(0), 0x8004_0112).close(at(3, 2));
    let packets = line.play(&mut lab, unity(), array());
    let text = "The store refuses another session of the account.";
    let scenario =
        scenario(path, text, lab).expect_on("mapi-session-limit", &UNITY.to_string(), &packets[2..4]);
    quiet(scenario, &["connect-failed", "context-fault"])
}

pub(super) fn few_sessions() -> Scenario {
    let path = "mapi-session-limit/miss";
    let mut lab = Lab::new(path);
    let line = bound(at(3, 0), None, 0, GROUPS[1]).connect(at(3, 1), handle(0), 0x8004_0111).close(at(3, 2));
    line.play(&mut lab, unity(), array());
    let text = "A log-on fails without any other session open.";
    scenario(path, text, lab)
        .expect("mapi-connect-failed", &UNITY.to_string(), &[])
        .forbid("mapi-session-limit")
}

pub(super) fn not_encrypted() -> Scenario {
    let path = "mapi-encryption-mismatch/hit";
    let mut lab = Lab::new(path);
    let line = bound(at(1, 0), named(0, 2), 0, GROUPS[0]).connect(at(1, 1), handle(0), 0x970).close(at(1, 2));
    let packets = line.play(&mut lab, unity(), array());
    let text = "The server demands encryption.";
    scenario(path, text, lab)
        .expect_on("mapi-encryption-mismatch", &UNITY.to_string(), &packets[3..5])
        .expect("mapi-connect-failed", &UNITY.to_string(), &[])
}

pub(super) fn denied_although_encrypted() -> Scenario {
    let path = "mapi-encryption-mismatch/miss";
    let mut lab = Lab::new(path);
    let line = bound(at(1, 0), named(0, 6), 0, GROUPS[0]).fail(at(1, 1), handle(1), &Answer::Fault(5));
    line.close(at(1, 2)).play(&mut lab, unity(), array());
    let text = "Access is denied to a client that does encrypt.";
    quiet(scenario(path, text, lab), &["encryption-mismatch"])
}

pub(super) fn busy() -> Scenario {
    let path = "mapi-server-busy/hit";
    let mut lab = Lab::new(path);
    let line = bound(at(0, 30), None, 0, GROUPS[0]).connect(at(0, 31), handle(1), 0);
    let line = line.fail(at(1, 0), handle(1), &Answer::Fault(0x1c01_0014)).work(at(1, 10), handle(1));
    let packets = line.close(at(2, 0)).play(&mut lab, unity(), array());
    let text = "A call is answered that the server is too busy.";
    scenario(path, text, lab)
        .expect_on("mapi-server-busy", &UNITY.to_string(), &packets[4..6])
        .forbid("mapi-session-limit")
}

/// A wait for changes, parked at minute 1.
pub(super) fn waiting(answer: &Answer) -> Line {
    let line = bound(at(0, 30), None, 0, GROUPS[0]).connect(at(0, 31), handle(1), 0);
    line.call(at(1, 0), 1, 0, &[handle(3).as_slice(), &[0; 4]].concat(), answer)
}

pub(super) fn parked() -> Scenario {
    let path = "mapi-server-busy/miss-parked";
    let mut lab = Lab::new(path);
    waiting(&Answer::Nothing).play(&mut lab, unity(), array());
    lab.lookups(unity(), at(0, 0), at(6, 30), 25 * SECOND);
    let text = "A wait for changes is parked for five minutes: this is how it works.";
    quiet(scenario(path, text, lab), &["server-busy", "reset", "idle-reset"])
}

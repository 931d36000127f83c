//! MAPI sessions through a load balancer, and what becomes of them.

use crate::cuc::{Lab, at};
use crate::rpc::{ASYNC, Answer, Bound, EMSMDB, EPM, Line, Security, channel_head, handle, rts};
use crate::scenario::Scenario;
use crate::site::{far, near};
use crate::tcp::{Conversation, Host, Side, Stack};
use crate::time::{MICROSECOND, Nanos, SECOND};
use crate::trace::{Packet, PacketId};
use crate::wire;
use std::net::{IpAddr, Ipv4Addr};

const UNITY: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 10, 50, 21));
const VIP: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 10, 20, 100));
const SNAT: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 10, 20, 99));
const CAS: [IpAddr; 2] =
    [IpAddr::V4(Ipv4Addr::new(10, 10, 20, 111)), IpAddr::V4(Ipv4Addr::new(10, 10, 20, 112))];
const PORT: u16 = 59_532;
const GROUPS: [u32; 2] = [0x0d1c_02be, 0x02fa_32a6];
const MISMATCH: Answer = Answer::Fault(0x1c00_001a);
const NAMES: [&str; 2] = ["cas1.corp.example.com", "cas2.corp.example.com"];

pub(super) fn scenarios() -> Vec<Scenario> {
    vec![
        spread_seen_behind(),
        spread_sealed(),
        spread_in_clear(),
        joined_elsewhere(),
        join_refused(),
        older_than_the_capture(),
        two_machines(),
        reset_by_another_node(),
        reset_by_a_firewall(),
        sticky(),
        two_profiles(),
        dead_group(),
        dead_group_at_the_end(),
        restart(),
        refused_login(),
        connect_failed(),
        connected(),
        session_limit(),
        few_sessions(),
        not_encrypted(),
        denied_although_encrypted(),
        busy(),
        parked(),
        reset_in_a_call(),
        reset_after_close(),
        idle_reset(),
        client_gone(),
        reset_at_once(),
        http_session_spread(),
        http_session_at_home(),
        http_channels_spread(),
        http_channels_at_home(),
        http_session_lost(),
        http_busy(),
        endpoint_refused(),
        endpoint_silent(),
        endpoint_answers(),
    ]
}

fn unity() -> Host {
    near(UNITY, Stack::Windows)
}

fn array() -> (Host, u16) {
    (far(VIP, Stack::Windows), PORT)
}

fn named(server: usize, level: u8) -> Option<Security> {
    Some(Security { level, server: NAMES[server] })
}

fn bound(at: Nanos, security: Option<Security>, presented: u32, granted: u32) -> Line {
    Line::new(at, security).bind(&[EMSMDB, ASYNC], presented, Bound::Group(granted))
}

/// A session on the first server: connect, and work from minute 1 to minute 9.
fn session(security: Option<Security>) -> Line {
    let line = bound(at(0, 30), security, 0, GROUPS[0]).connect(at(0, 31), handle(1), 0);
    (1..=9).fold(line, |line, minute| line.work(at(minute, 0), handle(1))).close(at(9, 30))
}

fn scenario(path: &str, text: &str, lab: Lab) -> Scenario {
    Scenario::new(path, text, lab).told(&[], &[], &[])
}

/// Only other rules than these may fire.
fn quiet(scenario: Scenario, rules: &[&str]) -> Scenario {
    rules.iter().fold(scenario, |scenario, rule| scenario.forbid(&format!("mapi-{rule}")))
}

/// One leg to the balancer and one to a server, captured on the balancer.
fn through(lab: &mut Lab, line: &Line, server: usize) -> Vec<PacketId> {
    let (balancer, cas) = (near(SNAT, Stack::Linux), near(CAS[server], Stack::Windows));
    let packets = line.play_late(
        lab,
        far(UNITY, Stack::Windows),
        (near(VIP, Stack::Linux), PORT),
        [0, 400 * MICROSECOND],
    );
    line.play_late(lab, balancer, (cas, PORT), [400 * MICROSECOND, 0]);
    packets
}

fn stray(security: Option<Security>) -> Line {
    let line = bound(at(2, 30), security, GROUPS[0], GROUPS[1]);
    line.fail(at(3, 30), handle(1), &MISMATCH).fail(at(4, 30), handle(1), &MISMATCH).close(at(5, 0))
}

fn spread_seen_behind() -> Scenario {
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

fn spread_sealed() -> Scenario {
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

fn spread_in_clear() -> Scenario {
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

fn joined_elsewhere() -> Scenario {
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

fn join_refused() -> Scenario {
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

fn older_than_the_capture() -> Scenario {
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

fn two_machines() -> Scenario {
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

fn reset_by_another_node() -> Scenario {
    let text = "A call reaches another host of the cluster, which knows no such connection and resets it.";
    reset_otherwise("mapi-affinity-break/hit-reset", text, |packet| packet.source[5] ^= 3)
        .expect("mapi-affinity-break", &UNITY.to_string(), &[])
        .confidence("proven")
}

fn reset_by_a_firewall() -> Scenario {
    let text = "A firewall beside the server resets a connection in its name, with a TTL of its own.";
    let scenario = reset_otherwise("mapi-affinity-break/miss-reset", text, |packet| {
        packet.source[5] ^= 3;
        // From 128, with which Windows begins, to 64.
        (0..64).for_each(|_| wire::hop(&mut packet.ip));
    });
    scenario.forbid("mapi-affinity-break")
}

fn sticky() -> Scenario {
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

fn two_profiles() -> Scenario {
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

fn dead_group() -> Scenario {
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

fn dead_group_at_the_end() -> Scenario {
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

fn restart() -> Scenario {
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

fn refused_login() -> Scenario {
    let path = "mapi-context-fault/miss-authentication";
    let mut lab = Lab::new(path);
    let line = Line::new(at(1, 0), named(0, 6)).bind(&[EMSMDB], 0, Bound::Nak(9)).close(at(1, 1));
    line.play(&mut lab, unity(), array());
    let text = "A bind is refused for its authentication.";
    quiet(scenario(path, text, lab), &["context-fault", "affinity-break", "connect-failed"])
}

fn connect_failed() -> Scenario {
    let path = "mapi-connect-failed/hit";
    let mut lab = Lab::new(path);
    let line = bound(at(1, 0), None, 0, GROUPS[0]).connect(at(1, 1), handle(0), 0x7d8).close(at(1, 2));
    let packets = line.play(&mut lab, unity(), array());
    let text = "MAPI is disabled for the mailbox.";
    let scenario =
        scenario(path, text, lab).expect_on("mapi-connect-failed", &UNITY.to_string(), &packets[2..4]);
    quiet(scenario, &["session-limit", "encryption-mismatch", "reset"])
}

fn connected() -> Scenario {
    let path = "mapi-connect-failed/miss";
    let mut lab = Lab::new(path);
    session(None).play(&mut lab, unity(), array());
    quiet(
        scenario(path, "A session that works.", lab),
        &["connect-failed", "session-limit", "server-busy", "reset"],
    )
}

fn session_limit() -> Scenario {
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

fn few_sessions() -> Scenario {
    let path = "mapi-session-limit/miss";
    let mut lab = Lab::new(path);
    let line = bound(at(3, 0), None, 0, GROUPS[1]).connect(at(3, 1), handle(0), 0x8004_0111).close(at(3, 2));
    line.play(&mut lab, unity(), array());
    let text = "A log-on fails without any other session open.";
    scenario(path, text, lab)
        .expect("mapi-connect-failed", &UNITY.to_string(), &[])
        .forbid("mapi-session-limit")
}

fn not_encrypted() -> Scenario {
    let path = "mapi-encryption-mismatch/hit";
    let mut lab = Lab::new(path);
    let line = bound(at(1, 0), named(0, 2), 0, GROUPS[0]).connect(at(1, 1), handle(0), 0x970).close(at(1, 2));
    let packets = line.play(&mut lab, unity(), array());
    let text = "The server demands encryption.";
    scenario(path, text, lab)
        .expect_on("mapi-encryption-mismatch", &UNITY.to_string(), &packets[3..5])
        .expect("mapi-connect-failed", &UNITY.to_string(), &[])
}

fn denied_although_encrypted() -> Scenario {
    let path = "mapi-encryption-mismatch/miss";
    let mut lab = Lab::new(path);
    let line = bound(at(1, 0), named(0, 6), 0, GROUPS[0]).fail(at(1, 1), handle(1), &Answer::Fault(5));
    line.close(at(1, 2)).play(&mut lab, unity(), array());
    let text = "Access is denied to a client that does encrypt.";
    quiet(scenario(path, text, lab), &["encryption-mismatch"])
}

fn busy() -> Scenario {
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
fn waiting(answer: &Answer) -> Line {
    let line = bound(at(0, 30), None, 0, GROUPS[0]).connect(at(0, 31), handle(1), 0);
    line.call(at(1, 0), 1, 0, &[handle(3).as_slice(), &[0; 4]].concat(), answer)
}

fn parked() -> Scenario {
    let path = "mapi-server-busy/miss-parked";
    let mut lab = Lab::new(path);
    waiting(&Answer::Nothing).play(&mut lab, unity(), array());
    lab.lookups(unity(), at(0, 0), at(6, 30), 25 * SECOND);
    let text = "A wait for changes is parked for five minutes: this is how it works.";
    quiet(scenario(path, text, lab), &["server-busy", "reset", "idle-reset"])
}

fn reset_in_a_call() -> Scenario {
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

fn reset_after_close() -> Scenario {
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

fn idle_reset() -> Scenario {
    let path = "mapi-idle-reset/hit";
    let mut lab = Lab::new(path);
    let packets = waiting(&Answer::Nothing).reset(at(3, 0)).play(&mut lab, unity(), array());
    let text = "The balancer forgets a connection after two minutes, in which a wait is parked.";
    scenario(path, text, lab)
        .expect_on("mapi-idle-reset", &UNITY.to_string(), &packets[4..6])
        .severity("info")
        .forbid("mapi-reset")
}

fn client_gone() -> Scenario {
    let path = "mapi-idle-reset/miss-client";
    let mut lab = Lab::new(path);
    waiting(&Answer::Nothing).close(at(3, 0)).play(&mut lab, unity(), array());
    let text = "The client closes its connection after two minutes, in which a wait is parked.";
    quiet(scenario(path, text, lab), &["reset", "idle-reset"])
}

fn reset_at_once() -> Scenario {
    let path = "mapi-idle-reset/miss";
    let mut lab = Lab::new(path);
    let line =
        bound(at(0, 30), None, 0, GROUPS[0]).connect(at(0, 31), handle(1), 0).work(at(1, 0), handle(1));
    line.reset(at(1, 1)).play(&mut lab, unity(), array());
    let text = "The server ends a connection with RST right after its last answer.";
    quiet(scenario(path, text, lab), &["reset", "idle-reset"])
}

/// A request of MAPI over HTTP on a connection of its own, answered by these servers with this code.
fn post(lab: &mut Lab, moment: Nanos, kind: &str, front: &str, back: &str, code: u32) -> Vec<PacketId> {
    let port = lab.next_port();
    let mut talk = Conversation::new(&mut lab.trace, moment, (unity(), port), (array().0, 80));
    talk.handshake();
    let request = format!(
        "POST /mapi/emsmdb/?MailboxId=1@corp.example.com HTTP/1.1\r\nHost: mail.corp.example.com\r\nContent-Type: \
         application/mapi-http\r\nX-RequestType: {kind}\r\nX-RequestId: {{1}}:{moment}\r\nCookie: \
         MapiContext=MAPIAAAA; MapiSequence=1\r\nContent-Length: 8\r\n\r\n\0\0\0\0\0\0\0\0"
    );
    let mut packets = talk.send(Side::Originator, request.as_bytes());
    let reply = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/mapi-http\r\nX-RequestType: {kind}\r\nX-ResponseCode: \
         {code}\r\nX-ServerApplication: Exchange/15.00.0847.4040\r\nX-FEServer: {front}\r\nX-BEServer: \
         {back}\r\nContent-Length: 8\r\n\r\n\0\0\0\0\0\0\0\0"
    );
    packets.extend(talk.send(Side::Responder, reply.as_bytes()));
    talk.fin(Side::Originator);
    talk.fin(Side::Responder);
    talk.ack(Side::Originator);
    packets
}

fn http_session_spread() -> Scenario {
    let path = "mapi-affinity-break/hit-mapi-http";
    let mut lab = Lab::new(path);
    post(&mut lab, at(1, 0), "Execute", "EX01", "EX01", 0);
    let packets = post(&mut lab, at(2, 0), "Execute", "EX02", "EX02", 10);
    let text = "The second request of a MAPI over HTTP session reaches another mailbox server.";
    scenario(path, text, lab)
        .expect_on("mapi-affinity-break", &UNITY.to_string(), &packets[1..])
        .confidence("proven")
        .expect_on("mapi-context-fault", &UNITY.to_string(), &packets)
}

fn http_session_at_home() -> Scenario {
    let path = "mapi-affinity-break/miss-mapi-http";
    let mut lab = Lab::new(path);
    for (minute, front) in (1..).zip(["EX01", "EX02", "EX01"]) {
        post(&mut lab, at(minute, 0), "Execute", front, "EX01", 0);
    }
    let text = "Different Client Access servers pass the requests of one session to its mailbox server.";
    quiet(scenario(path, text, lab), &["affinity-break", "context-fault"])
}

/// One channel of RPC over HTTP to a server.
fn channel(lab: &mut Lab, moment: Nanos, method: &str, rts: &[u8], server: Host) {
    let port = lab.next_port();
    let mut talk = Conversation::new(&mut lab.trace, moment, (unity(), port), (server, 80));
    talk.handshake();
    talk.send(Side::Originator, &[&channel_head(method, rts.len()), rts].concat());
    talk.ack(Side::Responder);
}

fn http_channels_spread() -> Scenario {
    let path = "mapi-affinity-break/hit-rpc-http";
    let mut lab = Lab::new(path);
    let servers = CAS.map(|ip| far(ip, Stack::Windows));
    channel(&mut lab, at(1, 0), "RPC_OUT_DATA", &rts(&[0x51; 16], 1), servers[0]);
    channel(&mut lab, at(1, 1), "RPC_IN_DATA", &rts(&[0x51; 16], 2), servers[1]);
    let text = "The two channels of a virtual connection reach two proxies.";
    scenario(path, text, lab).expect("mapi-affinity-break", &UNITY.to_string(), &[]).confidence("proven")
}

fn http_channels_at_home() -> Scenario {
    let path = "mapi-affinity-break/miss-rpc-http";
    let mut lab = Lab::new(path);
    session(None).play_over_http(&mut lab, unity(), far(CAS[0], Stack::Windows), [0x52; 16]);
    let text = "A session over HTTP, whose two channels reach one proxy.";
    scenario(path, text, lab).forbid("mapi-affinity-break")
}

fn http_session_lost() -> Scenario {
    let path = "mapi-context-fault/hit-rpc-http";
    let mut lab = Lab::new(path);
    let line = bound(at(0, 30), None, 0, GROUPS[0]).connect(at(0, 31), handle(1), 0);
    let line = line.work(at(1, 0), handle(1)).fail(at(3, 0), handle(1), &MISMATCH).close(at(3, 1));
    let packets = line.play_over_http(&mut lab, unity(), far(CAS[0], Stack::Windows), [0x53; 16]);
    let text = "Over HTTP, the server no longer knows the session.";
    scenario(path, text, lab)
        .expect_on("mapi-context-fault", &UNITY.to_string(), &packets[packets.len() - 2..])
        .severity("error")
        .forbid("mapi-affinity-break")
}

fn http_busy() -> Scenario {
    let path = "mapi-server-busy/hit-rpc-http";
    let mut lab = Lab::new(path);
    let line = bound(at(0, 30), None, 0, GROUPS[0]).connect(at(0, 31), handle(1), 0);
    let line = line.fail(at(1, 0), handle(1), &Answer::Fault(0x1c01_0014)).work(at(2, 0), handle(1));
    line.close(at(3, 1)).play_over_http(&mut lab, unity(), far(CAS[0], Stack::Windows), [0x54; 16]);
    let text = "Over HTTP, the server is too busy once.";
    scenario(path, text, lab).expect("mapi-server-busy", &UNITY.to_string(), &[]).severity("warning")
}

/// A client that asks for the port of the mailbox interface.
fn asked(lab: &mut Lab) -> PacketId {
    let line = Line::new(at(0, 30), None).bind(&[EPM], 0, Bound::Group(0xc8e5)).map(at(0, 31), PORT, [0; 4]);
    line.close(at(0, 32)).play(lab, unity(), (far(VIP, Stack::Windows), 135))[3]
}

fn endpoint_refused() -> Scenario {
    let path = "mapi-endpoint-unreachable/hit";
    let mut lab = Lab::new(path);
    let told = asked(&mut lab);
    let syns = [35, 45].map(|second| lab.refused(at(0, second), unity(), array().0, PORT));
    let text = "The port that the endpoint mapper named is refused.";
    let scenario = scenario(path, text, lab)
        .expect_on("mapi-endpoint-unreachable", &VIP.to_string(), &[told, syns[0]])
        .severity("error");
    quiet(scenario, &["port-closed", "port-filtered"])
}

fn endpoint_silent() -> Scenario {
    let path = "mapi-endpoint-unreachable/hit-filtered";
    let mut lab = Lab::new(path);
    asked(&mut lab);
    let syns = [35, 75].map(|second| lab.unanswered(at(0, second), unity(), array().0, PORT, 2));
    lab.lookups(unity(), at(0, 0), at(3, 0), 25 * SECOND);
    let text = "SYNs to the port that the endpoint mapper named get no answer.";
    scenario(path, text, lab).expect_on("mapi-endpoint-unreachable", &VIP.to_string(), &syns[0][..1])
}

fn endpoint_answers() -> Scenario {
    let path = "mapi-endpoint-unreachable/miss";
    let mut lab = Lab::new(path);
    asked(&mut lab);
    session(None).play(&mut lab, unity(), array());
    lab.refused(at(0, 45), unity(), array().0, PORT + 1);
    let text = "The port that was named answers; another one that nobody named does not.";
    quiet(scenario(path, text, lab), &["endpoint-unreachable", "port-closed"])
}

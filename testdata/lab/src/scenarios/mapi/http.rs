//! The same over HTTP.

use super::{CAS, GROUPS, MISMATCH, UNITY, array, bound, quiet, scenario, session, unity};
use crate::cuc::{Lab, at};
use crate::rpc::{Answer, channel_head, handle, rts};
use crate::scenario::Scenario;
use crate::site::far;
use crate::tcp::{Conversation, Host, Side, Stack};
use crate::time::Nanos;
use crate::trace::PacketId;

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

pub(super) fn http_session_spread() -> Scenario {
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

pub(super) fn http_session_at_home() -> Scenario {
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

pub(super) fn http_channels_spread() -> Scenario {
    let path = "mapi-affinity-break/hit-rpc-http";
    let mut lab = Lab::new(path);
    let servers = CAS.map(|ip| far(ip, Stack::Windows));
    channel(&mut lab, at(1, 0), "RPC_OUT_DATA", &rts(&[0x51; 16], 1), servers[0]);
    channel(&mut lab, at(1, 1), "RPC_IN_DATA", &rts(&[0x51; 16], 2), servers[1]);
    let text = "The two channels of a virtual connection reach two proxies.";
    scenario(path, text, lab).expect("mapi-affinity-break", &UNITY.to_string(), &[]).confidence("proven")
}

pub(super) fn http_channels_at_home() -> Scenario {
    let path = "mapi-affinity-break/miss-rpc-http";
    let mut lab = Lab::new(path);
    session(None).play_over_http(&mut lab, unity(), far(CAS[0], Stack::Windows), [0x52; 16]);
    let text = "A session over HTTP, whose two channels reach one proxy.";
    scenario(path, text, lab).forbid("mapi-affinity-break")
}

pub(super) fn http_session_lost() -> Scenario {
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

pub(super) fn http_busy() -> Scenario {
    let path = "mapi-server-busy/hit-rpc-http";
    let mut lab = Lab::new(path);
    let line = bound(at(0, 30), None, 0, GROUPS[0]).connect(at(0, 31), handle(1), 0);
    let line = line.fail(at(1, 0), handle(1), &Answer::Fault(0x1c01_0014)).work(at(2, 0), handle(1));
    line.close(at(3, 1)).play_over_http(&mut lab, unity(), far(CAS[0], Stack::Windows), [0x54; 16]);
    let text = "Over HTTP, the server is too busy once.";
    scenario(path, text, lab).expect("mapi-server-busy", &UNITY.to_string(), &[]).severity("warning")
}

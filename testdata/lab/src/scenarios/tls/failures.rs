//! Handshakes that end in an alert, in silence or before they begin.

use super::{ROOT, exchange, one, presence, several, told};
use crate::cuc::{Lab, at};
use crate::recorded::Recording;
use crate::scenario::Scenario;
use crate::site::{EXCHANGE, PROXY, far};
use crate::tcp::{Conversation, Side, Stack};
use crate::time::{MILLISECOND, SECOND};
use crate::trace::PacketId;

pub(super) fn scenarios() -> Vec<Scenario> {
    [failures(), silences()].concat()
}

fn failures() -> Vec<Scenario> {
    let rule = "tls-handshake-failed";
    let server = EXCHANGE.to_string();
    let [old, good, unknown] = [recording!("old-client"), recording!("tls12"), recording!("unknown-ca")];
    let failed = |path: &str, text: &str, recording: &Recording, alert: usize| {
        let mut lab = Lab::new(path);
        let sent = recording.visit(&mut lab, at(0, 30), presence(), (exchange(), 443));
        told(path, text, lab).expect_on(rule, &EXCHANGE.to_string(), &sent[alert][..1])
    };
    let mut retried = Lab::new("tls-handshake-failed/miss");
    old.visit(&mut retried, at(0, 30), presence(), (exchange(), 443));
    good.visit(&mut retried, at(0, 31), presence(), (exchange(), 443));
    vec![
        failed("tls-handshake-failed/hit", "The client offers TLS 1.1 at most, Exchange wants 1.2.", &old, 1)
            .severity("error")
            .confidence("proven"),
        failed(
            "tls-handshake-failed/hit-client",
            "The client refuses the certificate with unknown_ca.",
            &unknown,
            2,
        )
        .allow("tls-chain-incomplete"),
        one(
            "tls-handshake-failed/hit-encrypted",
            "The same in TLS 1.3 with a client that encrypts the alert.",
            &recording!("unknown-ca-tls13-gnutls"),
        )
        .expect_on(rule, &server, &[])
        .confidence("likely"),
        one(
            "tls-handshake-failed/hit-tls13",
            "The same in TLS 1.3 with a client that sends the alert in clear.",
            &recording!("unknown-ca-tls13"),
        )
        .expect_on(rule, &server, &[])
        .confidence("proven")
        .forbid("tls-chain-incomplete"),
        told(
            "tls-handshake-failed/miss",
            "After the refusal the client goes on at once with TLS 1.2.",
            retried,
        )
        .forbid(rule),
        several(
            "tls-handshake-failed/miss-closed",
            "Handshakes that succeed and end with close_notify.",
            &[&good, &recording!("tls13"), &recording!("tls12-resumed")],
        )
        .forbid(rule),
    ]
}

fn silences() -> Vec<Scenario> {
    let rule = "tls-network-error";
    let server = EXCHANGE.to_string();
    vec![
        silent("tls-network-error/hit", "Exchange takes the ClientHello and says nothing.", 40)
            .expect_on(rule, &server, &[])
            .severity("error"),
        hello_answered("tls-network-error/hit-reset", "A reset answers the ClientHello.", |talk| {
            talk.reset(Side::Responder);
        })
        .expect_on(rule, &server, &[]),
        hello_answered(
            "tls-network-error/hit-fin",
            "Exchange closes the connection without a word.",
            |talk| {
                talk.fin(Side::Responder);
                talk.fin(Side::Originator);
                talk.ack(Side::Responder);
            },
        )
        .expect_on(rule, &server, &[]),
        refused(),
        silent("tls-network-error/miss", "The capture ends five seconds after the ClientHello.", 5)
            .forbid(rule),
        hello_answered(
            "tls-network-error/miss-client",
            "The client changes its mind after a second.",
            |talk| {
                talk.wait(SECOND);
                talk.fin(Side::Originator);
                talk.fin(Side::Responder);
                talk.ack(Side::Originator);
            },
        )
        .forbid(rule),
        connect(),
    ]
}

/// A ClientHello and what follows it.
fn hello_answered(path: &str, text: &str, answer: impl FnOnce(&mut Conversation)) -> Scenario {
    let mut lab = Lab::new(path);
    let port = lab.next_port();
    let mut talk = Conversation::new(&mut lab.trace, at(0, 30), (presence(), port), (exchange(), 443));
    talk.handshake();
    recording!("tls12").first(1).play(&mut talk);
    talk.ack(Side::Responder);
    answer(&mut talk);
    told(path, text, lab)
}

/// A ClientHello without an answer for the last `seconds` of the capture.
fn silent(path: &str, text: &str, seconds: u64) -> Scenario {
    let mut lab = Lab::new(path);
    let port = lab.next_port();
    let begin = at(2, 0) - seconds * SECOND;
    let mut talk = Conversation::new(&mut lab.trace, begin, (presence(), port), (exchange(), 443));
    talk.handshake();
    recording!("tls12").first(1).play(&mut talk);
    talk.ack(Side::Responder);
    lab.lookups(presence(), at(1, 59), at(2, 0), SECOND);
    told(path, text, lab)
}

fn refused() -> Scenario {
    let path = "tls-network-error/hit-refused";
    let mut lab = Lab::new(path);
    let syns: Vec<PacketId> =
        [20, 40, 60].map(|second| lab.refused(at(0, second), presence(), exchange(), 443)).to_vec();
    told(path, "Nothing listens on port 443.", lab).expect_on(
        "tls-network-error",
        &EXCHANGE.to_string(),
        &syns[..1],
    )
}

/// Through a proxy, which takes its time.
fn connect() -> Scenario {
    let path = "tls-network-error/miss-connect";
    let mut lab = Lab::new(path);
    let port = lab.next_port();
    let proxy = far(PROXY, Stack::Linux);
    let mut talk = Conversation::new(&mut lab.trace, at(0, 20), (presence(), port), (proxy, 3128));
    talk.handshake();
    talk.send(
        Side::Originator,
        b"CONNECT mail.corp.example.com:443 HTTP/1.1\r\nHost: mail.corp.example.com:443\r\n\r\n",
    );
    talk.ack(Side::Responder);
    talk.wait(12 * SECOND);
    talk.send(Side::Responder, b"HTTP/1.1 200 Connection established\r\n\r\n");
    talk.wait(20 * MILLISECOND);
    recording!("tls12").play(&mut talk);
    told(path, "A proxy needs twelve seconds for CONNECT; the handshake behind it is good.", lab)
        .trust(ROOT)
        .forbid("tls-network-error")
        .forbid("tls-chain-incomplete")
}

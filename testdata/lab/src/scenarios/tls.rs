//! TLS with Exchange: certificates, alerts and silence. The handshakes are recordings of real programs.

use crate::cuc::{Lab, at};
use crate::recorded::Recording;
use crate::scenario::Scenario;
use crate::site::{EXCHANGE, PRESENCE, PROXY, far, near};
use crate::tcp::{Conversation, Host, Side, Stack};
use crate::time::{MILLISECOND, SECOND};
use crate::trace::PacketId;

/// The name in most certificates, and the one that clients ask for.
const NAME: &str = "mail.corp.example.com";
/// When certificates are judged that could not be made with dates of the lab's time.
const LATER: &str = "2030-01-01T00:00:00Z";
const ROOT: &[u8] = include_bytes!("../../record/tls/root.pem");
const OTHER_ROOT: &[u8] = include_bytes!("../../record/tls/other-root.pem");
const OUTDATED_ROOT: &[u8] = include_bytes!("../../record/tls/outdated-root.pem");
const RENEWED: &[u8] = include_bytes!("../../record/tls/renewed.pem");

macro_rules! recording {
    ($name:literal) => {
        Recording::parse(include_str!(concat!("../../record/tls/", $name, ".txt")))
    };
}

pub(super) fn scenarios() -> Vec<Scenario> {
    [chains(), names(), validity(), strength(), signatures(), failures(), silences()].concat()
}

/// A scenario with one handshake, captured at IM and Presence.
fn one(path: &str, text: &str, recording: &Recording) -> Scenario {
    several(path, text, &[recording])
}

fn several(path: &str, text: &str, recordings: &[&Recording]) -> Scenario {
    let mut lab = Lab::new(path);
    for (number, recording) in (0..).zip(recordings) {
        recording.visit(&mut lab, at(0, 20 + number * 15), presence(), (exchange(), 443));
    }
    told(path, text, lab)
}

fn told(path: &str, text: &str, mut lab: Lab) -> Scenario {
    lab.background(presence(), at(0, 0), at(2, 0), 25 * SECOND);
    Scenario::new(path, text, lab).told(&[], &[], &[])
}

fn presence() -> Host {
    near(PRESENCE, Stack::Linux)
}

fn exchange() -> Host {
    far(EXCHANGE, Stack::Windows)
}

fn chains() -> Vec<Scenario> {
    let rule = "tls-chain-incomplete";
    let server = EXCHANGE.to_string();
    let [whole, alone] = [recording!("tls12"), recording!("alone")];
    vec![
        one(
            "tls-chain-incomplete/hit",
            "Exchange sends its own certificate only; the root is trusted.",
            &alone,
        )
        .trust(ROOT)
        .expect_on(rule, &server, &[])
        .severity("error")
        .confidence("proven"),
        one("tls-chain-incomplete/hit-untold", "The same, and nobody says what is trusted.", &alone)
            .expect_on(rule, &server, &[])
            .confidence("likely"),
        one(
            "tls-chain-incomplete/hit-other-root",
            "The chain ends at a root that is not the trusted one.",
            &whole,
        )
        .trust(OTHER_ROOT)
        .gateway(NAME)
        .expect_on(rule, &server, &[]),
        one(
            "tls-chain-incomplete/hit-refused",
            "The client knows no root and refuses the chain with unknown_ca.",
            &recording!("unknown-ca"),
        )
        .expect_on(rule, &server, &[])
        .confidence("proven")
        .allow("tls-handshake-failed"),
        one(
            "tls-chain-incomplete/hit-constrained",
            "The CA that issued the certificate may do so for other domains only (name constraints).",
            &recording!("constrained-elsewhere"),
        )
        .expect_on(rule, &server, &[]),
        one(
            "tls-chain-incomplete/miss-constrained",
            "The CA may issue certificates for two domains, of which the server's is one.",
            &recording!("constrained"),
        )
        .forbid(rule),
        one("tls-chain-incomplete/miss", "Only the root is not sent, and it is trusted.", &whole)
            .trust(ROOT)
            .forbid(rule),
        one("tls-chain-incomplete/miss-untold", "Only the root is not sent, which is usual.", &whole)
            .forbid(rule),
        one(
            "tls-chain-incomplete/miss-misordered",
            "The chain is complete, in disorder and with a certificate that does not belong to it.",
            &recording!("misordered"),
        )
        .trust(ROOT)
        .forbid(rule),
        one(
            "tls-chain-incomplete/miss-self-signed",
            "A self-signed certificate is its own root.",
            &recording!("self-signed"),
        )
        .forbid(rule),
        several(
            "tls-chain-incomplete/miss-not-visible",
            "TLS 1.3, once with HelloRetryRequest, and a resumed session: no certificate is visible.",
            &[&recording!("tls13"), &recording!("tls13-retry"), &recording!("tls12-resumed")],
        )
        .trust(OTHER_ROOT)
        .gateway("other.example.com")
        .forbid(rule)
        .forbid("tls-san-mismatch"),
        several(
            "tls-chain-incomplete/miss-all-versions",
            "TLS 1.0, 1.1 and 1.2, with a client certificate, and between GnuTLS and GnuTLS.",
            &[
                &recording!("tls10"),
                &recording!("tls11"),
                &recording!("tls12-client-certificate"),
                &recording!("gnutls"),
            ],
        )
        .trust(ROOT)
        .gateway(NAME)
        .forbid(rule),
    ]
}

fn names() -> Vec<Scenario> {
    let server = EXCHANGE.to_string();
    let (cn, san) = ("tls-cn-mismatch", "tls-san-mismatch");
    let [cn_other, san_other] = [recording!("cn-other"), recording!("san-other")];
    vec![
        one("tls-cn-mismatch/hit", "The certificate has another common name and no other names.", &cn_other)
            .expect_on(cn, &server, &[])
            .severity("error")
            .forbid(san),
        one("tls-cn-mismatch/miss", "The common name differs in case only.", &recording!("cn-case"))
            .gateway(NAME)
            .forbid(cn)
            .forbid(san),
        one(
            "tls-cn-mismatch/miss-gateway",
            "The gateway is configured with the name in the certificate.",
            &cn_other,
        )
        .gateway("exch01.corp.example.com")
        .forbid(cn)
        .forbid(san),
        one(
            "tls-san-mismatch/hit",
            "The alternative names do not contain the name of the gateway.",
            &san_other,
        )
        .gateway(NAME)
        .expect_on(san, &server, &[])
        .severity("error")
        .forbid(cn),
        one(
            "tls-san-mismatch/hit-address",
            "The gateway is configured with an address.",
            &recording!("tls12-no-sni"),
        )
        .gateway("10.10.20.11")
        .expect_on(san, &server, &[])
        .forbid(cn),
        one(
            "tls-san-mismatch/miss",
            "A wildcard stands for the left-most label.",
            &recording!("san-wildcard"),
        )
        .gateway(NAME)
        .forbid(cn)
        .forbid(san),
        one(
            "tls-san-mismatch/miss-address",
            "The address is among the alternative names.",
            &recording!("san-wildcard"),
        )
        .gateway("10.10.20.11")
        .forbid(cn)
        .forbid(san),
        other_server(),
        one(
            "tls-san-mismatch/miss-no-name",
            "Nobody names the server: there is nothing to compare.",
            &recording!("tls12-no-sni"),
        )
        .forbid(cn)
        .forbid(san),
    ]
}

/// The gateway, and a server on the same port that is none.
fn other_server() -> Scenario {
    let path = "tls-san-mismatch/miss-other-server";
    let mut lab = Lab::new(path);
    let web = far(PROXY, Stack::Linux);
    recording!("tls12").visit(&mut lab, at(0, 20), presence(), (exchange(), 443));
    recording!("other-server").visit(&mut lab, at(0, 40), presence(), (web, 443));
    told(path, "Another server has a certificate for its own name, from an issuer that nobody named.", lab)
        .gateway(NAME)
        .trust(ROOT)
        .forbid("tls-san-mismatch")
        .forbid("tls-chain-incomplete")
}

fn validity() -> Vec<Scenario> {
    let rule = "tls-cert-expired";
    let server = EXCHANGE.to_string();
    vec![
        one("tls-cert-expired/hit", "The certificate expired half a year before.", &recording!("expired"))
            .expect_on(rule, &server, &[])
            .severity("error")
            .forbid("tls-cert-bad-signature"),
        one("tls-cert-expired/hit-not-yet", "The certificate is of the future.", &recording!("not-yet"))
            .expect_on(rule, &server, &[]),
        one("tls-cert-expired/hit-issuer", "The issuing CA has expired.", &recording!("issuer-expired"))
            .expect_on(rule, &server, &[]),
        one(
            "tls-cert-expired/hit-now",
            "It is valid in the capture, and judged long after.",
            &recording!("tls12"),
        )
        .now("2041-01-01T00:00:00Z")
        .expect_on(rule, &server, &[]),
        one("tls-cert-expired/miss", "It is valid at the time of the capture.", &recording!("tls12"))
            .forbid(rule),
        one(
            "tls-cert-expired/miss-now",
            "It was not valid in the capture, and is when it is judged.",
            &recording!("not-yet"),
        )
        .now("2036-01-01T00:00:00Z")
        .forbid(rule),
    ]
}

fn strength() -> Vec<Scenario> {
    let rule = "tls-cert-weak";
    let server = EXCHANGE.to_string();
    vec![
        one("tls-cert-weak/hit-key", "An RSA key of 1024 bits.", &recording!("weak-key"))
            .expect_on(rule, &server, &[])
            .severity("warning"),
        one("tls-cert-weak/hit", "A signature with SHA-1.", &recording!("weak-signature"))
            .now(LATER)
            .expect_on(rule, &server, &[]),
        one(
            "tls-cert-weak/miss",
            "Only the self-signed root has a signature with SHA-1.",
            &recording!("weak-root"),
        )
        .now(LATER)
        .forbid(rule),
        one("tls-cert-weak/miss-curve", "An elliptic curve that is large.", &recording!("odd-curve"))
            .forbid(rule),
    ]
}

fn signatures() -> Vec<Scenario> {
    let rule = "tls-cert-bad-signature";
    let server = EXCHANGE.to_string();
    vec![
        one(
            "tls-cert-bad-signature/hit",
            "The issuing CA was renewed, and Exchange sends its new certificate.",
            &recording!("bad-signature"),
        )
        .expect_on(rule, &server, &[])
        .severity("error")
        .forbid("tls-chain-incomplete"),
        one(
            "tls-cert-bad-signature/hit-trusted",
            "The issuing CA was renewed, and only the new one is trusted.",
            &recording!("alone"),
        )
        .trust(RENEWED)
        .expect_on(rule, &server, &[])
        .forbid("tls-chain-incomplete"),
        one(
            "tls-cert-bad-signature/hit-outdated-root",
            "Exchange sends its root, and another one of the same name is trusted.",
            &recording!("weak-root"),
        )
        .now(LATER)
        .trust(OUTDATED_ROOT)
        .expect_on(rule, &server, &[])
        .forbid("tls-chain-incomplete"),
        one("tls-cert-bad-signature/miss", "Every signature fits.", &recording!("misordered")).forbid(rule),
        one("tls-cert-bad-signature/miss-curve", "A curve that cannot be checked.", &recording!("odd-curve"))
            .forbid(rule),
        one(
            "tls-cert-bad-signature/miss-md5",
            "A signature with MD5, which cannot be checked.",
            &recording!("md5"),
        )
        .now(LATER)
        .forbid(rule)
        .allow("tls-cert-weak"),
    ]
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
        several(
            "tls-handshake-failed/hit-encrypted",
            "The same in TLS 1.3 with a client that encrypts the alert.",
            &[&recording!("unknown-ca-tls13-gnutls")],
        )
        .expect_on(rule, &server, &[])
        .confidence("likely"),
        several(
            "tls-handshake-failed/hit-tls13",
            "The same in TLS 1.3 with a client that sends the alert in clear.",
            &[&recording!("unknown-ca-tls13")],
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

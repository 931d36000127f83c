//! Certificates that a client ought not to accept, and such that it may.

use super::{ROOT, exchange, one, presence, several, told};
use crate::cuc::{Lab, at};
use crate::scenario::Scenario;
use crate::site::{EXCHANGE, PROXY, far};
use crate::tcp::Stack;

/// The name in most certificates, and the one that clients ask for.
const NAME: &str = "mail.corp.example.com";
/// When certificates are judged that could not be made with dates of the lab's time.
const LATER: &str = "2030-01-01T00:00:00Z";
const OTHER_ROOT: &[u8] = include_bytes!("../../../record/tls/other-root.pem");
const OUTDATED_ROOT: &[u8] = include_bytes!("../../../record/tls/outdated-root.pem");
const RENEWED: &[u8] = include_bytes!("../../../record/tls/renewed.pem");

pub(super) fn scenarios() -> Vec<Scenario> {
    [chains(), names(), validity(), strength(), signatures()].concat()
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

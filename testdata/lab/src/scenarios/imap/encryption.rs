//! What must be encrypted and is not, or cannot be.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{PASSWORD, REFUSED, USER, scenario};
use crate::cuc::{Lab, at};
use crate::imap::{CAPABILITIES, READY, Talk, agent};
use crate::recorded::Recording;
use crate::scenario::Scenario;
use crate::site::EXCHANGE;
use crate::tcp::Side;

pub(super) fn login_disabled() -> Scenario {
    let path = "imap-login-disabled/hit";
    let mut lab = Lab::new(path);
    let answers = [0, 30].map(|second| {
        let mut talk = Talk::open(&mut lab, at(1, second), agent(1), 143);
        talk.server(READY);
        talk.offers("IMAP4 IMAP4rev1 LOGINDISABLED AUTH=NTLM AUTH=GSSAPI STARTTLS IDLE");
        let answer =
            talk.command(&format!("LOGIN {USER} {PASSWORD}"), "BAD Command received in Invalid state.");
        talk.logout();
        answer
    });
    let text = "LOGIN in clear text, although the server has said that it takes it inside TLS only.";
    scenario(path, text, lab)
        .expect_on("imap-login-disabled", USER, &answers)
        .severity("error")
        .expect_somewhere("imap-plaintext-credentials")
        .forbid("imap-auth-rejected")
}

pub(super) fn not_listed_but_accepted() -> Scenario {
    let path = "imap-login-disabled/miss-accepted";
    let mut lab = Lab::new(path);
    let blob = |text: &str| STANDARD.encode(text);
    for (second, password, answer) in
        [(0, PASSWORD, "OK AUTHENTICATE completed."), (30, "Quay-0815", REFUSED), (60, "Quay-0815", REFUSED)]
    {
        let mut talk = Talk::ready(&mut lab, at(1, second), agent(1));
        talk.client("B1 AUTHENTICATE LOGIN");
        talk.server("+ VXNlcm5hbWU6");
        talk.client(&blob(USER));
        talk.server("+ UGFzc3dvcmQ6");
        talk.client(&blob(password));
        talk.server(&format!("B1 {answer}"));
        talk.logout();
    }
    let text = "AUTH=LOGIN is not in the list, yet the server takes it: who is refused has a wrong password.";
    scenario(path, text, lab)
        .expect_somewhere("imap-auth-rejected")
        .expect_somewhere("imap-plaintext-credentials")
        .forbid("imap-login-disabled")
        .forbid("imap-auth-throttled")
}

pub(super) fn starttls() -> Scenario {
    let path = "imap-login-disabled/miss";
    let mut lab = Lab::new(path);
    let mut talk = Talk::open(&mut lab, at(1, 0), agent(1), 143);
    talk.server(READY);
    talk.offers("IMAP4 IMAP4rev1 LOGINDISABLED STARTTLS IDLE");
    talk.command("STARTTLS", "OK Begin TLS negotiation now.");
    talk.client("\u{16}\u{3}\u{1}\0\u{20}opaque from here on, whatever it is");
    talk.server("\u{16}\u{3}\u{3}\0\u{20}and so is the server, to the end of it");
    talk.close(Side::Originator);
    let text = "The server takes log-ins inside TLS only, and the client goes on with STARTTLS.";
    scenario(path, text, lab)
        .forbid("imap-login-disabled")
        .forbid("imap-tls-unavailable")
        .forbid("imap-plaintext-credentials")
        .allow("tls-handshake-failed")
}

pub(super) fn no_certificate() -> Scenario {
    let path = "imap-tls-unavailable/hit";
    let mut lab = Lab::new(path);
    let byes = [0, 20].map(|second| {
        let mut talk = Talk::open(&mut lab, at(1, second), agent(1), 993);
        let bye = talk.server("* BYE Connection is closed. 14");
        talk.close(Side::Responder);
        bye
    });
    let text = "Exchange says BYE in clear text on the port of TLS: it has no certificate for IMAP.";
    scenario(path, text, lab)
        .expect_on("imap-tls-unavailable", &agent(1).to_string(), &byes)
        .severity("error")
        .forbid("imap-connection-limit")
}

pub(super) fn goodbye_to_a_hello() -> Scenario {
    let path = "imap-tls-unavailable/hit-after-hello";
    let mut lab = Lab::new(path);
    let hello = Recording::parse(include_str!("../../../record/tls/tls12.txt")).first(1);
    let byes = [0, 20].map(|second| {
        let mut talk = Talk::open(&mut lab, at(1, second), agent(1), 993);
        talk.record(&hello);
        let bye = talk.server("* BYE Connection is closed. 14");
        talk.close(Side::Responder);
        bye
    });
    let text =
        "The client begins with TLS, and Exchange says BYE in clear text: it has no certificate for IMAP.";
    scenario(path, text, lab)
        .expect_on("imap-tls-unavailable", &agent(1).to_string(), &byes)
        .severity("error")
        .forbid("tls-network-error")
        .forbid("imap-connection-limit")
}

pub(super) fn no_starttls() -> Scenario {
    let path = "imap-tls-unavailable/hit-starttls";
    let mut lab = Lab::new(path);
    let mut talk = Talk::ready(&mut lab, at(1, 0), agent(1));
    let answer = talk.command("STARTTLS", "BAD Could not establish TLS connection.");
    talk.server("* BYE Connection is closed. 15");
    talk.close(Side::Responder);
    let text = "STARTTLS is refused.";
    scenario(path, text, lab)
        .expect_on("imap-tls-unavailable", &agent(1).to_string(), &[answer])
        .forbid("imap-server-bye")
}

pub(super) fn full_on_the_port_of_tls() -> Scenario {
    let path = "imap-tls-unavailable/miss";
    let mut lab = Lab::new(path);
    let mut talk = Talk::open(&mut lab, at(1, 0), agent(1), 993);
    talk.client("\u{16}\u{3}\u{1}\0\u{20}opaque from its first byte on, whatever");
    talk.server("\u{16}\u{3}\u{3}\0\u{20}and so is the server, to the end of it");
    talk.wait(240);
    talk.close(Side::Originator);
    let mut talk = Talk::open(&mut lab, at(2, 0), agent(2), 993);
    let bye = talk.server("* BYE Connection is closed. 10");
    talk.close(Side::Responder);
    let mut talk = Talk::ready(&mut lab, at(3, 0), agent(3));
    talk.command("STARTTLS", "OK Begin TLS negotiation now.");
    talk.close(Side::Originator);
    let text = "TLS on port 993, BYE 10 there because the server is full, and a STARTTLS that is accepted.";
    scenario(path, text, lab)
        .expect_on("imap-connection-limit", &EXCHANGE.to_string(), &[bye])
        .allow("tls-handshake-failed")
        .forbid("imap-tls-unavailable")
}

pub(super) fn plaintext() -> Scenario {
    let path = "imap-plaintext-credentials/hit";
    let mut lab = Lab::new(path);
    let mut talk = Talk::ready(&mut lab, at(1, 0), agent(1));
    talk.client("B1 AUTHENTICATE PLAIN");
    talk.server("+ ");
    let sent = talk.client(&STANDARD.encode(format!("\0CORP\\{USER}\0{PASSWORD}")));
    talk.server("B1 OK AUTHENTICATE completed.");
    talk.logout();
    let text = "AUTHENTICATE PLAIN outside of TLS.";
    scenario(path, text, lab).expect_on("imap-plaintext-credentials", USER, &[sent]).severity("warning")
}

pub(super) fn no_plaintext() -> Scenario {
    let path = "imap-plaintext-credentials/miss";
    let mut lab = Lab::new(path);
    let mut talk = Talk::open(&mut lab, at(1, 0), agent(1), 143);
    talk.server(READY);
    talk.offers(&CAPABILITIES.replace("AUTH=PLAIN ", ""));
    talk.command("AUTHENTICATE PLAIN", "NO Unsupported authentication mechanism.");
    talk.ntlm(USER, "AGENT-21", "OK AUTHENTICATE completed.");
    talk.logout();
    let text = "PLAIN is refused before the password is sent, and NTLM does not send it.";
    scenario(path, text, lab).forbid("imap-plaintext-credentials").allow("imap-login-disabled")
}

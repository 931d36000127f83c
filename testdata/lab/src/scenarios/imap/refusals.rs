//! Passwords that are refused for what they are, and accounts that are locked out.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{PASSWORD, USER, eight_agents, refused, scenario};
use crate::cuc::{Lab, at};
use crate::imap::{Talk, agent};
use crate::scenario::Scenario;
use crate::time::SECOND;
use crate::trace::PacketId;

pub(super) fn rejected() -> Scenario {
    let path = "imap-auth-rejected/hit";
    let mut lab = Lab::new(path);
    let answers = [0, 5, 30].map(|second| refused(&mut lab, at(1, second), 1));
    let text = "Every log-in of the account is refused.";
    scenario(path, text, lab)
        .expect_on("imap-auth-rejected", USER, &answers)
        .severity("error")
        .confidence("possible")
        .forbid("imap-auth-throttled")
}

pub(super) fn old_password() -> Scenario {
    let path = "imap-auth-rejected/hit-old-password";
    let mut lab = Lab::new(path);
    for second in [0, 40, 80] {
        let mut talk = Talk::ready(&mut lab, at(1, second), agent(1));
        let response = STANDARD.encode(format!("\0{USER}\0{PASSWORD}"));
        talk.command(&format!("AUTHENTICATE PLAIN {response}"), "OK AUTHENTICATE completed.");
        talk.logout();
    }
    let mut talk = Talk::ready(&mut lab, at(1, 20), agent(2));
    let answer = talk.command(&format!("LOGIN {USER} Harbour-4710"), "NO LOGIN failed.");
    talk.logout();
    let text = "One computer has another password than those that are accepted.";
    scenario(path, text, lab)
        .expect_on("imap-auth-rejected", USER, &[answer])
        .confidence("proven")
        .expect_somewhere("imap-plaintext-credentials")
        .forbid("imap-auth-throttled")
}

pub(super) fn cancelled() -> Scenario {
    let path = "imap-auth-rejected/miss";
    let mut lab = Lab::new(path);
    for second in [0, 10] {
        let mut talk = Talk::ready(&mut lab, at(1, second), agent(1));
        talk.client("B1 AUTHENTICATE GSSAPI");
        talk.server("+ ");
        talk.client("*");
        talk.server("B1 BAD AUTHENTICATE cancelled.");
        talk.ntlm(USER, "AGENT-21", "OK AUTHENTICATE completed.");
        talk.command("SELECT INBOX", "OK [READ-WRITE] SELECT completed.");
        talk.logout();
    }
    let text = "The client breaks off Kerberos and logs in with NTLM.";
    scenario(path, text, lab).forbid("imap-auth-rejected").forbid("imap-auth-throttled")
}

pub(super) fn accepted_in_the_end() -> Scenario {
    let path = "imap-auth-rejected/miss-throttled";
    let mut lab = Lab::new(path);
    for number in 0..5u8 {
        let mut talk = Talk::logged_in(&mut lab, at(1, u64::from(number)), agent(number), USER);
        talk.work(60 * SECOND, at(5, 0));
        talk.logout();
    }
    for second in [0, 30] {
        refused(&mut lab, at(3, second), 8);
        refused(&mut lab, at(3, second + 5), 9);
    }
    let mut talk = Talk::logged_in(&mut lab, at(6, 0), agent(8), USER);
    talk.work(60 * SECOND, at(8, 0));
    talk.logout();
    let text = "Refused while five sessions are open, as many as are allowed here, and accepted when they have ended.";
    scenario(path, text, lab)
        .imap_limit("user=5")
        .expect_somewhere("imap-auth-throttled")
        .expect_somewhere("imap-connection-limit")
        .forbid("imap-auth-rejected")
}

pub(super) fn locked_out() -> Scenario {
    let path = "imap-account-lockout/hit";
    let text = "Three agents are at work; then whoever logs in is refused, for a while.";
    locked(path, text)
}

pub(super) fn locked_out_since_before() -> Scenario {
    let path = "imap-account-lockout/hit-midstream";
    let text = "The capture begins when the three agents are at work already.";
    locked(path, text).damaged(|trace| trace.packets.retain(|packet| packet.time > at(3, 0)))
}

/// The account is locked from minute 4 to 18.
fn locked(path: &str, text: &str) -> Scenario {
    let mut lab = Lab::new(path);
    for number in 0..3u8 {
        let mut talk = Talk::logged_in(&mut lab, at(1, u64::from(number)), agent(number), USER);
        talk.work(60 * SECOND, at(20, 0));
        talk.logout();
    }
    let answers: Vec<PacketId> =
        (0..7u8).map(|turn| refused(&mut lab, at(4 + u64::from(turn), 0), 1 + turn % 3)).collect();
    let mut talk = Talk::logged_in(&mut lab, at(18, 0), agent(1), USER);
    talk.work(60 * SECOND, at(19, 0));
    talk.logout();
    scenario(path, text, lab)
        .expect_on("imap-account-lockout", USER, &answers[..1])
        .severity("error")
        .forbid("imap-auth-throttled")
        .forbid("imap-auth-rejected")
}

pub(super) fn few_refusals() -> Scenario {
    let path = "imap-account-lockout/miss";
    let mut lab = Lab::new(path);
    eight_agents(&mut lab, 9);
    for second in 0..6 {
        refused(&mut lab, at(4, 10 * second), 9);
    }
    let text = "Six refusals in a row, with sixteen sessions open: the limit, no lock-out.";
    scenario(path, text, lab)
        .expect_somewhere("imap-auth-throttled")
        .expect_somewhere("imap-connection-limit")
        .forbid("imap-account-lockout")
        .forbid("imap-auth-rejected")
}

//! Right passwords that Exchange rejects while too many sessions are open, and cases that only look like it.

use super::{PASSWORD, REFUSED, USER, eight_agents, refused, scenario};
use crate::cuc::{Lab, at};
use crate::imap::{Talk, agent};
use crate::scenario::Scenario;
use crate::time::SECOND;
use crate::trace::PacketId;

pub(super) fn throttled() -> Scenario {
    let path = "imap-auth-throttled/hit";
    let mut lab = Lab::new(path);
    eight_agents(&mut lab, 12);
    let answers = [0, 1, 30, 31, 60].map(|second| refused(&mut lab, at(4, second), 9));
    // Sessions have ended: the ninth agent is let in.
    let mut talk = Talk::logged_in(&mut lab, at(14, 0), agent(9), USER);
    talk.work(120 * SECOND, at(17, 0));
    talk.logout();
    let text =
        "Eight agents have two sessions each, the ninth is refused with the right password until they leave.";
    scenario(path, text, lab)
        .expect_on("imap-auth-throttled", USER, &answers[..1])
        .severity("error")
        .confidence("proven")
        .expect_on("imap-connection-limit", USER, &answers[..1])
        .severity("error")
        .forbid("imap-auth-rejected")
        .forbid("imap-account-lockout")
}

pub(super) fn throttled_in_clear() -> Scenario {
    let path = "imap-auth-throttled/hit-login";
    let mut lab = Lab::new(path);
    for number in 0..6u8 {
        let mut talk = Talk::ready(&mut lab, at(1, u64::from(number) * 3), agent(number / 2));
        talk.command(&format!("LOGIN CORP\\{USER} {PASSWORD}"), "OK LOGIN completed.");
        talk.work(60 * SECOND, at(6, 0));
        talk.logout();
    }
    let mut talk = Talk::ready(&mut lab, at(3, 0), agent(4));
    let answer = talk.command(&format!("LOGIN \"CORP\\\\{USER}\" \"{PASSWORD}\""), "NO LOGIN failed.");
    talk.logout();
    let text = "The limit is set to six sessions; the seventh log-in has the same password.";
    scenario(path, text, lab)
        .imap_limit("user=6")
        .expect_on("imap-auth-throttled", USER, &[answer])
        .expect_somewhere("imap-connection-limit")
        .expect_somewhere("imap-plaintext-credentials")
        .forbid("imap-auth-rejected")
}

pub(super) fn two_behind_one_address() -> Scenario {
    let path = "imap-auth-throttled/miss-two-accounts";
    let mut lab = Lab::new(path);
    let mut talk = Talk::logged_in(&mut lab, at(1, 0), agent(1), "anna");
    talk.work(60 * SECOND, at(5, 0));
    talk.logout();
    for second in [0, 20] {
        let mut talk = Talk::ready(&mut lab, at(2, second), agent(1));
        talk.ntlm("ben", "BENS-PC", REFUSED);
        talk.logout();
    }
    let text = "Anna is accepted and Ben is refused, behind one address: Ben's password is wrong.";
    scenario(path, text, lab).expect_on("imap-auth-rejected", "ben", &[]).forbid("imap-auth-throttled")
}

pub(super) fn throttled_and_cut() -> Scenario {
    let path = "imap-auth-throttled/hit-cut";
    let mut lab = Lab::new(path);
    for number in 0..16u8 {
        let begin = at(1, u64::from(number) * 2);
        let mut talk = match number % 2 {
            0 => Talk::logged_in(&mut lab, begin, agent(number / 2), USER),
            _ => {
                let mut talk = Talk::ready(&mut lab, begin, agent(number / 2));
                talk.command(&format!("LOGIN {USER} {PASSWORD}"), "OK LOGIN completed.");
                talk
            }
        };
        talk.work(240 * SECOND, at(12, u64::from(number)));
        talk.logout();
    }
    let answers = [0, 1, 30, 31].map(|second| refused_in_clear(&mut lab, at(4, second), 9));
    let text = "Packets are cut at 128 bytes: who logs in by NTLM is not seen, the answers are.";
    scenario(path, text, lab)
        .snaplen(128)
        .expect_on("imap-auth-throttled", USER, &answers[..1])
        .expect_somewhere("imap-connection-limit")
        .expect_somewhere("imap-plaintext-credentials")
        .expect_somewhere("capture-snaplen")
        .forbid("imap-account-lockout")
        .forbid("imap-auth-rejected")
}

pub(super) fn throttled_by_the_store() -> Scenario {
    let path = "imap-auth-throttled/hit-store";
    let mut lab = Lab::new(path);
    eight_agents(&mut lab, 12);
    let answers = [0, 1, 20, 21, 40, 41].map(|second| refused(&mut lab, at(4, second), 9));
    let text = "IMAP allows 2400 sessions, yet the seventeenth is refused: the mailbox store's own limit is sixteen.";
    scenario(path, text, lab)
        .imap_limit("user=2400")
        .expect_on("imap-auth-throttled", USER, &answers[..1])
        .severity("error")
        .allow("imap-connection-limit")
        .forbid("imap-account-lockout")
        .forbid("imap-auth-rejected")
}

pub(super) fn throttled_with_losses() -> Scenario {
    let path = "imap-auth-throttled/hit-losses";
    let mut lab = Lab::new(path);
    let mut lost = None;
    for number in 0..16u8 {
        let mut talk = Talk::ready(&mut lab, at(1, u64::from(number) * 2), agent(number / 2));
        let asked = talk.client(&format!("L1 LOGIN {USER} {PASSWORD}"));
        talk.server("L1 OK LOGIN completed.");
        talk.command("SELECT INBOX", "OK [READ-WRITE] SELECT completed.");
        lost = lost.or((number == 5).then_some(asked));
        talk.work(240 * SECOND, at(12, u64::from(number)));
        talk.logout();
    }
    let answers = [0, 1, 30, 31].map(|second| refused_in_clear(&mut lab, at(4, second), 9));
    let text = "The sniffer lost the log-in of one of the sixteen sessions; what the server answers to it tells of it.";
    scenario(path, text, lab)
        .damaged(|trace| trace.packets.retain(|packet| Some(packet.id) != lost))
        .expect_on("imap-auth-throttled", USER, &answers[..1])
        .expect_on("imap-connection-limit", USER, &answers[..1])
        .severity("error")
        .expect_somewhere("imap-plaintext-credentials")
        .allow("capture-drops")
        .forbid("imap-account-lockout")
        .forbid("imap-auth-rejected")
}

pub(super) fn below_the_limit() -> Scenario {
    let path = "imap-auth-throttled/miss";
    let mut lab = Lab::new(path);
    for number in 0..4u8 {
        let mut talk = Talk::logged_in(&mut lab, at(1, u64::from(number)), agent(number), USER);
        talk.work(60 * SECOND, at(9, 0));
        talk.logout();
    }
    for number in 0..3 {
        refused(&mut lab, at(3 + number, 0), 7);
    }
    let mut talk = Talk::logged_in(&mut lab, at(7, 0), agent(2), USER);
    talk.work(60 * SECOND, at(9, 0));
    talk.logout();
    let text = "One computer is refused again and again while few sessions are open and others are accepted: an old password.";
    scenario(path, text, lab)
        .expect_on("imap-auth-rejected", USER, &[])
        .forbid("imap-auth-throttled")
        .forbid("imap-account-lockout")
}

/// A log-in in clear that is refused.
fn refused_in_clear(lab: &mut Lab, moment: u64, number: u8) -> PacketId {
    let mut talk = Talk::ready(lab, moment, agent(number));
    let answer = talk.command(&format!("LOGIN {USER} {PASSWORD}"), "NO LOGIN failed.");
    talk.logout();
    answer
}

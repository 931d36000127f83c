//! E-mail of a contact centre: one account that everybody shares, and the ways in which Exchange refuses it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::cuc::{Lab, at};
use crate::imap::{CAPABILITIES, READY, Talk, agent, workstation};
use crate::recorded::Recording;
use crate::scenario::Scenario;
use crate::site::EXCHANGE;
use crate::tcp::Side;
use crate::time::SECOND;
use crate::trace::PacketId;

pub(super) fn scenarios() -> Vec<Scenario> {
    vec![
        throttled(),
        throttled_in_clear(),
        throttled_and_cut(),
        throttled_with_losses(),
        throttled_by_the_store(),
        two_behind_one_address(),
        below_the_limit(),
        rejected(),
        old_password(),
        cancelled(),
        accepted_in_the_end(),
        locked_out(),
        locked_out_since_before(),
        few_refusals(),
        turned_away(),
        turned_away_silently(),
        turned_away_by_address(),
        many_but_not_too_many(),
        login_disabled(),
        not_listed_but_accepted(),
        starttls(),
        unavailable(),
        argument_error(),
        restarted(),
        said_goodbye(),
        goodbye_out_of_order(),
        failed_too_often(),
        idle(),
        restarted_while_silent(),
        too_long(),
        long_literal(),
        no_certificate(),
        no_starttls(),
        goodbye_to_a_hello(),
        full_on_the_port_of_tls(),
        plaintext(),
        no_plaintext(),
    ]
}

/// The account that everybody shares.
const USER: &str = "uccxmail";
const PASSWORD: &str = "Harbour-4711";
const REFUSED: &str = "NO AUTHENTICATE failed.";

fn scenario(path: &str, text: &str, lab: Lab) -> Scenario {
    Scenario::new(path, text, lab).told(&[], &[], &[])
}

/// Eight agents with two sessions each, from the first minute to `minutes`.
fn eight_agents(lab: &mut Lab, minutes: u64) {
    for number in 0..16u8 {
        let begin = at(1, u64::from(number) * 2);
        let mut talk = Talk::logged_in(lab, begin, agent(number / 2), USER);
        talk.work(240 * SECOND, at(minutes, u64::from(number)));
        talk.logout();
    }
}

/// A log-in by NTLM that is refused.
fn refused(lab: &mut Lab, moment: u64, number: u8) -> PacketId {
    let mut talk = Talk::ready(lab, moment, agent(number));
    let answer = talk.ntlm(USER, &workstation(agent(number)), REFUSED);
    talk.logout();
    answer
}

fn throttled() -> Scenario {
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

fn throttled_in_clear() -> Scenario {
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

fn two_behind_one_address() -> Scenario {
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

fn throttled_and_cut() -> Scenario {
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
    let answers = [0, 1, 30, 31].map(|second| {
        let mut talk = Talk::ready(&mut lab, at(4, second), agent(9));
        let answer = talk.command(&format!("LOGIN {USER} {PASSWORD}"), "NO LOGIN failed.");
        talk.logout();
        answer
    });
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

fn throttled_by_the_store() -> Scenario {
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

fn throttled_with_losses() -> Scenario {
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
    let answers = [0, 1, 30, 31].map(|second| {
        let mut talk = Talk::ready(&mut lab, at(4, second), agent(9));
        let answer = talk.command(&format!("LOGIN {USER} {PASSWORD}"), "NO LOGIN failed.");
        talk.logout();
        answer
    });
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

fn below_the_limit() -> Scenario {
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

fn rejected() -> Scenario {
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

fn old_password() -> Scenario {
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

fn cancelled() -> Scenario {
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

fn accepted_in_the_end() -> Scenario {
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

fn locked_out() -> Scenario {
    let path = "imap-account-lockout/hit";
    let text = "Three agents are at work; then whoever logs in is refused, for a while.";
    locked(path, text)
}

fn locked_out_since_before() -> Scenario {
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

fn few_refusals() -> Scenario {
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

fn turned_away() -> Scenario {
    let path = "imap-connection-limit/hit";
    let mut lab = Lab::new(path);
    for number in 0..4u8 {
        let mut talk = Talk::logged_in(&mut lab, at(1, u64::from(number)), agent(number), USER);
        talk.work(60 * SECOND, at(6, 0));
        talk.logout();
    }
    let byes = [5, 6].map(|number| {
        let mut talk = Talk::open(&mut lab, at(3, u64::from(number)), agent(number), 143);
        let bye = talk.server("* BYE Connection is closed. 10");
        talk.close(Side::Responder);
        bye
    });
    let text = "Two connections are greeted with BYE while four are open, which is the configured limit.";
    scenario(path, text, lab)
        .imap_limit("total=4")
        .expect_on("imap-connection-limit", &EXCHANGE.to_string(), &byes)
        .severity("error")
        .confidence("proven")
        .forbid("imap-server-bye")
        .forbid("imap-tls-unavailable")
}

fn turned_away_silently() -> Scenario {
    let path = "imap-connection-limit/hit-silent";
    let mut lab = Lab::new(path);
    let mut talk = Talk::logged_in(&mut lab, at(1, 0), agent(1), USER);
    talk.work(60 * SECOND, at(6, 0));
    talk.logout();
    for second in [0, 20, 40] {
        Talk::open(&mut lab, at(3, second), agent(2), 143).close(Side::Responder);
    }
    let text = "Exchange accepts connections and closes them without a word while another one works.";
    scenario(path, text, lab)
        .expect_on("imap-connection-limit", &EXCHANGE.to_string(), &[])
        .confidence("likely")
}

fn turned_away_by_address() -> Scenario {
    let path = "imap-connection-limit/hit-address";
    let mut lab = Lab::new(path);
    for number in 0..3u8 {
        let mut talk = Talk::logged_in(&mut lab, at(1, u64::from(number)), agent(0), USER);
        talk.work(60 * SECOND, at(6, 0));
        talk.logout();
    }
    let mut talk = Talk::open(&mut lab, at(3, 0), agent(0), 143);
    let bye = talk.server("* BYE Connection is closed. 10");
    talk.close(Side::Responder);
    Talk::logged_in(&mut lab, at(3, 10), agent(1), USER).logout();
    let text = "One address has as many connections as are allowed; another one is let in.";
    scenario(path, text, lab)
        .imap_limit("ip=3")
        .expect_on("imap-connection-limit", &agent(0).to_string(), &[bye])
        .severity("error")
}

fn many_but_not_too_many() -> Scenario {
    let path = "imap-connection-limit/miss";
    let mut lab = Lab::new(path);
    for number in 0..15u8 {
        let mut talk = Talk::logged_in(&mut lab, at(1, u64::from(number)), agent(number), USER);
        talk.work(120 * SECOND, at(6, 0));
        talk.logout();
    }
    // One leaves before the next one comes.
    for turn in 0..4 {
        let mut talk = Talk::logged_in(&mut lab, at(7, 10 * turn), agent(1), USER);
        talk.wait(3);
        talk.logout();
    }
    // A probe of a load balancer, which closes what it has opened.
    for second in [0, 30] {
        Talk::open(&mut lab, at(4, second), agent(99), 143).close(Side::Originator);
    }
    let text =
        "Fifteen sessions at once, one less than allowed, and connections that a probe opens and closes.";
    scenario(path, text, lab).forbid("imap-connection-limit").forbid("imap-auth-throttled")
}

fn login_disabled() -> Scenario {
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

fn not_listed_but_accepted() -> Scenario {
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

fn starttls() -> Scenario {
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

fn unavailable() -> Scenario {
    let path = "imap-mailbox-unavailable/hit";
    let mut lab = Lab::new(path);
    let mut talk = Talk::logged_in(&mut lab, at(1, 0), agent(1), USER);
    let one = talk.command("SELECT INBOX", "BAD User is authenticated but not connected.");
    talk.logout();
    let mut talk = Talk::ready(&mut lab, at(2, 0), agent(2));
    let two = talk.ntlm(USER, "AGENT-22", "NO Server Unavailable. 15");
    talk.close(Side::Responder);
    let text = "The log-in is accepted and the mailbox cannot be opened.";
    scenario(path, text, lab)
        .expect_on("imap-mailbox-unavailable", USER, &[one, two])
        .severity("error")
        .forbid("imap-auth-rejected")
        .forbid("imap-auth-throttled")
        .forbid("imap-account-lockout")
}

fn argument_error() -> Scenario {
    let path = "imap-mailbox-unavailable/miss";
    let mut lab = Lab::new(path);
    let mut talk = Talk::logged_in(&mut lab, at(1, 0), agent(1), USER);
    talk.command("SELECT", "BAD Command Argument Error. 12");
    talk.command("SELECT Nowhere", "NO Nowhere doesn't exist.");
    talk.logout();
    let text = "Errors of the client: a missing argument, and a folder that is not there.";
    scenario(path, text, lab).forbid("imap-mailbox-unavailable").forbid("imap-auth-rejected")
}

fn restarted() -> Scenario {
    let path = "imap-server-bye/hit";
    let mut lab = Lab::new(path);
    let byes: Vec<PacketId> = (0..4u8)
        .map(|number| {
            let mut talk = Talk::logged_in(&mut lab, at(1, u64::from(number)), agent(1), USER);
            talk.work(60 * SECOND, at(5, 0));
            let bye = talk.server("* BYE Connection is closed. 13");
            talk.close(Side::Responder);
            bye
        })
        .collect();
    let text = "The server ends sessions that are in use.";
    scenario(path, text, lab)
        .expect_on("imap-server-bye", &agent(1).to_string(), &byes)
        .severity("warning")
        .forbid("imap-idle-timeout")
}

fn said_goodbye() -> Scenario {
    let path = "imap-server-bye/miss";
    let mut lab = Lab::new(path);
    for number in 0..3u8 {
        let mut talk = Talk::logged_in(&mut lab, at(1, u64::from(number)), agent(1), USER);
        talk.work(60 * SECOND, at(5, 0));
        talk.logout();
    }
    let text = "BYE after LOGOUT.";
    scenario(path, text, lab).forbid("imap-server-bye").forbid("imap-idle-timeout")
}

fn goodbye_out_of_order() -> Scenario {
    let path = "imap-server-bye/miss-out-of-order";
    let mut lab = Lab::new(path);
    let mut talk = Talk::logged_in(&mut lab, at(1, 0), agent(1), USER);
    talk.work(60 * SECOND, at(5, 0));
    let said = talk.client("B1 LOGOUT");
    let answer = talk
        .server("* BYE Microsoft Exchange Server 2010 IMAP4 server signing off.\r\nB1 OK LOGOUT completed.");
    talk.close(Side::Responder);
    let text = "The answer to LOGOUT is captured before the LOGOUT, as mirrored ports do.";
    scenario(path, text, lab)
        .damaged(|trace| {
            let place = |id| trace.packets.iter().position(|packet| packet.id == id);
            if let (Some(said), Some(answer)) = (place(said), place(answer)) {
                let times = (trace.packets[said].time, trace.packets[answer].time);
                (trace.packets[said].time, trace.packets[answer].time) = (times.1, times.0);
                trace.packets.swap(said, answer);
            }
        })
        .forbid("imap-server-bye")
}

fn failed_too_often() -> Scenario {
    let path = "imap-server-bye/miss-failed";
    let mut lab = Lab::new(path);
    let mut talk = Talk::ready(&mut lab, at(1, 0), agent(1));
    for _ in 0..3 {
        talk.ntlm(USER, "AGENT-21", REFUSED);
        talk.wait(2);
    }
    talk.server("* BYE Connection is closed. 14");
    talk.close(Side::Responder);
    let text = "BYE after log-ins that were refused belongs to them.";
    scenario(path, text, lab)
        .expect_on("imap-auth-rejected", USER, &[])
        .forbid("imap-server-bye")
        .forbid("imap-tls-unavailable")
}

fn idle() -> Scenario {
    let path = "imap-idle-timeout/hit";
    let mut lab = Lab::new(path);
    let mut talk = Talk::logged_in(&mut lab, at(1, 0), agent(1), USER);
    talk.command("SELECT INBOX", "OK [READ-WRITE] SELECT completed.");
    talk.wait(30 * 60);
    let bye = talk.server("* BYE Connection is closed. 13");
    talk.close(Side::Responder);
    let text = "Half an hour without a command.";
    scenario(path, text, lab)
        .expect_on("imap-idle-timeout", &agent(1).to_string(), &[bye])
        .severity("info")
        .forbid("imap-server-bye")
}

fn restarted_while_silent() -> Scenario {
    let path = "imap-idle-timeout/miss";
    let mut lab = Lab::new(path);
    for number in 0..4u8 {
        let mut talk = Talk::logged_in(&mut lab, at(1, 40 * u64::from(number)), agent(number), USER);
        talk.wait_until(at(6, 0));
        talk.server("* BYE Connection is closed. 13");
        talk.close(Side::Responder);
    }
    let text = "Sessions that were silent for different times end at once: the server goes down.";
    (0..4).fold(scenario(path, text, lab).forbid("imap-idle-timeout"), |scenario, number| {
        scenario.expect_on("imap-server-bye", &agent(number).to_string(), &[])
    })
}

fn too_long() -> Scenario {
    let path = "imap-command-too-long/hit";
    let mut lab = Lab::new(path);
    let mut talk = Talk::logged_in(&mut lab, at(1, 0), agent(1), USER);
    talk.command("SELECT INBOX", "OK [READ-WRITE] SELECT completed.");
    let answer =
        talk.command(&format!("UID FETCH {} (FLAGS)", numbers(1700)), "BAD Command Argument Error. 12");
    talk.logout();
    let text = "A command that names 1700 messages, one by one.";
    scenario(path, text, lab)
        .expect_on("imap-command-too-long", &agent(1).to_string(), &[answer])
        .severity("warning")
}

fn long_literal() -> Scenario {
    let path = "imap-command-too-long/miss";
    let mut lab = Lab::new(path);
    let mut talk = Talk::logged_in(&mut lab, at(1, 0), agent(1), USER);
    talk.client("B1 APPEND Sent {12000}");
    talk.server("+ Ready for additional command text.");
    talk.client(&"a line of a message that is long".repeat(375));
    talk.server("B1 NO Mailbox is full.");
    talk.command(&format!("UID FETCH {} (FLAGS)", numbers(1700)), "OK FETCH completed.");
    talk.command(&format!("UID FETCH {} (FLAGS)", numbers(900)), "BAD Command Argument Error. 11");
    talk.logout();
    let text = "A long message in a literal, a long command that is taken, and a short one that is refused.";
    scenario(path, text, lab).forbid("imap-command-too-long")
}

fn numbers(count: u32) -> String {
    (0..count).map(|number| (100_000 + 2 * number).to_string()).collect::<Vec<_>>().join(",")
}

fn no_certificate() -> Scenario {
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

fn goodbye_to_a_hello() -> Scenario {
    let path = "imap-tls-unavailable/hit-after-hello";
    let mut lab = Lab::new(path);
    let hello = Recording::parse(include_str!("../../record/tls/tls12.txt")).first(1);
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

fn no_starttls() -> Scenario {
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

fn full_on_the_port_of_tls() -> Scenario {
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

fn plaintext() -> Scenario {
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

fn no_plaintext() -> Scenario {
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

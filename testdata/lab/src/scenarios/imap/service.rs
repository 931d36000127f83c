//! A service that is down, restarts, ends sessions or cannot do what it is asked for.

use super::{REFUSED, USER, scenario};
use crate::cuc::{Lab, at};
use crate::imap::{Talk, agent};
use crate::scenario::Scenario;
use crate::tcp::Side;
use crate::time::SECOND;
use crate::trace::PacketId;

pub(super) fn unavailable() -> Scenario {
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

pub(super) fn argument_error() -> Scenario {
    let path = "imap-mailbox-unavailable/miss";
    let mut lab = Lab::new(path);
    let mut talk = Talk::logged_in(&mut lab, at(1, 0), agent(1), USER);
    talk.command("SELECT", "BAD Command Argument Error. 12");
    talk.command("SELECT Nowhere", "NO Nowhere doesn't exist.");
    talk.logout();
    let text = "Errors of the client: a missing argument, and a folder that is not there.";
    scenario(path, text, lab).forbid("imap-mailbox-unavailable").forbid("imap-auth-rejected")
}

pub(super) fn restarted() -> Scenario {
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

pub(super) fn said_goodbye() -> Scenario {
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

pub(super) fn goodbye_out_of_order() -> Scenario {
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

pub(super) fn failed_too_often() -> Scenario {
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

pub(super) fn idle() -> Scenario {
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

pub(super) fn restarted_while_silent() -> Scenario {
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

pub(super) fn too_long() -> Scenario {
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

pub(super) fn long_literal() -> Scenario {
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

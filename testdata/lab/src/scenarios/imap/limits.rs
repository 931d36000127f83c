//! Connections that are turned away because there are too many.

use super::{USER, scenario};
use crate::cuc::{Lab, at};
use crate::imap::{Talk, agent};
use crate::scenario::Scenario;
use crate::site::EXCHANGE;
use crate::tcp::Side;
use crate::time::SECOND;

pub(super) fn turned_away() -> Scenario {
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

pub(super) fn turned_away_silently() -> Scenario {
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

pub(super) fn turned_away_by_address() -> Scenario {
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

pub(super) fn many_but_not_too_many() -> Scenario {
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

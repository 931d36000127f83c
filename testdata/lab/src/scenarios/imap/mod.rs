//! E-mail of a contact centre: one account that everybody shares, and the ways in which Exchange refuses it.

mod encryption;
mod limits;
mod refusals;
mod service;
mod throttling;

use crate::cuc::{Lab, at};
use crate::imap::{Talk, agent, workstation};
use crate::scenario::Scenario;
use crate::time::SECOND;
use crate::trace::PacketId;

pub(super) fn scenarios() -> Vec<Scenario> {
    vec![
        throttling::throttled(),
        throttling::throttled_in_clear(),
        throttling::throttled_and_cut(),
        throttling::throttled_with_losses(),
        throttling::throttled_by_the_store(),
        throttling::two_behind_one_address(),
        throttling::below_the_limit(),
        refusals::rejected(),
        refusals::old_password(),
        refusals::cancelled(),
        refusals::accepted_in_the_end(),
        refusals::locked_out(),
        refusals::locked_out_since_before(),
        refusals::few_refusals(),
        limits::turned_away(),
        limits::turned_away_silently(),
        limits::turned_away_by_address(),
        limits::many_but_not_too_many(),
        encryption::login_disabled(),
        encryption::not_listed_but_accepted(),
        encryption::starttls(),
        service::unavailable(),
        service::argument_error(),
        service::restarted(),
        service::said_goodbye(),
        service::goodbye_out_of_order(),
        service::failed_too_often(),
        service::idle(),
        service::restarted_while_silent(),
        service::too_long(),
        service::long_literal(),
        encryption::no_certificate(),
        encryption::no_starttls(),
        encryption::goodbye_to_a_hello(),
        encryption::full_on_the_port_of_tls(),
        encryption::plaintext(),
        encryption::no_plaintext(),
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

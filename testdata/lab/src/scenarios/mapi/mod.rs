//! MAPI sessions through a load balancer, and what becomes of them.

mod affinity;
mod endpoints;
mod http;
mod refusals;
mod resets;

use std::net::{IpAddr, Ipv4Addr};

use crate::cuc::{Lab, at};
use crate::rpc::{ASYNC, Answer, Bound, EMSMDB, Line, Security, handle};
use crate::scenario::Scenario;
use crate::site::{far, near};
use crate::tcp::{Host, Stack};
use crate::time::{MICROSECOND, Nanos};
use crate::trace::PacketId;

const UNITY: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 10, 50, 21));
const VIP: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 10, 20, 100));
const SNAT: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 10, 20, 99));

const CAS: [IpAddr; 2] =
    [IpAddr::V4(Ipv4Addr::new(10, 10, 20, 111)), IpAddr::V4(Ipv4Addr::new(10, 10, 20, 112))];

const PORT: u16 = 59_532;
const GROUPS: [u32; 2] = [0x0d1c_02be, 0x02fa_32a6];
const MISMATCH: Answer = Answer::Fault(0x1c00_001a);
const NAMES: [&str; 2] = ["cas1.corp.example.com", "cas2.corp.example.com"];

pub(super) fn scenarios() -> Vec<Scenario> {
    vec![
        affinity::spread_seen_behind(),
        affinity::spread_sealed(),
        affinity::spread_in_clear(),
        affinity::joined_elsewhere(),
        affinity::join_refused(),
        affinity::older_than_the_capture(),
        affinity::two_machines(),
        resets::reset_by_another_node(),
        resets::reset_by_a_firewall(),
        affinity::sticky(),
        affinity::two_profiles(),
        affinity::dead_group(),
        affinity::dead_group_at_the_end(),
        affinity::restart(),
        refusals::refused_login(),
        refusals::connect_failed(),
        refusals::connected(),
        refusals::session_limit(),
        refusals::few_sessions(),
        refusals::not_encrypted(),
        refusals::denied_although_encrypted(),
        refusals::busy(),
        refusals::parked(),
        resets::reset_in_a_call(),
        resets::reset_after_close(),
        resets::idle_reset(),
        resets::client_gone(),
        resets::reset_at_once(),
        http::http_session_spread(),
        http::http_session_at_home(),
        http::http_channels_spread(),
        http::http_channels_at_home(),
        http::http_session_lost(),
        http::http_busy(),
        endpoints::endpoint_refused(),
        endpoints::endpoint_silent(),
        endpoints::endpoint_answers(),
    ]
}

fn unity() -> Host {
    near(UNITY, Stack::Windows)
}

fn array() -> (Host, u16) {
    (far(VIP, Stack::Windows), PORT)
}

fn named(server: usize, level: u8) -> Option<Security> {
    Some(Security { level, server: NAMES[server] })
}

fn bound(at: Nanos, security: Option<Security>, presented: u32, granted: u32) -> Line {
    Line::new(at, security).bind(&[EMSMDB, ASYNC], presented, Bound::Group(granted))
}

/// A session on the first server: connect, and work from minute 1 to minute 9.
fn session(security: Option<Security>) -> Line {
    let line = bound(at(0, 30), security, 0, GROUPS[0]).connect(at(0, 31), handle(1), 0);
    (1..=9).fold(line, |line, minute| line.work(at(minute, 0), handle(1))).close(at(9, 30))
}

fn scenario(path: &str, text: &str, lab: Lab) -> Scenario {
    Scenario::new(path, text, lab).told(&[], &[], &[])
}

/// Only other rules than these may fire.
fn quiet(scenario: Scenario, rules: &[&str]) -> Scenario {
    rules.iter().fold(scenario, |scenario, rule| scenario.forbid(&format!("mapi-{rule}")))
}

/// One leg to the balancer and one to a server, captured on the balancer.
fn through(lab: &mut Lab, line: &Line, server: usize) -> Vec<PacketId> {
    let (balancer, cas) = (near(SNAT, Stack::Linux), near(CAS[server], Stack::Windows));
    let packets = line.play_late(
        lab,
        far(UNITY, Stack::Windows),
        (near(VIP, Stack::Linux), PORT),
        [0, 400 * MICROSECOND],
    );
    line.play_late(lab, balancer, (cas, PORT), [400 * MICROSECOND, 0]);
    packets
}

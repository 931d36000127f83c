use super::imap_closed::ImapPortClosed;
use super::notify_closed::NotifyPortClosed;
use super::notify_filtered::NotifyPortFiltered;
use crate::config::Config;
use crate::facts::testing::{connection, ip, moment};
use crate::flow::Handshake::{Full, Partial, Refused, Unanswered};
use crate::flow::{Connection, Unreachable};
use crate::rules::testing::{capture, findings};
use crate::rules::{Confidence, Finding, Rule, Value};

const EXCHANGE: &str = "10.0.0.1:6005";
const CUC: &str = "10.0.0.9:7080";
/// An attempt that is not repeated, in second 60.
const ONCE: u64 = 60;

fn check(rule: &dyn Rule, connections: Vec<Connection>) -> Vec<Finding> {
    findings(rule, capture(600, connections), &Config::default())
}

/// An unanswered attempt whose SYN was sent `syns` times.
fn unanswered(number: u64, syns: u32) -> Connection {
    Connection { syn_count: syns, ..connection(number, EXCHANGE, CUC, Unanswered) }
}

fn refused(number: u64, ttl: u8) -> Connection {
    let mut made = connection(number, EXCHANGE, CUC, Refused);
    if let Some(reset) = &mut made.reset {
        (reset.ttl, reset.at) = (ttl, moment(number + 1, number as i64));
    }
    made
}

/// A connection that shows the host's own TTL, 64.
fn other_traffic() -> Connection {
    connection(1, "10.0.0.9:40000", "10.0.0.1:443", Full)
}

fn from_cuc(ttl: u8) -> Connection {
    let mut made = other_traffic();
    made.sides[0].ttl_range = (ttl, ttl);
    made
}

#[test]
fn a_reset_with_the_hosts_own_ttl_proves_a_closed_port() {
    let found = check(&NotifyPortClosed, vec![from_cuc(60), refused(10, 60), refused(20, 60)]);
    assert_eq!(found.len(), 1);
    let finding = &found[0];
    assert_eq!((finding.subject.id.as_str(), finding.confidence), ("10.0.0.9", Confidence::Proven));
    assert_eq!(finding.subject.also, ["10.0.0.1", "10.0.0.9:7080"]);
    assert_eq!((finding.count, &finding.values["refused"]), (2, &Value::Count(2)));
    let frames: Vec<u64> = finding.evidence.iter().map(|item| item.frame).collect();
    assert_eq!(frames, [10, 11, 20, 21]);
    assert!(finding.remedy.contains("show open ports regexp 7080"), "{}", finding.remedy);
}

#[test]
fn a_reset_with_another_ttl_is_a_firewalls() {
    let connections = vec![from_cuc(60), refused(10, 254)];
    assert_eq!(check(&NotifyPortClosed, connections.clone()), []);
    let found = check(&NotifyPortFiltered, connections);
    assert_eq!(found[0].confidence, Confidence::Likely);
    assert!(found[0].title.contains("rejected on the way"), "{}", found[0].title);
    assert!(found[0].detail.contains("TTL 254"), "{}", found[0].detail);
}

#[test]
fn without_other_packets_only_an_initial_ttl_proves_the_host() {
    assert_eq!(check(&NotifyPortClosed, vec![refused(10, 63)])[0].confidence, Confidence::Likely);
    assert_eq!(check(&NotifyPortClosed, vec![refused(10, 64)])[0].confidence, Confidence::Proven);
}

#[test]
fn a_reset_after_the_handshake_is_no_closed_port() {
    let mut opened = connection(10, EXCHANGE, CUC, Full);
    opened.reset = refused(10, 64).reset;
    assert_eq!(check(&NotifyPortClosed, vec![opened]), []);
}

#[test]
fn each_service_has_its_ports() {
    let mut tried = refused(10, 64);
    tried.resp.port = 993;
    assert_eq!(check(&NotifyPortClosed, vec![tried.clone()]), []);
    assert_eq!(check(&ImapPortClosed, vec![tried]).len(), 1);
}

#[test]
fn two_copies_of_a_syn_without_answer_prove_a_filtered_port() {
    let found = check(&NotifyPortFiltered, vec![unanswered(10, 3)]);
    assert_eq!((found[0].subject.id.as_str(), found[0].confidence), ("10.0.0.9", Confidence::Proven));
    assert_eq!(found[0].values["unanswered"], Value::Count(1));
    assert_eq!(check(&NotifyPortFiltered, vec![unanswered(10, 2)]), []);
}

#[test]
fn three_attempts_in_a_row_make_up_for_copies() {
    let once = |number| unanswered(number, 1);
    let found = check(&NotifyPortFiltered, vec![once(10), once(20), once(30)]);
    assert_eq!((found[0].count, found[0].confidence), (3, Confidence::Likely));
    let opened = connection(25, EXCHANGE, CUC, Full);
    assert_eq!(check(&NotifyPortFiltered, vec![once(10), once(20), opened, once(30)]), []);
}

#[test]
fn an_attempt_shortly_before_the_end_had_no_time() {
    let late = [595, 596, 597].map(|number| unanswered(number, 1));
    assert_eq!(check(&NotifyPortFiltered, late.into()), []);
}

#[test]
fn a_capture_of_one_direction_proves_nothing_unanswered() {
    let unheard = connection(5, EXCHANGE, "10.0.0.9:443", Partial);
    assert_eq!(check(&NotifyPortFiltered, vec![unheard, unanswered(10, 3)]), []);
}

#[test]
fn an_icmp_error_proves_it_at_once() {
    let mut tried = unanswered(ONCE, 1);
    let prohibited = Unreachable { at: moment(61, 60), from: ip("10.0.0.254"), v6: false, code: 13 };
    tried.rare_mut().unreachable = Some(prohibited);
    let found = check(&NotifyPortFiltered, vec![tried.clone()]);
    assert_eq!((found[0].confidence, found[0].evidence.len()), (Confidence::Proven, 2));
    assert!(found[0].detail.contains("administratively prohibited"), "{}", found[0].detail);
    tried.rare_mut().unreachable = Some(Unreachable { code: 4, ..prohibited });
    assert_eq!(check(&NotifyPortFiltered, vec![tried]), []);
}

#[test]
fn success_before_is_told_and_success_after_makes_it_passing() {
    let opened = |number| connection(number, EXCHANGE, CUC, Full);
    let before = check(&NotifyPortFiltered, vec![opened(5), unanswered(10, 3)]);
    assert_eq!(before[0].confidence, Confidence::Proven);
    assert!(before[0].detail.contains("before the first failure: 1."), "{}", before[0].detail);
    let after = check(&NotifyPortFiltered, vec![unanswered(10, 3), opened(30), unanswered(40, 3)]);
    assert_eq!(after[0].confidence, Confidence::Likely);
    assert_eq!((after[0].count, &after[0].values["attempts"]), (2, &Value::Count(3)));
    assert_eq!(after[0].caveats.len(), 1);
}

#[test]
fn success_of_another_client_does_not_make_it_passing() {
    let other = connection(30, "10.0.0.2:6005", CUC, Full);
    let found = check(&NotifyPortFiltered, vec![unanswered(10, 3), other, unanswered(40, 3)]);
    assert_eq!(found[0].confidence, Confidence::Proven);
    assert!(found[0].detail.contains("Connections of 10.0.0.2"), "{}", found[0].detail);
}

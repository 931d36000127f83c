//! The rules on hand-made replies.

use std::sync::Arc;

use crate::config::Config;
use crate::facts::SmtpRow;
use crate::facts::testing::{connection, endpoint, moment};
use crate::flow::{FlowId, Handshake};
use crate::proto::smtp::{Enhanced, Verb};
use crate::rules::testing::{capture, findings};
use crate::rules::{Confidence, Finding, Rule, Severity};

use super::*;

/// A reply as written, to a command of `10.0.0.8` on connection 1.
pub(super) fn row(command: Option<Verb>, said: &str) -> SmtpRow {
    let mut words = said.splitn(3, ' ');
    let code = words.next().unwrap().parse().unwrap();
    let digits: Vec<u16> = words.next().unwrap().split('.').filter_map(|part| part.parse().ok()).collect();
    let enhanced = match digits[..] {
        [class, subject, detail] => Some(Enhanced(class as u8, subject, detail)),
        _ => None,
    };
    let text = if enhanced.is_some() { words.next().unwrap_or_default() } else { &said[4..] };
    SmtpRow {
        flow: FlowId(1),
        client: endpoint("10.0.0.8:50000"),
        server: endpoint("10.0.0.1:25"),
        command,
        argument: None,
        credentials: None,
        asked: command.map(|_| moment(10, 10)),
        is_greeting: false,
        code,
        enhanced,
        text: text.into(),
        first: moment(11, 11),
        last: moment(11, 11),
    }
}

fn to(mut row: SmtpRow, address: &str) -> SmtpRow {
    row.argument = Some(Arc::from(address));
    row
}

fn at(mut row: SmtpRow, frame: u64) -> SmtpRow {
    (row.first, row.last) = (moment(frame, frame as i64), moment(frame, frame as i64));
    row.asked = row.asked.map(|_| moment(frame - 1, frame as i64 - 1));
    row
}

fn check(rule: &dyn Rule, rows: Vec<SmtpRow>) -> Vec<Finding> {
    let mut facts = capture(600, vec![connection(1, "10.0.0.8:50000", "10.0.0.1:25", Handshake::Full)]);
    facts.smtp = rows;
    findings(rule, facts, &Config::default())
}

#[test]
fn each_limit_is_told_by_its_own_rule() {
    let rules: [(&dyn Rule, &str); 3] = [
        (&SmtpConnectionLimit, "421 4.3.2 The maximum number of concurrent connections has exceeded a limit"),
        (
            &SmtpRateLimit,
            "421 4.4.2 Message submission rate for this client has exceeded the configured limit",
        ),
        (&SmtpBackpressure, "452 4.3.1 Insufficient system resources"),
    ];
    for (index, (rule, _)) in rules.iter().enumerate() {
        for (other, (_, said)) in rules.iter().enumerate() {
            let found = check(*rule, vec![row(Some(Verb::Mail), said)]);
            assert_eq!(found.len(), usize::from(index == other), "{said}");
            if let [finding] = &found[..] {
                assert_eq!((finding.severity, finding.confidence), (Severity::Error, Confidence::Proven));
                assert_eq!(finding.subject.id, "10.0.0.8");
                assert!(finding.subject.also.contains(&"10.0.0.1".to_owned()));
            }
        }
    }
    assert!(check(&SmtpRejected, rules.map(|(_, said)| row(Some(Verb::Mail), said)).to_vec()).is_empty());
}

#[test]
fn a_paused_service_is_only_possibly_short_of_resources() {
    let found = check(&SmtpBackpressure, vec![row(None, "421 4.3.2 Service not available")]);
    assert_eq!(found[0].confidence, Confidence::Possible);
    assert!(!found[0].caveats.is_empty());
}

#[test]
fn severity_follows_whom_the_refusal_is_about() {
    for (verb, said, severity) in [
        (Verb::Auth, "535 5.7.3 Authentication unsuccessful", Severity::Error),
        (Verb::Rcpt, "550 5.7.1 Unable to relay", Severity::Error),
        (
            Verb::Data,
            "550 5.7.60 SMTP; Client does not have permissions to send as this sender",
            Severity::Error,
        ),
        (Verb::Rcpt, "550 5.1.1 User unknown", Severity::Warning),
        (Verb::Rcpt, "451 4.7.0 Temporary server error. Please try again later. PRX3", Severity::Warning),
    ] {
        let found = check(&SmtpRejected, vec![row(Some(verb), said)]);
        assert_eq!(found.iter().map(|finding| finding.severity).collect::<Vec<_>>(), [severity], "{said}");
    }
}

#[test]
fn what_is_accepted_on_the_second_try_is_only_worth_a_note() {
    let refused = || to(row(Some(Verb::Rcpt), "451 4.7.1 Greylisted, try again"), "a@b");
    let accepted = |address, frame| at(to(row(Some(Verb::Rcpt), "250 2.1.5 ok"), address), frame);
    let severity = |rows| check(&SmtpRejected, rows)[0].severity;
    assert_eq!(severity(vec![refused(), accepted("a@b", 20)]), Severity::Info);
    assert_eq!(severity(vec![refused(), accepted("other@b", 20)]), Severity::Warning);
    assert_eq!(severity(vec![accepted("a@b", 5), refused()]), Severity::Warning);
}

#[test]
fn a_client_that_feels_its_way_is_not_refused() {
    let success = at(row(Some(Verb::Auth), "235 2.7.0 ok"), 20);
    let refused = [
        row(Some(Verb::Auth), "504 5.7.4 Unrecognized authentication type"),
        row(Some(Verb::Mail), "530 5.7.1 Client was not authenticated"),
    ];
    for refused in refused {
        assert_eq!(check(&SmtpRejected, vec![refused.clone(), success.clone()]).len(), 0);
        assert_eq!(check(&SmtpRejected, vec![refused]).len(), 1);
    }
}

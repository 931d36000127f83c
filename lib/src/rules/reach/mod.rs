//! Rules about services that cannot be reached: one check, one rule per service and way of failing.
//!
//! A port is closed when the host itself answers a SYN with a reset. It is filtered when nothing answers, or when
//! somebody else does: a router by ICMP, a firewall by a reset of its own.

mod attempts;

pub(super) mod imap_closed;
pub(super) mod imap_filtered;
pub(super) mod mapi_closed;
pub(super) mod mapi_filtered;
pub(super) mod notify_closed;
pub(super) mod notify_filtered;
pub(super) mod smtp_closed;
pub(super) mod smtp_filtered;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::draft::shown;
use super::{Confidence, Context, Draft, Findings, SubjectKind, View};
use crate::capture::Vantage;
use crate::facts::Service;
use crate::flow::Endpoint;
use attempts::{Answer, Failure, Server};

/// Names that a finding lists of each kind.
const NAMED: usize = 64;

/// States each server whose own resets refuse connections to a service.
pub(crate) fn closed(cx: &Context<'_>, service: Service, out: &mut Findings<'_>) {
    for view in &cx.views {
        for server in attempts::servers(view, service) {
            let failures = server.refused();
            if !failures.is_empty() {
                out.push(state(view, service, &server, &failures, "closed"));
            }
        }
    }
}

/// States each server that something keeps from answering on a service.
pub(crate) fn filtered(cx: &Context<'_>, service: Service, out: &mut Findings<'_>) {
    for view in &cx.views {
        let one_way = view.is_one_way();
        for server in attempts::servers(view, service) {
            let mut failures = server.filtered(view.end());
            if one_way || server.is_seen_one_way() {
                // Where answers are not captured, only an answer proves anything.
                failures.retain(|failure| {
                    matches!(failure.answer, Answer::Icmp(_) | Answer::ForeignReset { .. })
                });
            }
            if !failures.is_empty() {
                out.push(state(view, service, &server, &failures, "filtered"));
            }
        }
    }
}

fn state(
    view: &View<'_>,
    service: Service,
    server: &Server<'_>,
    failures: &[Failure<'_>],
    how: &str,
) -> Draft {
    let ports: BTreeSet<u16> = failures.iter().map(|failure| failure.connection.resp.port).collect();
    let clients: BTreeSet<IpAddr> = failures.iter().map(|failure| failure.connection.orig.ip).collect();
    let ports_named = listed(&ports);
    let ip = server.ip;
    let silent = failures.iter().any(|failure| failure.answer == Answer::Nothing);
    let what = match (how, silent) {
        ("closed", _) => format!("{ip} refuses connections to TCP {ports_named}"),
        (_, true) => format!("{ip} does not answer on TCP {ports_named}"),
        (_, false) => format!("Connections to {ip} TCP {ports_named} are rejected on the way"),
    };
    let others = server.others(failures);
    let tried = others.within + failures.len();
    let mut detail = format!("{} of {tried} attempts by {}", failures.len(), listed(&clients));
    detail += &spoken_span(failures);
    detail += &answers(failures);
    detail += &worked(&others, &clients);
    detail += &reached(view, service, silent);
    let mut draft = Draft::new(SubjectKind::Server, ip.to_string(), format!("{what} ({})", name(service)))
        .also_all(clients.iter().take(NAMED))
        .also_all(ports.iter().take(NAMED).map(|&port| Endpoint { ip, port }))
        .detail(detail)
        .count(failures.len())
        .value("attempts", tried)
        .value(
            "refused",
            number(failures, |answer| matches!(answer, Answer::Reset { .. } | Answer::ForeignReset { .. })),
        )
        .value("unanswered", number(failures, |answer| *answer == Answer::Nothing))
        .value("icmp", number(failures, |answer| matches!(answer, Answer::Icmp(_))))
        .value("ports", names(&ports))
        .value("clients", names(&clients));
    draft = judge(draft, failures, others.after);
    for failure in shown(failures, 2) {
        draft = evidence(draft, view, failure);
    }
    draft
}

/// How sure it is, and what else it may be.
fn judge(mut draft: Draft, failures: &[Failure<'_>], worked_after: usize) -> Draft {
    if !failures.iter().any(Failure::is_proof) {
        draft = draft.confidence(Confidence::Likely).caveat(doubt(failures));
    }
    if worked_after > 0 {
        draft = draft.confidence(Confidence::Likely).caveat(format!(
            "It is not lasting: after the first failure {worked_after} attempts of the same clients succeeded. A \
             restart of the service, an overload or one of several nodes behind the address would look like this."
        ));
    }
    draft
}

fn doubt(failures: &[Failure<'_>]) -> &'static str {
    let has = |wanted: fn(&Answer) -> bool| failures.iter().any(|failure| wanted(&failure.answer));
    if has(|answer| matches!(answer, Answer::ForeignReset { .. })) {
        "The hop count of the resets is not that of the server's other packets: a firewall sent them, or the other \
         packets come from a device in front of the server."
    } else if has(|answer| matches!(answer, Answer::Reset { .. })) {
        "No other packet of the server was captured to compare with: a firewall may have sent the resets in its name."
    } else {
        "No attempt was repeated often enough to exclude the loss of single packets; a longer capture would tell."
    }
}

/// When the failures began and ended.
fn spoken_span(failures: &[Failure<'_>]) -> String {
    match failures {
        [] => String::new(),
        [one] => format!(" at {} failed.", one.connection.first.time),
        [first, .., last] => {
            format!(" from {} to {} failed.", first.connection.first.time, last.connection.first.time)
        }
    }
}

/// What answered the SYNs, by kind.
fn answers(failures: &[Failure<'_>]) -> String {
    let mut said: BTreeMap<String, usize> = BTreeMap::new();
    for failure in failures {
        *said.entry(failure.answer.spoken()).or_default() += 1;
    }
    let mut sentences: String =
        said.iter().take(4).map(|(answer, times)| format!(" {times} times {answer}.")).collect();
    let again = failures
        .iter()
        .filter(|failure| failure.answer == Answer::Nothing)
        .map(|failure| failure.connection.syn_count.saturating_sub(1))
        .max();
    if let Some(again) = again.filter(|again| *again > 0) {
        sentences += &format!(" A SYN was sent again up to {again} times.");
    }
    sentences
}

/// The attempts that succeeded, before and after, and those of other clients.
fn worked(others: &attempts::Others, clients: &BTreeSet<IpAddr>) -> String {
    let mut sentences = String::new();
    if others.before > 0 {
        sentences += &format!(" Before the first failure {} attempts were accepted.", others.before);
    }
    if others.after > 0 {
        sentences += &format!(" After it {} attempts were accepted.", others.after);
    }
    let elsewhere: BTreeSet<IpAddr> = others.clients.difference(clients).copied().collect();
    if !elsewhere.is_empty() {
        sentences += &format!(" Connections of {} to the same port were accepted.", listed(&elsewhere));
    }
    sentences
}

/// What the place of the capture adds: a SYN that is seen at the server was not lost on the way.
fn reached(view: &View<'_>, service: Service, silent: bool) -> String {
    let at_server = match service {
        Service::Notify => view.is_at(Vantage::Cuc),
        _ => view.is_at(Vantage::Exchange),
    };
    if silent && at_server {
        return " The capture was taken at the server: the SYNs arrive, and its own firewall or a full listen queue \
                drops them."
            .to_owned();
    }
    String::new()
}

fn evidence(draft: Draft, view: &View<'_>, failure: &Failure<'_>) -> Draft {
    let connection = failure.connection;
    let flow = Some(connection.id);
    let syn = connection.syn.as_ref().map_or(connection.first, |syn| syn.at);
    let draft = draft.evidence(view, flow, syn, "SYN");
    let (at, note) = match failure.answer {
        Answer::Nothing => {
            (connection.last_syn.unwrap_or(syn), "last copy of the SYN, not answered".to_owned())
        }
        Answer::Icmp(icmp) => (icmp.at, failure.answer.spoken()),
        Answer::Reset { at, .. } | Answer::ForeignReset { at, .. } => (at, failure.answer.spoken()),
    };
    if at.frame == syn.frame {
        return draft;
    }
    draft.evidence(view, flow, at, note)
}

fn number(failures: &[Failure<'_>], is: impl Fn(&Answer) -> bool) -> usize {
    failures.iter().filter(|failure| is(&failure.answer)).count()
}

fn names<T: ToString>(all: &BTreeSet<T>) -> Vec<String> {
    all.iter().take(NAMED).map(T::to_string).collect()
}

/// Several names in a sentence.
fn listed<T: ToString>(all: &BTreeSet<T>) -> String {
    let first: Vec<String> = all.iter().take(4).map(T::to_string).collect();
    match all.len().saturating_sub(first.len()) {
        0 => first.join(", "),
        more => format!("{} and {more} more", first.join(", ")),
    }
}

/// What a service is called in a sentence.
fn name(service: Service) -> &'static str {
    match service {
        Service::Notify => "push notifications",
        Service::Imap => "IMAP",
        Service::Smtp => "SMTP",
        Service::Epm => "RPC endpoint mapper",
        Service::Tls => "HTTPS",
        Service::Ping => "ping",
    }
}

#[cfg(test)]
mod tests;

//! Rules about services that cannot be reached: one check, one rule per service and way of failing.
//!
//! A port is closed when the host itself answers a SYN with a reset. It is filtered when nothing answers, or when
//! somebody else does: a router by ICMP, a firewall by a reset of its own.

pub(in crate::rules) mod attempts;
mod words;

pub(super) mod exchange_unreachable;
pub(super) mod imap_closed;
pub(super) mod imap_filtered;
pub(super) mod mapi_closed;
pub(super) mod mapi_filtered;
pub(super) mod notify_closed;
pub(super) mod notify_filtered;
pub(super) mod smtp_closed;
pub(super) mod smtp_filtered;

use std::collections::BTreeSet;

use super::draft::shown;
use super::{Confidence, Context, Draft, Findings, SubjectKind, Try, View};
use crate::facts::Service;
use crate::flow::Endpoint;
use attempts::{Answer, Failure, Server};

/// Names that a finding lists of each kind.
const NAMED: usize = 64;

/// States each server whose own resets refuse connections to a service.
pub(crate) fn closed(cx: &Context<'_>, service: Service, out: &mut Findings<'_>) {
    for view in &cx.views {
        for server in view.servers(service) {
            let mut failures = server.refused();
            failures.retain(|failure| !is_forged(cx, view, failure));
            if !failures.is_empty() {
                out.push(state(cx, view, service, server, &failures));
            }
        }
    }
}

/// States each server that something keeps from answering on a service.
pub(crate) fn filtered(cx: &Context<'_>, service: Service, out: &mut Findings<'_>) {
    for view in &cx.views {
        let one_way = view.is_one_way();
        for server in view.servers(service) {
            let mut failures = server.filtered(view.end());
            if one_way || server.is_seen_one_way() {
                // Where answers are not captured, their absence proves nothing.
                failures.retain(|failure| failure.answer != Answer::Nothing);
            }
            let mut forged = server.refused();
            forged.retain(|failure| is_forged(cx, view, failure));
            if !forged.is_empty() {
                failures.append(&mut forged);
                failures.sort_by_key(|failure| failure.connection.id);
            }
            if !failures.is_empty() {
                out.push(state(cx, view, service, server, &failures));
            }
        }
    }
}

/// Whether the other end of the path shows that something between sent the reset.
fn is_forged(cx: &Context<'_>, view: &View<'_>, failure: &Failure<'_>) -> bool {
    cx.try_of(view, failure.connection) == Some(Try::RefusedBetween)
}

/// What the other end of the path shows of these attempts.
fn beyond(cx: &Context<'_>, view: &View<'_>, failures: &[Failure<'_>]) -> String {
    const SAYINGS: [(Try, &str); 5] = [
        (Try::NeverArrived, "never arrived there: the packets are lost on the way"),
        (Try::AnswerLost, "arrived there and were answered: the answers are lost on the way back"),
        (
            Try::Ignored,
            "arrived there and were not answered: the host's own firewall or listen queue drops them",
        ),
        (Try::RefusedBetween, "were refused by something between: no reset left the host"),
        (Try::Refused, "were refused by the host itself"),
    ];
    let end = if cx.is_far_end(view) { "Exchange" } else { "the Cisco side" };
    let said = SAYINGS.iter().filter_map(|(what, saying)| {
        let number =
            failures.iter().filter(|failure| cx.try_of(view, failure.connection) == Some(*what)).count();
        (number > 0).then(|| format!(" The capture at {end} shows that {number} of them {saying}."))
    });
    said.collect()
}

fn state(
    cx: &Context<'_>,
    view: &View<'_>,
    service: Service,
    server: &Server<'_>,
    failures: &[Failure<'_>],
) -> Draft {
    let ip = server.ip;
    let ports: BTreeSet<u16> = failures.iter().map(|f| f.connection.resp.port).collect();
    let clients = attempts::clients(failures);
    let number = |is: fn(&Answer) -> bool| failures.iter().filter(|failure| is(&failure.answer)).count();
    let unanswered = number(|answer| *answer == Answer::Nothing);
    let icmp = number(|answer| matches!(answer, Answer::Icmp(_)));
    let others = server.others(failures);
    let attempts = failures.len() + others.within;
    let draft = Draft::new(SubjectKind::Server, ip.to_string(), words::title(ip, &ports, service, failures));
    let draft = draft
        .also_all(clients.iter().take(NAMED))
        .also_all(ports.iter().take(NAMED).map(|&port| Endpoint { ip, port }))
        .detail(words::detail(view, service, &clients, failures, &others) + &beyond(cx, view, failures))
        .count(failures.len())
        .value("attempts", attempts)
        .value("refused", failures.len() - unanswered - icmp)
        .value("unanswered", unanswered)
        .value("icmp", icmp)
        .value("ports", named(&ports))
        .value("clients", named(&clients));
    let proven = failures.iter().any(|failure| failure.is_proof() || is_forged(cx, view, failure));
    let draft = judge(draft, failures, proven, others.after);
    shown(failures, 2).fold(draft, |draft, failure| show(draft, view, failure))
}

/// How sure it is, and what else it may be.
fn judge(mut draft: Draft, failures: &[Failure<'_>], proven: bool, accepted_after: usize) -> Draft {
    if !proven {
        draft = draft.confidence(Confidence::Likely).caveat(words::doubt(failures));
    }
    if accepted_after > 0 {
        draft = draft.confidence(Confidence::Likely).caveat(words::passing(accepted_after));
    }
    draft
}

fn show(draft: Draft, view: &View<'_>, failure: &Failure<'_>) -> Draft {
    let connection = failure.connection;
    let flow = Some(connection.id);
    let syn = connection.syn.as_ref().map_or(connection.first(), |syn| syn.at);
    let draft = draft.evidence(view, flow, syn, "SYN");
    let (at, note) = match failure.answer {
        Answer::Nothing => {
            (connection.last_syn().unwrap_or(syn), "last copy of the SYN, not answered".to_owned())
        }
        Answer::Icmp(icmp) => (icmp.at, words::answer(&failure.answer)),
        Answer::Reset { at, .. } | Answer::ForeignReset { at, .. } => (at, words::answer(&failure.answer)),
    };
    if at.frame == syn.frame {
        return draft;
    }
    draft.evidence(view, flow, at, note)
}

fn named<T: ToString>(all: &BTreeSet<T>) -> Vec<String> {
    all.iter().take(NAMED).map(T::to_string).collect()
}

#[cfg(test)]
mod tests;

//! What is said of attempts that failed.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::attempts::{self, Answer, Failure, Others};
use crate::capture::Vantage;
use crate::facts::Service;
use crate::flow::Unreachable;
use crate::rules::View;

/// Names and kinds that a sentence can hold.
const HELD: usize = 4;

/// The failure in one sentence.
pub(super) fn title(ip: IpAddr, ports: &BTreeSet<u16>, service: Service, failures: &[Failure<'_>]) -> String {
    let any = |is: fn(&Answer) -> bool| failures.iter().any(|failure| is(&failure.answer));
    let (ports, service) = (listed(ports), name(service));
    if any(|answer| *answer == Answer::Nothing) {
        format!("{ip} does not answer on TCP {ports} ({service})")
    } else if any(|answer| matches!(answer, Answer::Reset { .. })) {
        format!("{ip} refuses connections to TCP {ports} ({service})")
    } else {
        format!("Connections to {ip} TCP {ports} ({service}) are rejected on the way")
    }
}

/// Who tried, when, what came back, and what else was seen of the same service.
pub(super) fn detail(
    view: &View<'_>,
    service: Service,
    clients: &BTreeSet<IpAddr>,
    failures: &[Failure<'_>],
    others: &Others,
) -> String {
    // As the product's troubleshooter calls it.
    let verdict = if service == Service::Tls { "Network Error: " } else { "" };
    let mut detail = verdict.to_owned() + &tried(failures, others, clients);
    detail += &answers(failures);
    if others.before > 0 {
        detail += &format!(" Attempts accepted before the first failure: {}.", others.before);
    }
    if others.after > 0 {
        detail += &format!(" Attempts accepted after it: {}.", others.after);
    }
    let elsewhere: BTreeSet<IpAddr> = others.clients.difference(clients).copied().collect();
    if !elsewhere.is_empty() {
        detail += &format!(" Connections of {} to the same port were accepted.", listed(&elsewhere));
    }
    let silent = failures.iter().any(|failure| failure.answer == Answer::Nothing);
    if silent && is_at_server(view, service) {
        detail += " The capture was taken at the server: the SYNs arrive, and its own firewall or a full listen \
                   queue drops them.";
    }
    detail
}

/// What came back, for a sentence.
pub(super) fn answer(answer: &Answer) -> String {
    match answer {
        Answer::Nothing => "a SYN without an answer".to_owned(),
        Answer::Icmp(icmp) => format!("a SYN to which {}", unreachable(icmp)),
        Answer::Reset { known: true, .. } => "a SYN that the host itself answered with a reset".to_owned(),
        Answer::Reset { .. } => "a SYN that was answered with a reset".to_owned(),
        Answer::ForeignReset { ttl, host, .. } => {
            let usual = match host {
                (low, high) if low == high => low.to_string(),
                (low, high) => format!("{low} to {high}"),
            };
            format!(
                "a SYN that was answered with a reset of TTL {ttl}, while the host's other packets have TTL {usual}, so \
                 a firewall rejects in its name"
            )
        }
    }
}

/// Why the failures are not beyond doubt.
pub(super) fn doubt(failures: &[Failure<'_>]) -> &'static str {
    let any = |is: fn(&Answer) -> bool| failures.iter().any(|failure| is(&failure.answer));
    if any(|answer| matches!(answer, Answer::ForeignReset { .. })) {
        "The hop count of the resets is not that of the server's other packets: a firewall sent them, or the other \
         packets come from a device in front of the server."
    } else if any(|answer| matches!(answer, Answer::Reset { .. })) {
        "No other packet of the server was captured to compare with: a firewall may have sent the resets in its name."
    } else {
        "No attempt was repeated often enough to exclude the loss of single packets; a longer capture would tell."
    }
}

/// That it did not last.
pub(super) fn passing(accepted_after: usize) -> String {
    format!(
        "It is not lasting: after the first failure the same clients were accepted {}. A restart of the service, an \
         overload, or one of several nodes behind the address would look like this.",
        times(accepted_after)
    )
}

fn tried(failures: &[Failure<'_>], others: &Others, clients: &BTreeSet<IpAddr>) -> String {
    let by = listed(clients);
    match failures {
        [] => String::new(),
        [one] => format!("An attempt by {by} at {} failed.", one.connection.first().time.in_words()),
        [first, .., last] => format!(
            "From {} to {}, {} of {} attempts by {by} failed.",
            first.connection.first().time.in_words(),
            last.connection.first().time.in_words(),
            failures.len(),
            failures.len() + others.within,
        ),
    }
}

/// What answered the SYNs, by kind.
fn answers(failures: &[Failure<'_>]) -> String {
    let kinds = attempts::kinds(failures);
    let mut kinds: Vec<(String, usize)> =
        kinds.iter().map(|(kind, number)| (answer(kind), *number)).collect();
    kinds.sort();
    let kinds = kinds.iter().take(HELD);
    let mut sentences: String =
        kinds.map(|(answer, number)| format!(" The capture shows, {}, {answer}.", times(*number))).collect();
    let silent = failures.iter().filter(|failure| failure.answer == Answer::Nothing);
    let again = silent.map(|failure| failure.connection.syn_count.saturating_sub(1));
    if let Some(again) = again.max().filter(|again| *again > 0) {
        sentences += &format!(" TCP repeated the SYN up to {}.", times(again as usize));
    }
    sentences
}

/// A SYN that is seen at the server was not lost on the way.
fn is_at_server(view: &View<'_>, service: Service) -> bool {
    match service {
        Service::Notify => view.is_at(Vantage::Cuc),
        _ => view.is_at(Vantage::Exchange),
    }
}

fn times(number: usize) -> String {
    match number {
        1 => "once".to_owned(),
        2 => "twice".to_owned(),
        _ => format!("{number} times"),
    }
}

/// Several names in a sentence.
fn listed<T: ToString>(all: &BTreeSet<T>) -> String {
    let first: Vec<String> = all.iter().take(HELD).map(T::to_string).collect();
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

/// What an ICMP code means: RFC 792 and RFC 1812 5.2.7.1; RFC 4443 3.1 for ICMPv6.
/// What an ICMP error says, as the end of a sentence.
pub(super) fn unreachable(icmp: &Unreachable) -> String {
    format!(
        "{} answered with {} destination unreachable, code {} ({})",
        icmp.from,
        if icmp.v6 { "ICMPv6" } else { "ICMP" },
        icmp.code,
        reason(icmp)
    )
}

fn reason(icmp: &Unreachable) -> &'static str {
    match (icmp.v6, icmp.code) {
        (false, 0) => "network unreachable",
        (false, 1) => "host unreachable",
        (false, 3) | (true, 4) => "port unreachable",
        (false, 9) => "network administratively prohibited",
        (false, 10) => "host administratively prohibited",
        (false, 13) | (true, 1) => "administratively prohibited",
        (true, 0) => "no route",
        (true, 2) => "beyond scope of source address",
        (true, 3) => "address unreachable",
        (true, 5) => "source address failed policy",
        (true, 6) => "reject route",
        _ => "unreachable",
    }
}

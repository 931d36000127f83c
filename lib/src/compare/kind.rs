//! What happens to a connection between two capture points, and what it changes.

use std::collections::BTreeSet;

use crate::facts::NotificationRow;
use crate::flow::{Close, Connection, Syn};

/// How two sightings of one notification or connection relate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "kebab-case"))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub enum PairKind {
    /// The same packets with the same addresses.
    Direct,
    /// The source address or port was rewritten.
    SourceNat,
    /// The destination address or port was rewritten.
    DestinationNat,
    /// Both were.
    DoubleNat,
    /// Another connection carried it on.
    Proxy,
    /// It was sent and did not arrive.
    Lost,
    /// It was seen at one place only, and the other could have missed it.
    Unmatched,
}

impl PairKind {
    /// All kinds.
    pub const ALL: [PairKind; 7] = [
        PairKind::Direct,
        PairKind::SourceNat,
        PairKind::DestinationNat,
        PairKind::DoubleNat,
        PairKind::Proxy,
        PairKind::Lost,
        PairKind::Unmatched,
    ];

    /// The word that reports use.
    pub const fn name(self) -> &'static str {
        match self {
            PairKind::Direct => "direct",
            PairKind::SourceNat => "source-nat",
            PairKind::DestinationNat => "destination-nat",
            PairKind::DoubleNat => "double-nat",
            PairKind::Proxy => "proxy",
            PairKind::Lost => "lost",
            PairKind::Unmatched => "unmatched",
        }
    }

    /// Whether an address or port was rewritten, and the connection is still the same.
    pub const fn is_translated(self) -> bool {
        matches!(self, PairKind::SourceNat | PairKind::DestinationNat | PairKind::DoubleNat)
    }

    /// Whether the packets that arrive are those that left, so that what is acknowledged has arrived.
    pub const fn is_one_connection(self) -> bool {
        matches!(self, PairKind::Direct) || self.is_translated()
    }
}

/// What lies between the two sightings of one connection.
pub(super) fn kind(exchange: &Connection, cuc: &Connection) -> PairKind {
    // Where nothing else tells: a translator that gives another port leaves the destination alone.
    let by_ends = || exchange.orig.port != cuc.orig.port && exchange.resp != cuc.resp;
    if is_terminated(exchange, cuc).unwrap_or_else(by_ends) {
        return PairKind::Proxy;
    }
    // One of them may have been seen from its answer on.
    if exchange.key() == cuc.key() {
        return PairKind::Direct;
    }
    match (exchange.orig != cuc.orig, exchange.resp != cuc.resp) {
        (true, false) => PairKind::SourceNat,
        (false, true) => PairKind::DestinationNat,
        _ => PairKind::DoubleNat,
    }
}

/// Whether something ended the connection and opened another: no translator makes a new initial sequence number,
/// except a firewall that randomises it and leaves the packet's identification and options alone. `None` for a
/// connection that was seen from its middle on and whose first bytes do not tell either.
pub(super) fn is_terminated(exchange: &Connection, cuc: &Connection) -> Option<bool> {
    let syns = exchange.syn.as_ref().zip(cuc.syn.as_ref());
    let answers = exchange.syn_ack.as_ref().zip(cuc.syn_ack.as_ref());
    match (syns, answers) {
        (Some((one, two)), _) => Some(one.isn != two.isn && !is_randomised(exchange, cuc)),
        (None, Some((one, two))) => Some(one.isn != two.isn),
        (None, None) if exchange.key() == cuc.key() => Some(false),
        (None, None) => {
            let openings = exchange.sides.iter().zip(&cuc.sides);
            let same = openings.filter_map(|(one, two)| one.opening.zip(two.opening));
            let mut same = same.filter(|(one, two)| one.prefix() == two.prefix());
            same.next().map(|(one, two)| one.seq != two.seq)
        }
    }
}

/// Whether only the sequence numbers of a connection differ.
pub(super) fn is_randomised(exchange: &Connection, cuc: &Connection) -> bool {
    let Some((one, two)) = exchange.syn.as_ref().zip(cuc.syn.as_ref()) else {
        return false;
    };
    let answers = exchange.syn_ack.as_ref().zip(cuc.syn_ack.as_ref());
    let same_packet = one.ip_id == two.ip_id && one.ip_id != 0;
    one.isn != two.isn
        && same_packet
        && is_same_stack(one, two)
        && answers.is_none_or(|(one, two)| is_same_stack(one, two))
}

/// Whether one stack may have made both SYNs; a firewall may lower the segment size.
pub(super) fn is_same_stack(one: &Syn, two: &Syn) -> bool {
    one.options == two.options
        && one.window == two.window
        && one.scale == two.scale
        && one.timestamp == two.timestamp
}

/// What differs between the two sightings of a connection, in words.
pub(super) fn connection_changes(exchange: &Connection, cuc: &Connection) -> Vec<String> {
    let mut changed = Vec::new();
    for (name, one, two) in [("source", exchange.orig, cuc.orig), ("destination", exchange.resp, cuc.resp)] {
        if one.ip != two.ip {
            changed.push(format!("{name} address {} -> {}", one.ip, two.ip));
        }
        if one.port != two.port {
            changed.push(format!("{name} port {} -> {}", one.port, two.port));
        }
    }
    if let Some((one, two)) = exchange.syn.as_ref().zip(cuc.syn.as_ref()) {
        if one.isn != two.isn {
            changed.push("sequence numbers".to_owned());
        }
        if one.options != two.options {
            changed.push("TCP options".to_owned());
        }
        if let (Some(one), Some(two)) = (one.mss, two.mss)
            && one != two
        {
            changed.push(format!("maximum segment size {one} -> {two}"));
        }
    }
    let reset = [exchange, cuc].map(|row| row.close == Close::Rst);
    match reset {
        [true, false] => changed.push("a reset was seen at Exchange only".to_owned()),
        [false, true] => changed.push("a reset was seen at the Cisco side only".to_owned()),
        _ => {}
    }
    changed
}

/// What differs between the two sightings of a notification, beside its connection.
pub(super) fn message_changes(exchange: &NotificationRow, cuc: &NotificationRow) -> Vec<String> {
    let mut changed = Vec::new();
    if !exchange.counts() || !cuc.counts() {
        // What was not stored was not changed.
        return changed;
    }
    if exchange.head.target != cuc.head.target {
        changed.push("request target".to_owned());
    }
    if exchange.head.version != cuc.head.version {
        changed.push(format!("HTTP/1.{} -> HTTP/1.{}", exchange.head.version, cuc.head.version));
    }
    if exchange.head.host != cuc.head.host {
        changed.push("Host".to_owned());
    }
    changed.extend(header_changes(&exchange.head.header_names, &cuc.head.header_names));
    if exchange.chunked != cuc.chunked {
        changed.push(if cuc.chunked { "body sent in chunks" } else { "body no longer in chunks" }.to_owned());
    }
    let body = |row: &NotificationRow| (row.body_digest, row.body_length);
    if body(exchange) != body(cuc) {
        changed.push("body".to_owned());
    }
    changed
}

fn header_changes(one: &str, two: &str) -> Vec<String> {
    if one == two {
        return Vec::new();
    }
    let lower = |names: &str| -> Vec<String> {
        names
            .split(',')
            .map(|name| name.trim().to_ascii_lowercase())
            .filter(|name| !name.is_empty())
            .collect()
    };
    let (before, after) = (lower(one), lower(two));
    let (known, seen): (BTreeSet<_>, BTreeSet<_>) = (before.iter().collect(), after.iter().collect());
    let mut changed: Vec<String> = Vec::new();
    // Names as they were written are what people look for.
    let written = |names: &str, wanted: &str| {
        names
            .split(',')
            .map(str::trim)
            .find(|name| name.eq_ignore_ascii_case(wanted))
            .unwrap_or(wanted)
            .to_owned()
    };
    changed.extend(seen.difference(&known).map(|name| format!("header {} added", written(two, name))));
    changed.extend(known.difference(&seen).map(|name| format!("header {} removed", written(one, name))));
    if known == seen && before != after {
        changed.push("order of headers".to_owned());
    }
    if changed.is_empty() {
        changed.push("spelling of header names".to_owned());
    }
    changed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::testing::{connection, endpoint};
    use crate::flow::Handshake;

    fn two() -> (Connection, Connection) {
        let one = connection(1, "10.0.0.1:5001", "10.0.0.9:7080", Handshake::Full);
        (one.clone(), one)
    }

    #[test]
    fn rewritten_ends_are_translations_while_the_sequence_numbers_stay() {
        let (exchange, mut cuc) = two();
        assert_eq!(kind(&exchange, &cuc), PairKind::Direct);
        cuc.orig = endpoint("10.9.9.9:5001");
        assert_eq!(kind(&exchange, &cuc), PairKind::SourceNat);
        cuc.resp = endpoint("10.8.8.8:7080");
        assert_eq!(kind(&exchange, &cuc), PairKind::DoubleNat);
        cuc.orig = exchange.orig;
        assert_eq!(kind(&exchange, &cuc), PairKind::DestinationNat);
        assert_eq!(connection_changes(&exchange, &cuc), ["destination address 10.0.0.9 -> 10.8.8.8"]);
    }

    #[test]
    fn new_sequence_numbers_are_a_proxy_unless_the_packet_is_the_same() {
        let (exchange, mut cuc) = two();
        cuc.syn.as_mut().unwrap().isn = 77;
        assert_eq!(kind(&exchange, &cuc), PairKind::Direct, "a firewall that randomises");
        cuc.syn.as_mut().unwrap().ip_id = 78;
        assert_eq!(kind(&exchange, &cuc), PairKind::Proxy);
        cuc.syn.as_mut().unwrap().ip_id = 1;
        cuc.syn.as_mut().unwrap().window = 64240;
        assert_eq!(kind(&exchange, &cuc), PairKind::Proxy);
    }

    #[test]
    fn headers_are_added_removed_and_reordered() {
        assert_eq!(header_changes("Host,Accept", "Host,Accept"), [""; 0]);
        assert_eq!(
            header_changes("Host,Connection,Accept", "Host,accept,Via"),
            ["header Via added", "header Connection removed"]
        );
        assert_eq!(header_changes("Host,Accept", "Accept,Host"), ["order of headers"]);
        assert_eq!(header_changes("Host", "host"), ["spelling of header names"]);
    }
}

//! What several rules look for in all connections, found in one pass: rows are many, and none of them is in the cache.

use std::collections::BTreeSet;

use crate::facts::{Connections, Outcome, outcome};
use crate::flow::{Connection, Side};

/// The connections of a vantage point that are worth a second look.
#[derive(Debug)]
pub(crate) struct Census<'a> {
    /// The attempts that failed.
    pub(crate) failed: Vec<&'a Connection>,
    /// The ports that they were for.
    pub(crate) failed_ports: BTreeSet<u16>,
    /// Those of which the capture lacks something: the beginning, or bytes.
    pub(crate) incomplete: Vec<&'a Connection>,
    /// Those of which packets were captured twice.
    pub(crate) doubled: Vec<&'a Connection>,
    /// Whether the capture shows only one direction of most connections that carried anything.
    pub(crate) is_one_way: bool,
}

impl<'a> Census<'a> {
    pub(super) fn new(connections: &'a Connections) -> Self {
        let mut census = Census {
            failed: Vec::new(),
            failed_ports: BTreeSet::new(),
            incomplete: Vec::new(),
            doubled: Vec::new(),
            is_one_way: false,
        };
        let mut one_more = 0_i64;
        for connection in connections {
            if is_failed(connection) {
                census.failed.push(connection);
                census.failed_ports.insert(connection.resp.port);
            }
            if is_incomplete(connection) {
                census.incomplete.push(connection);
            }
            if connection.duplicates > 0 {
                census.doubled.push(connection);
            }
            one_more += match directions(connection) {
                Some(Directions::One) => 1,
                Some(Directions::Both) => -1,
                None => 0,
            };
        }
        census.is_one_way = one_more > 0;
        census
    }
}

fn is_failed(connection: &Connection) -> bool {
    !matches!(outcome(connection), None | Some(Outcome::Connected))
}

fn is_incomplete(connection: &Connection) -> bool {
    let lacks = |side: &Side| side.missing > 0 || side.acked_unseen;
    connection.syn.is_none() || connection.rare().after_close.is_some() || connection.sides.iter().any(lacks)
}

/// How much of a connection the capture shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Directions {
    /// Packets of one end, although the other must have answered.
    One,
    /// Packets of both ends.
    Both,
}

/// How much of a connection was captured; `None` when the silence of one end has a cause of its own.
pub(crate) fn directions(connection: &Connection) -> Option<Directions> {
    if connection.sides.iter().all(|side| side.packets > 0) {
        return Some(Directions::Both);
    }
    // A SYN, a segment or a probe that is sent again and again, and nothing else, meets a dead host.
    let goes_on = |side: &Side| {
        let again =
            u64::from(side.retransmitted) + u64::from(side.keepalives) + u64::from(connection.duplicates);
        side.packets.saturating_sub(again) > 1
    };
    (!is_attempt(connection) && connection.sides.iter().any(goes_on)).then_some(Directions::One)
}

/// Whether a connection is no more than an attempt to open one.
pub(crate) fn is_attempt(connection: &Connection) -> bool {
    use crate::flow::Handshake::{Refused, Unanswered};
    matches!(connection.handshake, Refused | Unanswered)
}

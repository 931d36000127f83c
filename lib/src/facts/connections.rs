//! The connections of a vantage point, and what passes over all of them ask first.

use std::ops::Deref;

use super::Table;
use super::streams::Streams;
use super::table::Iter;
use crate::flow::{Connection, FlowId};

/// TCP connections in the order of their first packets: the index is the stream number, as Wireshark counts.
///
/// Rows are large and none of them is in the cache. Ids and ports stand apart, so that who looks for a few connections
/// does not go through all rows: five such passes took a fortieth of the time of a whole capture.
#[derive(Clone, Debug, Default)]
pub struct Connections {
    rows: Table<Connection>,
    streams: Streams,
    /// Of originator and responder.
    ports: Vec<[u16; 2]>,
    /// The first connection without a row: those that began later have other numbers in Wireshark.
    first_without_row: Option<FlowId>,
}

impl Connections {
    /// The rows of all parts.
    pub(crate) fn new(parts: Vec<Vec<Connection>>) -> Self {
        let (rows, ids, ports) = Table::keyed(parts, |row| (row.id, [row.orig.port, row.resp.port]));
        Connections { rows, ports, streams: Streams::new(ids), first_without_row: None }
    }

    /// The same, of which this is the first that has no row.
    pub(crate) fn counted_up_to(self, first_without_row: Option<FlowId>) -> Self {
        Connections { first_without_row, ..self }
    }

    /// The stream number of a connection in Wireshark; `None` where rows before it were folded away, so that it is not
    /// known.
    pub fn stream(&self, flow: FlowId) -> Option<u64> {
        let is_counted = self.first_without_row.is_none_or(|first| flow < first);
        self.number(flow).filter(|_| is_counted).map(|number| number as u64)
    }

    /// Where the row of a connection stands; `None` when it was folded away. Unless any was, that is its stream number.
    pub fn number(&self, flow: FlowId) -> Option<usize> {
        self.streams.number(flow)
    }

    /// The row of a connection.
    pub fn of(&self, flow: FlowId) -> Option<&Connection> {
        self.get(self.number(flow)?)
    }

    /// The stream numbers of those of which either port is one of `ports`.
    pub(crate) fn numbers_on(&self, ports: impl IntoIterator<Item = u16>) -> impl Iterator<Item = usize> {
        let mut wanted = vec![false; 1 << u16::BITS];
        ports.into_iter().for_each(|port| wanted[usize::from(port)] = true);
        let of_each = self.ports.iter().enumerate();
        let theirs = of_each.filter(move |(_, ends)| ends.iter().any(|port| wanted[usize::from(*port)]));
        theirs.map(|(number, _)| number)
    }

    /// The rows of these.
    pub(crate) fn on(&self, ports: impl IntoIterator<Item = u16>) -> impl Iterator<Item = &Connection> {
        self.numbers_on(ports).map(|number| &self.rows[number])
    }
}

impl Deref for Connections {
    type Target = Table<Connection>;

    fn deref(&self) -> &Table<Connection> {
        &self.rows
    }
}

impl From<Vec<Connection>> for Connections {
    fn from(rows: Vec<Connection>) -> Self {
        Connections::new(vec![rows])
    }
}

impl<'c> IntoIterator for &'c Connections {
    type Item = &'c Connection;
    type IntoIter = Iter<'c, Connection>;

    fn into_iter(self) -> Self::IntoIter {
        self.rows.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::testing::connection;
    use crate::flow::Handshake;

    #[test]
    fn connections_are_found_by_id_and_by_either_port() {
        let made = |number, orig, resp| connection(number, orig, resp, Handshake::Full);
        let connections = Connections::new(vec![
            vec![made(2, "10.0.0.1:5001", "10.0.0.9:7080"), made(9, "10.0.0.1:5002", "10.0.0.9:25")],
            vec![made(5, "10.0.0.9:7080", "10.0.0.1:5003")],
        ]);
        let ids: Vec<u64> = connections.iter().map(|connection| connection.id.0).collect();
        assert_eq!(ids, [2, 5, 9]);
        assert_eq!(connections.numbers_on([7080]).collect::<Vec<_>>(), [0, 1]);
        assert_eq!(connections.on([25]).map(|row| row.id.0).collect::<Vec<_>>(), [9]);
        assert_eq!(connections.of(FlowId(5)).map(|row| row.orig.port), Some(7080));
        assert!(connections.of(FlowId(6)).is_none());
        assert_eq!(connections.stream(FlowId(9)), Some(2));
        let folded = connections.clone().counted_up_to(Some(FlowId(7)));
        assert_eq!([5, 9].map(|id| folded.stream(FlowId(id))), [Some(1), None]);
        assert_eq!(connections.on([5002]).map(|row| row.id.0).collect::<Vec<_>>(), [9]);
    }
}

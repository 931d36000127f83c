//! Where a capture was taken, from the packets that left with an untouched TTL.

use super::Table;
use crate::capture::Vantage;
use crate::config::Ports;
use crate::flow::Connection;

/// Initial TTLs of the stacks in use: Linux and BSD, Windows, network gear.
const INITIAL: [u8; 3] = [64, 128, 255];

/// The side whose packets have not passed a router, when the other side's have. `None` when connections disagree.
pub(crate) fn infer(connections: &Table<Connection>, ports: &Ports) -> Option<Vantage> {
    let (mut exchange, mut cuc) = (0u64, 0u64);
    for connection in connections {
        let untouched =
            connection.sides.each_ref().map(|side| side.packets > 0 && INITIAL.contains(&side.ttl));
        if untouched[0] == untouched[1] || connection.sides.iter().any(|side| side.packets == 0) {
            continue;
        }
        let port = connection.resp.port;
        // Exchange opens the connections of notifications; it is the server of all others.
        let exchange_side = if ports.notify.contains(&port) {
            0
        } else if [&ports.imap, &ports.smtp, &ports.epm, &ports.tls].iter().any(|ports| ports.contains(&port))
        {
            1
        } else {
            continue;
        };
        if untouched[exchange_side] {
            exchange += 1;
        } else {
            cuc += 1;
        }
    }
    match (exchange, cuc) {
        (1.., 0) => Some(Vantage::Exchange),
        (0, 1..) => Some(Vantage::Cuc),
        _ => None,
    }
}

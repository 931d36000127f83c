//! Where a capture was taken, from the packets that left with an untouched TTL.

use super::Connections;
use crate::capture::Vantage;
use crate::config::Ports;
use crate::flow::Dir;

/// Initial TTLs of the stacks in use: Linux and BSD, Windows, network gear.
const INITIAL: [u8; 3] = [64, 128, 255];

/// The side whose packets have not passed a router, when the other side's have. `None` when connections disagree.
pub(crate) fn infer(connections: &Connections, ports: &Ports) -> Option<Vantage> {
    // Exchange opens the connections of notifications; it is the server of all others.
    let of_exchange = |port: u16| {
        let others = [&ports.imap, &ports.smtp, &ports.epm, &ports.tls];
        match ports.notify.contains(&port) {
            true => Some(Dir::Orig),
            false => others.iter().any(|ports| ports.contains(&port)).then_some(Dir::Resp),
        }
    };
    let (mut exchange, mut cuc) = (0u64, 0u64);
    for connection in connections.on(|port| of_exchange(port).is_some()) {
        let Some(dir) = of_exchange(connection.resp.port) else { continue };
        let untouched =
            connection.sides.each_ref().map(|side| side.packets > 0 && INITIAL.contains(&side.ttl));
        if untouched[0] == untouched[1] || connection.sides.iter().any(|side| side.packets == 0) {
            continue;
        }
        if untouched[dir as usize] {
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

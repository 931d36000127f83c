//! Connections whose packets come from two machines.

use super::{Kind, Proof};
use crate::facts::mapi::{Leg, mac};
use crate::flow::Dir;
use crate::rules::mapi::name;
use crate::rules::{Confidence, View};

/// Connections whose packets come from two machines.
pub(super) fn split_connections<'v>(view: &View<'v>, proofs: &mut Vec<Proof<'v>>) {
    for connection in &view.facts.mapi.connections {
        let Some(row) = view.connection(connection.flow).filter(|_| connection.is_mapi()) else { continue };
        let server = if row.resp == connection.server { Dir::Resp } else { Dir::Orig };
        let side = row.side(server);
        let own = side.mac.map(|mac| Sender { mac, ttl: side.ttl });
        let other = side.rare().other_mac.map(|(mac, ttl, at)| (Sender { mac, ttl }, at));
        let (text, at) = match (own, other, row.rare().other_syn_ack) {
            (_, _, Some(at)) => {
                ("two SYN/ACKs with different initial sequence numbers answer its SYN".to_owned(), at)
            }
            (Some(one), Some((two, at)), _) => {
                let is_reset = row.reset.is_some_and(|reset| reset.at == at);
                if !one.is_another_than(two) || is_reset && !one.is_like(two) {
                    continue;
                }
                (format!("packets of the server come from {} and from {}", mac(&one.mac), mac(&two.mac)), at)
            }
            _ => continue,
        };
        let client = match connection.leg {
            Some(Leg::Inner(outer)) => view.facts.mapi.connections[outer].client.ip,
            _ => connection.client.ip,
        };
        proofs.push(Proof {
            kind: Kind::Connection,
            client,
            confidence: Confidence::Proven,
            text: format!("Connection {} is served by two machines: {text}.", name(connection)),
            connections: vec![connection],
            group: None,
            frames: vec![
                (connection.flow, side.first.unwrap_or(row.first()), "first packet of the server".to_owned()),
                (connection.flow, at, "a packet of another machine".to_owned()),
            ],
        });
    }
}

/// From where packets came.
#[derive(Clone, Copy)]
struct Sender {
    mac: [u8; 6],
    ttl: u8,
}

impl Sender {
    /// Whether both are hosts, not routers: no router was crossed, or they are nodes of one cluster.
    fn is_another_than(self, other: Sender) -> bool {
        let on_link = |sender: Sender| matches!(sender.ttl, 64 | 128 | 255);
        self.is_node_beside(other) || on_link(self) && on_link(other)
    }

    /// Whether the other may be a server of the same kind: a firewall that resets connections in a server's name has
    /// another stack.
    fn is_like(self, other: Sender) -> bool {
        self.is_node_beside(other) || self.ttl == other.ttl
    }

    /// Whether both addresses are of the form in which the nodes of Network Load Balancing send: 02, host priority,
    /// address of the cluster.
    fn is_node_beside(self, other: Sender) -> bool {
        let (one, two) = (self.mac, other.mac);
        one[0] == 2 && two[0] == 2 && one[2..] == two[2..] && one[1] != two[1]
    }
}

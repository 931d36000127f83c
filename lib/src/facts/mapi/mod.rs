//! RPC associations and context handles of MAPI clients, and the servers that saw them.

mod associations;
mod channels;
mod gather;
mod hints;
mod identity;
mod legs;
mod rows;

pub use associations::Association;
pub(crate) use gather::Rpcs;
pub(crate) use identity::mac;
pub use identity::{Difference, Identity};
pub(crate) use rows::place_of;
pub use rows::{Answer, HttpSession, RpcKind, RpcRow};

use std::sync::Arc;

use super::{Connections, LimitHits};
use crate::flow::{Endpoint, FlowId, Moment};
use crate::proto::{Guid, Interface};

use rows::Line;

/// What MAPI clients did.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Mapi {
    /// Their connections, in the order of their first frames.
    pub connections: Vec<RpcConnection>,
    /// Binds and calls, in the order of completion.
    pub rows: Vec<RpcRow>,
    /// Associations, in the order of their first frames.
    pub associations: Vec<Association>,
}

/// A TCP connection of a MAPI client.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RpcConnection {
    /// Its TCP connection.
    pub flow: FlowId,
    /// Who calls.
    pub client: Endpoint,
    /// Who is called, as captured.
    pub server: Endpoint,
    /// Interfaces that were asked for.
    pub interfaces: Vec<Interface>,
    /// Its rows.
    pub rows: Vec<usize>,
    /// What shows who answered.
    pub identity: Identity,
    /// Account that logged in.
    pub user: Option<Arc<str>>,
    /// The other leg of a load balancer, where both were captured.
    pub leg: Option<Leg>,
    /// A channel of RPC over HTTP: whether calls go in it, and the virtual connection.
    pub channel: Option<(bool, Option<Guid>)>,
    /// The requests of MAPI over HTTP sessions.
    pub sessions: Vec<HttpSession>,
}

/// Which leg of a load balancer a connection is, and the number of the other one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leg {
    /// From the client to the balancer.
    Outer(usize),
    /// From the balancer to the server: the same calls once more.
    Inner(usize),
}

impl RpcConnection {
    /// Whether it repeats the calls of another connection.
    pub fn is_copy(&self) -> bool {
        matches!(self.leg, Some(Leg::Inner(_)))
    }

    /// Whether it carries calls of Exchange's own interfaces.
    pub fn is_mapi(&self) -> bool {
        self.interfaces.iter().any(|interface| interface.is_mapi())
    }
}

impl Mapi {
    /// Puts in order what was gathered, and joins what belongs together.
    pub(crate) fn new(rpcs: Rpcs, connections: &Connections) -> (Self, LimitHits) {
        let (mut lines, full) = rpcs.finish();
        channels::join(&mut lines);
        hints::resolve(&mut lines);
        lines.retain(|line| !line.rows.is_empty() || line.http.is_some());
        lines.sort_by_key(|line| line.flow);
        let legs = legs::pair(&lines);
        let mut mapi = Mapi::default();
        let mut rows = Vec::new();
        for (number, line) in lines.into_iter().enumerate() {
            let Line { flow, client, server, rows: own, interfaces, names, secondary, user, http } = line;
            rows.extend(own.into_iter().map(|row| (number, row)));
            let http = http.unwrap_or_default();
            mapi.connections.push(RpcConnection {
                flow,
                client,
                server,
                interfaces,
                rows: Vec::new(),
                identity: Identity::new(connections, flow, server, names, secondary),
                user,
                leg: legs[number],
                channel: http.channel,
                sessions: http.sessions,
            });
        }
        rows.sort_by_key(|(_, row)| (row.last().frame, row.flow));
        for (number, row) in rows {
            mapi.connections[number].rows.push(mapi.rows.len());
            mapi.rows.push(row);
        }
        mapi.see_through();
        mapi.associations = associations::group(&mapi);
        (mapi, full)
    }

    /// The rows of a connection.
    pub fn rows_of<'a>(
        &'a self,
        connection: &'a RpcConnection,
    ) -> impl DoubleEndedIterator<Item = &'a RpcRow> {
        connection.rows.iter().filter_map(|row| self.rows.get(*row))
    }

    /// The connections that repeat no other.
    pub fn own(&self) -> impl Iterator<Item = &RpcConnection> {
        self.connections.iter().filter(|connection| !connection.is_copy())
    }

    /// When a connection was used last.
    pub fn last_of(&self, connection: &RpcConnection) -> Option<Moment> {
        self.rows_of(connection).next_back().map(RpcRow::last)
    }

    /// The client's leg is served by whom the balancer chose.
    fn see_through(&mut self) {
        for number in 0..self.connections.len() {
            if let Some(Leg::Outer(inner)) = self.connections[number].leg {
                let behind = self.connections[inner].identity.clone();
                self.connections[number].identity.see_through(&behind);
            }
        }
    }
}

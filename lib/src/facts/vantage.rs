//! Where a capture was taken, from the packets that left with an untouched TTL.

use crate::capture::Vantage;
use crate::config::Ports;
use crate::flow::{Connection, Dir};

/// Initial TTLs of the stacks in use: Linux and BSD, Windows, network gear.
const INITIAL: [u8; 3] = [64, 128, 255];

/// Of how many connections the packets of one side only have not passed a router.
pub(crate) struct Untouched<'p> {
    ports: &'p Ports,
    exchange: u64,
    cuc: u64,
}

impl<'p> Untouched<'p> {
    /// None yet. The services have these ports.
    pub(crate) fn new(ports: &'p Ports) -> Self {
        Untouched { ports, exchange: 0, cuc: 0 }
    }

    /// Counts a connection, if it is to one of the services.
    pub(crate) fn add(&mut self, connection: &Connection) {
        let untouched =
            connection.sides.each_ref().map(|side| side.packets > 0 && INITIAL.contains(&side.ttl));
        if untouched[0] == untouched[1] || connection.sides.iter().any(|side| side.packets == 0) {
            return;
        }
        match self.exchange_side(connection.resp.port) {
            Some(dir) if untouched[dir as usize] => self.exchange += 1,
            Some(_) => self.cuc += 1,
            None => {}
        }
    }

    /// The side that they tell; `None` when connections disagree.
    pub(crate) fn vantage(&self) -> Option<Vantage> {
        match (self.exchange, self.cuc) {
            (1.., 0) => Some(Vantage::Exchange),
            (0, 1..) => Some(Vantage::Cuc),
            _ => None,
        }
    }

    /// Exchange opens the connections of notifications; it is the server of all others.
    fn exchange_side(&self, port: u16) -> Option<Dir> {
        if self.ports.notify.contains(&port) {
            return Some(Dir::Orig);
        }
        self.ports.all().any(|service| service == port).then_some(Dir::Resp)
    }
}

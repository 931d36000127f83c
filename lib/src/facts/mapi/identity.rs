//! Who really answered on a connection: a set of observations, not one name.

use std::net::IpAddr;
use std::sync::Arc;

use crate::facts::Connections;
use crate::flow::{Dir, Endpoint, FlowId, Moment, OptionKinds};

/// What stacks start the TTL with: a packet with such a value crossed no router, so its hardware address is its
/// sender's own.
const INITIAL_TTLS: [u8; 3] = [64, 128, 255];

/// What shows who answered on a connection.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Identity {
    /// Address of the machine: the one that was called, or that the balancer chose where that leg was captured.
    pub address: IpAddr,
    /// The address is that behind a balancer.
    pub behind: bool,
    /// The server's own names from NTLM challenges, each with its frame.
    pub names: Vec<(Arc<str>, Moment)>,
    /// Hardware address of the machine itself, where no router is between.
    pub mac: Option<[u8; 6]>,
    /// Secondary address that the server gave: the port.
    pub secondary: Option<Arc<str>>,
    /// How the server's stack answers: TTL, window, options of its SYN/ACK.
    pub stack: Option<(u8, u16, OptionKinds)>,
}

/// Why two connections were not answered by the same machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// Its NTLM challenges give different names.
    Names(Arc<str>, Arc<str>),
    /// The machines have different addresses.
    Addresses(IpAddr, IpAddr),
    /// One address, two hardware addresses, no router between.
    Macs([u8; 6], [u8; 6]),
}

impl Identity {
    pub(super) fn new(
        connections: &Connections,
        flow: FlowId,
        server: Endpoint,
        names: Vec<(Arc<str>, Moment)>,
        secondary: Option<Arc<str>>,
    ) -> Self {
        let row = connections.of(flow);
        let side = row.map(|row| row.side(if row.resp == server { Dir::Resp } else { Dir::Orig }));
        Identity {
            address: server.ip,
            behind: false,
            names,
            mac: side.filter(|side| INITIAL_TTLS.contains(&side.ttl)).and_then(|side| side.mac),
            secondary,
            stack: row.and_then(|row| row.syn_ack.as_ref()).map(|syn| (syn.ttl, syn.window, syn.options)),
        }
    }

    /// The machine behind a balancer.
    pub(super) fn see_through(&mut self, behind: &Identity) {
        self.address = behind.address;
        self.behind = true;
        self.mac = behind.mac;
        self.stack = behind.stack;
    }

    /// The best name: the server's own, else its address.
    pub fn name(&self) -> String {
        self.names.first().map_or_else(|| self.address.to_string(), |(name, _)| name.to_string())
    }

    /// Whether `other` was surely another machine.
    pub fn differs(&self, other: &Identity) -> Option<Difference> {
        if let (Some((one, _)), Some((two, _))) = (self.names.first(), other.names.first()) {
            // The server's own word settles it, whatever its addresses.
            return (!same_host(one, two)).then(|| Difference::Names(one.clone(), two.clone()));
        }
        if self.address != other.address {
            return Some(Difference::Addresses(self.address, other.address));
        }
        match (self.mac, other.mac) {
            (Some(one), Some(two)) if one != two => Some(Difference::Macs(one, two)),
            _ => None,
        }
    }

    /// Whether `other` was surely the same machine.
    pub fn is_same(&self, other: &Identity) -> bool {
        match (self.names.first(), other.names.first()) {
            (Some((one, _)), Some((two, _))) => same_host(one, two),
            _ => self.behind && other.behind && self.address == other.address,
        }
    }
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Difference::Names(one, two) => write!(f, "{one} and {two} by their NTLM challenges"),
            Difference::Addresses(one, two) => write!(f, "{one} and {two}"),
            Difference::Macs(one, two) => write!(f, "the hosts at {} and {}", mac(one), mac(two)),
        }
    }
}

/// A hardware address as it is written.
pub(crate) fn mac(mac: &[u8; 6]) -> String {
    mac.map(|byte| format!("{byte:02x}")).join(":")
}

/// Names of one host: equal, or one the first label of the other.
fn same_host(one: &str, two: &str) -> bool {
    let label = |name: &str| name.split('.').next().unwrap_or_default().to_ascii_lowercase();
    match (one.contains('.'), two.contains('.')) {
        (true, true) => one.eq_ignore_ascii_case(two),
        // A NetBIOS name has at most 15 characters.
        _ => {
            let (one, two) = (label(one), label(two));
            one == two || one.get(..15) == Some(&two) || two.get(..15) == Some(&one)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_the_same_by_its_netbios_name() {
        assert!(same_host("CAS1", "cas1.example.com"));
        assert!(same_host("VERYLONGSERVERN", "verylongservername.example.com"));
        assert!(!same_host("cas1.example.com", "cas2.example.com"));
        assert!(!same_host("CAS1", "CAS10"));
    }
}

//! Names of connections: end points, the order-free key, the Community ID.

use std::fmt;
use std::net::IpAddr;

/// An address and a port.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Endpoint {
    /// Address.
    pub ip: IpAddr,
    /// Port.
    pub port: u16,
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        std::net::SocketAddr::new(self.ip, self.port).fmt(f)
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The two ends of a connection in an order that does not depend on who sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FlowKey {
    /// The smaller end.
    pub low: Endpoint,
    /// The larger end.
    pub high: Endpoint,
}

impl FlowKey {
    /// The key of a packet from `src` to `dst`, and whether the packet goes from `low` to `high`.
    pub fn new(src: Endpoint, dst: Endpoint) -> (Self, bool) {
        if src <= dst {
            (FlowKey { low: src, high: dst }, true)
        } else {
            (FlowKey { low: dst, high: src }, false)
        }
    }
}

/// A Community ID v1 (<https://github.com/corelight/community-id-spec>), as Zeek and Suricata write it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommunityId(pub [u8; 20]);

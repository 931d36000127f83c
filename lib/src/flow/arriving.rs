//! A TCP packet on its way to its flow.

use super::{Endpoint, FlowKey, Moment};
use crate::packet::{Ip, Tcp};

/// A packet as its flow sees it. Addresses and ports stand in the key: to have them a second time for every packet took
/// a thirtieth of its instructions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arriving<'a> {
    /// Its frame.
    pub(crate) at: Moment,
    pub(crate) key: &'a FlowKey,
    /// Whether it goes from the smaller end of the key to the larger.
    pub(crate) from_low: bool,
    /// Source hardware address.
    pub(crate) mac: Option<&'a [u8; 6]>,
    /// Time to live, or hop limit.
    pub(crate) ttl: u8,
    /// IPv4 identification; 0 for IPv6.
    pub(crate) ip_id: u16,
    /// IPv4 "don't fragment"; true for IPv6.
    pub(crate) df: bool,
    pub(crate) tcp: &'a Tcp<'a>,
}

impl<'a> Arriving<'a> {
    /// A packet with this key, and with these headers.
    #[inline(always)]
    pub(crate) fn new(
        at: Moment,
        (key, from_low): (&'a FlowKey, bool),
        mac: Option<&'a [u8; 6]>,
        ip: &Ip,
        tcp: &'a Tcp<'a>,
    ) -> Self {
        Arriving { at, key, from_low, mac, ttl: ip.ttl, ip_id: ip.id, df: ip.df, tcp }
    }

    /// Who sent it, and to whom.
    pub(super) fn ends(&self) -> (Endpoint, Endpoint) {
        self.key.ends(self.from_low)
    }
}

//! A TCP packet on its way to its flow.

use super::Moment;
use crate::packet::{Ip, Tcp};

/// A packet as its flow sees it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arriving<'a> {
    /// Its frame.
    pub(super) at: Moment,
    /// Whether it goes from the smaller end of the key to the larger.
    pub(super) from_low: bool,
    /// Source hardware address.
    pub(super) mac: Option<&'a [u8; 6]>,
    pub(super) ip: &'a Ip,
    pub(super) tcp: &'a Tcp<'a>,
}

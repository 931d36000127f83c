//! A TCP packet on its way to its flow.

use super::Moment;
use crate::packet::{Ip, Tcp};

/// A packet as its flow sees it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arriving<'a> {
    /// Its frame.
    pub(crate) at: Moment,
    /// Whether it goes from the smaller end of the key to the larger.
    pub(crate) from_low: bool,
    /// Source hardware address.
    pub(crate) mac: Option<&'a [u8; 6]>,
    pub(crate) ip: &'a Ip,
    pub(crate) tcp: &'a Tcp<'a>,
}

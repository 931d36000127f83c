//! `reachability`: one row per service of a host and client.

use std::net::IpAddr;

use super::{Origin, origin};
use crate::facts::Reach;
use crate::rules::View;

/// One service of one host, and how one client fared with it.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[allow(missing_docs)]
#[non_exhaustive]
pub struct ReachabilityRecord {
    #[cfg_attr(feature = "serde", serde(flatten))]
    pub origin: Origin,
    pub client_ip: IpAddr,
    pub server_ip: IpAddr,
    pub service: String,
    pub port: u16,
    pub attempts: u64,
    pub connected: u64,
    pub refused: u64,
    pub unanswered: u64,
    pub icmp: u64,
    pub echo_requests: u64,
    pub echo_replies: u64,
}

pub(super) fn record(view: &View<'_>, reach: &Reach) -> ReachabilityRecord {
    ReachabilityRecord {
        origin: origin(view, reach.first, reach.flow),
        client_ip: reach.client,
        server_ip: reach.server,
        service: reach.service.name().to_owned(),
        port: reach.port,
        attempts: reach.attempts,
        connected: reach.connected,
        refused: reach.refused.len() as u64,
        unanswered: reach.unanswered.len() as u64,
        icmp: reach.icmp.len() as u64 + reach.echo_errors.map_or(0, |errors| errors.count),
        echo_requests: reach.echo_requests,
        echo_replies: reach.echo_replies,
    }
}

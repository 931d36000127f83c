//! `connections`: one row per TCP connection.

use std::net::IpAddr;

use super::{Origin, hex, origin};
use crate::flow::{Close, Connection, Dir, Handshake, Side};
use crate::rules::View;
use crate::time::Timestamp;

/// One TCP connection.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[allow(missing_docs)]
#[non_exhaustive]
pub struct ConnectionRecord {
    #[cfg_attr(feature = "serde", serde(flatten))]
    pub origin: Origin,
    pub orig_ip: IpAddr,
    pub orig_port: u16,
    pub resp_ip: IpAddr,
    pub resp_port: u16,
    pub protocol: Option<&'static str>,
    pub community_id: String,
    pub last_frame: u64,
    pub last_time: Timestamp,
    pub handshake: Handshake,
    pub close: Close,
    pub orig_packets: u64,
    pub resp_packets: u64,
    pub orig_bytes: u64,
    pub resp_bytes: u64,
    pub orig_missing: u64,
    pub resp_missing: u64,
    pub retransmitted: u64,
    pub out_of_order: u64,
    pub conflicting: u64,
    #[cfg_attr(feature = "serde", serde(flatten))]
    pub digest: Option<PayloadDigest>,
}

/// Digests of the reassembled payload, only where they were asked for.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[allow(missing_docs)]
pub struct PayloadDigest {
    pub orig_sha256: Option<String>,
    pub resp_sha256: Option<String>,
}

pub(super) fn record(view: &View<'_>, row: &Connection, digests: bool) -> ConnectionRecord {
    let (orig, resp) = (row.side(Dir::Orig), row.side(Dir::Resp));
    let both = |count: fn(&Side) -> u32| row.sides.iter().map(|side| u64::from(count(side))).sum();
    ConnectionRecord {
        origin: origin(view, row.first(), Some(row.id)),
        orig_ip: row.orig.ip,
        orig_port: row.orig.port,
        resp_ip: row.resp.ip,
        resp_port: row.resp.port,
        protocol: view.facts.protocol(row.id),
        community_id: row.key().community_id().to_string(),
        last_frame: row.last().frame.number(),
        last_time: row.last().time,
        handshake: row.handshake,
        close: row.close,
        orig_packets: orig.packets,
        resp_packets: resp.packets,
        orig_bytes: orig.bytes,
        resp_bytes: resp.bytes,
        orig_missing: orig.missing,
        resp_missing: resp.missing,
        retransmitted: both(|side| side.retransmitted),
        out_of_order: both(|side| side.rare().out_of_order),
        conflicting: both(|side| side.rare().conflicting),
        digest: digests.then(|| PayloadDigest {
            orig_sha256: orig.rare().sha256.as_ref().map(|digest| hex(digest)),
            resp_sha256: resp.rare().sha256.as_ref().map(|digest| hex(digest)),
        }),
    }
}

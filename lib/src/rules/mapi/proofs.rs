//! What shows that calls of one client, which belong together, went to several machines.

mod groups;
mod handles;
mod http;
mod machines;

use std::net::IpAddr;

use crate::facts::mapi::RpcConnection;
use crate::flow::{FlowId, Moment};
use crate::rules::{Confidence, View};

/// The kinds of proof, in the order in which they are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// A group that one server issued is presented to another.
    Group,
    /// Joining a group is refused while it is alive.
    Join,
    /// A context handle that one server issued is presented to another.
    Handle,
    /// One connection is served by two machines.
    Connection,
    /// A session over HTTP is spread over two servers.
    Http,
}

/// One proof.
pub(super) struct Proof<'v> {
    pub(super) kind: Kind,
    pub(super) client: IpAddr,
    pub(super) confidence: Confidence,
    pub(super) text: String,
    /// The connections that it is about.
    pub(super) connections: Vec<&'v RpcConnection>,
    /// The association group, where it is about one.
    pub(super) group: Option<u32>,
    pub(super) frames: Vec<(FlowId, Moment, String)>,
}

/// All proofs of a vantage point.
pub(super) fn all<'v>(view: &View<'v>) -> Vec<Proof<'v>> {
    let mut proofs = Vec::new();
    groups::groups(view, &mut proofs);
    handles::handles(view, &mut proofs);
    machines::split_connections(view, &mut proofs);
    http::channels(view, &mut proofs);
    http::sessions(view, &mut proofs);
    groups::foreign_groups(view, &mut proofs);
    proofs
}

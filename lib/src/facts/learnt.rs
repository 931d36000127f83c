//! What one shard of a vantage point has learnt, and the merging of several.

use super::rows::earlier;
use super::{Calls, Handshakes, Imap, LimitHits, Notifications, Rpcs, SmtpReplies};
use crate::flow::{Connection, FlowId};

/// What was learnt of a share of the connections. The order of rows means nothing until all shares are merged.
pub(crate) struct Learnt {
    /// Of each shard.
    pub(crate) connections: Vec<Vec<Connection>>,
    /// The connection that began first of those that found no room for a row.
    pub(crate) first_without_row: Option<FlowId>,
    /// In no order.
    pub(crate) protocols: Vec<(FlowId, &'static str)>,
    pub(crate) notifications: Notifications,
    pub(crate) imap: Imap,
    pub(crate) smtp: SmtpReplies,
    pub(crate) rpcs: Rpcs,
    pub(crate) handshakes: Handshakes,
    pub(crate) calls: Calls,
    /// The same stores in the same order in every share.
    pub(crate) limits: Vec<LimitHits>,
}

impl Learnt {
    /// With what was learnt of other connections.
    pub(crate) fn merge(mut self, other: Learnt) -> Self {
        self.connections.extend(other.connections);
        self.first_without_row = self.first_without_row.into_iter().chain(other.first_without_row).min();
        self.protocols.extend(other.protocols);
        self.notifications.absorb(other.notifications);
        self.imap.absorb(other.imap);
        self.smtp.absorb(other.smtp);
        self.rpcs.absorb(other.rpcs);
        self.handshakes.absorb(other.handshakes);
        self.calls.absorb(other.calls);
        for (sum, more) in self.limits.iter_mut().zip(other.limits) {
            sum.limit += more.limit;
            sum.hits += more.hits;
            sum.full_at = earlier(sum.full_at, more.full_at);
        }
        self
    }
}

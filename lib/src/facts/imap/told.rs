//! What a connection that speaks IMAP has told of itself while it is read.

use std::sync::Arc;

use crate::flow::{Dir, Moment};
use crate::proto::imap::Way;
use crate::proto::sasl::Mechanism;

/// What is known of a connection that speaks IMAP.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) client: Dir,
    /// From some point on it is encrypted or compressed.
    pub(super) is_encrypted: bool,
    pub(super) is_authenticated: bool,
    pub(super) offer: Option<Arc<Offer>>,
}

/// The ways of logging in that a server offers.
#[derive(Debug)]
pub(super) struct Offer {
    pub(super) at: Moment,
    pub(super) is_login_disabled: bool,
    /// `AUTH=…`.
    pub(super) mechanisms: Vec<Mechanism>,
}

impl Offer {
    /// Whether it has a way of logging in.
    pub(super) fn has(&self, way: Way) -> bool {
        match way {
            Way::Login => !self.is_login_disabled,
            Way::Authenticate(Some(mechanism)) => self.mechanisms.contains(&mechanism),
            Way::Authenticate(None) => true,
        }
    }
}

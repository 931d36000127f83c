//! The name that a server's certificate is held against.

use crate::facts::HandshakeRow;
use crate::proto::x509::{Fields, ServerName};
use crate::rules::View;

/// Where a name comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// The user: it is what the product is configured with.
    Gateway,
    /// The client: it is what it asked for.
    Sni,
}

/// What the names in a certificate say of the name that was wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fit {
    /// It is there.
    Matches,
    /// The certificate has alternative names, and it is not among them.
    NotAmongAlternatives,
    /// The same, but an address stands among the DNS names, where some clients look for it.
    AddressAsDnsName,
    /// The certificate has no alternative names, and the common name is another.
    NotCommonName,
}

/// The name to hold the certificate of a handshake against: the gateway's, where this may be the gateway, else the
/// one that the client asked for. Without both there is nothing to compare.
pub(super) fn reference(view: &View<'_>, row: &HandshakeRow) -> Option<(ServerName, Origin)> {
    match &view.config.gateway_name {
        Some(name) if may_be_gateway(view, row) => Some((ServerName::new(name), Origin::Gateway)),
        _ => {
            let asked = row.sni.as_deref().map(ServerName::new);
            // An address is no name that a client may ask for (RFC 6066, 3); some do, for want of a name.
            asked.filter(|name| matches!(name, ServerName::Dns(_))).map(|name| (name, Origin::Sni))
        }
    }
}

/// Whether the server of a handshake may be the one that the product is configured with. Where clients ask for the
/// gateway by its name, a handshake that asks for another name is another server's.
pub(super) fn may_be_gateway(view: &View<'_>, row: &HandshakeRow) -> bool {
    if !view.config.ports.tls.contains(&row.server.port) {
        return false;
    }
    let Some(gateway) = &view.config.gateway_name else {
        return true;
    };
    let gateway = ServerName::new(gateway);
    let asks = row.sni.as_deref().is_none_or(|name| ServerName::new(name) == gateway);
    asks || !view.chains().gateway_is_asked_for
}

/// What a certificate says of a name.
pub(super) fn fit(name: &ServerName, fields: &Fields) -> Fit {
    match name.is_among_alternatives(fields) {
        Some(true) => Fit::Matches,
        Some(false) if name.is_address_among_dns_names(fields) => Fit::AddressAsDnsName,
        Some(false) => Fit::NotAmongAlternatives,
        None if name.is_common_name(fields) => Fit::Matches,
        None => Fit::NotCommonName,
    }
}

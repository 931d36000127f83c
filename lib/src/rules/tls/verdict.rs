//! What the product's troubleshooter would say of a handshake.

use super::chain::{Chain, End};
use super::names::{self, Fit};
use super::{cert_expired, chain_incomplete, judged_at, network_error};
use crate::proto::tls::HandshakeEnd;
use crate::rules::View;

/// The verdicts of Cisco's calendaring troubleshooter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Verdict {
    /// Nothing speaks against it.
    Verified,
    /// An issuer is missing.
    MissingFromChain,
    /// The common name is another one.
    SubjectCnMismatch,
    /// The alternative names do not contain the name.
    SanMismatch,
    /// A signature that does not fit, a certificate that is out of date or cannot be read.
    BadCertificates,
    /// The server did not answer.
    NetworkError,
    /// The handshake failed for another reason.
    Failed,
}

impl Verdict {
    /// The product's words.
    pub const fn name(self) -> &'static str {
        match self {
            Verdict::Verified => "Verified",
            Verdict::MissingFromChain => "Certificate Missing From Chain",
            Verdict::SubjectCnMismatch => "Subject CN Mismatch",
            Verdict::SanMismatch => "SAN Mismatch",
            Verdict::BadCertificates => "Bad Certificates",
            Verdict::NetworkError => "Network Error",
            Verdict::Failed => "Failed",
        }
    }
}

/// The verdict on a handshake, by its number; `None` where the capture does not allow one: the certificates are
/// encrypted or were not sent again, or the handshake was not captured to its end.
pub(crate) fn verdict(view: &View<'_>, handshake: usize) -> Option<Verdict> {
    let row = view.facts.handshakes.get(handshake)?;
    if network_error::silence(view, row).is_some() {
        return Some(Verdict::NetworkError);
    }
    // The validator's own word outranks what is computed here.
    match row.refused_certificate() {
        Some(48) => return Some(Verdict::MissingFromChain),
        Some(42 | 43 | 44 | 45 | 51) => return Some(Verdict::BadCertificates),
        _ => {}
    }
    let chain = view.chains().of(handshake).map(|(_, chain)| chain);
    if let Some(cause) = chain.and_then(|chain| cause(view, row, chain)) {
        return Some(cause);
    }
    match row.outcome {
        HandshakeEnd::Alert => Some(Verdict::Failed),
        HandshakeEnd::Complete => chain.map(|_| Verdict::Verified),
        _ => None,
    }
}

fn cause(view: &View<'_>, row: &crate::facts::HandshakeRow, chain: &Chain) -> Option<Verdict> {
    if matches!(chain.end, End::Forged(_) | End::Unreadable)
        || cert_expired::out_of_date(chain, judged_at(view, row)).next().is_some()
    {
        return Some(Verdict::BadCertificates);
    }
    let is_foreign = matches!(chain.end, End::SelfSigned)
        && !view.config.trust.is_empty()
        && names::may_be_gateway(view, row);
    if is_foreign || chain_incomplete::is_broken(view, row, chain).is_some() {
        return Some(Verdict::MissingFromChain);
    }
    let (name, _) = names::reference(view, row)?;
    match names::fit(&name, chain.leaf()?.fields.as_ref()?) {
        Fit::Matches | Fit::AddressAsDnsName => None,
        Fit::NotAmongAlternatives => Some(Verdict::SanMismatch),
        Fit::NotCommonName => Some(Verdict::SubjectCnMismatch),
    }
}

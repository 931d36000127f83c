//! `tls-san-mismatch`.

use super::mismatch;
use super::names::Fit;
use crate::rules::{Context, Findings};

rule! {
    /// The name by which the client knows the server is not among the alternative names of its certificate.
    ///
    /// ## Meaning
    /// The troubleshooter of IM and Presence calls it "SAN Mismatch". A certificate with alternative names is good for
    /// these only, whatever its common name says: the client refuses the server.
    ///
    /// ## Evidence
    /// The first certificate of the Certificate message, held against `--gateway-name`, else against the name that the
    /// client asked for (SNI).
    ///
    /// ## Traps
    /// A wildcard stands for the whole left-most label and for no other. An address matches alternative names of the
    /// kind IP address only; some clients also look among the DNS names. Without `--gateway-name` and without SNI there
    /// is no name to compare.
    ///
    /// ## Remedy
    /// Put a name of the certificate into Presence > Gateways (a name, not an address), or issue the certificate anew
    /// with the name that stands there: `New-ExchangeCertificate -GenerateRequest -DomainName <names>`.
    ///
    /// ## References
    /// RFC 9525, 6; RFC 5280, 4.2.1.6; Cisco, Troubleshooting Exchange Calendaring Integrations.
    pub(crate) struct TlsSanMismatch;
    id = "tls-san-mismatch";
    severity = Error;
    check = check;
}

fn check(cx: &Context<'_>, out: &mut Findings<'_>) {
    mismatch::check(cx, |fit| matches!(fit, Fit::NotAmongAlternatives | Fit::AddressAsDnsName), out);
}

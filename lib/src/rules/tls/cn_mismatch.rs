//! `tls-cn-mismatch`.

use super::mismatch;
use super::names::Fit;
use crate::rules::{Context, Findings};

rule! {
    /// The common name of the server's certificate is not the name by which the client knows the server.
    ///
    /// ## Meaning
    /// The troubleshooter of IM and Presence calls it "Subject CN Mismatch". The certificate has no alternative names,
    /// so its common name decides, and it is another one: the client refuses the server.
    ///
    /// ## Evidence
    /// The first certificate of the Certificate message, held against `--gateway-name`, else against the name that the
    /// client asked for (SNI).
    ///
    /// ## Traps
    /// Where the certificate has alternative names they alone decide: `tls-san-mismatch`. Case does not matter; a
    /// wildcard stands for the left-most label. Without `--gateway-name` and without SNI there is no name to compare.
    ///
    /// ## Remedy
    /// Put the name of the certificate into Presence > Gateways, or issue the certificate anew with the name that
    /// stands there, as alternative name too: `New-ExchangeCertificate -GenerateRequest -DomainName <names>`.
    ///
    /// ## References
    /// RFC 6125, 6.4.4; RFC 9525; Cisco, Troubleshooting Exchange Calendaring Integrations.
    pub(crate) struct TlsCnMismatch;
    id = "tls-cn-mismatch";
    severity = Error;
    check = check;
}

fn check(cx: &Context<'_>, out: &mut Findings<'_>) {
    mismatch::check(cx, |fit| fit == Fit::NotCommonName, out);
}

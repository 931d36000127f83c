//! `tls-cert-bad-signature`.

use super::chain::End;
use super::{about, chains, show_certificates};
use crate::rules::{Context, Findings};

rule! {
    /// A certificate was not signed with the key of the certificate that bears its issuer's name.
    ///
    /// ## Meaning
    /// The troubleshooter of IM and Presence calls it "Bad Certificates". Usually a CA was issued anew under its old
    /// name: the server sends, or the Cisco side still trusts, the outdated certificate of the CA.
    ///
    /// ## Evidence
    /// The signature of each certificate of the chain, checked with the key of every certificate that has the name of
    /// its issuer, from the message or from `--trust`. None fits.
    ///
    /// ## Traps
    /// Where the issuer is not at hand nothing can be checked: `tls-chain-incomplete`. Signatures with MD5, odd curves
    /// and small keys cannot be checked and are never called bad.
    ///
    /// ## Remedy
    /// Remove the outdated certificate in OS Administration > Security > Certificate Management and upload the CA's
    /// current one; restart Cisco Presence Engine and Cisco SIP Proxy. Where the server sends it, replace it in the
    /// store of the Exchange server.
    ///
    /// ## References
    /// RFC 5280, 6.1.3; Cisco, Troubleshooting Exchange Calendaring Integrations.
    pub(crate) struct TlsCertBadSignature;
    id = "tls-cert-bad-signature";
    severity = Error;
    check = check;
}

fn check(cx: &Context<'_>, out: &mut Findings<'_>) {
    for view in &cx.views {
        for shown in chains(view) {
            let (End::Forged(issuer), Some(last)) = (&shown.chain.end, shown.chain.path.last()) else {
                continue;
            };
            let (Some(child), Some(parent)) = (&last.fields, &issuer.fields) else {
                continue;
            };
            let keys = match (&child.authority_key, &parent.subject_key) {
                (Some(wanted), Some(known)) if wanted != known => {
                    " The key identifiers differ too: the issuer has another key now."
                }
                _ => "",
            };
            let title = format!("A certificate of {} has a bad signature", shown.server);
            let draft = about(view, shown.server, shown.rows.iter().copied(), title)
                .detail(format!(
                    "Bad Certificates: the signature of the certificate of {} was not made with the key in the \
                     certificate of {}, its issuer by name.{keys}",
                    child.name(),
                    parent.name(),
                ))
                .value("certificate", child.subject.as_str())
                .value("issuer", parent.subject.as_str())
                .value("signature_algorithm", child.signature_algorithm.as_str());
            out.push(show_certificates(draft, view, &shown.rows));
        }
    }
}

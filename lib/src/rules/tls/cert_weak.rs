//! `tls-cert-weak`.

use super::{about, chains, show_certificates};
use crate::proto::x509::{Certificate, Fields};
use crate::rules::{Context, Findings};

/// What keys must have at least, in bits: RSA and DSA, and elliptic curves.
const LEAST: (u32, u32) = (2048, 256);

rule! {
    /// A certificate that the server sends has a weak signature or a weak key.
    ///
    /// ## Meaning
    /// Signatures with MD5 and SHA-1 can be forged, RSA keys below 2048 bits broken. Current clients refuse such
    /// certificates, and updates of the Cisco products begin to: what works today fails after the next one.
    ///
    /// ## Evidence
    /// The signature algorithm and the key of each certificate of the chain that the server sent.
    ///
    /// ## Traps
    /// The signature of a self-signed root protects nothing and is not judged; its key is.
    ///
    /// ## Remedy
    /// Issue the certificate anew with SHA-256 and an RSA key of 2048 bits or more; where an issuer is the weak one,
    /// have the CA renewed first.
    ///
    /// ## References
    /// RFC 9155; RFC 6151; NIST SP 800-131A; Cisco TechNote 116001.
    pub(crate) struct TlsCertWeak;
    id = "tls-cert-weak";
    severity = Warning;
    check = check;
}

fn check(cx: &Context<'_>, out: &mut Findings<'_>) {
    for view in &cx.views {
        for shown in chains(view) {
            let certificates = shown.chain.sent_by_server();
            let said: Vec<String> =
                certificates.filter_map(|(one, is_root)| weakness(one, is_root)).collect();
            if said.is_empty() {
                continue;
            }
            let title = format!("{} uses a weak certificate", shown.server);
            let draft = about(view, shown.server, shown.rows.iter().copied(), title)
                .detail(said.join(" "))
                .value("weak", said);
            out.push(show_certificates(draft, view, &shown.rows));
        }
    }
}

/// What is weak about a certificate, in a sentence.
fn weakness(certificate: &Certificate, is_root: bool) -> Option<String> {
    let fields = certificate.fields.as_ref()?;
    let signature = (!is_root && has_weak_signature(fields))
        .then(|| format!("it is signed with {}", fields.signature_algorithm));
    let key = weak_key(fields);
    let said: Vec<String> = signature.into_iter().chain(key).collect();
    (!said.is_empty()).then(|| format!("Certificate {}: {}.", fields.name(), said.join(", and ")))
}

fn has_weak_signature(fields: &Fields) -> bool {
    let name = fields.signature_algorithm.to_ascii_lowercase();
    let is_digest = |digest: &str| name.starts_with(digest) || name.ends_with(digest);
    ["md2", "md4", "md5", "sha1"].into_iter().any(is_digest)
}

fn weak_key(fields: &Fields) -> Option<String> {
    let bits = fields.key_bits?;
    let least = match fields.key_type.as_str() {
        "RSA" | "DSA" => LEAST.0,
        "EC" => LEAST.1,
        _ => return None,
    };
    (bits < least).then(|| format!("its {} key has {bits} bits", fields.key_type))
}

//! `tls-chain-incomplete`.

use super::chain::{Chain, End, Obstacle};
use super::{Shown, about, chains, names, show_certificates};
use crate::facts::HandshakeRow;
use crate::rules::{Confidence, Context, Findings, View};

rule! {
    /// A certificate is missing between the server's own and a root that the client can trust.
    ///
    /// ## Meaning
    /// The troubleshooter of IM and Presence calls it "Certificate Missing From Chain". The server must send its own
    /// certificate and all intermediates; the client must have the root. Where either is missing, EWS over TLS fails
    /// with every client that verifies.
    ///
    /// ## Evidence
    /// The Certificate message: from the first certificate on, each issuer is looked for among the others and among
    /// the certificates given with `--trust`, by name, key identifier and signature; one that may not issue the server's,
    /// by its basic constraints or its name constraints, does not count. Or the alert `unknown_ca` by which the client
    /// refused the chain.
    ///
    /// ## Traps
    /// The order of the certificates and extra ones do not matter. That the root alone is not sent is usual and lawful:
    /// without `--trust` it is no finding. A self-signed certificate is its own root; it must be uploaded, but nothing
    /// is missing. In TLS 1.3 and in resumed sessions the certificates are not visible.
    ///
    /// ## Remedy
    /// For a missing intermediate, install it on Exchange in the store "Intermediate Certification Authorities" and
    /// restart IIS. For a missing root, upload it: on IM and Presence to cup-trust, then restart Cisco Presence Engine
    /// and Cisco SIP Proxy; on Unity Connection to tomcat-trust, then restart its services.
    ///
    /// ## References
    /// RFC 5246, 7.4.2; RFC 5280, 6.1; Cisco, Troubleshooting Exchange Calendaring Integrations.
    pub(crate) struct TlsChainIncomplete;
    id = "tls-chain-incomplete";
    severity = Error;
    check = check;
}

/// Why a chain is not complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gap {
    /// The client said so.
    Refused,
    /// It leads to none of the user's trust anchors.
    Untrusted,
    /// The server sent its own certificate only, and it is not self-signed.
    Alone,
}

fn check(cx: &Context<'_>, out: &mut Findings<'_>) {
    for view in &cx.views {
        for shown in chains(view) {
            let Some((missing, child)) = shown.chain.missing() else {
                continue;
            };
            for gap in [Gap::Refused, Gap::Untrusted, Gap::Alone] {
                let rows: Vec<&HandshakeRow> = shown
                    .rows
                    .iter()
                    .copied()
                    .filter(|row| is_broken(view, row, shown.chain) == Some(gap))
                    .collect();
                if rows.is_empty() {
                    continue;
                }
                let title = match &shown.chain.obstacle {
                    Some(_) => format!("{missing} may not issue the certificate of {}", shown.server),
                    None => format!("{} does not send the certificate of {missing}", shown.server),
                };
                let draft = about(view, shown.server, rows.iter().copied(), title)
                    .detail(detail(&shown, gap, missing, child))
                    .value("missing", missing)
                    .value("sent", shown.rows.first().map_or(0, |row| row.chain().len()));
                let draft = match gap {
                    Gap::Alone => draft.confidence(Confidence::Likely).caveat(
                        "If the client trusts the issuer itself, nothing is missing; name the trusted certificates \
                         with --trust to be sure.",
                    ),
                    Gap::Refused | Gap::Untrusted => draft,
                };
                out.push(show_certificates(draft, view, &rows));
            }
        }
    }
}

fn detail(shown: &Shown<'_>, gap: Gap, missing: &str, child: &str) -> String {
    let known = match shown.chain.path.len() {
        1 => String::new(),
        length => format!(" {} certificates of the chain are at hand.", length),
    };
    let place = match &shown.chain.obstacle {
        None => "whose certificate is neither sent nor among the trusted ones".to_owned(),
        Some(Obstacle::NotCa) => {
            "and the certificate of that name is that of no CA (basic constraints)".to_owned()
        }
        Some(Obstacle::Name(name)) => {
            format!("and the CA of that name may issue none for {name} (name constraints)")
        }
    };
    let why = match gap {
        Gap::Refused => "the client refused the chain with the alert unknown_ca",
        Gap::Untrusted => "no way leads from it to a certificate of --trust or to a self-signed root",
        Gap::Alone if shown.chain.obstacle.is_some() => "the server sends no other that could have issued it",
        Gap::Alone => "the server sends nothing but its own certificate",
    };
    format!(
        "Certificate Missing From Chain: the certificate of {child} is issued by {missing}, {place}; {why}.{known}"
    )
}

/// Whether, and why, the chain that a handshake shows is not complete.
pub(super) fn is_broken(view: &View<'_>, row: &HandshakeRow, chain: &Chain) -> Option<Gap> {
    if !matches!(chain.end, End::Missing) {
        return None;
    }
    if row.refused_certificate() == Some(48) {
        return Some(Gap::Refused);
    }
    if !view.config.trust.is_empty() && names::may_be_gateway(view, row) {
        return Some(Gap::Untrusted);
    }
    (chain.path.len() == 1).then_some(Gap::Alone)
}

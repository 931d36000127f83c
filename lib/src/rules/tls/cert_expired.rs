//! `tls-cert-expired`.

use super::chain::Chain;
use super::{about, chains, judged_at, show_certificates};
use crate::facts::HandshakeRow;
use crate::proto::x509::Certificate;
use crate::rules::{Context, Findings};
use crate::time::{Timestamp, spoken};

rule! {
    /// A certificate that the server sends is not valid any more, or not yet.
    ///
    /// ## Meaning
    /// Every client that verifies refuses the server. The troubleshooter of IM and Presence shows "Bad Certificates".
    ///
    /// ## Evidence
    /// The validity of the server's certificate, or of one of its issuers that the server sent, held against the time
    /// of the handshake, or against `--now`.
    ///
    /// ## Traps
    /// The time is that of the capture, not of the analysis. Certificates in the message that are not needed for the
    /// chain do not matter. A wrong clock on the capturing host would mislead.
    ///
    /// ## Remedy
    /// Renew the certificate (`Get-ExchangeCertificate | fl Subject,NotAfter,Services`, then `New-ExchangeCertificate` and
    /// `Enable-ExchangeCertificate -Services IIS`). Where the certificate is self-signed or its CA changes, upload the
    /// new one to the Cisco side before. Check the clocks of both sides.
    ///
    /// ## References
    /// RFC 5280, 4.1.2.5; Cisco, Troubleshooting Exchange Calendaring Integrations.
    pub(crate) struct TlsCertExpired;
    id = "tls-cert-expired";
    severity = Error;
    check = check;
}

fn check(cx: &Context<'_>, out: &mut Findings<'_>) {
    for view in &cx.views {
        for shown in chains(view) {
            let is_late =
                |row: &&HandshakeRow| out_of_date(shown.chain, judged_at(view, row)).next().is_some();
            let rows: Vec<&HandshakeRow> = shown.rows.iter().copied().filter(is_late).collect();
            let Some(last) = rows.last() else {
                continue;
            };
            let now = judged_at(view, last);
            let said: Vec<String> = out_of_date(shown.chain, now).map(|one| sentence(one, now)).collect();
            let Some(worst) = out_of_date(shown.chain, now).next().and_then(|one| one.fields.as_ref()) else {
                continue;
            };
            let when = if now > worst.not_after { "has expired" } else { "is not valid yet" };
            let title = format!("The certificate of {} that {} sends {when}", worst.name(), shown.server);
            let mut draft = about(view, shown.server, rows.iter().copied(), title)
                .detail(format!("Bad Certificates: {}", said.join(" ")))
                .value("certificate", worst.subject.as_str())
                .value("not_before", worst.not_before.to_string().as_str())
                .value("not_after", worst.not_after.to_string().as_str())
                .value("judged_at", now.to_string().as_str());
            if view.config.now.is_none() && !view.sight.steps().is_empty() {
                draft = draft.caveat("The clock of the capture jumped; its times may be wrong.");
            }
            out.push(show_certificates(draft, view, &rows));
        }
    }
}

/// The certificates of a chain that the server sent and that are not valid at `now`, the server's own first.
pub(super) fn out_of_date(chain: &Chain, now: Timestamp) -> impl Iterator<Item = &Certificate> {
    chain.sent_by_server().map(|(certificate, _)| certificate).filter(move |certificate| {
        let fields = certificate.fields.as_ref();
        fields.is_some_and(|fields| now < fields.not_before || now > fields.not_after)
    })
}

fn sentence(certificate: &Certificate, now: Timestamp) -> String {
    let Some(fields) = &certificate.fields else {
        return String::new();
    };
    let name = fields.name();
    if now > fields.not_after {
        let ago = spoken(now.seconds_since(fields.not_after));
        return format!(
            "{name} was valid until {}, and is judged {ago} later, at {}.",
            fields.not_after.in_words(),
            now.in_words()
        );
    }
    let ahead = spoken(fields.not_before.seconds_since(now));
    format!(
        "{name} is valid from {} on, and is judged {ahead} before, at {}.",
        fields.not_before.in_words(),
        now.in_words()
    )
}

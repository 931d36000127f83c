//! `imap-tls-unavailable`.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::reason::code;
use crate::facts::{ImapKind, ImapRow, TLS_PORT};
use crate::proto::imap::Status;
use crate::rules::draft::shown;
use crate::rules::words::counted;
use crate::rules::{Context, Draft, Findings, SubjectKind};

rule! {
    /// The IMAP server cannot do TLS, although it is asked for.
    ///
    /// ## Meaning
    /// No usable certificate is bound to IMAP. Exchange then closes connections to port 993 with a BYE, or refuses
    /// STARTTLS.
    ///
    /// ## Evidence
    /// `* BYE Connection is closed. 14` in place of a greeting, any other IMAP in clear text on port 993, STARTTLS
    /// answered with BAD or NO, or `BYE … 15` after it.
    ///
    /// ## Traps
    /// BYE 14 after refused log-ins is about those. BYE 10 in place of a greeting is a limit (`imap-connection-limit`).
    ///
    /// ## Remedy
    /// `Get-ExchangeCertificate | fl Thumbprint,Services,NotAfter,Subject`, then `Enable-ExchangeCertificate -Thumbprint
    /// <thumbprint> -Services IMAP` and `Set-ImapSettings -Server <CAS> -X509CertificateName <name in the certificate>`;
    /// then `Restart-Service MSExchangeIMAP4`.
    ///
    /// ## References
    /// RFC 9051, 6.2.1; RFC 8314, 3.2; Enable-ExchangeCertificate.
    pub(crate) struct ImapTlsUnavailable;
    id = "imap-tls-unavailable";
    severity = Error;
    check = check;
}

/// A certificate is missing.
const NO_CERTIFICATE: u32 = 14;
/// STARTTLS failed.
const NO_TLS: u32 = 15;

fn check(cx: &Context<'_>, out: &mut Findings<'_>) {
    for view in &cx.views {
        let mut by_client: BTreeMap<IpAddr, Vec<(&ImapRow, &str)>> = BTreeMap::new();
        for row in &view.facts.imap.rows {
            if let Some(note) = sign(row) {
                by_client.entry(row.client.ip).or_default().push((row, note));
            }
        }
        for (client, signs) in by_client {
            let servers: Vec<IpAddr> = signs.iter().map(|(row, _)| row.server.ip).collect();
            let title = format!("TLS is not available to {client}: {}", counted(signs.len(), "attempt"));
            let draft = Draft::new(SubjectKind::Client, client.to_string(), title)
                .also_all(servers.into_iter().take(super::NAMED))
                .count(signs.len())
                .value("attempts", signs.len())
                .detail(format!("The server said {:?}.", signs.last().map_or("", |(row, _)| row.text()),));
            out.push(shown(&signs, 1).fold(draft, |draft, (row, note)| {
                draft.evidence(view, Some(row.flow), row.settled(), *note)
            }));
        }
    }
}

/// What a row says of TLS that fails.
fn sign(row: &ImapRow) -> Option<&'static str> {
    let is_bye = row.status() == Some(Status::Bye);
    let code = code(row.text()).filter(|_| is_bye);
    match row.kind {
        ImapKind::Greeting if code == Some(NO_CERTIFICATE) => {
            Some("BYE in place of a greeting: no certificate")
        }
        ImapKind::Greeting | ImapKind::Bye if code == Some(NO_TLS) => {
            Some("BYE: TLS could not be established")
        }
        ImapKind::Greeting if row.server.port == TLS_PORT && !is_bye => {
            Some("a greeting in clear text on the port of TLS")
        }
        ImapKind::Command if row.command == Some("STARTTLS") => {
            matches!(row.status(), Some(Status::Bad | Status::No)).then_some("STARTTLS refused")
        }
        ImapKind::Command if row.text().contains("Could not establish TLS") => {
            Some("TLS could not be established")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::imap::testing::{Site, ids};

    #[test]
    fn bye_14_in_place_of_a_greeting_is_about_the_certificate() {
        let mut site = Site::exchange_2010();
        site.turned_away(1, "10.0.1.1", "Connection is closed. 14");
        assert_eq!(ids(&site.findings(&ImapTlsUnavailable)), ["10.0.1.1"]);
    }

    #[test]
    fn bye_10_is_not() {
        let mut site = Site::exchange_2010();
        site.turned_away(1, "10.0.1.1", "Connection is closed. 10");
        assert!(site.findings(&ImapTlsUnavailable).is_empty());
    }
}

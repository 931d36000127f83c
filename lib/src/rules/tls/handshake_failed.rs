//! `tls-handshake-failed`.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

use super::about;
use crate::facts::HandshakeRow;
use crate::flow::Endpoint;
use crate::proto::tls::{Alert, HandshakeEnd, Peer};
use crate::rules::draft::shown;
use crate::rules::words::counted;
use crate::rules::{Confidence, Context, Findings, View};

/// A client that succeeds so soon after with another version had only tried one (seconds).
const AT_ONCE: f64 = 10.0;
/// Successes after a failure that are looked at.
const LOOKED_AT: usize = 64;

rule! {
    /// A TLS handshake ended with a fatal alert.
    ///
    /// ## Meaning
    /// One side refused the other and said why. An alert 42 to 48 that the client sends after the server's
    /// certificates is the verdict of the real validator: 48 the CA is not trusted, 45 the certificate is out of date,
    /// 42 and 51 a bad signature, 46 any other reason. An alert 40, 70 or 71 of the server means that no version or
    /// cipher suits both: old clients that offer TLS 1.0 against a hardened Exchange.
    ///
    /// ## Evidence
    /// The alert, with its sender and code, before the handshake was over. In TLS 1.3 the client's alert is encrypted
    /// and known by its length only.
    ///
    /// ## Traps
    /// `close_notify`, `user_canceled` and warnings are no failures. A client that goes on at once with another
    /// version had only tried.
    ///
    /// ## Remedy
    /// By the alert: for 48 upload the CA's certificate to the Cisco side (cup-trust or tomcat-trust) and restart the
    /// services; for 42, 45 and 46 see the findings about the certificate; for 40, 70 and 71 compare the TLS versions
    /// and ciphers of both sides (`show tls min-version` on the Cisco side, SCHANNEL settings on Exchange) and update
    /// the older one.
    ///
    /// ## References
    /// RFC 8446, 6.2 and B.2; RFC 5246, 7.2.
    pub(crate) struct TlsHandshakeFailed;
    id = "tls-handshake-failed";
    severity = Error;
    check = check;
}

/// A handshake and the alert that ended it.
type Refusal<'v> = (&'v HandshakeRow, &'v Alert);

fn check(cx: &Context<'_>, out: &mut Findings<'_>) {
    for view in &cx.views {
        let successes = successes(view);
        let mut alerts: BTreeMap<(IpAddr, Peer, Option<u8>), Vec<Refusal<'_>>> = BTreeMap::new();
        for row in view.facts.handshakes.iter().filter(|row| !is_mere_try(&successes, row)) {
            if let Some(alert) = row.fatal_alert() {
                let code = alert.content.map(|content| content.code);
                alerts.entry((row.server.ip, alert.from, code)).or_default().push((row, alert));
            }
        }
        for ((server, from, code), seen) in alerts {
            let Some((_, alert)) = seen.first() else {
                continue;
            };
            let title = format!("TLS with {server} fails: the {} sends {}", from.name(), alert.name());
            let mut draft = about(view, server, seen.iter().map(|(row, _)| *row), title)
                .detail(detail(&seen, alert))
                .value("alert", alert.name().as_str())
                .value("sender", from.name());
            draft = match code {
                Some(code) => draft.value("code", u64::from(code)),
                None => draft.confidence(Confidence::Likely).caveat(
                    "The alert is encrypted: its length tells it from the other messages, its code cannot be read.",
                ),
            };
            out.push(shown(&seen, 2).fold(draft, |draft, (row, alert)| {
                let draft = match row.hello {
                    Some(hello) => draft.evidence(view, Some(row.flow), hello, "ClientHello"),
                    None => draft,
                };
                draft.evidence(
                    view,
                    Some(row.flow),
                    alert.at,
                    format!("alert {} from the {}", alert.name(), from.name()),
                )
            }));
        }
    }
}

fn detail(seen: &[Refusal<'_>], alert: &Alert) -> String {
    let meaning = match (alert.from, alert.content.map(|content| content.code)) {
        (Peer::Server, None) => "The server broke off with an encrypted alert.",
        (Peer::Client, None) => {
            "The client broke off with an encrypted alert, most likely because it does not accept the certificate."
        }
        (Peer::Client, Some(48)) => "Certificate Missing From Chain: the client does not know the CA.",
        (Peer::Client, Some(45)) => "Bad Certificates: by the client's clock the certificate is out of date.",
        (Peer::Client, Some(42 | 43 | 44 | 51)) => {
            "Bad Certificates: the client does not accept the certificate."
        }
        (Peer::Client, Some(46)) => {
            "The client does not accept the certificate and does not say why: often the name."
        }
        (Peer::Server, Some(40 | 70 | 71)) => "No TLS version or cipher suits both sides.",
        (Peer::Server, Some(42..=48 | 116)) => {
            "The server does not accept the client's certificate, or misses one."
        }
        (_, Some(112)) => "The server does not know the name that the client asked for.",
        _ => "The handshake failed for a reason that is not about certificates.",
    };
    let offered = seen.iter().find_map(|(row, _)| row.offered);
    let offered =
        offered.map(|version| format!(" The client offered {version} at most.")).unwrap_or_default();
    format!("{} ended with this alert. {meaning}{offered}", counted(seen.len(), "handshake"))
}

/// Handshakes that succeeded, by client and server, in the order of their ends.
type Successes<'v> = HashMap<(IpAddr, Endpoint), Vec<&'v HandshakeRow>>;

fn successes<'v>(view: &View<'v>) -> Successes<'v> {
    let mut all = Successes::new();
    for row in view.facts.handshakes.iter().filter(|row| row.outcome == HandshakeEnd::Complete) {
        all.entry((row.client.ip, row.server)).or_default().push(row);
    }
    all
}

/// Whether the client succeeded at once with another version.
fn is_mere_try(successes: &Successes<'_>, failed: &HandshakeRow) -> bool {
    let Some(rows) = successes.get(&(failed.client.ip, failed.server)) else {
        return false;
    };
    let next = rows.partition_point(|row| row.last.frame <= failed.last.frame);
    let soon =
        rows.iter().skip(next).take_while(|row| row.last.time.seconds_since(failed.last.time) <= AT_ONCE);
    soon.take(LOOKED_AT).any(|row| row.first.frame > failed.first.frame && row.offered != failed.offered)
}

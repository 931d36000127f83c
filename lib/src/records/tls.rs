//! One row per TLS handshake.

use std::net::IpAddr;

use super::{Origin, hex, origin};
use crate::facts::HandshakeRow;
use crate::proto::tls::Alert;
use crate::proto::x509::Certificate;
use crate::rules::{View, verdict};
use crate::time::Timestamp;

/// One TLS handshake.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[allow(missing_docs)]
#[non_exhaustive]
pub struct TlsRecord {
    #[cfg_attr(feature = "serde", serde(flatten))]
    pub origin: Origin,
    pub client_ip: IpAddr,
    pub client_port: u16,
    pub server_ip: IpAddr,
    pub server_port: u16,
    pub sni: Option<String>,
    /// The one that the server chose.
    pub version: Option<String>,
    /// The name that IANA registers.
    pub cipher: Option<String>,
    /// The server's, as sent.
    pub certificates: Vec<CertificateRecord>,
    pub client_certificates: Vec<CertificateRecord>,
    /// The product's words.
    pub verdict: Option<&'static str>,
    pub alerts: Vec<AlertRecord>,
    pub outcome: &'static str,
    /// The server's certificates stand in the capture in clear.
    pub certificate_visible: bool,
}

/// One certificate.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[allow(missing_docs)]
#[non_exhaustive]
pub struct CertificateRecord {
    pub subject: Option<String>,
    pub subject_cn: Option<String>,
    pub issuer_cn: Option<String>,
    /// Empty without the extension too.
    pub san: Vec<String>,
    pub not_before: Option<Timestamp>,
    pub not_after: Option<Timestamp>,
    pub signature_algorithm: Option<String>,
    pub key_type: Option<String>,
    pub key_bits: Option<u32>,
    pub sha256: String,
}

/// One alert of a handshake.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[allow(missing_docs)]
#[non_exhaustive]
pub struct AlertRecord {
    pub frame: u64,
    /// `client` or `server`.
    pub from: &'static str,
    /// `warning` or `fatal`; `None` where it is encrypted.
    pub level: Option<&'static str>,
    pub code: Option<u8>,
    pub name: String,
}

/// The rows of a vantage point, in the order of the frames that ended the handshakes.
pub(super) fn all<'v>(view: &'v View<'_>) -> impl Iterator<Item = TlsRecord> + 'v {
    let rows = view.facts.handshakes.iter().enumerate();
    rows.map(|(number, row)| TlsRecord {
        origin: origin(view, row.last, Some(row.flow)),
        client_ip: row.client.ip,
        client_port: row.client.port,
        server_ip: row.server.ip,
        server_port: row.server.port,
        sni: row.sni.as_deref().map(str::to_owned),
        version: row.version.map(|version| version.to_string()),
        cipher: row.cipher.as_deref().map(str::to_owned),
        certificates: row.chain().iter().map(|one| certificate(one)).collect(),
        client_certificates: client_certificates(row),
        verdict: verdict(view, number).map(|verdict| verdict.name()),
        alerts: row.alerts.iter().map(alert).collect(),
        outcome: row.outcome.name(),
        certificate_visible: !row.chain().is_empty(),
    })
}

fn client_certificates(row: &HandshakeRow) -> Vec<CertificateRecord> {
    let sent = row.client_certificates.iter().flat_map(|(_, sent)| sent);
    sent.map(|one| certificate(one)).collect()
}

fn certificate(certificate: &Certificate) -> CertificateRecord {
    let fields = certificate.fields.as_ref();
    CertificateRecord {
        subject: fields.map(|fields| fields.subject.clone()),
        subject_cn: fields.and_then(|fields| fields.subject_cn.clone()),
        issuer_cn: fields.and_then(|fields| fields.issuer_cn.clone()),
        san: fields.and_then(|fields| fields.san.as_ref()).map(|names| names.list()).unwrap_or_default(),
        not_before: fields.map(|fields| fields.not_before),
        not_after: fields.map(|fields| fields.not_after),
        signature_algorithm: fields.map(|fields| fields.signature_algorithm.clone()),
        key_type: fields.map(|fields| fields.key_type.clone()),
        key_bits: fields.and_then(|fields| fields.key_bits),
        sha256: hex(&certificate.sha256),
    }
}

fn alert(alert: &Alert) -> AlertRecord {
    AlertRecord {
        frame: alert.at.frame.number(),
        from: alert.from.name(),
        level: alert.content.map(|said| if said.level == 2 { "fatal" } else { "warning" }),
        code: alert.content.map(|said| said.code),
        name: alert.name(),
    }
}

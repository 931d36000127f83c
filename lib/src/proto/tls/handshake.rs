//! A handshake as it showed itself before encryption began.

use super::hello::{ClientHello, ServerHello};
use crate::flow::{Dir, Moment};

/// One TLS handshake.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TlsHandshake {
    /// The direction of the client.
    pub client: Dir,
    /// The frame of its first message.
    pub first: Moment,
    /// The frame that ended it, or of its last message.
    pub last: Moment,
    /// What the client asked for; the second one where the server asked again.
    pub hello: Option<ClientHello>,
    /// What the server chose.
    pub server_hello: Option<ServerHello>,
    /// The server asked for another ClientHello.
    pub retried: bool,
    /// An earlier session goes on: no certificates are sent.
    pub resumed: bool,
    /// The server asked for the client's certificate.
    pub certificate_requested: bool,
    /// The server's certificates.
    pub certificates: Option<SentCertificates>,
    /// The client's.
    pub client_certificates: Option<SentCertificates>,
    /// Alerts in their order, at most 16.
    pub alerts: Vec<Alert>,
    /// How it ended.
    pub outcome: HandshakeEnd,
    /// Bytes of it were never captured.
    pub has_gap: bool,
}

/// A Certificate message.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SentCertificates {
    /// The frame that completed it.
    pub at: Moment,
    /// The certificates in DER, as sent: the sender's own first (RFC 5246, 7.4.2).
    pub der: Vec<Box<[u8]>>,
}

/// How a handshake ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HandshakeEnd {
    /// Both sides finished it.
    Complete,
    /// An alert ended it.
    Alert,
    /// The server said nothing, and the connection was closed.
    NoAnswer,
    /// A reset ended it.
    Reset,
    /// The capture, or the client's FIN, ended before it did.
    Open,
}

impl HandshakeEnd {
    /// The word that records use.
    pub const fn name(self) -> &'static str {
        match self {
            HandshakeEnd::Complete => "complete",
            HandshakeEnd::Alert => "alert",
            HandshakeEnd::NoAnswer => "no-answer",
            HandshakeEnd::Reset => "reset",
            HandshakeEnd::Open => "open",
        }
    }
}

/// Which end of a handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Peer {
    /// The client.
    Client,
    /// The server.
    Server,
}

impl Peer {
    /// The word that records use.
    pub const fn name(self) -> &'static str {
        match self {
            Peer::Client => "client",
            Peer::Server => "server",
        }
    }
}

/// An alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Alert {
    /// Its frame.
    pub at: Moment,
    /// Who sent it.
    pub from: Peer,
    /// What it says; `None` where it is encrypted.
    pub content: Option<AlertContent>,
}

/// What an alert in clear says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AlertContent {
    /// 1 is a warning, 2 is fatal.
    pub level: u8,
    /// The code.
    pub code: u8,
}

impl Alert {
    /// Whether it ends a handshake. An encrypted one does before the handshake is over.
    pub fn is_fatal(&self) -> bool {
        self.content.is_none_or(|said| said.level == 2 && !matches!(said.code, 0 | 90))
    }

    /// The name of its code.
    pub fn name(&self) -> String {
        match self.content {
            None => "encrypted".to_owned(),
            Some(said) => alert_name(said.code).map_or_else(|| said.code.to_string(), str::to_owned),
        }
    }
}

/// The names of alerts: RFC 8446, B.2, RFC 5246, 7.2, and RFC 2246, 7.2.
fn alert_name(code: u8) -> Option<&'static str> {
    Some(match code {
        0 => "close_notify",
        10 => "unexpected_message",
        20 => "bad_record_mac",
        21 => "decryption_failed",
        22 => "record_overflow",
        30 => "decompression_failure",
        40 => "handshake_failure",
        41 => "no_certificate",
        42 => "bad_certificate",
        43 => "unsupported_certificate",
        44 => "certificate_revoked",
        45 => "certificate_expired",
        46 => "certificate_unknown",
        47 => "illegal_parameter",
        48 => "unknown_ca",
        49 => "access_denied",
        50 => "decode_error",
        51 => "decrypt_error",
        60 => "export_restriction",
        70 => "protocol_version",
        71 => "insufficient_security",
        80 => "internal_error",
        86 => "inappropriate_fallback",
        90 => "user_canceled",
        100 => "no_renegotiation",
        109 => "missing_extension",
        110 => "unsupported_extension",
        112 => "unrecognized_name",
        113 => "bad_certificate_status_response",
        115 => "unknown_psk_identity",
        116 => "certificate_required",
        120 => "no_application_protocol",
        _ => return None,
    })
}

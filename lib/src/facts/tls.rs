//! TLS handshakes with their certificates.

use std::collections::HashMap;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::intern::Interner;
use super::rows::{Row, Rows};
use super::{Coverage, LimitHits};
use crate::flow::{Endpoint, FlowId, Moment};
use crate::proto::TlsHandshake;
use crate::proto::tls::{Alert, HandshakeEnd, Peer, SentCertificates, Version};
use crate::proto::x509::Certificate;

/// A server that is silent for so long after a ClientHello does not answer (seconds).
pub const NO_ANSWER_AFTER: f64 = 10.0;

/// One TLS handshake.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct HandshakeRow {
    /// Its connection.
    pub flow: FlowId,
    /// Who asked.
    pub client: Endpoint,
    /// Who answered, or should have.
    pub server: Endpoint,
    /// Frame of the first message.
    pub first: Moment,
    /// Frame that ended it, or of the last message.
    pub last: Moment,
    /// Frame of the ClientHello.
    pub hello: Option<Moment>,
    /// The highest version that the client offers.
    pub offered: Option<Version>,
    /// The server that the client asked for (RFC 6066, 3).
    pub sni: Option<Arc<str>>,
    /// Frame of the ServerHello.
    pub server_hello: Option<Moment>,
    /// The version that the server chose.
    pub version: Option<Version>,
    /// The cipher suite that the server chose.
    pub cipher: Option<Arc<str>>,
    /// An earlier session goes on: no certificate is shown.
    pub resumed: bool,
    /// The server asked for the client's certificate.
    pub certificate_requested: bool,
    /// The server's certificates as sent, and the frame that completed them.
    pub certificates: Option<(Moment, Vec<Arc<Certificate>>)>,
    /// The client's.
    pub client_certificates: Option<(Moment, Vec<Arc<Certificate>>)>,
    /// Alerts in their order.
    pub alerts: Vec<Alert>,
    /// How it ended.
    pub outcome: HandshakeEnd,
    /// Bytes of it were never captured.
    pub has_gap: bool,
}

impl HandshakeRow {
    /// The alert that ended it.
    pub fn fatal_alert(&self) -> Option<&Alert> {
        self.alerts.iter().find(|alert| alert.is_fatal()).filter(|_| self.outcome == HandshakeEnd::Alert)
    }

    /// The code of the alert by which the client refused the server's certificate (RFC 8446, 6.2).
    pub fn refused_certificate(&self) -> Option<u8> {
        // In TLS 1.3 the certificates are shown, though not to us.
        let hidden = self.server_hello.filter(|_| self.version.is_some_and(Version::is_1_3));
        let shown = self.certificates.as_ref().map(|(at, _)| *at).or(hidden)?;
        let alert = self.fatal_alert().filter(|alert| alert.from == Peer::Client)?;
        let code = alert.content?.code;
        (alert.at.frame >= shown.frame && matches!(code, 42..=48 | 51)).then_some(code)
    }

    /// The server's own certificate and those sent with it.
    pub fn chain(&self) -> &[Arc<Certificate>] {
        self.certificates.as_ref().map(|(_, chain)| chain.as_slice()).unwrap_or_default()
    }

    /// Whether the server said anything.
    pub fn is_answered(&self) -> bool {
        self.server_hello.is_some()
            || self.certificates.is_some()
            || self.alerts.iter().any(|alert| alert.from == Peer::Server)
    }
}

/// The handshakes of one shard while the capture is read.
#[derive(Debug)]
pub(crate) struct Handshakes {
    rows: Rows<HandshakeRow>,
    certificates: HashMap<[u8; 32], Arc<Certificate>, ahash::RandomState>,
    names: Interner,
    /// Bytes that new certificates may take.
    room: u64,
    certificate_bytes: u64,
    forgotten: u64,
}

impl Row for HandshakeRow {
    fn completed(&self) -> Moment {
        self.last
    }

    fn flow(&self) -> FlowId {
        self.flow
    }
}

/// What a row costs without its certificates, and what a certificate costs besides its bytes.
const ROW_BYTES: u64 = 768;
const CERTIFICATE_BYTES: u64 = 1024;

impl Handshakes {
    /// A table that may take so many bytes, half of them for certificates.
    pub(crate) fn new(bytes: u64) -> Self {
        let rows = Rows::new(bytes / 2, ROW_BYTES);
        Handshakes {
            certificates: HashMap::default(),
            names: Interner::new(rows.limit()),
            rows,
            room: bytes / 2,
            certificate_bytes: bytes / 2,
            forgotten: 0,
        }
    }

    /// Keeps a handshake.
    pub(crate) fn apply(&mut self, flow: FlowId, ends: [Endpoint; 2], seen: &TlsHandshake) {
        if !self.rows.has_room(self.names.bytes(), seen.last) {
            return;
        }
        let (client, server) = seen.client.ends(ends);
        let chosen = seen.server_hello.as_ref().filter(|hello| !hello.is_retry);
        let row = HandshakeRow {
            flow,
            client,
            server,
            first: seen.first,
            last: seen.last,
            hello: seen.hello.as_ref().map(|hello| hello.at),
            offered: seen.hello.as_ref().map(|hello| hello.version),
            sni: self.names.intern_some(seen.hello.as_ref().and_then(|hello| hello.sni.as_deref())),
            server_hello: seen.server_hello.as_ref().map(|hello| hello.at),
            version: seen.server_hello.as_ref().map(|hello| hello.version),
            cipher: chosen.map(|hello| self.names.intern(&hello.cipher_name())),
            resumed: seen.resumed,
            certificate_requested: seen.certificate_requested,
            certificates: self.keep(seen.certificates.as_ref()),
            client_certificates: self.keep(seen.client_certificates.as_ref()),
            alerts: seen.alerts.clone(),
            outcome: seen.outcome,
            has_gap: seen.has_gap,
        };
        self.rows.push(row);
    }

    /// The rows in order, and how many rows and certificates did not fit.
    pub(crate) fn finish(self, coverage: &Coverage) -> (Vec<HandshakeRow>, [LimitHits; 2]) {
        let certificates = LimitHits::new("certificate bytes", self.certificate_bytes, self.forgotten);
        let (mut rows, full) = self.rows.into_sorted("handshake rows");
        for row in &mut rows {
            if let (HandshakeEnd::Open, Some(hello), Some(end)) = (row.outcome, row.hello, coverage.last)
                && !row.is_answered()
                && !row.has_gap
                && end.time.seconds_since(hello.time) >= NO_ANSWER_AFTER
            {
                row.outcome = HandshakeEnd::NoAnswer;
            }
        }
        (rows, [full, certificates])
    }

    /// Takes in what another shard has learnt.
    pub(crate) fn absorb(&mut self, other: Self) {
        self.rows.absorb(other.rows);
        self.certificate_bytes += other.certificate_bytes;
        self.forgotten += other.forgotten;
    }

    /// Certificates that were seen before are not kept again. Without room for one of them nothing is known of all: a list
    /// with a hole would be a chain that the server does not complete.
    fn keep(&mut self, sent: Option<&SentCertificates>) -> Option<(Moment, Vec<Arc<Certificate>>)> {
        let sent = sent?;
        let mut kept = Vec::with_capacity(sent.der.len());
        for der in &sent.der {
            let digest: [u8; 32] = Sha256::digest(der).into();
            if let Some(known) = self.certificates.get(&digest) {
                kept.push(Arc::clone(known));
                continue;
            }
            let Some(room) = self.room.checked_sub(der.len() as u64 + CERTIFICATE_BYTES) else {
                self.forgotten += 1;
                return None;
            };
            self.room = room;
            let read = Arc::new(Certificate::read(der));
            self.certificates.insert(digest, Arc::clone(&read));
            kept.push(read);
        }
        Some((sent.at, kept))
    }
}

//! TLS (RFC 8446, RFC 5246) and SSL 3.0 (RFC 6101) up to the end of the handshake: who asked for which server, what was
//! chosen, which certificates were shown, and which alert ended it. What is encrypted is passed over.

mod handshake;
mod hello;
mod lane;
mod messages;

pub use handshake::{Alert, AlertContent, HandshakeEnd, Peer, SentCertificates, TlsHandshake};
pub use hello::{ClientHello, ServerHello, Version};

use std::ops::ControlFlow;

use tls_parser::{TlsMessage, TlsMessageHandshake, parse_tls_message_handshake};

use self::lane::{Content, Lane, Piece, Skipped};
use self::messages::Messages;
use super::{Dissector, Event, Probe, Protocol};
use crate::flow::{Close, Dir, Moment};

/// Alerts of a handshake that are kept, and certificates of a message.
const ALERTS: usize = 16;
const CERTIFICATES: usize = 100;
/// An alert as TLS 1.3 encrypts it without padding: level, code, content type and a tag of 16 bytes (RFC 8446, 5.2).
/// The messages that may stand in its place are longer.
const ENCRYPTED_ALERT: usize = 19;

/// Handshake types (RFC 8446, B.3; RFC 5246, A.4).
mod kind {
    pub(super) const CLIENT_HELLO: u8 = 1;
    pub(super) const SERVER_HELLO: u8 = 2;
    pub(super) const CERTIFICATE: u8 = 11;
    pub(super) const SERVER_KEY_EXCHANGE: u8 = 12;
    pub(super) const CERTIFICATE_REQUEST: u8 = 13;
    pub(super) const SERVER_HELLO_DONE: u8 = 14;
    pub(super) const CLIENT_KEY_EXCHANGE: u8 = 16;
}

pub(super) const PROTOCOL: Protocol = Protocol {
    name: "tls",
    ports: &[443, 465, 993, 7443, 8443],
    probe: |first, more| match lane::probe(first) {
        Some(true) => Probe::Yes,
        None if more => Probe::More,
        Some(false) | None => Probe::No,
    },
    start: |_, _, _| Box::new(Tls::new()),
};

/// One connection.
struct Tls {
    client: Dir,
    sides: [Side; 2],
    /// The handshake that goes on; none where the capture began after it.
    current: Option<Box<TlsHandshake>>,
    is_done: bool,
}

/// One direction.
struct Side {
    lane: Lane,
    messages: Messages,
    /// The alert so far.
    alert: Vec<u8>,
    /// ChangeCipherSpec was sent, up to TLS 1.2.
    is_encrypted: bool,
    /// An encrypted record was sent.
    has_finished: bool,
}

impl Tls {
    fn new() -> Self {
        let side = || Side {
            lane: Lane::new(),
            messages: Messages::default(),
            alert: Vec::new(),
            is_encrypted: false,
            has_finished: false,
        };
        Tls { client: Dir::Orig, sides: [side(), side()], current: None, is_done: false }
    }

    fn side(&mut self, dir: Dir) -> &mut Side {
        let [orig, resp] = &mut self.sides;
        match dir {
            Dir::Orig => orig,
            Dir::Resp => resp,
        }
    }

    fn peer(&self, dir: Dir) -> Peer {
        if dir == self.client { Peer::Client } else { Peer::Server }
    }

    /// A record begins.
    fn record(&mut self, dir: Dir, content: Content, length: usize, at: Moment, out: &mut Vec<Event>) {
        let is_1_3 = self.is_1_3();
        let side = self.side(dir);
        match content {
            Content::Version2Hello { minor } => {
                let version = Version(0x0300 | u16::from(minor));
                self.client_hello(dir, ClientHello::version_2(version, at), at, out);
            }
            Content::Handshake if side.is_encrypted => {
                side.has_finished = true;
                if self.sides.iter().all(|side| side.has_finished) {
                    self.complete(at, out);
                }
            }
            Content::Handshake => side.messages.record(),
            // After its Finished, a side that sends an alert closes the connection (close_notify).
            Content::Alert if side.is_encrypted && side.has_finished => {}
            Content::Alert if side.is_encrypted => self.alert(dir, None, at),
            Content::ChangeCipherSpec if !is_1_3 => self.change_cipher_spec(dir),
            Content::ApplicationData => self.application_data(dir, length, at, out),
            Content::ChangeCipherSpec | Content::Alert | Content::Other => {}
        }
    }

    fn is_1_3(&self) -> bool {
        let chosen = self.current.as_ref().and_then(|current| current.server_hello.as_ref());
        chosen.is_some_and(|hello| hello.version.is_1_3())
    }

    /// Bytes of a record that is not encrypted.
    fn fragment(&mut self, dir: Dir, content: Content, mut bytes: &[u8], at: Moment, out: &mut Vec<Event>) {
        let side = self.side(dir);
        match content {
            _ if side.is_encrypted => {}
            Content::Handshake => {
                let mut messages = std::mem::take(&mut side.messages);
                while let Some(message) = messages.next(&mut bytes) {
                    self.message(dir, &message, at, out);
                }
                self.side(dir).messages = messages;
            }
            Content::Alert => {
                for &byte in bytes {
                    let side = self.side(dir);
                    side.alert.push(byte);
                    if let [level, code] = *side.alert {
                        side.alert.clear();
                        self.alert(dir, Some(AlertContent { level, code }), at);
                    }
                }
            }
            _ => {}
        }
    }

    /// A whole handshake message with its header.
    fn message(&mut self, dir: Dir, message: &[u8], at: Moment, out: &mut Vec<Event>) {
        let kind = message.first().copied().unwrap_or_default();
        match kind {
            kind::CLIENT_KEY_EXCHANGE => self.client = dir,
            kind::SERVER_HELLO
            | kind::SERVER_KEY_EXCHANGE
            | kind::CERTIFICATE_REQUEST
            | kind::SERVER_HELLO_DONE => self.client = dir.flip(),
            _ => {}
        }
        let read = match kind {
            kind::CLIENT_HELLO | kind::SERVER_HELLO | kind::CERTIFICATE => read(message),
            _ => None,
        };
        if let Some(TlsMessageHandshake::ClientHello(hello)) = &read {
            return self.client_hello(dir, ClientHello::read(hello, at), at, out);
        }
        let from = self.peer(dir);
        let current = self.current(at);
        current.last = at;
        match read {
            Some(TlsMessageHandshake::ServerHello(hello)) => {
                let hello = ServerHello::read(&hello, at);
                current.retried |= hello.is_retry;
                current.resumed = hello.by_key && !hello.is_retry;
                current.server_hello = Some(hello);
            }
            Some(TlsMessageHandshake::Certificate(sent)) => {
                let der = sent.cert_chain.iter().take(CERTIFICATES).map(|one| one.data.into()).collect();
                let sent = Some(SentCertificates { at, der });
                match from {
                    Peer::Client => current.client_certificates = sent,
                    Peer::Server => current.certificates = sent,
                }
            }
            _ => current.certificate_requested |= kind == kind::CERTIFICATE_REQUEST,
        }
    }

    fn client_hello(&mut self, dir: Dir, hello: ClientHello, at: Moment, out: &mut Vec<Event>) {
        self.client = dir;
        let answered = self.current.as_ref().and_then(|current| current.server_hello.as_ref());
        if answered.is_some_and(|answer| !answer.is_retry) {
            self.emit(out);
        }
        let current = self.current(at);
        (current.hello, current.last) = (Some(hello), at);
    }

    /// From here on, `dir` is encrypted. A server that comes to it without a certificate goes on with a session.
    fn change_cipher_spec(&mut self, dir: Dir) {
        let from = self.peer(dir);
        let Some(current) = &mut self.current else {
            return;
        };
        let has_keys = self.sides.iter().any(|side| side.is_encrypted);
        if from == Peer::Server && !has_keys && current.certificates.is_none() && !current.has_gap {
            current.resumed = current.server_hello.is_some();
        }
        self.side(dir).is_encrypted = true;
    }

    fn application_data(&mut self, dir: Dir, length: usize, at: Moment, out: &mut Vec<Event>) {
        let Some(current) = &self.current else {
            // The capture began after the handshake.
            self.is_done = true;
            return;
        };
        let early = self.peer(dir) == Peer::Client
            && current.hello.as_ref().is_some_and(|hello| hello.early_data)
            && current.server_hello.is_none();
        if early {
            return;
        }
        if !self.is_1_3() {
            return self.complete(at, out);
        }
        let takes_early = current.hello.as_ref().is_none_or(|hello| hello.early_data);
        let is_first = !std::mem::replace(&mut self.side(dir).has_finished, true);
        if is_first && length == ENCRYPTED_ALERT && !takes_early {
            return self.alert(dir, None, at);
        }
        if self.peer(dir) == Peer::Client && is_first {
            self.complete(at, out);
        }
    }

    fn alert(&mut self, dir: Dir, content: Option<AlertContent>, at: Moment) {
        let from = self.peer(dir);
        let Some(current) = &mut self.current else {
            return;
        };
        if current.alerts.len() < ALERTS && current.outcome != HandshakeEnd::Alert {
            let alert = Alert { at, from, content };
            current.alerts.push(alert);
            if alert.is_fatal() {
                (current.outcome, current.last) = (HandshakeEnd::Alert, at);
            }
        }
    }

    fn complete(&mut self, at: Moment, out: &mut Vec<Event>) {
        if let Some(current) = &mut self.current
            && current.outcome == HandshakeEnd::Open
        {
            (current.outcome, current.last) = (HandshakeEnd::Complete, at);
        }
        self.emit(out);
        self.is_done = true;
    }

    /// The handshake that goes on; a new one where there is none.
    fn current(&mut self, at: Moment) -> &mut TlsHandshake {
        let client = self.client;
        let current = self.current.get_or_insert_with(|| {
            Box::new(TlsHandshake {
                client,
                first: at,
                last: at,
                hello: None,
                server_hello: None,
                retried: false,
                resumed: false,
                certificate_requested: false,
                certificates: None,
                client_certificates: None,
                alerts: Vec::new(),
                outcome: HandshakeEnd::Open,
                has_gap: false,
            })
        });
        current.client = client;
        current
    }

    /// Whether the other end answers a ClientHello with something else than TLS, which it does where it has no
    /// certificate, or expects no TLS.
    fn is_answered_in_clear(&mut self, dir: Dir, bytes: &[u8]) -> bool {
        let asked =
            dir != self.client && self.current.as_ref().is_some_and(|current| current.hello.is_some());
        asked && self.side(dir).lane.is_fresh() && lane::probe(bytes) == Some(false)
    }

    fn emit(&mut self, out: &mut Vec<Event>) {
        out.extend(self.current.take().map(Event::Tls));
    }
}

fn read(message: &[u8]) -> Option<TlsMessageHandshake<'_>> {
    match parse_tls_message_handshake(message).ok()?.1 {
        TlsMessage::Handshake(message) => Some(message),
        _ => None,
    }
}

impl Dissector for Tls {
    fn data(&mut self, dir: Dir, bytes: &[u8], at: Moment, out: &mut Vec<Event>) -> ControlFlow<usize> {
        if self.is_answered_in_clear(dir, bytes) {
            self.emit(out);
            return ControlFlow::Break(0);
        }
        let mut rest = bytes;
        while !self.is_done
            && let Some(piece) = self.side(dir).lane.next(&mut rest)
        {
            match piece {
                Piece::Record(content, length) => self.record(dir, content, length, at, out),
                Piece::Fragment(content, bytes) => self.fragment(dir, content, bytes, at, out),
            }
        }
        ControlFlow::Continue(())
    }

    fn held(&self) -> usize {
        let current =
            self.current.iter().flat_map(|current| [&current.certificates, &current.client_certificates]);
        let shown = current.flatten().flat_map(|shown| &shown.der).map(|der| der.len());
        let arriving = self.sides.iter().map(|side| side.messages.held());
        shown.sum::<usize>() + arriving.sum::<usize>()
    }

    fn gap(&mut self, dir: Dir, length: u64, _: Moment, _: &mut Vec<Event>) {
        let side = self.side(dir);
        match side.lane.gap(length) {
            Skipped::Inside(Content::Handshake) => side.messages.gap(length),
            Skipped::Inside(_) => {}
            Skipped::Lost => side.messages.lose(),
        }
        if let Some(current) = &mut self.current {
            current.has_gap = true;
        }
    }

    fn fin(&mut self, _: Dir, _: Moment, _: &mut Vec<Event>) {}

    fn end(&mut self, close: Close, at: Moment, out: &mut Vec<Event>) {
        if let Some(current) = &mut self.current
            && current.outcome == HandshakeEnd::Open
        {
            let is_answered = current.server_hello.is_some() || current.certificates.is_some();
            current.outcome = match close {
                Close::Rst => HandshakeEnd::Reset,
                Close::Fin if !is_answered && !current.has_gap => HandshakeEnd::NoAnswer,
                Close::Fin | Close::Open => HandshakeEnd::Open,
            };
            if current.outcome != HandshakeEnd::Open {
                current.last = at;
            }
        }
        self.emit(out);
    }

    fn done(&self) -> bool {
        self.is_done
    }
}

#[cfg(test)]
mod tests;

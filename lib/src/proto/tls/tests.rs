use proptest::prelude::*;

use super::*;
use crate::flow::FrameId;
use crate::proto::x509::{Certificate, Signature};

/// Conversations of real programs, as `testdata/lab/record/tls.py` writes them down.
macro_rules! recording {
    ($name:literal) => {
        recorded(include_str!(concat!("../../../../testdata/lab/record/tls/", $name, ".txt")))
    };
}

type Pieces = Vec<(Dir, Vec<u8>)>;

fn recorded(text: &str) -> Pieces {
    let hex = |text: &str| -> Vec<u8> {
        let digits: Vec<u8> = text.chars().map(|digit| digit.to_digit(16).unwrap() as u8).collect();
        digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
    };
    let mut pieces: Pieces = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with('#') && !line.ends_with("fin")) {
        match line.split_at(2) {
            ("> ", rest) => pieces.push((Dir::Orig, hex(rest))),
            ("< ", rest) => pieces.push((Dir::Resp, hex(rest))),
            (_, rest) => pieces.last_mut().unwrap().1.extend(hex(rest)),
        }
    }
    pieces
}

fn at(number: usize) -> Moment {
    Moment { frame: FrameId::new(0, number as u64 + 1), ..Moment::default() }
}

/// The handshakes of a conversation whose every piece is a frame.
fn dissect(pieces: &[(Dir, Vec<u8>)], close: Close) -> Vec<TlsHandshake> {
    let mut tls = Tls::new();
    let mut out = Vec::new();
    for (number, (dir, bytes)) in pieces.iter().enumerate() {
        let _ = tls.data(*dir, bytes, at(number), &mut out);
    }
    tls.end(close, at(pieces.len()), &mut out);
    out.into_iter()
        .filter_map(|event| match event {
            Event::Tls(handshake) => Some(*handshake),
            _ => None,
        })
        .collect()
}

fn only(pieces: &[(Dir, Vec<u8>)]) -> TlsHandshake {
    let mut all = dissect(pieces, Close::Fin);
    assert_eq!(all.len(), 1);
    all.remove(0)
}

/// What does not depend on where the conversation was cut into frames.
fn essence(handshake: &TlsHandshake) -> impl PartialEq + std::fmt::Debug + use<> {
    (
        handshake.hello.as_ref().map(|hello| (hello.sni.clone(), hello.version)),
        handshake.server_hello.as_ref().map(|hello| (hello.version, hello.cipher)),
        handshake.certificates.as_ref().map(|sent| sent.der.clone()),
        handshake.client_certificates.as_ref().map(|sent| sent.der.clone()),
        (handshake.resumed, handshake.retried, handshake.certificate_requested, handshake.outcome),
        handshake.alerts.iter().map(|alert| (alert.from, alert.content)).collect::<Vec<_>>(),
    )
}

fn version(handshake: &TlsHandshake) -> String {
    handshake.server_hello.as_ref().map(|hello| hello.version.to_string()).unwrap_or_default()
}

#[test]
fn a_handshake_tells_name_version_and_chain() {
    let seen = only(&recording!("tls12"));
    assert_eq!(seen.hello.as_ref().unwrap().sni.as_deref(), Some("mail.corp.example.com"));
    assert_eq!((version(&seen).as_str(), seen.outcome), ("TLS 1.2", HandshakeEnd::Complete));
    let chain: Vec<Certificate> =
        seen.certificates.unwrap().der.iter().map(|der| Certificate::read(der)).collect();
    assert_eq!(chain.len(), 2);
    assert_eq!(chain[0].signed_by(&chain[1]), Signature::Verified);
    assert_eq!(chain[1].signed_by(&chain[0]), Signature::Bad);
    let fields = chain[0].fields.as_ref().unwrap();
    assert_eq!(fields.subject_cn.as_deref(), Some("mail.corp.example.com"));
    assert_eq!(fields.san.as_ref().unwrap().list(), ["mail.corp.example.com"]);
    assert_eq!((fields.key_type.as_str(), fields.key_bits, fields.is_ca), ("RSA", Some(2048), Some(false)));
}

#[test]
fn all_versions_are_read() {
    for (pieces, wanted, certificates) in [
        (recording!("tls10"), "TLS 1.0", 2),
        (recording!("tls11"), "TLS 1.1", 2),
        (recording!("gnutls"), "TLS 1.2", 2),
        (recording!("tls13"), "TLS 1.3", 0),
    ] {
        let seen = only(&pieces);
        assert_eq!((version(&seen).as_str(), seen.outcome), (wanted, HandshakeEnd::Complete));
        assert_eq!(seen.certificates.map_or(0, |sent| sent.der.len()), certificates, "{wanted}");
    }
}

#[test]
fn a_second_client_hello_belongs_to_the_same_handshake() {
    let seen = only(&recording!("tls13-retry"));
    assert!(seen.retried);
    assert_eq!((version(&seen).as_str(), seen.outcome), ("TLS 1.3", HandshakeEnd::Complete));
}

#[test]
fn a_resumed_session_shows_no_certificate() {
    let seen = only(&recording!("tls12-resumed"));
    assert!(seen.resumed && seen.certificates.is_none());
    assert_eq!(seen.outcome, HandshakeEnd::Complete);
    assert!(!only(&recording!("tls12")).resumed);
}

#[test]
fn the_clients_certificate_is_not_the_servers() {
    let seen = only(&recording!("tls12-client-certificate"));
    assert!(seen.certificate_requested);
    assert_eq!(seen.client_certificates.unwrap().der.len(), 1);
    assert_eq!(seen.certificates.unwrap().der.len(), 2);
}

#[test]
fn alerts_have_a_sender_and_a_code() {
    for (pieces, from, code) in [
        (recording!("unknown-ca"), Peer::Client, Some(48)),
        (recording!("old-client"), Peer::Server, Some(70)),
        (recording!("unknown-ca-tls13"), Peer::Client, Some(48)),
        (recording!("unknown-ca-tls13-gnutls"), Peer::Client, None),
    ] {
        let seen = only(&pieces);
        assert_eq!(seen.outcome, HandshakeEnd::Alert);
        let alert = seen.alerts.last().unwrap();
        assert_eq!((alert.from, alert.content.map(|said| said.code)), (from, code));
    }
}

#[test]
fn a_hello_in_the_form_of_ssl_2_begins_a_handshake() {
    let mut hello = vec![0x80, 25, 1, 3, 1, 0, 0, 0, 0, 0, 16];
    hello.resize(27, 7);
    assert_eq!(lane::probe(&hello), Some(true));
    let mut pieces = recording!("tls10");
    pieces[0].1 = hello;
    let seen = only(&pieces);
    assert!(seen.hello.as_ref().is_some_and(|hello| hello.is_version_2 && hello.version == Version(0x0301)));
    assert_eq!(seen.certificates.map(|sent| sent.der.len()), Some(2));
}

#[test]
fn without_its_beginning_the_rest_is_still_read() {
    let pieces = recording!("tls12");
    let seen = only(&pieces[1..]);
    assert_eq!((seen.client, version(&seen).as_str()), (Dir::Orig, "TLS 1.2"));
    assert_eq!(seen.certificates.map(|sent| sent.der.len()), Some(2));
    // Once everything is encrypted there is nothing to tell.
    let encrypted = pieces.len() - 2;
    assert!(dissect(&pieces[encrypted..], Close::Open).is_empty());
}

#[test]
fn silence_is_told_from_the_end_of_the_capture() {
    let hello = &recording!("tls12")[..1];
    for (close, outcome) in [
        (Close::Fin, HandshakeEnd::NoAnswer),
        (Close::Rst, HandshakeEnd::Reset),
        (Close::Open, HandshakeEnd::Open),
    ] {
        assert_eq!(dissect(hello, close)[0].outcome, outcome);
    }
}

#[test]
fn a_hole_in_the_certificates_hides_them_and_nothing_else() {
    let pieces = recording!("tls12");
    let mut tls = Tls::new();
    let mut out = Vec::new();
    let _ = tls.data(Dir::Orig, &pieces[0].1, at(0), &mut out);
    let flight = &pieces[1].1;
    let _ = tls.data(Dir::Resp, &flight[..400], at(1), &mut out);
    tls.gap(Dir::Resp, 100, at(2), &mut out);
    let _ = tls.data(Dir::Resp, &flight[500..], at(3), &mut out);
    for (number, (dir, bytes)) in pieces.iter().enumerate().skip(2) {
        let _ = tls.data(*dir, bytes, at(number + 2), &mut out);
    }
    let Some(Event::Tls(seen)) = out.first() else { panic!("no handshake") };
    assert!(seen.has_gap && seen.certificates.is_none() && !seen.resumed);
    assert_eq!(seen.outcome, HandshakeEnd::Complete);
}

#[test]
fn other_protocols_are_refused() {
    for other in
        [&b"GET / HTTP/1.1\r\n"[..], b"EHLO a\r\n", b"\x05\x00\x0b\x03\x10", b"\x16\x09\x01\x00\x05\x01"]
    {
        assert_eq!(lane::probe(other), Some(false), "{other:?}");
    }
}

proptest! {
    #[test]
    fn cuts_into_segments_change_nothing(cuts in prop::collection::vec(1usize..700, 1..40), which in 0usize..4) {
        let pieces = match which {
            0 => recording!("tls12-client-certificate"),
            1 => recording!("tls13-retry"),
            2 => recording!("unknown-ca"),
            _ => recording!("tls12-resumed"),
        };
        let mut cut: Pieces = Vec::new();
        let mut lengths = cuts.iter().cycle();
        for (dir, bytes) in &pieces {
            let mut rest = bytes.as_slice();
            while !rest.is_empty() {
                let (part, after) = rest.split_at(rest.len().min(*lengths.next().unwrap()));
                cut.push((*dir, part.to_vec()));
                rest = after;
            }
        }
        prop_assert_eq!(essence(&only(&cut)), essence(&only(&pieces)));
    }

    #[test]
    fn any_bytes_are_survived(pieces in prop::collection::vec((any::<bool>(), prop::collection::vec(any::<u8>(), 0..80)), 0..12)) {
        let pieces: Pieces = pieces.into_iter().map(|(orig, bytes)| (if orig { Dir::Orig } else { Dir::Resp }, bytes)).collect();
        dissect(&pieces, Close::Open);
    }

    #[test]
    fn changed_bytes_are_survived(place in 0usize..4000, byte in any::<u8>()) {
        let mut pieces = recording!("tls12-client-certificate");
        let mut place = place;
        for (_, bytes) in &mut pieces {
            if let Some(one) = bytes.get_mut(place) {
                *one = byte;
                break;
            }
            place -= bytes.len();
        }
        for seen in dissect(&pieces, Close::Fin) {
            for der in seen.certificates.iter().flat_map(|sent| &sent.der) {
                Certificate::read(der);
            }
        }
    }
}

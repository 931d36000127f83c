//! Damaged captures do no harm: every capture of testdata, cut and changed at random places, through the entry points
//! of the fuzz targets. The chance is the same in every run.

mod entry;
mod samples;

use std::fs;
use std::path::Path;

use proptest::prelude::Rng;
use proptest::test_runner::{RngAlgorithm, TestRng};
use samples::{captures_below, testdata};
use sibtrace::Capture;
use sibtrace::proto::Ntlm;
use sibtrace::proto::x509::Certificate;

type Target = fn(&[u8]);

/// The entry points of the fuzz targets.
const TARGETS: [Target; 9] = [
    entry::capture,
    entry::packet,
    entry::stream,
    entry::dissect,
    entry::xml,
    entry::ntlm,
    entry::x509,
    entry::compare,
    entry::analyze,
];

/// Every capture of testdata that is small enough.
fn captures() -> Vec<Vec<u8>> {
    captures_below(&testdata()).iter().map(|path| fs::read(path).expect("the capture is there")).collect()
}

fn chance() -> TestRng {
    TestRng::deterministic_rng(RngAlgorithm::ChaCha)
}

/// A place in `bytes`.
fn place(rng: &mut TestRng, bytes: &[u8]) -> usize {
    (rng.next_u64() % bytes.len().max(1) as u64) as usize
}

/// Changes some bytes, fewer or more of them.
fn change(rng: &mut TestRng, bytes: &mut [u8]) {
    for _ in 0..1 << (rng.next_u32() % 6) {
        let at = place(rng, bytes);
        if let Some(byte) = bytes.get_mut(at) {
            *byte = rng.next_u32() as u8;
        }
    }
}

#[test]
fn damaged_captures_are_read_and_diagnosed() {
    let mut rng = chance();
    let captures = captures();
    assert!(captures.len() > 50, "testdata was found");
    for original in &captures {
        entry::analyze(original);
        let cut = &original[..place(&mut rng, original)];
        entry::capture(cut);
        entry::analyze(cut);
        for _ in 0..3 {
            let mut changed = original.clone();
            change(&mut rng, &mut changed);
            entry::capture(&changed);
            entry::analyze(&changed);
        }
    }
}

#[test]
fn damaged_packets_are_sliced() {
    let mut rng = chance();
    for capture in captures().into_iter().step_by(5) {
        let Ok(capture) = Capture::from_bytes("mutated", capture) else { continue };
        for record in capture.records().map_while(Result::ok).take(50) {
            let mut bytes = vec![record.link_type().0 as u8];
            bytes.extend_from_slice(record.bytes());
            change(&mut rng, &mut bytes[1..]);
            entry::packet(&bytes);
            bytes.truncate(place(&mut rng, &bytes));
            entry::packet(&bytes);
        }
    }
}

#[test]
fn damaged_dialogues_are_dissected() {
    let mut rng = chance();
    let capture = testdata().join("first/SIBTrace.cap");
    for stream in 0..20 {
        let capture = Capture::open(&capture).expect("the example is there");
        let Some(followed) = capture.follow(stream, &mut ()).expect("it can be read") else { break };
        for size in [1, 10, 255] {
            let mut dialogue = entry::dialogue(&followed, size);
            entry::dissect(&dialogue);
            change(&mut rng, &mut dialogue[2..]);
            entry::dissect(&dialogue);
        }
    }
}

#[test]
fn damaged_bodies_tokens_and_certificates_are_read() {
    /// An AUTHENTICATE_MESSAGE (MS-NLMP, 2.2.1.3) without names: a mutation gives them lengths.
    const NTLM: &[u8] = b"NTLMSSP\0\x03\0\0\0\x18\0\x18\0\x48\0\0\0\x18\0\x18\0\x60\0\0\0\x04\0\x04\0\x48\0\0\0\
        \x04\0\x04\0\x4c\0\0\0\x04\0\x04\0\x50\0\0\0\0\0\0\0\x78\0\0\0\x05\x82\x08\xa2\x06\x01\xb1\x1d\0\0\0\x0fD\0U\0\
        W\0XXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX";
    const BODY: &[u8] = b"<?xml version=\"1.0\"?><s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\" \
        xmlns:m=\"http://schemas.microsoft.com/exchange/services/2006/messages\" \
        xmlns:t=\"http://schemas.microsoft.com/exchange/services/2006/types\"><s:Body><m:SendNotification>\
        <m:ResponseMessages><m:SendNotificationResponseMessage ResponseClass=\"Success\"><m:ResponseCode>NoError\
        </m:ResponseCode><m:Notification><t:SubscriptionId>aWQ=</t:SubscriptionId><t:PreviousWatermark>AQAA\
        </t:PreviousWatermark><t:MoreEvents>false</t:MoreEvents><t:StatusEvent><t:Watermark>AQAB</t:Watermark>\
        </t:StatusEvent></m:Notification></m:SendNotificationResponseMessage></m:ResponseMessages>\
        </m:SendNotification></s:Body></s:Envelope>";
    let pem =
        fs::read(testdata().join("tls-chain-incomplete/hit.trust.pem")).expect("the certificate is there");
    let der = Certificate::read_pem(&pem)[0].der.to_vec();
    let seeds: [(Target, &[u8]); 4] =
        [(entry::ntlm, NTLM), (entry::xml, BODY), (entry::x509, &der), (entry::x509, &pem)];
    assert!(
        Ntlm::parse(NTLM).is_some() && Certificate::read(&der).fields.is_some(),
        "the seeds are well-formed"
    );
    let mut rng = chance();
    for (target, seed) in seeds {
        target(seed);
        for _ in 0..200 {
            let mut changed = seed.to_vec();
            change(&mut rng, &mut changed);
            target(&changed);
            changed.truncate(place(&mut rng, &changed));
            target(&changed);
        }
    }
}

#[test]
fn segments_of_any_kind_and_order_are_reassembled() {
    let mut rng = chance();
    for _ in 0..300 {
        let mut bytes = vec![0; place(&mut rng, &[0; 2000])];
        rng.fill_bytes(&mut bytes);
        entry::stream(&bytes);
    }
}

#[test]
fn what_once_did_harm_does_none_now() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/regressions");
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.expect("an entry can be read").path();
        let bytes = fs::read(&path).expect("the file is there");
        for target in TARGETS {
            target(&bytes);
        }
    }
}

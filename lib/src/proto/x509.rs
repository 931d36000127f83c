//! The fields of a certificate that rules ask for (RFC 5280), and whether one certificate signed another.

mod constraints;
mod names;

pub use constraints::NameConstraints;
pub use names::ServerName;

use std::net::IpAddr;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use x509_parser::certificate::X509Certificate;
use x509_parser::error::X509Error;
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::objects::{oid_registry, oid2sn};
use x509_parser::oid_registry::{
    OID_EC_P256, OID_KEY_TYPE_DSA, OID_KEY_TYPE_EC_PUBLIC_KEY, OID_NIST_EC_P384, OID_NIST_EC_P521,
    OID_PKCS1_RSAENCRYPTION, OID_PKCS1_RSASSAPSS, OID_SIG_ED448, OID_SIG_ED25519, Oid,
};
use x509_parser::pem::Pem;
use x509_parser::prelude::FromDer;
use x509_parser::public_key::PublicKey;
use x509_parser::x509::{SubjectPublicKeyInfo, X509Name};

use crate::time::Timestamp;

/// Names in a SAN extension that are kept, and bytes of a name.
const NAMES: usize = 256;
const NAME: usize = 512;
/// RSA keys that the library checks signatures with, in bits.
const CHECKED_RSA: std::ops::RangeInclusive<u32> = 2048..=8192;
/// The same for signatures with SHA-1.
const CHECKED_RSA_SHA1: std::ops::RangeInclusive<u32> = 1024..=8192;

/// A certificate as it was sent.
#[derive(Clone, Debug)]
pub struct Certificate {
    /// Its bytes.
    pub der: Arc<[u8]>,
    /// Their SHA-256.
    pub sha256: [u8; 32],
    /// What it says; `None` where its encoding is broken.
    pub fields: Option<Fields>,
}

/// What a certificate says.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Fields {
    /// The subject, as RFC 4514 writes names.
    pub subject: String,
    /// The first common name of the subject.
    pub subject_cn: Option<String>,
    /// The issuer.
    pub issuer: String,
    /// The first common name of the issuer.
    pub issuer_cn: Option<String>,
    /// The subject alternative names; `None` without the extension.
    pub san: Option<AlternativeNames>,
    /// Valid from.
    pub not_before: Timestamp,
    /// Valid until.
    pub not_after: Timestamp,
    /// The signature algorithm, as OpenSSL names it.
    pub signature_algorithm: String,
    /// The kind of key: `RSA`, `EC`, `DSA`, `Ed25519`, `Ed448`, else its number.
    pub key_type: String,
    /// Its size in bits.
    pub key_bits: Option<u32>,
    /// Subject key identifier.
    pub subject_key: Option<Box<[u8]>>,
    /// Authority key identifier.
    pub authority_key: Option<Box<[u8]>>,
    /// Whether it may issue certificates (basic constraints); `None` without the extension.
    pub is_ca: Option<bool>,
    /// The names for which it may issue certificates; `None` without the extension.
    pub constraints: Option<NameConstraints>,
}

/// Subject alternative names (RFC 5280, 4.2.1.6).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct AlternativeNames {
    /// DNS names.
    pub dns: Vec<String>,
    /// Addresses.
    pub ip: Vec<IpAddr>,
    /// Names of other kinds.
    pub others: usize,
}

/// Whether a certificate was signed with the key of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signature {
    /// It was.
    Verified,
    /// It was not.
    Bad,
    /// The library does not know the algorithm, the curve or the size of the key.
    NotCheckable,
}

impl Certificate {
    /// Reads a certificate. One whose encoding is broken has bytes and a digest only.
    pub fn read(der: &[u8]) -> Self {
        let fields = parse(der).map(|parsed| Fields::of(&parsed));
        Certificate { der: der.into(), sha256: Sha256::digest(der).into(), fields }
    }

    /// The certificates of a PEM file (RFC 7468); other things in it are passed over.
    pub fn read_pem(text: &[u8]) -> Vec<Self> {
        let blocks = Pem::iter_from_buffer(text).filter_map(Result::ok);
        let certificates = blocks.filter(|block| block.label.ends_with("CERTIFICATE"));
        certificates.map(|block| Certificate::read(&block.contents)).collect()
    }

    /// Whether its issuer has the name of its subject.
    pub fn is_self_issued(&self) -> bool {
        self.fields.as_ref().is_some_and(|fields| same_name(&fields.subject, &fields.issuer))
    }

    /// Whether `issuer` has the name that this one gives for its issuer.
    pub fn names_issuer(&self, issuer: &Certificate) -> bool {
        let names = self.fields.as_ref().zip(issuer.fields.as_ref());
        names.is_some_and(|(own, other)| same_name(&own.issuer, &other.subject))
    }

    /// Whether the key that this one gives for its issuer's may be that of `issuer`: nothing is said, or it is the same.
    pub fn names_key_of(&self, issuer: &Certificate) -> bool {
        let keys = self.fields.as_ref().zip(issuer.fields.as_ref());
        keys.is_some_and(|(own, other)| match (&own.authority_key, &other.subject_key) {
            (Some(wanted), Some(known)) => wanted == known,
            _ => true,
        })
    }

    /// Whether the key of `issuer` made this one's signature.
    pub fn signed_by(&self, issuer: &Certificate) -> Signature {
        let (Some(own), Some(other)) = (parse(&self.der), parse(&issuer.der)) else {
            return Signature::NotCheckable;
        };
        let key = other.public_key();
        if !is_checkable(&own, key, issuer.fields.as_ref().and_then(|fields| fields.key_bits)) {
            return Signature::NotCheckable;
        }
        match own.verify_signature(Some(key)) {
            Ok(()) => Signature::Verified,
            // Of RSASSA-PSS the library knows one length of the salt only.
            Err(X509Error::SignatureVerificationError)
                if own.signature_algorithm.algorithm != OID_PKCS1_RSASSAPSS =>
            {
                Signature::Bad
            }
            Err(_) => Signature::NotCheckable,
        }
    }
}

impl Fields {
    fn of(parsed: &X509Certificate<'_>) -> Self {
        let key = parsed.public_key();
        let mut fields = Fields {
            subject: clip(&parsed.subject().to_string()),
            subject_cn: common_name(parsed.subject()),
            issuer: clip(&parsed.issuer().to_string()),
            issuer_cn: common_name(parsed.issuer()),
            san: None,
            not_before: Timestamp::new(parsed.validity().not_before.timestamp(), 0),
            not_after: Timestamp::new(parsed.validity().not_after.timestamp(), 0),
            signature_algorithm: oid_name(&parsed.signature_algorithm.algorithm),
            key_type: key_type(key),
            key_bits: key_bits(key),
            subject_key: None,
            authority_key: None,
            is_ca: None,
            constraints: None,
        };
        for extension in parsed.extensions() {
            match extension.parsed_extension() {
                ParsedExtension::SubjectAlternativeName(names) => {
                    fields.san = Some(AlternativeNames::of(&names.general_names));
                }
                ParsedExtension::SubjectKeyIdentifier(key) => fields.subject_key = Some(key.0.into()),
                ParsedExtension::AuthorityKeyIdentifier(key) => {
                    fields.authority_key = key.key_identifier.as_ref().map(|key| key.0.into());
                }
                ParsedExtension::BasicConstraints(basic) => fields.is_ca = Some(basic.ca),
                ParsedExtension::NameConstraints(names) => {
                    fields.constraints = Some(NameConstraints::of(names));
                }
                _ => {}
            }
        }
        fields
    }

    /// The common name of the subject, else all of it, for a sentence.
    pub fn name(&self) -> &str {
        self.subject_cn.as_deref().unwrap_or(&self.subject)
    }

    /// The same of the issuer.
    pub fn issuer_name(&self) -> &str {
        self.issuer_cn.as_deref().unwrap_or(&self.issuer)
    }
}

impl AlternativeNames {
    fn of(names: &[GeneralName<'_>]) -> Self {
        let mut found = AlternativeNames::default();
        for name in names.iter().take(NAMES) {
            match name {
                GeneralName::DNSName(name) => found.dns.push(clip(name)),
                GeneralName::IPAddress(bytes) => found.ip.extend(address(bytes)),
                _ => found.others += 1,
            }
        }
        found
    }

    /// All names that can be written.
    pub fn list(&self) -> Vec<String> {
        self.dns.iter().cloned().chain(self.ip.iter().map(IpAddr::to_string)).collect()
    }
}

fn parse(der: &[u8]) -> Option<X509Certificate<'_>> {
    X509Certificate::from_der(der).ok().map(|(_, certificate)| certificate)
}

/// Whether the library can tell a bad signature from one that it does not support.
fn is_checkable(own: &X509Certificate<'_>, key: &SubjectPublicKeyInfo<'_>, bits: Option<u32>) -> bool {
    let algorithm = oid_name(&own.signature_algorithm.algorithm);
    let range =
        if algorithm.to_ascii_lowercase().starts_with("sha1") { CHECKED_RSA_SHA1 } else { CHECKED_RSA };
    match key_type(key).as_str() {
        "RSA" => bits.is_some_and(|bits| range.contains(&bits)),
        "EC" => [OID_EC_P256, OID_NIST_EC_P384].iter().any(|known| curve(key).as_ref() == Some(known)),
        "Ed25519" => true,
        _ => false,
    }
}

/// RFC 5280, 7.1: names are compared without regard to case and repeated spaces.
fn same_name(one: &str, two: &str) -> bool {
    let words = |name: &str| name.to_lowercase().split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    one == two || words(one) == words(two)
}

fn common_name(name: &X509Name<'_>) -> Option<String> {
    let value = name.iter_common_name().next()?;
    Some(match value.as_str() {
        Ok(text) => clip(text),
        Err(_) => clip(&String::from_utf8_lossy(value.as_slice())),
    })
}

fn oid_name(oid: &Oid<'_>) -> String {
    oid2sn(oid, oid_registry()).map_or_else(|_| oid.to_id_string(), str::to_owned)
}

fn key_type(key: &SubjectPublicKeyInfo<'_>) -> String {
    let known = [
        (OID_PKCS1_RSAENCRYPTION, "RSA"),
        (OID_PKCS1_RSASSAPSS, "RSA"),
        (OID_KEY_TYPE_EC_PUBLIC_KEY, "EC"),
        (OID_KEY_TYPE_DSA, "DSA"),
        (OID_SIG_ED25519, "Ed25519"),
        (OID_SIG_ED448, "Ed448"),
    ];
    let found = known.iter().find(|(oid, _)| *oid == key.algorithm.algorithm);
    found.map_or_else(|| oid_name(&key.algorithm.algorithm), |(_, name)| (*name).to_owned())
}

fn curve<'k>(key: &'k SubjectPublicKeyInfo<'_>) -> Option<Oid<'k>> {
    key.algorithm.parameters.as_ref()?.as_oid().ok()
}

fn key_bits(key: &SubjectPublicKeyInfo<'_>) -> Option<u32> {
    let of_bytes = |bytes: &[u8]| {
        let significant = bytes.iter().skip_while(|byte| **byte == 0);
        let zeros = significant.clone().next().map_or(0, |byte| byte.leading_zeros());
        u32::try_from(significant.count()).ok().map(|bytes| bytes.saturating_mul(8) - zeros)
    };
    match key.parsed().ok()? {
        PublicKey::RSA(key) => of_bytes(key.modulus),
        PublicKey::DSA(y) => of_bytes(y),
        PublicKey::EC(point) => match curve(key)? {
            curve if curve == OID_NIST_EC_P521 => Some(521),
            _ => u32::try_from(point.key_size()).ok(),
        },
        _ => match key_type(key).as_str() {
            "Ed25519" => Some(256),
            "Ed448" => Some(456),
            _ => None,
        },
    }
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    match bytes.len() {
        4 => <[u8; 4]>::try_from(bytes).ok().map(IpAddr::from),
        16 => <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from),
        _ => None,
    }
}

fn clip(text: &str) -> String {
    text.get(..text.floor_char_boundary(NAME)).unwrap_or(text).to_owned()
}

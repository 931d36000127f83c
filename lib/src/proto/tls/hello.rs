//! What the two hellos say (RFC 8446, 4.1; RFC 5246, E.2).

use std::fmt;

use tls_parser::{
    TlsCipherSuite, TlsClientHelloContents, TlsExtension, TlsServerHelloContents, TlsVersion,
    parse_tls_client_hello_extensions, parse_tls_server_hello_extensions,
};

use crate::flow::Moment;

/// Bytes of a server name that are kept.
const NAME: usize = 255;
/// The random of a ServerHello that asks for another ClientHello (RFC 8446, 4.1.3).
const RETRY: [u8; 32] = [
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2,
    0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
];

/// A protocol version as it stands on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(pub u16);

impl Version {
    /// TLS 1.3, drafts of it included: its certificates are encrypted.
    pub const fn is_1_3(self) -> bool {
        self.0 == 0x0304 || self.0 >> 8 == 0x7f
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0x0002 => f.write_str("SSL 2.0"),
            0x0300 => f.write_str("SSL 3.0"),
            version @ 0x0301..=0x0304 => write!(f, "TLS 1.{}", (version & 0xff) - 1),
            version if self.is_1_3() => write!(f, "TLS 1.3 draft {}", version & 0xff),
            version => write!(f, "0x{version:04x}"),
        }
    }
}

/// What a client asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClientHello {
    /// The frame that completed it.
    pub at: Moment,
    /// The highest version that it offers.
    pub version: Version,
    /// The server it asked for (RFC 6066, 3).
    pub sni: Option<Box<str>>,
    /// It has the form of SSL 2.0.
    pub is_version_2: bool,
    /// It names a session to resume.
    pub session: Option<Box<[u8]>>,
    /// It sends data before the handshake is over (RFC 8446, 4.2.10).
    pub early_data: bool,
}

/// What the server chose.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerHello {
    /// The frame that completed it.
    pub at: Moment,
    /// The version.
    pub version: Version,
    /// The number of the cipher suite.
    pub cipher: u16,
    /// The session it names.
    pub session: Option<Box<[u8]>>,
    /// It takes a session by pre-shared key (RFC 8446, 4.2.11).
    pub by_key: bool,
    /// It asks for another ClientHello (RFC 8446, 4.1.4).
    pub is_retry: bool,
}

impl ServerHello {
    /// The name of the cipher suite as IANA registers it; its number where it is not registered.
    pub fn cipher_name(&self) -> String {
        let suite = TlsCipherSuite::from_id(self.cipher);
        suite.map_or_else(|| format!("0x{:04x}", self.cipher), |suite| suite.name.to_owned())
    }
}

impl ClientHello {
    pub(super) fn read(hello: &TlsClientHelloContents<'_>, at: Moment) -> Self {
        let mut read = ClientHello {
            at,
            version: Version(hello.version.0),
            sni: None,
            is_version_2: false,
            session: hello.session_id.map(Into::into),
            early_data: false,
        };
        let extensions = hello.ext.and_then(|bytes| parse_tls_client_hello_extensions(bytes).ok());
        for extension in extensions.iter().flat_map(|(_, extensions)| extensions) {
            match extension {
                TlsExtension::SNI(names) => {
                    let host = names.iter().find(|(kind, _)| kind.0 == 0);
                    read.sni = host.map(|(_, name)| text(name));
                }
                TlsExtension::SupportedVersions(versions) => {
                    read.version = highest(versions).unwrap_or(read.version);
                }
                TlsExtension::EarlyData(_) => read.early_data = true,
                _ => {}
            }
        }
        read
    }

    /// One in the form of SSL 2.0, which has nothing but a version.
    pub(super) fn version_2(version: Version, at: Moment) -> Self {
        ClientHello { at, version, sni: None, is_version_2: true, session: None, early_data: false }
    }
}

impl ServerHello {
    pub(super) fn read(hello: &TlsServerHelloContents<'_>, at: Moment) -> Self {
        let mut read = ServerHello {
            at,
            version: Version(hello.version.0),
            cipher: hello.cipher.0,
            session: hello.session_id.map(Into::into),
            by_key: false,
            is_retry: hello.random == RETRY,
        };
        let extensions = hello.ext.and_then(|bytes| parse_tls_server_hello_extensions(bytes).ok());
        for extension in extensions.iter().flat_map(|(_, extensions)| extensions) {
            match extension {
                TlsExtension::SupportedVersions(versions) => {
                    read.version = versions.first().map_or(read.version, |version| Version(version.0));
                }
                TlsExtension::PreSharedKey(_) => read.by_key = true,
                _ => {}
            }
        }
        read
    }
}

/// The highest version of a list, the meaningless ones (RFC 8701) left out.
fn highest(versions: &[TlsVersion]) -> Option<Version> {
    let known = versions.iter().map(|version| version.0).filter(|version| version & 0x0f0f != 0x0a0a);
    known.max_by_key(|&version| (!(Version(version).is_1_3() && version != 0x0304), version)).map(Version)
}

fn text(name: &[u8]) -> Box<str> {
    let name = String::from_utf8_lossy(name);
    name.get(..name.floor_char_boundary(NAME)).unwrap_or(&name).into()
}

//! NTLM messages (MS-NLMP 2.2.1) as IMAP, SMTP, HTTP and DCE/RPC carry them.
//!
//! Every message names its fields by length and offset. A field that lies about either is refused; the others are
//! read all the same.

use base64::Engine as _;

use super::Secret;
use super::subscription_id::BASE64;
use crate::time::Timestamp;

const SIGNATURE: &[u8] = b"NTLMSSP\0";

/// Bytes of a security token among which an NTLM message is looked for. SPNEGO puts some dozens before it.
const SEARCHED: usize = 1024;

/// `NTLMSSP_NEGOTIATE_UNICODE`: strings are UTF-16LE (MS-NLMP 2.2.2.5).
const UNICODE: u32 = 0x0000_0001;
/// `NTLMSSP_NEGOTIATE_VERSION`: the version field is filled in.
const VERSION: u32 = 0x0200_0000;

/// FILETIME (100 ns since 1601-01-01) of 1970-01-01.
const TICKS_1970: i64 = 116_444_736_000_000_000;

/// An NTLM message.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ntlm {
    /// Type 1, from the client: it wants to log in.
    Negotiate(Negotiate),
    /// Type 2, from the server: who it is, and what to compute the response from.
    Challenge(Box<Challenge>),
    /// Type 3, from the client: who it is, and the response.
    Authenticate(Box<Authenticate>),
}

/// Type 1 (MS-NLMP 2.2.1.1).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Negotiate {
    /// Domain of the client.
    pub domain: Option<Box<str>>,
    /// Name of the client.
    pub workstation: Option<Box<str>>,
    /// Operating system of the client.
    pub version: Option<Version>,
}

/// Type 2 (MS-NLMP 2.2.1.2).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Challenge {
    /// The server's domain, or its name where it has none.
    pub target: Option<Box<str>>,
    /// `MsvAvNbComputerName`.
    pub netbios_computer: Option<Box<str>>,
    /// `MsvAvNbDomainName`.
    pub netbios_domain: Option<Box<str>>,
    /// `MsvAvDnsComputerName`.
    pub dns_computer: Option<Box<str>>,
    /// `MsvAvDnsDomainName`.
    pub dns_domain: Option<Box<str>>,
    /// `MsvAvDnsTreeName`.
    pub forest: Option<Box<str>>,
    /// `MsvAvTimestamp`: the server's clock.
    pub time: Option<Timestamp>,
    /// Operating system of the server.
    pub version: Option<Version>,
}

/// Type 3 (MS-NLMP 2.2.1.3).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Authenticate {
    /// Domain of the account; empty when the user name has the form `user@domain`.
    pub domain: Option<Box<str>>,
    /// Name of the account; empty for an anonymous log-in.
    pub user: Option<Box<str>>,
    /// Name of the client.
    pub workstation: Option<Box<str>>,
    /// The NT response, when there is one. It depends on the challenge too: that two differ says nothing.
    pub response: Option<Secret>,
    /// Operating system of the client.
    pub version: Option<Version>,
}

/// A version of Windows (MS-NLMP 2.2.2.10).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    /// Major version.
    pub major: u8,
    /// Minor version.
    pub minor: u8,
    /// Build: 7601 is Windows Server 2008 R2 SP1, 9600 is 2012 R2, 14393 is 2016, 17763 is 2019.
    pub build: u16,
}

impl Ntlm {
    /// Reads a message that begins with the first of `bytes`. `None` when it is none, or of another type.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        if !bytes.starts_with(SIGNATURE) {
            return None;
        }
        match u32_at(bytes, 8)? {
            1 => Some(Ntlm::Negotiate(negotiate(bytes))),
            2 => Some(Ntlm::Challenge(Box::new(challenge(bytes)))),
            3 => Some(Ntlm::Authenticate(Box::new(authenticate(bytes)))),
            _ => None,
        }
    }

    /// The same in base64, as lines of text carry it. Of a text that was cut, what is there.
    pub fn parse_base64(text: &[u8]) -> Option<Self> {
        let text = text.trim_ascii();
        let whole = text.get(..text.len() - text.len() % 4).unwrap_or_default();
        let bytes = BASE64.decode(text).or_else(|_| BASE64.decode(whole)).ok()?;
        Self::parse(&bytes)
    }

    /// The message inside a security token: the token itself, or one that SPNEGO wraps (RFC 4178). Only the first
    /// kilobyte is searched.
    pub fn find(token: &[u8]) -> Option<&[u8]> {
        let searched = token.get(..SEARCHED).unwrap_or(token);
        let start = memchr::memmem::find(searched, SIGNATURE)?;
        token.get(start..)
    }
}

fn negotiate(message: &[u8]) -> Negotiate {
    // The strings of this message are never Unicode.
    let text = |at| field(message, at).filter(|bytes| !bytes.is_empty()).map(oem);
    let flags = u32_at(message, 12).unwrap_or_default();
    Negotiate { domain: text(16), workstation: text(24), version: version(message, 32, flags) }
}

fn challenge(message: &[u8]) -> Challenge {
    let flags = u32_at(message, 20).unwrap_or_default();
    let target = field(message, 12).map(|bytes| text(bytes, flags));
    let mut challenge = Challenge { target, version: version(message, 48, flags), ..Challenge::default() };
    for (id, value) in av_pairs(field(message, 40).unwrap_or_default()) {
        // Numbers of MS-NLMP 2.2.2.1. Names are Unicode whatever the flags say.
        match id {
            1 => challenge.netbios_computer = Some(utf16(value)),
            2 => challenge.netbios_domain = Some(utf16(value)),
            3 => challenge.dns_computer = Some(utf16(value)),
            4 => challenge.dns_domain = Some(utf16(value)),
            5 => challenge.forest = Some(utf16(value)),
            7 => challenge.time = filetime(value),
            _ => {}
        }
    }
    challenge
}

fn authenticate(message: &[u8]) -> Authenticate {
    // The oldest clients (Windows 95) end the head before the flags; their strings are OEM.
    let has_flags = [12, 20, 28, 36, 44].iter().all(|&at| {
        u16_at(message, at).is_none_or(|length| length == 0)
            || u32_at(message, at + 4).is_none_or(|start| start >= 64)
    });
    let flags = u32_at(message, 60).filter(|_| has_flags).unwrap_or_default();
    let name = |at| field(message, at).map(|bytes| text(bytes, flags));
    let response = field(message, 20).filter(|bytes| !bytes.is_empty());
    Authenticate {
        domain: name(28),
        user: name(36),
        workstation: name(44),
        response: response.map(Secret::new),
        version: version(message, 64, flags),
    }
}

/// What the field descriptor at `at` points to: u16 length, u16 room, u32 offset from the start of the message.
fn field(message: &[u8], at: usize) -> Option<&[u8]> {
    let length = usize::from(u16_at(message, at)?);
    let start = usize::try_from(u32_at(message, at.checked_add(4)?)?).ok()?;
    if length == 0 {
        return Some(&[]);
    }
    message.get(start..start.checked_add(length)?)
}

fn av_pairs(mut rest: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let (id, length) = (u16_at(rest, 0)?, usize::from(u16_at(rest, 2)?));
        let (value, after) = rest.get(4..)?.split_at_checked(length)?;
        rest = after;
        (id != 0).then_some((id, value))
    })
}

fn version(message: &[u8], at: usize, flags: u32) -> Option<Version> {
    let (major, minor, build) = (*message.get(at)?, *message.get(at + 1)?, u16_at(message, at + 2)?);
    (flags & VERSION != 0 && major != 0).then_some(Version { major, minor, build })
}

fn filetime(value: &[u8]) -> Option<Timestamp> {
    let ticks = i64::try_from(u64::from_le_bytes(value.try_into().ok()?)).ok()?;
    Some(Timestamp::from_nanos(ticks.saturating_sub(TICKS_1970).saturating_mul(100)))
}

fn text(bytes: &[u8], flags: u32) -> Box<str> {
    if flags & UNICODE != 0 { utf16(bytes) } else { oem(bytes) }
}

fn utf16(bytes: &[u8]) -> Box<str> {
    let units = bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
    char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

/// Which code page it is, the message does not say: only ASCII can be told.
fn oem(bytes: &[u8]) -> Box<str> {
    String::from_utf8_lossy(bytes).into()
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|bytes| u16::from_le_bytes(*bytes))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|bytes| u32::from_le_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TYPE_2_FLAGS: u32 = UNICODE | VERSION;

    fn wide(text: &str) -> Vec<u8> {
        text.encode_utf16().flat_map(u16::to_le_bytes).collect()
    }

    /// A message of that type with `head` bytes before the payload, flags at `flags.0`, and fields at their places.
    fn message(
        kind: u32,
        head: usize,
        flags: (usize, u32),
        version: usize,
        fields: &[(usize, Vec<u8>)],
    ) -> Vec<u8> {
        let mut made = SIGNATURE.to_vec();
        made.extend(kind.to_le_bytes());
        made.resize(head, 0);
        made[flags.0..flags.0 + 4].copy_from_slice(&flags.1.to_le_bytes());
        if version != 0 {
            made[version..version + 8].copy_from_slice(&[10, 0, 0x39, 0x38, 0, 0, 0, 15]);
        }
        for (at, value) in fields {
            let (length, start) = (value.len() as u16, made.len() as u32);
            made[*at..at + 2].copy_from_slice(&length.to_le_bytes());
            made[at + 2..at + 4].copy_from_slice(&length.to_le_bytes());
            made[at + 4..at + 8].copy_from_slice(&start.to_le_bytes());
            made.extend(value);
        }
        made
    }

    fn pairs(pairs: &[(u16, Vec<u8>)]) -> Vec<u8> {
        let mut made = Vec::new();
        for (id, value) in pairs {
            made.extend(id.to_le_bytes());
            made.extend((value.len() as u16).to_le_bytes());
            made.extend(value);
        }
        made
    }

    fn type_2() -> Vec<u8> {
        // 2014-06-29 15:25:44 UTC.
        let time = (1_404_055_544i64 * 10_000_000 + TICKS_1970).to_le_bytes().to_vec();
        let info = pairs(&[
            (2, wide("LAB")),
            (1, wide("EX1")),
            (4, wide("lab.example.org")),
            (3, wide("ex1.lab.example.org")),
            (5, wide("example.org")),
            (7, time),
            (0, vec![]),
            (1, wide("AFTER THE END")),
        ]);
        message(2, 56, (20, TYPE_2_FLAGS), 48, &[(12, wide("LAB")), (40, info)])
    }

    fn type_3(response: &[u8]) -> Vec<u8> {
        let fields = [
            (28, wide("LAB")),
            (36, wide("uccx")),
            (44, wide("UCCX1")),
            (12, vec![0; 24]),
            (20, response.to_vec()),
            (52, vec![]),
        ];
        message(3, 88, (60, TYPE_2_FLAGS), 64, &fields)
    }

    #[test]
    fn a_challenge_names_the_server() {
        let Some(Ntlm::Challenge(challenge)) = Ntlm::parse(&type_2()) else { panic!() };
        assert_eq!(challenge.target.as_deref(), Some("LAB"));
        assert_eq!(challenge.netbios_computer.as_deref(), Some("EX1"));
        assert_eq!(challenge.netbios_domain.as_deref(), Some("LAB"));
        assert_eq!(challenge.dns_computer.as_deref(), Some("ex1.lab.example.org"));
        assert_eq!(challenge.dns_domain.as_deref(), Some("lab.example.org"));
        assert_eq!(challenge.forest.as_deref(), Some("example.org"));
        assert_eq!(challenge.time.map(Timestamp::nanos), Some(1_404_055_544_000_000_000));
        assert_eq!(challenge.version, Some(Version { major: 10, minor: 0, build: 14393 }));
    }

    #[test]
    fn an_authenticate_names_the_account_and_keeps_the_response_to_itself() {
        let response = b"the response to the challenge";
        let Some(Ntlm::Authenticate(message)) = Ntlm::parse(&type_3(response)) else { panic!() };
        assert_eq!(message.domain.as_deref(), Some("LAB"));
        assert_eq!(message.user.as_deref(), Some("uccx"));
        assert_eq!(message.workstation.as_deref(), Some("UCCX1"));
        assert_eq!(message.response, Some(Secret::new(response)));
        assert!(!format!("{message:?}").contains("response to"));
        // An anonymous log-in: of an empty field some clients leave the offset 0.
        let mut made = type_3(b"");
        made[24..28].fill(0);
        let Some(Ntlm::Authenticate(message)) = Ntlm::parse(&made) else { panic!() };
        assert_eq!((message.response, message.user.as_deref()), (None, Some("uccx")));
    }

    #[test]
    fn without_the_flag_strings_are_oem_and_there_is_no_version() {
        let fields = [(28, b"LAB".to_vec()), (36, b"uccx".to_vec()), (44, b"UCCX1".to_vec())];
        let made = message(3, 72, (60, 0), 64, &fields);
        let Some(Ntlm::Authenticate(read)) = Ntlm::parse(&made) else { panic!() };
        assert_eq!((read.user.as_deref(), read.version), (Some("uccx"), None));
        // A head without flags: what stands where they would be is payload.
        let made = message(3, 52, (8, 3), 0, &fields);
        let Some(Ntlm::Authenticate(read)) = Ntlm::parse(&made) else { panic!() };
        assert_eq!((read.domain.as_deref(), read.user.as_deref()), (Some("LAB"), Some("uccx")));
    }

    #[test]
    fn a_negotiate_may_name_the_client() {
        let made = message(1, 40, (12, VERSION), 32, &[(16, b"LAB".to_vec()), (24, b"UCCX1".to_vec())]);
        let Some(Ntlm::Negotiate(read)) = Ntlm::parse(&made) else { panic!() };
        assert_eq!((read.domain.as_deref(), read.workstation.as_deref()), (Some("LAB"), Some("UCCX1")));
        assert_eq!(read.version.map(|version| version.build), Some(14393));
        let bare = Ntlm::parse(&message(1, 16, (12, 0), 0, &[]));
        assert_eq!(bare, Some(Ntlm::Negotiate(Negotiate::default())));
    }

    #[test]
    fn a_field_that_lies_is_refused_and_the_others_are_read() {
        for lie in [u32::MAX, 100_000, u32::MAX - 4] {
            let mut made = type_3(b"response");
            made[40..44].copy_from_slice(&lie.to_le_bytes());
            let Some(Ntlm::Authenticate(read)) = Ntlm::parse(&made) else { panic!() };
            assert_eq!((read.user.as_deref(), read.domain.as_deref()), (None, Some("LAB")), "{lie}");
        }
        let mut made = type_2();
        made[40..42].copy_from_slice(&u16::MAX.to_le_bytes());
        let Some(Ntlm::Challenge(read)) = Ntlm::parse(&made) else { panic!() };
        assert_eq!((read.target.as_deref(), read.dns_computer), (Some("LAB"), None));
    }

    #[test]
    fn base64_is_read_with_and_without_padding_and_when_cut() {
        let made = type_3(b"response");
        let mut text = BASE64.encode(&made).into_bytes();
        assert!(Ntlm::parse_base64(&text).is_some());
        text.extend(b"\r");
        assert_eq!(Ntlm::parse_base64(&text), Ntlm::parse(&made));
        let bare = text.iter().copied().filter(|byte| !b"=\r".contains(byte)).collect::<Vec<u8>>();
        assert_eq!(Ntlm::parse_base64(&bare), Ntlm::parse(&made));
        for length in 20..bare.len() {
            assert!(Ntlm::parse_base64(&bare[..length]).is_some(), "{length}");
        }
        assert_eq!(Ntlm::parse_base64(b"cGFzc3dvcmQ="), None);
    }

    #[test]
    fn a_message_is_found_in_a_token_but_not_far_into_it() {
        let mut token = b"\xa1\x82\x01\x0b\x30\x82\x01\x07\xa2\x82\x01\x03\x04\x81\xff".to_vec();
        token.extend(type_3(b"response"));
        assert_eq!(Ntlm::find(&token).and_then(Ntlm::parse), Ntlm::parse(&type_3(b"response")));
        let mut far = vec![0; SEARCHED];
        far.extend(type_2());
        assert_eq!(Ntlm::find(&far), None);
    }

    proptest! {
        #[test]
        fn no_bytes_are_too_odd(mut bytes in proptest::collection::vec(any::<u8>(), 0..200), kind in 0u8..5) {
            let _ = Ntlm::parse_base64(&bytes);
            for (to, from) in bytes.iter_mut().zip(SIGNATURE.iter().chain(&[kind, 0, 0, 0])) {
                *to = *from;
            }
            let is_one = (1..=3).contains(&kind) && bytes.len() >= 12;
            prop_assert_eq!(Ntlm::parse(&bytes).is_some(), is_one);
        }
    }
}

//! What Exchange writes into the SubscriptionId of a push notification.
//!
//! The layout is not documented; it was read off public samples of Exchange 2010 to 2016. Little-endian, base64:
//!
//! | bytes | field |
//! |---|---|
//! | u16, n | length, then the name of the server that owns the subscription |
//! | u32 = 16, 16 | length, then the subscription's GUID |
//! | u64 | creation in .NET ticks: 100 ns since 0001-01-01, taken to be UTC |
//! | u32 = 16, 16 | only in later builds of 2013 and after: a GUID taken to be the mailbox's |

use std::sync::Arc;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::Guid;
use crate::time::Timestamp;

/// Padding may be there or not: copies in logs and tickets lose it.
pub(crate) const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// .NET ticks of 1970-01-01.
const TICKS_1970: i64 = 621_355_968_000_000_000;

/// A decoded SubscriptionId.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct SubscriptionId {
    /// The server that owns the subscription and sends its notifications.
    pub server: Arc<str>,
    /// The subscription.
    pub guid: Guid,
    /// When it was created, if the ticks are UTC.
    pub created: Timestamp,
    /// The mailbox, in the long form.
    pub mailbox: Option<Guid>,
}

impl SubscriptionId {
    /// Decodes the text of a `SubscriptionId` element. `None` unless all lengths close, the name is printable
    /// and the year of creation lies in 2006 to 2100: then the text is opaque.
    pub fn decode(text: &str) -> Option<Self> {
        let bytes = BASE64.decode(text.trim()).ok()?;
        let (length, rest) = bytes.split_first_chunk()?;
        let (name, rest) = rest.split_at_checked(u16::from_le_bytes(*length).into())?;
        let (guid, rest) = split_guid(rest)?;
        let (ticks, rest) = rest.split_first_chunk()?;
        let mailbox = match rest {
            [] => None,
            _ => match split_guid(rest)? {
                (mailbox, []) => Some(mailbox),
                _ => return None,
            },
        };
        if name.is_empty() || !name.iter().all(u8::is_ascii_graphic) {
            return None;
        }
        Some(SubscriptionId {
            server: String::from_utf8_lossy(name).into(),
            guid,
            created: created(u64::from_le_bytes(*ticks))?,
            mailbox,
        })
    }
}

fn split_guid(bytes: &[u8]) -> Option<(Guid, &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    let (guid, rest) = rest.split_first_chunk()?;
    (u32::from_le_bytes(*length) == 16).then_some((Guid(*guid), rest))
}

fn created(ticks: u64) -> Option<Timestamp> {
    let nanos = i64::try_from(ticks).ok()?.checked_sub(TICKS_1970)?.checked_mul(100)?;
    let created = Timestamp::from_nanos(nanos);
    (2006..=2100).contains(&created.civil().0).then_some(created)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encode(name: &[u8], ticks: u64, mailbox: Option<[u8; 16]>) -> Vec<u8> {
        let mut bytes = (name.len() as u16).to_le_bytes().to_vec();
        bytes.extend_from_slice(name);
        bytes.extend_from_slice(&16u32.to_le_bytes());
        bytes.extend_from_slice(&[0x11; 16]);
        bytes.extend_from_slice(&ticks.to_le_bytes());
        if let Some(mailbox) = mailbox {
            bytes.extend_from_slice(&16u32.to_le_bytes());
            bytes.extend_from_slice(&mailbox);
        }
        bytes
    }

    fn ticks(utc: &str) -> u64 {
        (utc.parse::<Timestamp>().unwrap().nanos() / 100 + TICKS_1970) as u64
    }

    #[test]
    fn fields_of_both_forms() {
        let created = "2014-06-28T17:08:05Z";
        for mailbox in [None, Some([0x22; 16])] {
            let bytes = encode(b"xhn-rid-x01.example.com", ticks(created), mailbox);
            for text in [BASE64.encode(&bytes), BASE64.encode(&bytes).trim_end_matches('=').to_owned()] {
                let id = SubscriptionId::decode(&text).unwrap();
                assert_eq!(&*id.server, "xhn-rid-x01.example.com");
                assert_eq!(id.guid, Guid([0x11; 16]));
                assert_eq!(id.created, created.parse().unwrap());
                assert_eq!(id.mailbox, mailbox.map(Guid));
            }
        }
    }

    #[test]
    fn what_does_not_close_is_opaque() {
        let good = encode(b"server", ticks("2014-06-28T17:08:05Z"), Some([0x22; 16]));
        let short = good.len() - 20;
        for length in (0..good.len()).filter(|&length| length != short) {
            assert_eq!(SubscriptionId::decode(&BASE64.encode(&good[..length])), None, "{length}");
        }
        let mut long = good.clone();
        long.push(0);
        assert_eq!(SubscriptionId::decode(&BASE64.encode(long)), None);
        for bad in [
            encode(b"", ticks("2014-06-28T17:08:05Z"), None),
            encode(b"ser\0er", ticks("2014-06-28T17:08:05Z"), None),
            encode(b"server", ticks("2005-12-31T23:59:59Z"), None),
            encode(b"server", ticks("2101-01-01T00:00:00Z"), None),
            encode(b"server", u64::MAX, None),
        ] {
            assert_eq!(SubscriptionId::decode(&BASE64.encode(bad)), None);
        }
        assert_eq!(SubscriptionId::decode("not base64!"), None);
        // All lengths close, but the ticks are noise.
        let noise = "FgBFWENILUEubGFiLmV4YW1wbGUub3JnEAAAACrUyVbAeR9JOrlfkvFo0umGDLnmI0vqAw==";
        assert_eq!(SubscriptionId::decode(noise), None);
    }
}

//! What Exchange writes into a watermark.
//!
//! The layout is not documented; two versions were read off public samples. Little-endian, base64: version 0 is
//! `u32 0, u64 counter, u8 1`, version 1 is `u32 1, 16-byte GUID, u64 counter, u8 1`.

use base64::Engine;

use super::Guid;
use super::subscription_id::BASE64;

/// A decoded watermark: a place in the event history of a mailbox database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Watermark {
    /// The database, in version 1. Another one in the middle of a subscription means that the mailbox moved.
    pub database: Option<Guid>,
    /// Grows with the history of the database.
    pub counter: u64,
}

impl Watermark {
    /// Decodes the text of a watermark; `None` where it has neither of the known layouts.
    pub fn decode(text: &str) -> Option<Self> {
        let bytes = BASE64.decode(text.trim()).ok()?;
        let (version, rest) = bytes.split_first_chunk()?;
        let (database, rest) = match u32::from_le_bytes(*version) {
            0 => (None, rest),
            1 => {
                let (guid, rest) = rest.split_first_chunk()?;
                (Some(Guid(*guid)), rest)
            }
            _ => return None,
        };
        let (counter, rest) = rest.split_first_chunk()?;
        (rest == [1]).then_some(Watermark { database, counter: u64::from_le_bytes(*counter) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_0_has_a_counter() {
        let text = BASE64.encode([0, 0, 0, 0, 7, 1, 0, 0, 0, 0, 0, 0, 1]);
        assert_eq!(Watermark::decode(&text), Some(Watermark { database: None, counter: 0x107 }));
    }

    #[test]
    fn version_1_names_the_database() {
        let watermark = Watermark::decode("AQAAAKTNbp9vkO5BXnfV7rKvKaKS0yELAAAAAAE=").unwrap();
        assert_eq!(watermark.database.unwrap().to_string(), "9f6ecda4-906f-41ee-5e77-d5eeb2af29a2");
        assert_eq!(watermark.counter, 0x0b21_d392);
    }

    #[test]
    fn other_layouts_are_opaque() {
        for bytes in [
            &[][..],
            &[2, 0, 0, 0, 7, 1, 0, 0, 0, 0, 0, 0, 1],
            &[0, 0, 0, 0, 7, 1, 0, 0, 0, 0, 0, 0, 2],
            &[0, 0, 0, 0, 7, 1, 0, 0, 0, 0, 0, 0, 1, 1],
            &[1, 0, 0, 0, 7, 1, 0, 0, 0, 0, 0, 0, 1],
        ] {
            assert_eq!(Watermark::decode(&BASE64.encode(bytes)), None, "{bytes:?}");
        }
    }
}

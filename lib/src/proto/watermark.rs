//! What Exchange writes into a watermark.
//!
//! The layout is not documented; two versions were read off public samples. Little-endian, base64: version 0 is
//! `u32 0, u64 counter, u8 1`, version 1 is `u32 1, 16-byte GUID, u64 counter, u8 1`.

use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::Guid;
use super::subscription_id::BASE64;

/// A place in the event history of a mailbox database. One with a known layout is kept decoded, in a third of the room
/// and where the notification is; its text is written again when it is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Watermark {
    /// Version 0: a number that grows with the history.
    Counter(u64),
    /// Version 1.
    Database {
        /// Another one in the middle of a subscription means that the mailbox moved.
        database: Guid,
        /// Grows with the history of the database.
        counter: u64,
    },
    /// Any other text.
    Opaque(Arc<str>),
}

impl Watermark {
    /// Reads the text of a watermark.
    pub fn read(text: &str) -> Self {
        Self::decode(text.as_bytes()).unwrap_or_else(|| Watermark::Opaque(text.into()))
    }

    /// Decodes a text with a known layout. No two texts give the same.
    pub(super) fn decode(text: &[u8]) -> Option<Self> {
        // Of the longest, version 1, as many as base64 asks for.
        let mut bytes = [0; 30];
        let length = STANDARD.decode_slice(text, &mut bytes).ok()?;
        Self::of_layout(bytes.get(..length)?)
    }

    fn of_layout(bytes: &[u8]) -> Option<Self> {
        let (version, rest) = bytes.split_first_chunk()?;
        match (u32::from_le_bytes(*version), rest) {
            (0, [counter @ .., 1]) => Some(Watermark::Counter(u64::from_le_bytes(counter.try_into().ok()?))),
            (1, [place @ .., 1]) => {
                let (database, counter) = place.split_first_chunk()?;
                let counter = u64::from_le_bytes(counter.try_into().ok()?);
                Some(Watermark::Database { database: Guid(*database), counter })
            }
            _ => None,
        }
    }

    /// The mailbox database, where it is named.
    pub fn database(&self) -> Option<Guid> {
        match self {
            Watermark::Database { database, .. } => Some(*database),
            Watermark::Counter(_) => None,
            // Without its padding the text would be another one when it is written again.
            Watermark::Opaque(text) => Self::of_layout(&BASE64.decode(&**text).ok()?)?.database(),
        }
    }
}

/// The text as Exchange wrote it.
impl fmt::Display for Watermark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let encode = |version: u32, place: &[u8], counter: u64| {
            STANDARD.encode([&version.to_le_bytes(), place, &counter.to_le_bytes(), &[1]].concat())
        };
        match self {
            Watermark::Counter(counter) => f.write_str(&encode(0, &[], *counter)),
            Watermark::Database { database, counter } => f.write_str(&encode(1, &database.0, *counter)),
            Watermark::Opaque(text) => f.write_str(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn version_0_has_a_counter() {
        let text = STANDARD.encode([0, 0, 0, 0, 7, 1, 0, 0, 0, 0, 0, 0, 1]);
        assert_eq!(Watermark::read(&text), Watermark::Counter(0x107));
    }

    #[test]
    fn version_1_names_the_database() {
        let watermark = Watermark::read("AQAAAKTNbp9vkO5BXnfV7rKvKaKS0yELAAAAAAE=");
        assert_eq!(watermark.database().unwrap().to_string(), "9f6ecda4-906f-41ee-5e77-d5eeb2af29a2");
        assert!(matches!(watermark, Watermark::Database { counter: 0x0b21_d392, .. }));
        let unpadded = Watermark::read("AQAAAKTNbp9vkO5BXnfV7rKvKaKS0yELAAAAAAE");
        assert_eq!(unpadded.database(), watermark.database());
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
            assert_eq!(Watermark::decode(STANDARD.encode(bytes).as_bytes()), None, "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn the_text_is_written_again_as_it_was(
            version in 0..3_u8,
            place in any::<[u8; 30]>(),
            length in prop_oneof![Just(8), Just(24), 0..30_usize],
            kept in any::<prop::sample::Index>(),
            text in "[AQgIwE+/=]{0,44}",
        ) {
            let whole = STANDARD.encode([&[version, 0, 0, 0], &place[..length], &[1]].concat());
            let (cut, other) = (&whole[..kept.index(whole.len() + 1)], whole.replace("E=", "F="));
            for text in [&whole, cut, whole.trim_end_matches('='), &other, &text] {
                prop_assert_eq!(Watermark::read(text).to_string(), text);
            }
        }
    }
}

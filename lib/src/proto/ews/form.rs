//! Bodies of a form that was read lately: the same, byte for byte, but for the ids and watermarks in them.
//!
//! One Exchange writes all its keep-alives in one form, and a listener all its answers. Reading them in full again and
//! again took a third of the time of a capture full of notifications. Nothing but time depends on what is remembered:
//! an id or a watermark is taken from its place only where it is a text that cannot be read as anything else.

use std::borrow::Cow;
use std::cell::RefCell;
use std::ops::Range;
use std::sync::Arc;

use super::{Reading, Texts, clip};
use crate::proto::event::Ews;
use crate::proto::lately::Lately;
use crate::proto::place::place;

/// Forms that are remembered at a time by each thread, and the longest body that is one.
const FORMS: usize = 16;
const LONGEST: usize = 4096;

thread_local! {
    static KNOWN: RefCell<Lately<Form, FORMS>> = const { RefCell::new(Lately::new()) };
}

/// A body with what was read from it.
struct Form {
    body: Box<[u8]>,
    /// Where its texts stand, in their order, and which they are.
    holes: Vec<(Range<usize>, usize)>,
    /// Without these texts.
    reading: Reading,
}

/// What a whole body says, if it has a form that is remembered.
pub(super) fn recognize(body: &[u8]) -> Option<Reading> {
    KNOWN.with_borrow_mut(|forms| forms.find(|form| form.reading_of(body)))
}

/// Remembers the form of a whole body, if others may have it.
pub(super) fn remember(body: &[u8], texts: &Texts<'_>, reading: &Reading) {
    let is_common = matches!(reading.ews, Some(Ews::Notification(_) | Ews::Result(_)));
    if !is_common || body.len() > LONGEST || reading.malformed.is_some() {
        return;
    }
    let mut holes: Vec<_> = texts
        .iter()
        .enumerate()
        .filter_map(|(which, text)| match text {
            Some(Cow::Borrowed(text)) => Some((hole(body, text)?, which)),
            _ => None,
        })
        .collect();
    holes.sort_unstable_by_key(|(range, _)| range.start);
    let mut reading = reading.clone();
    if let Some(Ews::Notification(said)) = &mut reading.ews {
        let texts = super::text_fields(Arc::make_mut(said));
        holes.iter().for_each(|(_, which)| *texts[*which] = None);
    }
    let form = Form { body: body.into(), holes, reading };
    KNOWN.with_borrow_mut(|forms| forms.add(form));
}

/// Where an element's text stands, if another one may stand there.
fn hole(body: &[u8], text: &str) -> Option<Range<usize>> {
    let hole = place(body, text.as_bytes())?;
    let is_all = body.get(hole.start.checked_sub(1)?) == Some(&b'>') && body.get(hole.end) == Some(&b'<');
    (is_all && is_plain(text.as_bytes())).then_some(hole)
}

/// Whether a text means itself: letters, digits and the signs of Base64 and GUIDs.
fn is_plain(text: &[u8]) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() | matches!(byte, b'+' | b'/' | b'=' | b'-' | b'_');
    // To the end whatever comes: so the compiler looks at sixteen bytes at a time.
    !text.is_empty() && text.iter().fold(true, |all, &byte| all & is_plain(byte))
}

impl Form {
    fn reading_of(&self, body: &[u8]) -> Option<Reading> {
        let mut texts = [None; 3];
        let (mut known, mut rest) = (0, body);
        for (range, which) in &self.holes {
            rest = rest.strip_prefix(self.body.get(known..range.start)?)?;
            let (text, behind) = rest.split_at_checked(memchr::memchr(b'<', rest)?)?;
            *texts.get_mut(*which)? = Some(std::str::from_utf8(text).ok().filter(|_| is_plain(text))?);
            (known, rest) = (range.end, behind);
        }
        (rest == self.body.get(known..)?).then(|| self.reading_with(texts))
    }

    fn reading_with(&self, texts: [Option<&str>; 3]) -> Reading {
        let mut reading = self.reading.clone();
        if let Some(Ews::Notification(said)) = &mut reading.ews
            && texts.iter().any(Option::is_some)
        {
            let said = Arc::make_mut(said);
            for (place, text) in super::text_fields(said).into_iter().zip(texts) {
                if let Some(text) = text {
                    *place = Some(clip(text));
                }
            }
        }
        reading
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{parse, read, tests};

    /// A body, changed in one place by a text.
    fn changed(at: usize, removed: usize, text: &str) -> Vec<u8> {
        let mut body = tests::keep_alive("aWQ=", "AQAA", "AQAB").into_bytes();
        let at = at % body.len();
        let end = (at + removed).min(body.len());
        body.splice(at..end, text.bytes());
        body
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]
        #[test]
        fn a_body_of_a_known_form_says_what_it_says_when_it_is_read_in_full(
            at in any::<usize>(),
            removed in 0..12_usize,
            text in prop_oneof!["[a-zA-Z0-9+/=]{0,8}", "[<>&;! a\\[\\]\"'/-]{0,6}", "\\PC{0,2}"],
        ) {
            let original = tests::keep_alive("aWQ=", "AQAA", "AQAB");
            read(original.as_bytes(), true, None);
            let body = changed(at, removed, &text);
            prop_assert_eq!(read(&body, true, None), parse(&body, true));
        }
    }

    #[test]
    fn other_ids_and_watermarks_make_no_other_form() {
        read(tests::keep_alive("a", "b", "c").as_bytes(), true, None);
        let body = tests::keep_alive("other+id=", "other/w0", "w1");
        assert_eq!(super::recognize(body.as_bytes()), Some(parse(body.as_bytes(), true)));
        let spaced = tests::keep_alive(" a", "b", "c");
        assert_eq!(super::recognize(spaced.as_bytes()), None);
    }
}

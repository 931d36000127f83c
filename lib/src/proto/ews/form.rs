//! Bodies of a form that was read lately: the same, byte for byte, but for the ids and watermarks in them.
//!
//! One Exchange writes all its keep-alives in one form, and a listener all its answers. Reading them in full again and
//! again took a third of the time of a capture full of notifications. Nothing but time depends on what is remembered:
//! an id or a watermark is taken from its place only where it is a text that cannot be read as anything else.

use std::borrow::Cow;
use std::cell::RefCell;
use std::ops::Range;
use std::sync::Arc;

use super::{Reading, Texts, watermark_of};
use crate::proto::Watermark;
use crate::proto::digest::digest;
use crate::proto::event::{EventKind, Ews, Recurring};
use crate::proto::lately::{Digested, Lately};
use crate::proto::place::place;

/// Forms that are remembered at a time by each thread, and the longest body that is one.
const FORMS: usize = 16;
const LONGEST: usize = 4096;

/// Subscriptions of which it is known at a time what their notifications have in common.
const SUBSCRIPTIONS: usize = 4096;

thread_local! {
    static KNOWN: RefCell<Lately<Form, FORMS>> = const { RefCell::new(Lately::new()) };
    static RECURRING: RefCell<Digested<Arc<Recurring>, SUBSCRIPTIONS>> = const { RefCell::new(Digested::new()) };
}

/// A body with what was read from it.
struct Form {
    body: Box<[u8]>,
    digest: u128,
    /// Where its texts stand, in their order, and which they are.
    holes: Vec<(Range<usize>, usize)>,
    /// With these texts.
    reading: Reading,
}

/// What a whole body says, if it has a form that is remembered.
pub(super) fn recognize(body: &[u8]) -> Option<Reading> {
    KNOWN.with_borrow_mut(|forms| forms.find(|form| form.reading_of(body)))
}

/// Remembers the form of a whole body, if others may have it: events other than that nothing happened name items of
/// their own.
pub(super) fn remember(body: &[u8], texts: &Texts<'_>, reading: &Reading) {
    let is_common = match &reading.ews {
        Some(Ews::Notification(said)) => {
            said.recurring.events.iter().all(|event| *event == EventKind::Status)
        }
        Some(Ews::Result(_)) => true,
        _ => false,
    };
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
    let form = Form { body: body.into(), digest: digest(body), holes, reading: reading.clone() };
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
            *texts.get_mut(*which)? = Some(text);
            (known, rest) = (range.end, behind);
        }
        (rest == self.body.get(known..)?).then(|| self.reading_with(texts))?
    }

    fn reading_with(&self, [id, previous, watermark]: [Option<&[u8]>; 3]) -> Option<Reading> {
        let mut reading = self.reading.clone();
        if let Some(Ews::Notification(said)) = &mut reading.ews {
            if let Some(id) = id {
                said.recurring = self.of_subscription(id, &said.recurring)?;
            }
            for (place, text) in [(&mut said.previous_watermark, previous), (&mut said.watermark, watermark)]
            {
                if let Some(text) = text {
                    *place = Some(read_watermark(text)?);
                }
            }
        }
        Some(reading)
    }

    /// What notifications of this form have in common where they are of the subscription `id`.
    fn of_subscription(&self, id: &[u8], like: &Recurring) -> Option<Arc<Recurring>> {
        let digest = digest(id) ^ self.digest;
        RECURRING.with_borrow_mut(|known| {
            if let Some(recurring) = known.find(digest) {
                return Some(Arc::clone(recurring));
            }
            let mut recurring = like.clone();
            recurring.name(Some(plain(id)?));
            let recurring = Arc::new(recurring);
            known.add(digest, Arc::clone(&recurring));
            Some(recurring)
        })
    }
}

fn read_watermark(text: &[u8]) -> Option<Watermark> {
    Watermark::decode(text).or_else(|| Some(watermark_of(plain(text)?)))
}

/// A text that means itself.
fn plain(text: &[u8]) -> Option<&str> {
    std::str::from_utf8(text).ok().filter(|_| is_plain(text))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{parse, read, tests};

    /// A keep-alive, changed in one place by a text.
    fn changed(at: usize, removed: usize, text: &str) -> Vec<u8> {
        let mut body = original();
        let at = at % body.len();
        let end = (at + removed).min(body.len());
        body.splice(at..end, text.bytes());
        body
    }

    /// With a watermark whose layout is known, and one with another.
    fn original() -> Vec<u8> {
        tests::keep_alive("aWQ=", "AQAA", "AQAAAKTNbp9vkO5BXnfV7rKvKaKS0yELAAAAAAE=").into_bytes()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]
        #[test]
        fn a_body_of_a_known_form_says_what_it_says_when_it_is_read_in_full(
            at in any::<usize>(),
            removed in 0..12_usize,
            text in prop_oneof!["[a-zA-Z0-9+/=]{0,8}", "[<>&;! a\\[\\]\"'/-]{0,6}", "\\PC{0,2}"],
        ) {
            read(&original(), true, None);
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
        let events = body.replace("StatusEvent", "NewMailEvent");
        read(events.as_bytes(), true, None);
        assert_eq!(super::recognize(events.as_bytes()), None);
    }
}

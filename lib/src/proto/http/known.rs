//! Heads that were read lately, with what they said.
//!
//! With every notification of a subscription Exchange sends the same head, and a listener answers all of them with one
//! that differs in its date. Nothing but time depends on what is known: heads are told apart by all their bytes, and a
//! date is taken from its place only where it is a text that cannot be read as anything else.

use std::cell::RefCell;
use std::ops::Range;

use super::head;
use super::message::{self, Answered, Asked};
use crate::proto::digest::digest;
use crate::proto::lately::{Digested, Lately};
use crate::proto::place::place;

/// Heads of requests that are known at a time, and the longest: with what was read, about 16 MiB for each thread.
const REQUESTS: usize = 8192;
const LONGEST: usize = 1024;
/// The same of replies.
const REPLIES: usize = 16;

/// The head of a reply with the place of its date.
struct Reply {
    head: Box<[u8]>,
    date: Range<usize>,
    answered: Answered,
}

thread_local! {
    static ASKED: RefCell<Digested<Asked, REQUESTS>> = const { RefCell::new(Digested::new()) };
    static ANSWERED: RefCell<Lately<Reply, REPLIES>> = const { RefCell::new(Lately::new()) };
}

/// What the whole head of a request tells.
pub(super) fn asked(head: &[u8]) -> Option<Asked> {
    let read = |head: &[u8]| head::request(head, |head| message::asked(&head, true));
    if head.len() > LONGEST {
        return read(head);
    }
    let digest = digest(head);
    ASKED.with_borrow_mut(|known| {
        if let Some(asked) = known.find(digest) {
            return Some(asked.clone());
        }
        let asked = read(head)?;
        if asked.head.is_some() {
            known.add(digest, asked.clone());
        }
        Some(asked)
    })
}

/// What the head of a reply tells; what may be kept of it at least if it `matters`.
pub(super) fn answered(head: &[u8], matters: bool) -> Option<Answered> {
    ANSWERED.with_borrow_mut(|known| {
        if let Some(answered) = known.find(|reply| reply.answer(head)) {
            return Some(answered);
        }
        head::reply(head, |raw| {
            let answered = message::answered(&raw, matters);
            if matters && head.len() <= LONGEST {
                let date = raw.fields.value("Date").and_then(|date| place(head, date));
                let date = date.filter(|date| is_plain(&head[date.clone()])).unwrap_or_default();
                known.add(Reply { head: head.into(), date, answered: answered.clone() });
            }
            answered
        })
    })
}

impl Reply {
    /// What a head tells that is the same but for the date.
    fn answer(&mut self, head: &[u8]) -> Option<Answered> {
        let Range { start, end } = self.date;
        let is_same = head.len() == self.head.len()
            && head.get(end..) == self.head.get(end..)
            && head.get(..start) == self.head.get(..start);
        if !is_same {
            return None;
        }
        let (known, date) = (self.head.get_mut(self.date.clone())?, head.get(self.date.clone())?);
        // A busy listener answers many in one second.
        if *known != *date {
            if !is_plain(date) {
                return None;
            }
            known.copy_from_slice(date);
            if let Some(said) = &mut self.answered.said {
                said.date = message::date(date);
            }
        }
        Some(self.answered.clone())
    }
}

/// Whether the value of a field means itself: visible characters, with spaces between them only.
fn is_plain(value: &[u8]) -> bool {
    let is_visible = |end: Option<&u8>| end.is_some_and(u8::is_ascii_graphic);
    is_visible(value.first())
        && is_visible(value.last())
        && value.iter().fold(true, |all, byte| all & matches!(byte, b' '..=b'~'))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;
    use crate::time::Timestamp;

    const OK: &str = "HTTP/1.1 200 OK\r\nDate: Sun, 29 Jun 2014 15:10:55 GMT\r\nServer: Jetty\r\n\
                      Content-Length: 5\r\nContent-Type: text/xml\r\n\r\n";

    /// Everything that a head tells when it is known, and when it is read.
    fn both(head: &[u8]) -> [Option<String>; 2] {
        let show = |answered: Answered| format!("{answered:?}");
        [answered(head, true), head::reply(head, |raw| message::answered(&raw, true))]
            .map(|one| one.map(show))
    }

    #[test]
    fn another_date_makes_no_other_head() {
        both(OK.as_bytes());
        ANSWERED.with_borrow(|known| assert_eq!(known.len(), 1));
        let [known, read] = both(OK.replace("15:10:55", "15:15:55").as_bytes());
        let later: Timestamp = "2014-06-29T15:15:55Z".parse().unwrap();
        assert!(known.is_some_and(|known| known.contains(&format!("{later:?}")) && Some(known) == read));
        ANSWERED.with_borrow(|known| assert_eq!(known.len(), 1));
        both(OK.replace("Jetty", "Squid").as_bytes());
        ANSWERED.with_borrow(|known| assert_eq!(known.len(), 2));
    }

    #[test]
    fn no_field_of_a_request_can_be_changed_again_and_again_under_one_hash() {
        const ASKED: &str = "POST /ews/a HTTP/1.1\r\nHost: cuc\r\nSOAPAction: b\r\nUser-Agent: c\r\nVia: d\r\n\
                             Authorization: Basic YTpi\r\nContent-Length: 0\r\n\r\n";
        let changes = [
            ("POST", "PUT"),
            ("/a", "/b"),
            ("/1.1", "/1.0"),
            ("cuc", "cuc2"),
            ("n: b", "n: c"),
            ("t: c", "t: d"),
        ];
        let changes = changes.into_iter().chain([("a: d", "a: e"), ("YTpi", "Yjpi"), ("Via", "via")]);
        let seeds = ahash::RandomState::with_seeds(1, 2, 3, 4);
        let hash = |head: String| seeds.hash_one(asked(head.as_bytes()).unwrap().head.unwrap().0);
        let hashes: HashSet<u64> =
            changes.clone().map(|(from, to)| hash(ASKED.replacen(from, to, 1))).collect();
        assert_eq!(hashes.len(), changes.count());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]
        #[test]
        fn a_known_head_tells_what_it_tells_when_it_is_read(
            at in 0..OK.len(),
            removed in 0..6_usize,
            text in prop_oneof!["[0-9:, ]{0,6}", "[\\r\\n\\t :;a-zA-Z]{0,6}", "\\PC{0,2}"],
        ) {
            both(OK.as_bytes());
            let mut head = OK.as_bytes().to_vec();
            let end = (at + removed).min(head.len());
            head.splice(at..end, text.bytes());
            let [known, read] = both(&head);
            prop_assert_eq!(known, read);
        }
    }
}

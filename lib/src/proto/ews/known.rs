//! Bodies that were read lately, with what they said.
//!
//! Exchange repeats the keep-alive of an idle subscription byte for byte, and every answer to it is the same. Reading
//! them again and again took a third of the time of a capture full of notifications. Nothing but time depends on what is
//! known: bodies are compared in full.

use std::cell::RefCell;

use twox_hash::XxHash3_64;

use super::Reading;

/// Bodies that are known at a time, and the longest that is kept: with what was read, about 12 MiB for each thread.
const BODIES: usize = 4096;
const LONGEST: usize = 4096;

type Known = Option<(Box<[u8]>, Reading)>;

thread_local! {
    static KNOWN: RefCell<Vec<Known>> = const { RefCell::new(Vec::new()) };
}

/// What a whole body says, by `read` if it is not known.
pub(super) fn or_read(body: &[u8], read: impl FnOnce(&[u8]) -> Reading) -> Reading {
    if body.len() > LONGEST {
        return read(body);
    }
    let place = XxHash3_64::oneshot(body) as usize % BODIES;
    KNOWN.with_borrow_mut(|known| {
        known.resize_with(BODIES, || None);
        let known = &mut known[place];
        match known {
            Some((same, reading)) if **same == *body => reading.clone(),
            _ => {
                let reading = read(body);
                *known = Some((body.into(), reading.clone()));
                reading
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::event::Malformed;

    #[test]
    fn a_body_is_read_once_and_another_in_its_place_anew() {
        let mut reads = 0;
        let mut read = |body: &[u8]| {
            or_read(body, |_| {
                reads += 1;
                Reading { ews: None, malformed: (body == b"a").then_some(Malformed::Xml) }
            })
        };
        assert_eq!((read(b"a"), read(b"b")), (read(b"a"), read(b"b")));
        let long = vec![0; LONGEST + 1];
        assert_eq!(read(&long), read(&long));
        assert_eq!(reads, 4);
    }
}

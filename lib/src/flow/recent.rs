//! Fingerprints of the last bytes that were handed on, so that a later copy with other bytes is noticed although
//! the bytes themselves are gone.
//!
//! Limits: slices that nobody looks into are not known, and of the others only the last 32 of a direction. A copy is
//! compared with those slices that lie whole within it. A retransmission that was cut anew into smaller segments is not
//! compared.

use twox_hash::XxHash3_64;

const REMEMBERED: usize = 32;

/// The last slices of one direction.
#[derive(Debug, Default)]
pub(super) struct Recent {
    /// Most answers are one slice, for which nothing is allocated.
    first: Slice,
    /// At first in their order; once there are as many as are remembered, the oldest is at `next`, where the first one
    /// is at 0.
    others: Vec<Slice>,
    next: usize,
}

#[derive(Clone, Copy, Debug, Default)]
struct Slice {
    offset: u64,
    length: u32,
    fingerprint: u64,
}

impl Recent {
    /// Remembers bytes that are handed on.
    pub(super) fn push(&mut self, offset: u64, bytes: &[u8]) {
        let Ok(length) = u32::try_from(bytes.len()) else {
            return;
        };
        let slice = Slice { offset, length, fingerprint: fingerprint(bytes) };
        match self.next.checked_sub(1) {
            None => self.first = slice,
            Some(place) => match self.others.get_mut(place) {
                Some(oldest) => *oldest = slice,
                None => self.others.push(slice),
            },
        }
        self.next = (self.next + 1) % REMEMBERED;
    }

    /// Whether `bytes`, a later copy of the stream from `offset` on, differ from what was handed on.
    pub(super) fn contradict(&self, offset: u64, bytes: &[u8]) -> bool {
        let slices = std::iter::once(&self.first).chain(&self.others);
        slices.filter(|slice| slice.length > 0).any(|slice| {
            let copy = slice.offset.checked_sub(offset).and_then(|from| {
                let from = usize::try_from(from).ok()?;
                bytes.get(from..)?.get(..slice.length as usize)
            });
            copy.is_some_and(|copy| fingerprint(copy) != slice.fingerprint)
        })
    }
}

/// Of all bytes that are handed on: no hash that is made for short keys will do.
fn fingerprint(bytes: &[u8]) -> u64 {
    XxHash3_64::oneshot(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_that_covers_known_slices_is_compared_with_each() {
        let mut recent = Recent::default();
        recent.push(10, b"abc");
        recent.push(13, b"defg");
        assert!(!recent.contradict(10, b"abc"));
        assert!(!recent.contradict(9, b"?abcdefg"));
        assert!(recent.contradict(10, b"abcdeFg"));
        assert!(recent.contradict(8, b"..aBc"));
        assert!(!recent.contradict(11, b"XX"), "covers no slice whole");
        assert!(!recent.contradict(100, b"abc"));
    }

    #[test]
    fn the_last_slices_are_known() {
        let mut recent = Recent::default();
        let known = |recent: &Recent| (0..100).filter(|at| recent.contradict(*at, b"~")).collect::<Vec<_>>();
        for at in 0..=80 {
            let from = u64::from(at).saturating_sub(REMEMBERED as u64);
            assert_eq!(known(&recent), (from..u64::from(at)).collect::<Vec<_>>());
            recent.push(at.into(), &[at]);
        }
    }
}

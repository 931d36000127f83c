//! One copy of every string that recurs.

use std::collections::HashSet;
use std::hash::Hash;
use std::sync::Arc;

use ahash::RandomState;

/// Strings that are kept once. Beyond its bound a new string gets a copy of its own.
#[derive(Debug)]
pub(crate) struct Interner {
    strings: HashSet<Arc<str>, RandomState>,
    bound: usize,
    bytes: u64,
}

impl Interner {
    pub(crate) fn new(bound: usize) -> Self {
        Interner { strings: HashSet::default(), bound, bytes: 0 }
    }

    /// Bytes of all strings that were handed out, those that recurred once.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Counts bytes that are kept beside the strings.
    pub(crate) fn charge(&mut self, bytes: usize) {
        self.bytes += bytes as u64;
    }

    pub(crate) fn intern(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.strings.get(text) {
            return Arc::clone(known);
        }
        self.keep(Arc::from(text))
    }

    fn keep(&mut self, new: Arc<str>) -> Arc<str> {
        self.bytes += new.len() as u64;
        if self.strings.len() < self.bound {
            self.strings.insert(Arc::clone(&new));
        }
        new
    }

    /// The copy of a string that may become the one that is kept.
    pub(crate) fn share(&mut self, text: &Arc<str>) -> Arc<str> {
        if let Some(known) = self.strings.get(text) {
            return Arc::clone(known);
        }
        self.keep(Arc::clone(text))
    }

    pub(crate) fn intern_some(&mut self, text: Option<&str>) -> Option<Arc<str>> {
        text.map(|text| self.intern(text))
    }
}

/// Things that recur, with one copy of each. They are told apart by what they say and not by where they stand: which are
/// shared depends on how many threads read, and nothing else may. Beyond its bound each has a copy of its own.
#[derive(Debug)]
pub(crate) struct Pool<T> {
    known: HashSet<Arc<T>, RandomState>,
    bound: usize,
    bytes: u64,
    /// Things that came lately, by where they stand, with their copies: to look a long one up by all that it says takes
    /// several hundred instructions.
    lately: Vec<Option<(Arc<T>, Arc<T>)>>,
    places: usize,
}

impl<T: Hash + Eq> Pool<T> {
    /// One with so many places for what came lately.
    pub(crate) fn new(bound: usize, places: usize) -> Self {
        Pool { known: HashSet::default(), bound, bytes: 0, lately: Vec::new(), places }
    }

    /// Bytes of all copies, those of what recurred once.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The copy of a thing. `keep` makes it, and says how many bytes it takes.
    pub(crate) fn of(&mut self, thing: &Arc<T>, keep: impl FnOnce(&Arc<T>) -> (Arc<T>, usize)) -> Arc<T> {
        let place = self.place(thing);
        if let Some(Some((came, copy))) = self.lately.get(place)
            && Arc::ptr_eq(came, thing)
        {
            return Arc::clone(copy);
        }
        // What nobody else holds will not come again.
        let may_come_again = self.places > 0 && Arc::strong_count(thing) > 1;
        let (copy, is_known) = self.look_up(thing, keep);
        if is_known && may_come_again {
            self.lately.resize_with(self.places, || None);
            self.lately[place] = Some((Arc::clone(thing), Arc::clone(&copy)));
        }
        copy
    }

    /// The same, and whether it will be known when the thing comes again.
    fn look_up(&mut self, thing: &Arc<T>, keep: impl FnOnce(&Arc<T>) -> (Arc<T>, usize)) -> (Arc<T>, bool) {
        if let Some(copy) = self.known.get(&**thing) {
            return (Arc::clone(copy), true);
        }
        let (copy, bytes) = keep(thing);
        self.bytes += bytes as u64;
        let has_room = self.known.len() < self.bound;
        if has_room {
            self.known.insert(Arc::clone(&copy));
        }
        (copy, has_room)
    }

    /// Where the copy of what stands there would be.
    fn place(&self, thing: &Arc<T>) -> usize {
        // Things lie at least so far apart.
        const APART: usize = 64;
        let address = Arc::as_ptr(thing).addr();
        (address / APART).checked_rem(self.places).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_things_stand_changes_nothing_that_is_found() {
        let things: Vec<Arc<u64>> = (0..600).map(|number| Arc::new(number % 7)).collect();
        let _held: Vec<_> = things.iter().step_by(2).map(Arc::clone).collect();
        for bound in [0, 3, 100] {
            let kept = [0, 1, 16].map(|places| {
                let mut pool = Pool::new(bound, places);
                let mut kept = 0;
                for thing in things.iter().chain(&things) {
                    let copy = pool.of(thing, |thing| {
                        kept += 1;
                        (Arc::clone(thing), 1)
                    });
                    assert_eq!(*copy, **thing);
                }
                (kept, pool.bytes())
            });
            assert!(kept.iter().all(|one| *one == kept[0]), "{kept:?}");
        }
    }
}

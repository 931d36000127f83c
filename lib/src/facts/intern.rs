//! One copy of every string that recurs.

use std::collections::{HashMap, HashSet};
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

/// What is computed from keys that recur, strings or others, with one copy of each. Keys are told apart by what they say
/// and not by where they stand: which are shared depends on how many threads read, and nothing else may. Beyond its
/// bound it is computed every time.
#[derive(Debug)]
pub(crate) struct Memo<K: ?Sized, T> {
    known: HashMap<Arc<K>, T, RandomState>,
    bound: usize,
    bytes: u64,
    /// What is known of keys that came lately, by where they stand, and how many of them.
    lately: Vec<Option<Copied<K, T>>>,
    places: usize,
}

/// A copy of a key as it came, and what is known of it.
type Copied<K, T> = (Arc<K>, (Arc<K>, T));

impl<K: Hash + Eq + ?Sized, T: Clone> Memo<K, T> {
    pub(crate) fn new(bound: usize) -> Self {
        Memo { known: HashMap::default(), bound, bytes: 0, lately: Vec::new(), places: 0 }
    }

    /// One that looks first whether the same copy of a key came lately, with places for so many. To look a long key up by
    /// all that it says takes several hundred instructions.
    pub(crate) fn with_places(self, places: usize) -> Self {
        Memo { places, ..self }
    }

    /// Bytes of all keys that were handed out, those that recurred once.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The copy of a key that is kept, and its value. `compute` makes both, and says how many bytes they take.
    pub(crate) fn of(
        &mut self,
        key: &Arc<K>,
        compute: impl FnOnce(&Arc<K>) -> (Arc<K>, usize, T),
    ) -> (Arc<K>, T) {
        let place = self.place(key);
        if let Some(Some((copy, found))) = self.lately.get(place)
            && Arc::ptr_eq(copy, key)
        {
            return found.clone();
        }
        // A copy that nobody else holds will not come again.
        let may_come_again = self.places > 0 && Arc::strong_count(key) > 1;
        let (found, is_known) = self.look_up(key, compute);
        if is_known && may_come_again {
            self.lately.resize_with(self.places, || None);
            self.lately[place] = Some((Arc::clone(key), found.clone()));
        }
        found
    }

    /// The same, and whether it will be known when the key comes again.
    fn look_up(
        &mut self,
        key: &Arc<K>,
        compute: impl FnOnce(&Arc<K>) -> (Arc<K>, usize, T),
    ) -> ((Arc<K>, T), bool) {
        if let Some((key, value)) = self.known.get_key_value(&**key) {
            return ((Arc::clone(key), value.clone()), true);
        }
        let (key, bytes, value) = compute(key);
        self.bytes += bytes as u64;
        let has_room = self.known.len() < self.bound;
        if has_room {
            self.known.insert(Arc::clone(&key), value.clone());
        }
        ((key, value), has_room)
    }

    /// Where what is known of this copy of a key would stand.
    fn place(&self, key: &Arc<K>) -> usize {
        // Copies lie at least so far apart.
        const APART: usize = 64;
        let address = Arc::as_ptr(key).cast::<()>().addr();
        (address / APART).checked_rem(self.places).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_keys_stand_changes_nothing_that_is_found() {
        let keys: Vec<Arc<u64>> = (0..600).map(|number| Arc::new(number % 7)).collect();
        let _held: Vec<_> = keys.iter().step_by(2).map(Arc::clone).collect();
        for bound in [0, 3, 100] {
            let computed = [0, 1, 16].map(|places| {
                let mut memo = Memo::new(bound).with_places(places);
                let mut computed = 0;
                for key in keys.iter().chain(&keys) {
                    let found = memo.of(key, |key| {
                        computed += 1;
                        (Arc::clone(key), 1, **key + 1)
                    });
                    assert_eq!((*found.0, found.1), (**key, **key + 1));
                }
                (computed, memo.bytes())
            });
            assert!(computed.iter().all(|one| *one == computed[0]), "{computed:?}");
        }
    }
}

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
}

impl<K: Hash + Eq + ?Sized, T: Clone> Memo<K, T> {
    pub(crate) fn new(bound: usize) -> Self {
        Memo { known: HashMap::default(), bound, bytes: 0 }
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
        if let Some((key, value)) = self.known.get_key_value(&**key) {
            return (Arc::clone(key), value.clone());
        }
        let (key, bytes, value) = compute(key);
        self.bytes += bytes as u64;
        if self.known.len() < self.bound {
            self.known.insert(Arc::clone(&key), value.clone());
        }
        (key, value)
    }
}

//! One copy of every string that recurs.

use std::collections::{HashMap, HashSet};
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
        let new: Arc<str> = Arc::from(text);
        self.bytes += text.len() as u64;
        if self.strings.len() < self.bound {
            self.strings.insert(Arc::clone(&new));
        }
        new
    }

    pub(crate) fn intern_some(&mut self, text: Option<&str>) -> Option<Arc<str>> {
        text.map(|text| self.intern(text))
    }
}

/// What is computed from strings that recur, with one copy of each. Beyond its bound it is computed every time.
#[derive(Debug)]
pub(crate) struct Memo<T> {
    known: HashMap<Arc<str>, T, RandomState>,
    bound: usize,
    bytes: u64,
}

impl<T: Clone> Memo<T> {
    pub(crate) fn new(bound: usize) -> Self {
        Memo { known: HashMap::default(), bound, bytes: 0 }
    }

    /// Bytes of all strings that were handed out, those that recurred once.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(crate) fn of(&mut self, text: &str, compute: impl FnOnce(&str) -> T) -> (Arc<str>, T) {
        if let Some((text, value)) = self.known.get_key_value(text) {
            return (Arc::clone(text), value.clone());
        }
        let (text, value) = (Arc::<str>::from(text), compute(text));
        self.bytes += text.len() as u64;
        if self.known.len() < self.bound {
            self.known.insert(Arc::clone(&text), value.clone());
        }
        (text, value)
    }
}

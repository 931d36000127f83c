//! The rows of one kind while a capture is read, and the bound on them.

use super::{LimitHits, Table};

/// Rows that shards have learnt.
#[derive(Debug)]
pub(crate) struct Rows<T> {
    /// What each shard has learnt; while the capture is read it is one.
    parts: Vec<Vec<T>>,
    limit: usize,
    /// Bytes that the strings of all rows may take.
    strings: u64,
    dropped: u64,
}

impl<T> Rows<T> {
    /// Rows that may take so many bytes, each `row` of them, half of that for strings.
    pub(crate) fn new(bytes: u64, row: u64) -> Self {
        let limit = usize::try_from(bytes / row).unwrap_or(usize::MAX);
        Rows { parts: vec![Vec::new()], limit, strings: (limit as u64).saturating_mul(row / 2), dropped: 0 }
    }

    /// How many there may be.
    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    /// Whether one more fits beside strings of so many bytes: long ones cost rows. If not, it counts as dropped.
    pub(crate) fn has_room(&mut self, strings: u64) -> bool {
        let rows: usize = self.parts.iter().map(Vec::len).sum();
        let fits = rows < self.limit && strings < self.strings;
        if !fits {
            self.drop_one();
        }
        fits
    }

    /// Counts what found no room.
    pub(crate) fn drop_one(&mut self) {
        self.dropped += 1;
    }

    /// Takes a row.
    pub(crate) fn push(&mut self, row: T) {
        if let Some(last) = self.parts.last_mut() {
            last.push(row);
        }
    }

    /// Takes in what another shard has learnt.
    pub(crate) fn absorb(&mut self, other: Self) {
        self.parts.extend(other.parts);
        self.limit += other.limit;
        self.dropped += other.dropped;
    }

    /// The bound, and how often it was met.
    pub(crate) fn hits(&self, store: &'static str) -> LimitHits {
        LimitHits { store, limit: self.limit as u64, hits: self.dropped }
    }

    /// The rows in the order of their keys, where they are.
    pub(crate) fn into_table<K: Ord + Copy>(self, key: impl Fn(&T) -> K) -> Table<T> {
        Table::ordered(self.parts, key)
    }

    /// The rows in the order of their keys, in one place.
    pub(crate) fn into_sorted<K: Ord>(self, key: impl Fn(&T) -> K) -> Vec<T> {
        let mut rows: Vec<T> = self.parts.into_iter().flatten().collect();
        rows.sort_by_key(key);
        rows
    }
}

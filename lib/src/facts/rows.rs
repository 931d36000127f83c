//! The rows of one kind while a capture is read, and the bound on them.

use super::{LimitHits, Table};
use crate::flow::{FlowId, Moment};

/// A row, as a store of rows sees it.
pub(crate) trait Row {
    /// The frame that completed it.
    fn completed(&self) -> Moment;
    /// Its connection.
    fn flow(&self) -> FlowId;
}

/// Rows that shards have learnt.
#[derive(Debug)]
pub(crate) struct Rows<T> {
    /// What each shard has learnt; while the capture is read it is one.
    parts: Vec<Vec<T>>,
    limit: usize,
    /// Bytes that the strings of all rows may take.
    strings: u64,
    dropped: u64,
    /// The first that found no room.
    full_at: Option<Moment>,
}

impl<T: Row> Rows<T> {
    /// Rows that may take so many bytes, each `row` of them, and half as many for strings.
    pub(crate) fn new(bytes: u64, row: u64) -> Self {
        let limit = usize::try_from(bytes / row).unwrap_or(usize::MAX);
        let strings = (limit as u64).saturating_mul(row / 2);
        Rows { parts: vec![Vec::new()], limit, strings, dropped: 0, full_at: None }
    }

    /// How many there may be.
    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    /// Whether one more, complete at `at`, fits beside strings of so many bytes: long ones cost rows. If not, it counts
    /// as dropped.
    pub(crate) fn has_room(&mut self, strings: u64, at: Moment) -> bool {
        let rows: usize = self.parts.iter().map(Vec::len).sum();
        let fits = rows < self.limit && strings < self.strings;
        if !fits {
            self.drop_one(at);
        }
        fits
    }

    /// Counts what found no room.
    pub(crate) fn drop_one(&mut self, at: Moment) {
        self.dropped += 1;
        self.full_at = earlier(self.full_at, Some(at));
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
        self.full_at = earlier(self.full_at, other.full_at);
    }

    /// The rows in the order of completion, where they are.
    pub(crate) fn into_table(mut self, store: &'static str) -> (Table<T>, LimitHits) {
        let hits = self.cut(store);
        (Table::ordered(self.parts, |row| (row.completed().frame, row.flow())), hits)
    }

    /// The rows in the order of completion, in one place.
    pub(crate) fn into_sorted(mut self, store: &'static str) -> (Vec<T>, LimitHits) {
        let hits = self.cut(store);
        let mut rows: Vec<T> = self.parts.into_iter().flatten().collect();
        rows.sort_by_key(|row| (row.completed().frame, row.flow()));
        (rows, hits)
    }

    /// Drops what is later than the first row that found no room. Another shard may have had room for it; but of what
    /// is there, everything must be: what is absent proves something.
    fn cut(&mut self, store: &'static str) -> LimitHits {
        if let Some(full_at) = self.full_at {
            for rows in &mut self.parts {
                let before = rows.len();
                rows.retain(|row| row.completed().time < full_at.time);
                self.dropped += (before - rows.len()) as u64;
            }
        }
        LimitHits { store, limit: self.limit as u64, hits: self.dropped, full_at: self.full_at }
    }
}

/// The earlier of two moments, where there are any.
pub(super) fn earlier(one: Option<Moment>, other: Option<Moment>) -> Option<Moment> {
    one.into_iter().chain(other).min_by_key(|at| (at.time, at.frame))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::testing::moment;

    impl Row for u64 {
        fn completed(&self) -> Moment {
            moment(*self, *self as i64)
        }

        fn flow(&self) -> FlowId {
            FlowId(*self)
        }
    }

    fn shard(rows: impl IntoIterator<Item = u64>) -> Rows<u64> {
        let mut shard = Rows::new(3 * 100, 100);
        for row in rows {
            if shard.has_room(0, row.completed()) {
                shard.push(row);
            }
        }
        shard
    }

    #[test]
    fn nothing_is_kept_after_the_first_that_found_no_room_in_any_shard() {
        let mut rows = shard([1, 2, 3, 5, 6]);
        rows.absorb(shard([4, 7]));
        let (rows, hits) = rows.into_sorted("numbers");
        assert_eq!(rows, [1, 2, 3, 4]);
        assert_eq!(hits, LimitHits { store: "numbers", limit: 6, hits: 3, full_at: Some(moment(5, 5)) });
    }

    #[test]
    fn with_room_for_all_nothing_is_lost() {
        let (rows, hits) = shard([3, 1, 2]).into_table("numbers");
        assert_eq!(rows.iter().copied().collect::<Vec<_>>(), [1, 2, 3]);
        assert_eq!((hits.hits, hits.full_at), (0, None));
    }
}

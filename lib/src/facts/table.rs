//! Rows in order that stay where they were put.
//!
//! A row of a connection or a notification is half a kilobyte. Each shard keeps its own rows, and what is put in order
//! is where they stand: moving them into one place and sorting them there took a tenth of the time of a whole capture,
//! most of it for memory that was touched for the first time.

use std::fmt;
use std::ops::{Index, IndexMut};
use std::slice;

/// Rows in a fixed order, like a slice of them.
#[derive(Clone)]
pub struct Table<T> {
    parts: Vec<Vec<T>>,
    order: Vec<Place>,
}

/// Where a row stands.
#[derive(Clone, Copy)]
struct Place {
    part: u32,
    row: u32,
}

impl<T> Table<T> {
    /// The rows of all parts in the order of their keys. Rows with the same key stay in the order of the parts.
    pub(crate) fn ordered<K: Ord + Copy>(parts: Vec<Vec<T>>, key: impl Fn(&T) -> K) -> Self {
        let seen = in_order(&parts, |row| (key(row), ()));
        Table { order: seen.iter().map(|(.., place)| *place).collect(), parts }
    }

    /// The same; and in their order the keys, with what else is asked of each row while it is at hand.
    pub(super) fn keyed<K: Ord + Copy, V: Copy>(
        parts: Vec<Vec<T>>,
        look: impl Fn(&T) -> (K, V),
    ) -> (Self, Vec<K>, Vec<V>) {
        let seen = in_order(&parts, look);
        let order = seen.iter().map(|(.., place)| *place).collect();
        let keys = seen.iter().map(|(key, ..)| *key).collect();
        (Table { parts, order }, keys, seen.iter().map(|(_, value, _)| *value).collect())
    }

    /// How many rows.
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// The row at `index`.
    pub fn get(&self, index: usize) -> Option<&T> {
        self.order.get(index).map(|place| row(&self.parts, *place))
    }

    /// The rows in order.
    pub fn iter(&self) -> Iter<'_, T> {
        Iter { parts: &self.parts, order: self.order.iter() }
    }

    /// The rows in so many parts of about the same size, one after the other.
    pub(crate) fn split_into(&self, parts: usize) -> Vec<Iter<'_, T>> {
        let size = self.len().div_ceil(parts.max(1)).max(1);
        self.order.chunks(size).map(|order| Iter { parts: &self.parts, order: order.iter() }).collect()
    }

    /// The rows for which `is_before` holds, and those after them: it must hold for all up to some row only.
    pub(crate) fn split(&self, is_before: impl Fn(&T) -> bool) -> (Iter<'_, T>, Iter<'_, T>) {
        let middle = self.order.partition_point(|place| is_before(row(&self.parts, *place)));
        let (before, after) = self.order.split_at(middle);
        let [before, after] = [before, after].map(|order| Iter { parts: &self.parts, order: order.iter() });
        (before, after)
    }
}

/// What is asked of each row and where it stands, by key.
fn in_order<T, K: Ord + Copy, V>(parts: &[Vec<T>], look: impl Fn(&T) -> (K, V)) -> Vec<(K, V, Place)> {
    let mut seen = Vec::with_capacity(parts.iter().map(Vec::len).sum());
    for (part, rows) in (0..).zip(parts) {
        seen.extend((0..).zip(rows).map(|(number, row)| {
            let (key, value) = look(row);
            (key, value, Place { part, row: number })
        }));
    }
    // Each part is nearly in order: then this sort takes half the time of an unstable one.
    seen.sort_by_key(|(key, ..)| *key);
    seen
}

fn row<T>(parts: &[Vec<T>], place: Place) -> &T {
    &parts[place.part as usize][place.row as usize]
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Table { parts: Vec::new(), order: Vec::new() }
    }
}

impl<T: fmt::Debug> fmt::Debug for Table<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self).finish()
    }
}

impl<T> From<Vec<T>> for Table<T> {
    fn from(rows: Vec<T>) -> Self {
        Table::ordered(vec![rows], |_| ())
    }
}

impl<T> Index<usize> for Table<T> {
    type Output = T;

    fn index(&self, index: usize) -> &T {
        row(&self.parts, self.order[index])
    }
}

impl<T> IndexMut<usize> for Table<T> {
    fn index_mut(&mut self, index: usize) -> &mut T {
        let Place { part, row } = self.order[index];
        &mut self.parts[part as usize][row as usize]
    }
}

impl<'t, T> IntoIterator for &'t Table<T> {
    type Item = &'t T;
    type IntoIter = Iter<'t, T>;

    fn into_iter(self) -> Iter<'t, T> {
        self.iter()
    }
}

/// The rows of a [`Table`] in order.
pub struct Iter<'t, T> {
    parts: &'t [Vec<T>],
    order: slice::Iter<'t, Place>,
}

impl<T> Clone for Iter<'_, T> {
    fn clone(&self) -> Self {
        Iter { parts: self.parts, order: self.order.clone() }
    }
}

impl<'t, T> Iterator for Iter<'t, T> {
    type Item = &'t T;

    fn next(&mut self) -> Option<&'t T> {
        self.order.next().map(|place| row(self.parts, *place))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.order.size_hint()
    }
}

impl<T> DoubleEndedIterator for Iter<'_, T> {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.order.next_back().map(|place| row(self.parts, *place))
    }
}

impl<T> ExactSizeIterator for Iter<'_, T> {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_all_parts_are_in_the_order_of_their_keys() {
        let mut table = Table::ordered(vec![vec![1, 4, 9], vec![], vec![3, 5]], |row| *row);
        assert_eq!(table.iter().copied().collect::<Vec<_>>(), [1, 3, 4, 5, 9]);
        assert_eq!(table.iter().rev().copied().collect::<Vec<_>>(), [9, 5, 4, 3, 1]);
        assert_eq!((table.len(), table[2], table.get(5)), (5, 4, None));
        let halves: Vec<Vec<i32>> =
            table.split_into(2).into_iter().map(|half| half.copied().collect()).collect();
        assert_eq!(halves, [vec![1, 3, 4], vec![5, 9]]);
        assert_eq!((table.split_into(0).len(), table.split_into(9).len()), (1, 5));
        table[1] = 2;
        assert_eq!(format!("{table:?}"), "[1, 2, 4, 5, 9]");
    }

    #[test]
    fn rows_with_one_key_stay_in_the_order_of_the_parts() {
        let table = Table::ordered(vec![vec![(1, 'b')], vec![(1, 'a'), (0, 'c')]], |row| row.0);
        assert_eq!(table.iter().map(|row| row.1).collect::<String>(), "cba");
    }
}

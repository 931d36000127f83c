//! Numbers for texts that recur.

use std::collections::HashMap;
use std::sync::Arc;

use ahash::RandomState;

/// Texts, numbered in the order in which they first come.
///
/// Most come again as the same copy, which is known by where it stands without being read.
#[derive(Default)]
pub(crate) struct Texts {
    /// With the copy that stands there: nothing else can then.
    by_place: HashMap<*const u8, (usize, Arc<str>), RandomState>,
    by_text: HashMap<Arc<str>, usize, RandomState>,
}

impl Texts {
    /// The number of a text: that of the last one plus one when it is new.
    pub(crate) fn number(&mut self, text: &Arc<str>) -> usize {
        let Texts { by_place, by_text } = self;
        let (number, _) = by_place.entry(text.as_ptr()).or_insert_with(|| {
            let next = by_text.len();
            (*by_text.entry(Arc::clone(text)).or_insert(next), Arc::clone(text))
        });
        *number
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_of_a_text_have_its_number() {
        let copies = ["a", "b", "a", "c", "b"].map(Arc::<str>::from);
        let mut texts = Texts::default();
        assert_eq!(copies.each_ref().map(|text| texts.number(text)), [0, 1, 0, 2, 1]);
        assert_eq!(copies.each_ref().map(|text| texts.number(text)), [0, 1, 0, 2, 1]);
        let empty = [Arc::<str>::from(""), Arc::from("")];
        assert_eq!(empty.each_ref().map(|text| texts.number(text)), [3, 3]);
    }
}

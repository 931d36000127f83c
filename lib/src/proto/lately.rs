//! A few things that were read lately, the one that was used last first.

/// At most `N` things.
pub(super) struct Lately<T, const N: usize>(Vec<T>);

impl<T, const N: usize> Lately<T, N> {
    pub(super) const fn new() -> Self {
        Lately(Vec::new())
    }

    /// What the first one gives that gives anything.
    pub(super) fn find<R>(&mut self, mut give: impl FnMut(&T) -> Option<R>) -> Option<R> {
        let (place, found) = self.0.iter().enumerate().find_map(|(place, one)| Some((place, give(one)?)))?;
        self.0.get_mut(..=place)?.rotate_right(1);
        Some(found)
    }

    /// Adds one, in the place of the one that was not used for longest.
    pub(super) fn add(&mut self, one: T) {
        self.0.truncate(N - 1);
        self.0.insert(0, one);
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use super::Lately;

    #[test]
    fn the_one_that_was_not_used_for_longest_goes() {
        let mut lately = Lately::<u8, 2>::new();
        let has =
            |lately: &mut Lately<u8, 2>, wanted| lately.find(|one| (*one == wanted).then_some(())).is_some();
        (1..=2).for_each(|one| lately.add(one));
        assert!(has(&mut lately, 1));
        lately.add(3);
        assert_eq!([1, 2, 3].map(|one| has(&mut lately, one)), [true, false, true]);
        assert_eq!(lately.len(), 2);
    }
}

//! Things that were read lately, the one that was used last first.

/// At most `N` things, in boxes: the order changes with nearly every look, and things are large.
pub(super) struct Lately<T, const N: usize>(Vec<Box<T>>);

impl<T, const N: usize> Lately<T, N> {
    pub(super) const fn new() -> Self {
        Lately(Vec::new())
    }

    /// What the first one gives that gives anything.
    pub(super) fn find<R>(&mut self, mut give: impl FnMut(&mut T) -> Option<R>) -> Option<R> {
        let (place, found) =
            self.0.iter_mut().enumerate().find_map(|(place, one)| Some((place, give(one)?)))?;
        self.0.get_mut(..=place)?.rotate_right(1);
        Some(found)
    }

    /// Adds one, in the place of the one that was not used for longest.
    pub(super) fn add(&mut self, one: T) {
        self.0.truncate(N - 1);
        self.0.insert(0, Box::new(one));
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

/// Many things that came lately, known by a digest: at most `N`, of which two have the same places. With one place for
/// each, half of three thousand were never known.
pub(super) struct Digested<T, const N: usize>(Vec<Option<(u128, T)>>);

impl<T, const N: usize> Digested<T, N> {
    /// Things that have the same places.
    const ALIKE: usize = 2;

    pub(super) const fn new() -> Self {
        Digested(Vec::new())
    }

    /// The one with this digest, which now is the latest.
    pub(super) fn find(&mut self, digest: u128) -> Option<&mut T> {
        let alike = self.alike(digest);
        let place = alike.iter().position(|one| matches!(one, Some((known, _)) if *known == digest))?;
        alike.get_mut(..=place)?.rotate_right(1);
        alike.first_mut()?.as_mut().map(|(_, one)| one)
    }

    /// Adds one, in the place of the one that was not used for longest.
    pub(super) fn add(&mut self, digest: u128, one: T) {
        let alike = self.alike(digest);
        alike.rotate_right(1);
        alike[0] = Some((digest, one));
    }

    fn alike(&mut self, digest: u128) -> &mut [Option<(u128, T)>] {
        self.0.resize_with(N, || None);
        let place = digest as usize % (N / Self::ALIKE) * Self::ALIKE;
        &mut self.0[place..place + Self::ALIKE]
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

//! Digests that tell bytes from all others, so that what came before is known again without being kept.

use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;

use twox_hash::XxHash3_128;

/// Words of eight bytes in the secret: as many as that of the hash itself has.
const WORDS: usize = 24;

/// Drawn when it is first needed: who makes a capture cannot know it.
static SECRET: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let seeds = RandomState::new();
    (0..WORDS).flat_map(|word| seeds.hash_one(word).to_ne_bytes()).collect()
});

/// The digest of some bytes: 128 bits under a secret, another one in each run. No two texts of a capture have the same by
/// chance, and nobody can make two that have.
pub(super) fn digest(bytes: &[u8]) -> u128 {
    XxHash3_128::oneshot_with_secret(&SECRET, bytes).expect("the secret is long enough")
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_bit_and_the_length_matter() {
        for length in [1, 16, 100, 200, 700] {
            let text = vec![b' '; length];
            let changed = (0..8 * length).map(|bit| {
                let mut other = text.clone();
                other[bit / 8] ^= 1 << (bit % 8);
                other
            });
            let longer = std::iter::once(vec![b' '; length + 1]);
            let digests: HashSet<u128> = changed.chain(longer).map(|text| digest(&text)).collect();
            assert_eq!(digests.len(), 8 * length + 1);
            assert!(!digests.contains(&digest(&text)));
        }
    }
}

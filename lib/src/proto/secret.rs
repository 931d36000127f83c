//! Passwords as they leave a dissector: good for being compared, useless for being read.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;

/// Random for every process: a digest says nothing outside of it, not even to who guesses the password.
static KEY: LazyLock<RandomState> = LazyLock::new(RandomState::new);

/// A keyed digest in place of a password or of a response that is computed from one.
///
/// Equal secrets had equal bytes. As the key changes with every run there is neither an order nor a hash nor a
/// written form: nothing that is reported can depend on it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Secret(u64);

impl Secret {
    /// The digest of `bytes`, which are not kept.
    pub fn new(bytes: &[u8]) -> Self {
        Secret(KEY.hash_one(bytes))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_bytes_make_equal_secrets_and_others_do_not() {
        assert_eq!(Secret::new(b"Sommer2014"), Secret::new(b"Sommer2014"));
        assert_ne!(Secret::new(b"Sommer2014"), Secret::new(b"Sommer2015"));
        assert_ne!(Secret::new(b""), Secret::new(b"\0"));
    }

    #[test]
    fn all_secrets_look_the_same() {
        for password in ["", "Sommer2014"] {
            assert_eq!(format!("{:?}", Some(Secret::new(password.as_bytes()))), "Some(Secret(…))");
        }
    }
}

//! Which TCP stack made a SYN. Exchange always runs on Windows.

use crate::flow::Syn;

/// The option kinds of a Linux SYN begin like this: MSS, SACK permitted, timestamps (p0f, `p0f.fp`).
const LINUX: [u8; 3] = [2, 4, 8];

/// Why a SYN is not of a Windows stack; `None` when it may be.
pub(super) fn not_windows(syn: &Syn) -> Option<String> {
    match syn.ttl {
        0..=64 => Some(format!("its TTL is {}, Windows starts at 128", syn.ttl)),
        65..=128 if syn.options.starts_with(&LINUX) => {
            Some("its options come in the order of Linux (MSS, SACK permitted, timestamps)".to_owned())
        }
        65..=128 => None,
        129.. => Some(format!("its TTL is {}, Windows starts at 128", syn.ttl)),
    }
}

//! Which TCP stack made a SYN. Exchange always runs on Windows.

use crate::flow::Syn;

/// The option kinds of a Linux SYN begin like this: MSS, SACK permitted, timestamps (p0f, `p0f.fp`).
const LINUX: [u8; 3] = [2, 4, 8];

/// Whether a SYN may be of a Windows stack.
pub(crate) fn may_be_windows(syn: &Syn) -> bool {
    (65..=128).contains(&syn.ttl) && !syn.options.starts_with(&LINUX)
}

/// Why a SYN is not of a Windows stack; `None` when it may be.
pub(super) fn not_windows(syn: &Syn) -> Option<String> {
    (!may_be_windows(syn)).then(|| match syn.ttl {
        65..=128 => "its options come in the order of Linux (MSS, SACK permitted, timestamps)".to_owned(),
        ttl => format!("its TTL is {ttl}, Windows starts at 128"),
    })
}

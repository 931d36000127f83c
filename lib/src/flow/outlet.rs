//! What one direction of a connection gives: its bytes, its holes, and the counters.

use super::pending::Store;
use super::{Interest, Moment, Side};

/// Takes one direction in stream order.
pub(super) trait Sink {
    /// The next bytes.
    fn data(&mut self, bytes: &[u8], at: Moment) -> Interest;
    /// The next `length` bytes were not captured.
    fn gap(&mut self, length: u64, at: Moment);
}

/// Where a stream puts what it finds out.
pub(super) struct Outlet<'a, K> {
    /// The counters of this direction.
    pub(super) side: &'a mut Side,
    /// The account of all bytes that wait.
    pub(super) store: &'a mut Store,
    /// Whether anybody wants the bytes; without, only ranges are tracked.
    pub(super) keep: bool,
    /// Who takes the bytes.
    pub(super) sink: K,
}

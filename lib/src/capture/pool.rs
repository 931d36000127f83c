//! Chunks that are used again and again, so that reading allocates nothing once it is under way.

use std::sync::Arc;

use super::Chunk;
use super::chunk::Glance;

/// Chunks that are remembered. A consumer that holds on to more of them pays with allocations.
const REMEMBERED: usize = 32;

/// A store of chunks, some of which are still in the hands of others.
#[derive(Debug, Default)]
pub(super) struct Pool {
    chunks: Vec<Arc<Chunk>>,
    /// What is said of every packet.
    pub(super) glance: Option<Glance>,
}

impl Pool {
    /// Lets `fill` work on a chunk that nobody else holds.
    pub(super) fn with_free<T>(&mut self, fill: impl FnOnce(&mut Chunk) -> T) -> (Arc<Chunk>, T) {
        let free = self.chunks.iter_mut().position(|chunk| Arc::get_mut(chunk).is_some());
        let mut chunk = free.map(|index| self.chunks.swap_remove(index)).unwrap_or_default();
        let result = fill(Arc::get_mut(&mut chunk).expect("a free or new chunk is nobody else's"));
        if self.chunks.len() == REMEMBERED {
            self.chunks.remove(0);
        }
        self.chunks.push(Arc::clone(&chunk));
        (chunk, result)
    }
}

//! What is read, handed to several workers: the one that has nothing to do reads on for all.
//!
//! So the bytes are looked at first where they are in the cache, the cores share reading and unpacking too, and with
//! one worker nothing is different but that nobody else is there.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::capture::{Reader, Run};
use crate::error::Result;

/// Packets that are handed over together, unless the capture ends. Files that overlap come packet by packet.
const PACKETS: usize = 256;
/// Batches that wait for a worker before the others wait too. More of them would only leave the cache.
const WAITING: usize = 8;

/// Packets for all workers, in the order of time.
pub(crate) struct Batch {
    pub(crate) runs: Vec<Run>,
    /// The shard of each packet, as far as [`Feed::new`]'s function can tell.
    pub(crate) shards: Vec<Option<u8>>,
    /// Bytes read so far, and the size of all inputs where it is known.
    pub(crate) progress: (u64, Option<u64>),
}

/// A reader that several workers share.
pub(crate) struct Feed<'r> {
    source: Mutex<Source<'r>>,
    queues: Mutex<Queues>,
    /// A queue was changed.
    news: Condvar,
    is_stopped: AtomicBool,
    tell: fn(&Run, &mut Vec<Option<u8>>),
}

/// What waits for each worker; `None` for one that has left.
type Queues = Vec<Option<VecDeque<Arc<Batch>>>>;

struct Source<'r> {
    reader: &'r mut Reader,
    end: Option<Result<bool>>,
}

impl<'r> Feed<'r> {
    /// Shares `reader` among so many workers. `tell` says of each packet of a run which shard it belongs to, where a
    /// glance shows that.
    pub(crate) fn new(reader: &'r mut Reader, workers: usize, tell: fn(&Run, &mut Vec<Option<u8>>)) -> Self {
        Feed {
            source: Mutex::new(Source { reader, end: None }),
            queues: Mutex::new((0..workers).map(|_| Some(VecDeque::new())).collect()),
            news: Condvar::new(),
            is_stopped: AtomicBool::new(false),
            tell,
        }
    }

    /// The next packets for a worker. They are the same for all, each gets them once.
    pub(crate) fn next(&self, worker: usize) -> Option<Arc<Batch>> {
        // Not with the source in hand: the one that is waited for may be waiting for that.
        if let Some(batch) = self.take_or_wait(worker) {
            return Some(batch);
        }
        let mut source = lock(&self.source);
        // Another one may have read meanwhile.
        if let Some(batch) = take(&mut lock(&self.queues), worker) {
            self.news.notify_all();
            return Some(batch);
        }
        let batch = Arc::new(source.read(self)?);
        let mut queues = lock(&self.queues);
        for (_, queue) in queues.iter_mut().enumerate().filter(|(other, _)| *other != worker) {
            queue.iter_mut().for_each(|queue| queue.push_back(Arc::clone(&batch)));
        }
        self.news.notify_all();
        Some(batch)
    }

    /// Nothing more is read.
    pub(crate) fn stop(&self) {
        self.is_stopped.store(true, Ordering::Relaxed);
    }

    /// A worker takes no more, for whatever reason: nobody waits for it.
    pub(crate) fn leave(&self, worker: usize) {
        lock(&self.queues)[worker] = None;
        self.news.notify_all();
    }

    /// How reading ended: `false` when it was stopped.
    pub(crate) fn end(self) -> Result<bool> {
        let source = self.source.into_inner().unwrap_or_else(PoisonError::into_inner);
        source.end.unwrap_or(Ok(true))
    }

    /// What waits for a worker. If nothing does, waits while another one is far behind.
    fn take_or_wait(&self, worker: usize) -> Option<Arc<Batch>> {
        let mut queues = lock(&self.queues);
        loop {
            if let Some(batch) = take(&mut queues, worker) {
                self.news.notify_all();
                return Some(batch);
            }
            if queues.iter().flatten().all(|queue| queue.len() < WAITING) {
                return None;
            }
            queues = self.news.wait(queues).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

fn take(queues: &mut Queues, worker: usize) -> Option<Arc<Batch>> {
    queues.get_mut(worker)?.as_mut()?.pop_front()
}

impl Source<'_> {
    /// Reads until there are enough packets for a batch; `None` at the end.
    fn read(&mut self, feed: &Feed<'_>) -> Option<Batch> {
        let (mut runs, mut shards) = (Vec::with_capacity(1), Vec::new());
        while self.end.is_none() && shards.len() < PACKETS {
            if feed.is_stopped.load(Ordering::Relaxed) {
                self.end = Some(Ok(false));
                break;
            }
            match self.reader.next() {
                Ok(Some(run)) => {
                    (feed.tell)(&run, &mut shards);
                    runs.push(run);
                }
                Ok(None) => self.end = Some(Ok(true)),
                Err(error) => self.end = Some(Err(error)),
            }
        }
        let progress = self.reader.progress();
        (!runs.is_empty()).then_some(Batch { runs, shards, progress })
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

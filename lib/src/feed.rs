//! What is read, handed to several workers: the one that has nothing to do reads on for all.
//!
//! So the bytes are looked at first where they are in the cache, the cores share reading and unpacking too, and with
//! one worker nothing is different but that nobody else is there.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crate::capture::{Reader, Run};
use crate::error::Result;

/// Packets that are read at a time for each other worker, unless the capture ends: who reads must fall behind, or all
/// would come back for more at the same moment. A worker alone takes run by run, while it is in the cache.
const PACKETS: usize = 4096;
/// The same in bytes of the file: packets may be large.
const BYTES: usize = 4 << 20;
/// Runs that wait for a worker before the others wait too. More of them would only leave the cache.
const WAITING: usize = 8;

/// Packets for all workers, in the order of time.
#[derive(Clone)]
pub(crate) struct Piece {
    pub(crate) run: Run,
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
}

struct Source<'r> {
    reader: &'r mut Reader,
    end: Option<Result<bool>>,
}

/// What waits for each worker; `None` for one that has left.
type Queues = Vec<Option<VecDeque<Piece>>>;

impl<'r> Feed<'r> {
    /// Shares a reader among so many workers.
    pub(crate) fn new(reader: &'r mut Reader, workers: usize) -> Self {
        Feed {
            source: Mutex::new(Source { reader, end: None }),
            queues: Mutex::new((0..workers).map(|_| Some(VecDeque::new())).collect()),
            news: Condvar::new(),
            is_stopped: AtomicBool::new(false),
        }
    }

    /// The next packets for a worker. They are the same for all, each gets them once.
    pub(crate) fn next(&self, worker: usize) -> Option<Piece> {
        // Not with the source in hand: the one that is waited for may be waiting for that.
        if let Some(piece) = self.take_or_wait(worker) {
            return Some(piece);
        }
        let mut source = lock(&self.source);
        // Another one may have read meanwhile.
        if let Some(piece) = self.take(worker) {
            return Some(piece);
        }
        let others = lock(&self.queues).len() - 1;
        let (mut packets, mut bytes) = (0, 0);
        while let Some(piece) = source.read(&self.is_stopped) {
            packets += piece.run.heads.len();
            bytes += piece.run.bytes();
            lock(&self.queues).iter_mut().flatten().for_each(|queue| queue.push_back(piece.clone()));
            if packets >= PACKETS * others || bytes >= BYTES {
                break;
            }
        }
        self.take(worker)
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

    /// What waits for a worker.
    fn take(&self, worker: usize) -> Option<Piece> {
        self.pop(&mut lock(&self.queues), worker)
    }

    /// The same; if nothing does, waits while another one is far behind.
    fn take_or_wait(&self, worker: usize) -> Option<Piece> {
        let mut queues = lock(&self.queues);
        loop {
            if let Some(piece) = self.pop(&mut queues, worker) {
                return Some(piece);
            }
            if queues.iter().flatten().all(|queue| queue.len() < WAITING) {
                return None;
            }
            queues = self.news.wait(queues).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Tells the others that there is room, if there are any: that costs a call of the system.
    fn pop(&self, queues: &mut Queues, worker: usize) -> Option<Piece> {
        let piece = queues.get_mut(worker)?.as_mut()?.pop_front();
        if queues.len() > 1 {
            self.news.notify_all();
        }
        piece
    }
}

impl Source<'_> {
    fn read(&mut self, is_stopped: &AtomicBool) -> Option<Piece> {
        if self.end.is_some() {
            return None;
        }
        if is_stopped.load(Ordering::Relaxed) {
            self.end = Some(Ok(false));
            return None;
        }
        match self.reader.next() {
            Ok(Some(run)) => return Some(Piece { run, progress: self.reader.progress() }),
            Ok(None) => self.end = Some(Ok(true)),
            Err(error) => self.end = Some(Err(error)),
        }
        None
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

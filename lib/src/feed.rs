//! What is read, handed to several workers: the one that has nothing to do reads on for all, and the others take what it
//! has read meanwhile.
//!
//! So the bytes are looked at first where they are in the cache, the cores share reading and unpacking too, and with
//! one worker nothing is different but that nobody else is there.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use std::{hint, thread};

use crate::capture::{Reader, Run};
use crate::error::Result;

/// Packets that are read at a time for each other worker, unless the capture ends: who reads must fall behind, or all
/// would come back for more at the same moment. A worker alone takes run by run, while it is in the cache.
const PACKETS: usize = 8192;
/// The same in bytes of the file: packets may be large.
const BYTES: usize = 4 << 20;
/// Packets for which who waits for them is woken. To wake it for every run took mixed traffic a tenth more time.
const WORTH: usize = 1024;
/// Runs that wait for a worker before the others wait too. More of them would only leave the cache.
const WAITING: usize = 32;
/// How long a worker stays awake while it waits. To be woken takes longer than most waits, the more so on a machine that is
/// shared: two threads take 0.7 to 0.8 of the time for fat.
const AWAKE: Duration = Duration::from_millis(2);
/// Looks away between two looks at the news: whoever looks all the time slows down who writes.
const PAUSES: usize = 32;

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
    /// A queue was changed, or nobody reads any more.
    news: Condvar,
    /// How often that was told; changed only by who holds the queues.
    told: AtomicU64,
    is_stopped: AtomicBool,
}

struct Source<'r> {
    reader: &'r mut Reader,
    end: Option<Result<bool>>,
}

struct Queues {
    /// What waits for each worker; `None` for one that has left.
    of: Vec<Option<VecDeque<Piece>>>,
    /// The worker that reads for all.
    reader: Option<usize>,
    /// Everything has been read.
    is_over: bool,
    /// Workers that wait for news: to wake nobody costs a call of the system as well.
    sleepers: usize,
}

impl<'r> Feed<'r> {
    /// Shares a reader among so many workers.
    pub(crate) fn new(reader: &'r mut Reader, workers: usize) -> Self {
        Feed {
            source: Mutex::new(Source { reader, end: None }),
            queues: Mutex::new(Queues {
                of: (0..workers).map(|_| Some(VecDeque::new())).collect(),
                reader: None,
                is_over: false,
                sleepers: 0,
            }),
            news: Condvar::new(),
            told: AtomicU64::new(0),
            is_stopped: AtomicBool::new(false),
        }
    }

    /// The next packets for a worker. They are the same for all, each gets them once.
    pub(crate) fn next(&self, worker: usize) -> Option<Piece> {
        let mut queues = lock(&self.queues);
        loop {
            if let Some(piece) = queues.of.get_mut(worker)?.as_mut()?.pop_front() {
                self.tell(&queues);
                return Some(piece);
            }
            if queues.is_over {
                return None;
            }
            let is_far_behind = |queue: &VecDeque<Piece>| queue.len() >= WAITING;
            if queues.reader.is_some() || queues.of.iter().flatten().any(is_far_behind) {
                queues = self.wait(queues);
                continue;
            }
            queues.reader = Some(worker);
            let others = queues.of.len() - 1;
            drop(queues);
            let is_over = self.read(PACKETS * others);
            queues = lock(&self.queues);
            queues.reader = None;
            queues.is_over |= is_over;
            self.tell(&queues);
        }
    }

    /// Nothing more is read.
    pub(crate) fn stop(&self) {
        self.is_stopped.store(true, Ordering::Relaxed);
    }

    /// A worker takes no more, for whatever reason: nobody waits for it.
    pub(crate) fn leave(&self, worker: usize) {
        let mut queues = lock(&self.queues);
        queues.of[worker] = None;
        queues.reader = queues.reader.filter(|reader| *reader != worker);
        self.tell(&queues);
    }

    /// How reading ended: `false` when it was stopped.
    pub(crate) fn end(self) -> Result<bool> {
        let source = self.source.into_inner().unwrap_or_else(PoisonError::into_inner);
        source.end.unwrap_or(Ok(true))
    }

    /// Reads about so many packets for all, who take them meanwhile. Returns whether there are no more.
    fn read(&self, enough: usize) -> bool {
        let mut source = lock(&self.source);
        let (mut packets, mut bytes, mut told) = (0, 0, 0);
        while let Some(piece) = source.read(&self.is_stopped) {
            packets += piece.run.heads.len();
            bytes += piece.run.bytes();
            let mut queues = lock(&self.queues);
            queues.of.iter_mut().flatten().for_each(|queue| queue.push_back(piece.clone()));
            if packets - told >= WORTH {
                told = packets;
                self.tell(&queues);
            }
            if packets >= enough || bytes >= BYTES {
                return false;
            }
        }
        true
    }

    /// Waits for news: for a while awake, then asleep.
    fn wait<'q>(&'q self, queues: MutexGuard<'q, Queues>) -> MutexGuard<'q, Queues> {
        let seen = self.told.load(Ordering::Relaxed);
        let is_news = || self.told.load(Ordering::Relaxed) != seen;
        drop(queues);
        let began = Instant::now();
        while !is_news() && began.elapsed() < AWAKE {
            (0..PAUSES).for_each(|_| hint::spin_loop());
            thread::yield_now();
        }
        let mut queues = lock(&self.queues);
        if !is_news() {
            queues.sleepers += 1;
            queues = self.news.wait(queues).unwrap_or_else(PoisonError::into_inner);
            queues.sleepers -= 1;
        }
        queues
    }

    fn tell(&self, queues: &Queues) {
        self.told.fetch_add(1, Ordering::Relaxed);
        if queues.sleepers > 0 {
            self.news.notify_all();
        }
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

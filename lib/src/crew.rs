//! The threads that read one vantage point.
//!
//! Every worker sees every packet and takes those of its shards: nothing is copied, and nothing but the chunk is handed
//! over. With one worker the same code runs without threads.

use std::thread;

use crate::capture::{FileInfo, Reader};
use crate::config::Config;
use crate::error::Result;
use crate::facts::Gathered;
use crate::feed::{Feed, Piece};
use crate::packet::supported;
use crate::shard::SHARDS;
use crate::sink::Sink;
use crate::worker::{self, Overview, Share, Worker};

/// Reads to the end, or until the sink stops it: then `false`. Up to there, or to an error, everything was learnt.
pub(crate) fn gather(reader: &mut Reader, config: &Config, sink: &mut dyn Sink) -> (Gathered, Result<bool>) {
    let workers = config.threads_for(reader.bytes()).min(SHARDS);
    if workers > 1 {
        reader.glance(worker::glance);
    }
    let feed = Feed::new(reader, workers);
    let work = |index, sink: &mut dyn Sink| work(Worker::new(config, index, workers), index, &feed, sink);
    let (learnt, Overview { coverage, pings }) = thread::scope(|scope| {
        let others: Vec<_> = (1..workers).map(|index| scope.spawn(move || work(index, &mut ()))).collect();
        let own = work(0, sink);
        let joined = others.into_iter().map(|other| other.join());
        own.merge(joined.map(|share| share.unwrap_or_else(|panic| std::panic::resume_unwind(panic))))
    });
    let end = feed.end();
    let mut files = reader.files().to_vec();
    files.iter_mut().for_each(note_unread);
    (Gathered { files, coverage: coverage.finish(), pings, learnt }, end)
}

/// What one worker does.
fn work(mut worker: Worker, index: usize, feed: &Feed<'_>, sink: &mut dyn Sink) -> Share {
    /// Leaves also when the worker panics, so that the others do not wait for it.
    struct Seat<'f, 'r>(&'f Feed<'r>, usize);
    impl Drop for Seat<'_, '_> {
        fn drop(&mut self) {
            self.0.leave(self.1);
        }
    }
    let seat = Seat(feed, index);
    while let Some(Piece { run, progress }) = feed.next(index) {
        worker.take(&run);
        if !sink.progress(progress.0, progress.1) {
            feed.stop();
        }
    }
    drop(seat);
    worker.finish()
}

/// Says which packets of a file were only counted.
fn note_unread(file: &mut FileInfo) {
    let unread = file.link_types.iter().filter(|(link, _)| !supported(**link));
    let notes: Vec<String> = unread
        .map(|(link, packets)| format!("{packets} packets have link type {}, which is not read", link.0))
        .collect();
    file.notes.extend(notes);
}

//! The threads that read one vantage point.
//!
//! Every worker sees every packet and takes those of its shards: telling that a packet is another one's costs a few
//! loads, and nothing but the chunk is handed over. With one worker the same code runs without threads.

use std::sync::mpsc;
use std::thread;

use crate::analyzer::Sink;
use crate::capture::{FileInfo, Reader, Run};
use crate::config::Config;
use crate::error::Result;
use crate::facts::Gathered;
use crate::packet::supported;
use crate::shard::SHARDS;
use crate::worker::{Overview, Worker};

/// Runs of packets that wait for a worker. More of them would only leave the cache before they are looked at.
const WAITING: usize = 4;

/// Reads to the end, or until the sink stops it: then `false`. Up to there, or to an error, everything was learnt.
pub(crate) fn gather(reader: &mut Reader, config: &Config, sink: &mut dyn Sink) -> (Gathered, Result<bool>) {
    let workers = config.threads().min(SHARDS);
    let ((learnt, overview), end) = thread::scope(|scope| {
        let others = (1..workers).map(|index| {
            let (sender, runs) = mpsc::sync_channel::<Run>(WAITING);
            let thread = scope.spawn(move || {
                let mut worker = Worker::new(config, index, workers);
                runs.into_iter().for_each(|run| worker.take(&run));
                worker.finish()
            });
            (sender, thread)
        });
        let (senders, threads): (Vec<_>, Vec<_>) = others.unzip();
        let mut own = Worker::new(config, 0, workers);
        let end = reader.for_each(workers > 1, |run, (read, total)| {
            for sender in &senders {
                // A worker that no longer listens has panicked, which shows when it is joined.
                let _ = sender.send(run.clone());
            }
            own.take(run);
            sink.progress(read, total)
        });
        drop(senders);
        let joined =
            threads.into_iter().map(|it| it.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        (own.finish().merge(joined), end)
    });
    let Overview { coverage, pings } = overview;
    let mut files = reader.files().to_vec();
    files.iter_mut().for_each(note_unread);
    (Gathered { files, coverage: coverage.finish(), pings, learnt }, end)
}

/// Says which packets of a file were only counted.
fn note_unread(file: &mut FileInfo) {
    let unread = file.link_types.iter().filter(|(link, _)| !supported(**link));
    let notes: Vec<String> = unread
        .map(|(link, packets)| format!("{packets} packets have link type {}, which is not read", link.0))
        .collect();
    file.notes.extend(notes);
}

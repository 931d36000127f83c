//! Reading, unpacking and walking on a thread of their own, a few chunks ahead of whoever takes the packets.
//!
//! On two cores this halves the time of a capture of which little is of interest, and hides the unpacking of a
//! compressed one.

use std::sync::mpsc;
use std::thread;

use super::{Reader, Run};
use crate::error::Result;

/// Chunks between the two threads. More of them would only leave the cache before they are looked at.
const AHEAD: usize = 4;

/// Bytes read so far, and the size of all inputs where it is known.
type Progress = (u64, Option<u64>);

impl Reader {
    /// Hands all records to `take`, in the order of time, until it says stop: then `false`. The order is the same with
    /// a thread for reading and without.
    pub(crate) fn for_each(
        &mut self,
        own_thread: bool,
        mut take: impl FnMut(&Run, Progress) -> bool,
    ) -> Result<bool> {
        if !own_thread {
            while let Some(run) = self.next()? {
                if !take(&run, self.progress()) {
                    return Ok(false);
                }
            }
            return Ok(true);
        }
        let (sender, runs) = mpsc::sync_channel(AHEAD);
        thread::scope(|scope| {
            scope.spawn(move || {
                while let Some(run) = self.next().transpose() {
                    let is_last = run.is_err();
                    // Nobody listens any more when it was told to stop.
                    if sender.send(run.map(|run| (run, self.progress()))).is_err() || is_last {
                        return;
                    }
                }
            });
            for run in runs {
                let (run, progress) = run?;
                if !take(&run, progress) {
                    return Ok(false);
                }
            }
            Ok(true)
        })
    }
}

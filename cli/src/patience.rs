//! Reading from a pipe that may say nothing for hours, until the user interrupts.

use std::io::{self, ErrorKind, Read};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::thread;
use std::time::Duration;

use crate::progress;

/// What is read at a time: what a pipe holds on Linux.
const PIECE: usize = 64 << 10;
/// Pieces that are read ahead.
const AHEAD: usize = 4;
/// How soon an interrupt is noticed while nothing comes.
const NOTICE: Duration = Duration::from_millis(100);

/// A source that ends where the user interrupts, so that what was read so far can be reported. The source itself is
/// read by a thread of its own: a read that waits cannot be called off.
pub(crate) struct UntilInterrupted {
    pieces: Receiver<io::Result<Vec<u8>>>,
    piece: Vec<u8>,
    used: usize,
}

impl UntilInterrupted {
    /// Begins to read.
    pub(crate) fn new(source: impl Read + Send + 'static) -> Self {
        let (sender, pieces) = mpsc::sync_channel(AHEAD);
        thread::spawn(move || pass_on(source, &sender));
        UntilInterrupted { pieces, piece: Vec::new(), used: 0 }
    }
}

impl Read for UntilInterrupted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.used == self.piece.len() {
            match self.pieces.recv_timeout(NOTICE) {
                Ok(piece) => (self.piece, self.used) = (piece?, 0),
                Err(RecvTimeoutError::Timeout) if !progress::is_interrupted() => {}
                Err(_) => return Ok(0),
            }
        }
        let read = self.piece.get(self.used..).unwrap_or_default().read(buffer)?;
        self.used += read;
        Ok(read)
    }
}

/// Reads until the source ends or fails, or nobody listens any more.
fn pass_on(mut source: impl Read, pieces: &SyncSender<io::Result<Vec<u8>>>) {
    loop {
        let mut piece = vec![0; PIECE];
        let read = match source.read(&mut piece) {
            Ok(0) => return,
            Ok(read) => Ok(read),
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => Err(error),
        };
        let is_last = read.is_err();
        let piece = read.map(|read| {
            piece.truncate(read);
            piece
        });
        if pieces.send(piece).is_err() || is_last {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_comes_in_order_and_an_error_after_what_was_before_it() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("unplugged"))
            }
        }
        let bytes: Vec<u8> = (0..3 * PIECE as u32 + 7).map(|number| number as u8).collect();
        let mut read = Vec::new();
        let source = io::Cursor::new(bytes.clone()).chain(Broken);
        let error = UntilInterrupted::new(source).read_to_end(&mut read).unwrap_err();
        assert_eq!((error.to_string(), read), ("unplugged".to_owned(), bytes));
    }
}

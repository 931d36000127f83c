//! Records one by one, for those who want packets and no diagnosis.

use std::fmt;
use std::sync::Arc;

use super::{Chunk, Head, LinkType, Reader, Run};
use crate::error::Result;
use crate::time::Timestamp;

/// One captured packet as its file stores it. It shares the memory it was read into, and may be kept and sent
/// to other threads.
#[derive(Clone, Debug)]
pub struct Record {
    chunk: Arc<Chunk>,
    index: usize,
    file: u16,
}

impl Record {
    /// Position in its file, from 1, as Wireshark numbers frames.
    pub fn frame(&self) -> u64 {
        self.head().frame
    }

    /// When it was captured; if the record has no time (a pcapng simple packet), that of the packet before it.
    pub fn time(&self) -> Timestamp {
        self.head().time
    }

    /// The kind of link it was captured on.
    pub fn link_type(&self) -> LinkType {
        self.head().link
    }

    /// The captured bytes.
    pub fn bytes(&self) -> &[u8] {
        self.chunk.packet(self.head())
    }

    /// Bytes that the packet had on the wire. More than [`bytes`](Record::bytes) has if the capture cut it.
    pub fn original_len(&self) -> u32 {
        self.head().original
    }

    /// Which file of the capture it comes from, counted from 0 in the order of first timestamps.
    pub fn file(&self) -> usize {
        usize::from(self.file)
    }

    fn head(&self) -> &Head {
        &self.chunk.heads[self.index]
    }
}

/// The records of a capture in the order of time; see [`Capture::records`](super::Capture::records).
pub struct Records {
    reader: Reader,
    run: Option<Run>,
}

impl Records {
    pub(super) fn new(reader: Reader) -> Self {
        Records { reader, run: None }
    }
}

impl fmt::Debug for Records {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Records").field("files", &self.reader.files()).finish_non_exhaustive()
    }
}

impl Iterator for Records {
    type Item = Result<Record>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(run) = &mut self.run
                && let Some(index) = run.heads.next()
            {
                return Some(Ok(Record { chunk: Arc::clone(&run.chunk), index, file: run.file }));
            }
            // Given back before the reader looks for a free chunk.
            self.run = None;
            match self.reader.next() {
                Ok(run) => self.run = Some(run?),
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

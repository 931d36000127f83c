//! The bytes of a capture file, uncompressed, from wherever they come.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::compress::{self, Bytes};
use crate::error::{Error, Result};

/// How much was read of the file as it is stored, for whoever shows progress.
pub(super) type Meter = Arc<AtomicU64>;

/// A file that is being read from its beginning to its end.
pub(super) struct Input {
    reader: Bytes,
    meter: Meter,
    broken: Arc<AtomicBool>,
    /// Met after bytes that had to be handed out first.
    error: Option<io::Error>,
    /// `gzip`, `zstd` or `lz4`.
    pub(super) compression: Option<&'static str>,
    /// Whether there are no more bytes.
    pub(super) ended: bool,
    /// What kept the decompressor from unpacking the rest.
    pub(super) failure: Option<io::Error>,
}

impl Input {
    /// Opens the file at `path`.
    pub(super) fn open(path: &Path, meter: Meter) -> Result<Self> {
        let open = || {
            let file = File::open(path)?;
            match file.metadata()?.is_dir() {
                true => Err(io::Error::new(ErrorKind::IsADirectory, "it is a folder")),
                false => Ok(file),
            }
        };
        let file = open().map_err(|source| Error::Open { path: path.to_owned(), source })?;
        Input::new(path, Box::new(file), meter)
    }

    /// Reads `bytes`, which may be compressed, under the name `path`.
    pub(super) fn new(path: &Path, bytes: Bytes, meter: Meter) -> Result<Self> {
        let broken = Arc::new(AtomicBool::new(false));
        let stored = Metered { bytes, meter: Arc::clone(&meter), broken: Arc::clone(&broken) };
        let (compression, reader) = compress::open(Box::new(stored)).map_err(|source| {
            let path = path.to_owned();
            match broken.load(Ordering::Relaxed) {
                true => Error::Read { path, offset: 0, source },
                false => Error::Compressed { path, offset: 0, cause: source.to_string() },
            }
        })?;
        Ok(Input { reader, meter, broken, error: None, compression, ended: false, failure: None })
    }

    /// Bytes that were read of the file as it is stored.
    pub(super) fn stored(&self) -> u64 {
        self.meter.load(Ordering::Relaxed)
    }

    /// Fills `buffer` unless the file ends before, or cannot be read on, and says how far.
    ///
    /// Fails if the file cannot be read at all; data that cannot be unpacked is the end of the file.
    pub(super) fn fill(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if let Some(error) = self.error.take() {
            return Err(error);
        }
        let mut filled = 0;
        while filled < buffer.len() && !self.ended {
            match self.reader.read(&mut buffer[filled..]) {
                Ok(0) => self.ended = true,
                Ok(read) => filled += read,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if self.compression.is_some() && !self.broken.load(Ordering::Relaxed) => {
                    self.failure = Some(error);
                    self.ended = true;
                }
                Err(error) if filled > 0 => {
                    self.error = Some(error);
                    break;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }
}

/// Counts what is read, and remembers whether reading failed: a decompressor hands on both its own errors and
/// those of the file.
struct Metered {
    bytes: Bytes,
    meter: Meter,
    broken: Arc<AtomicBool>,
}

impl Read for Metered {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.bytes.read(buffer);
        match &read {
            Ok(read) => _ = self.meter.fetch_add(*read as u64, Ordering::Relaxed),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => self.broken.store(true, Ordering::Relaxed),
        }
        read
    }
}

//! What can keep sibtrace from analyzing at all.
//!
//! Damage inside a capture is no error: the analysis goes on and the report says what was lost.

use std::io;
use std::path::PathBuf;

/// Why an input could not be analyzed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file or folder could not be opened.
    #[error("{}: cannot open: {source}", path.display())]
    Open {
        /// The input as it was named.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// Reading failed part-way.
    #[error("{}: cannot read on at byte {offset}: {source}", path.display())]
    Read {
        /// The input as it was named.
        path: PathBuf,
        /// Bytes read before the failure (uncompressed).
        offset: u64,
        /// What the operating system said.
        source: io::Error,
    },
    /// A copy could not be written.
    #[error("cannot write the copy: {source}")]
    Write {
        /// What the operating system said.
        #[from]
        source: io::Error,
    },
    /// The bytes are no capture that sibtrace knows.
    #[error("{}: not a capture: {cause}{}; pcap, pcapng and gzip, zstd or lz4 of them are read", path.display(), place(*offset))]
    NotACapture {
        /// The input as it was named.
        path: PathBuf,
        /// Where it went wrong.
        offset: u64,
        /// What stands there.
        cause: String,
    },
    /// The compressed data cannot be unpacked from its start.
    #[error("{}: cannot decompress at byte {offset}: {cause}", path.display())]
    Compressed {
        /// The input as it was named.
        path: PathBuf,
        /// Uncompressed bytes before the failure.
        offset: u64,
        /// What the decompressor said.
        cause: String,
    },
    /// Nothing to read was given.
    #[error("no capture to read: {cause}")]
    NoInput {
        /// Why there is none.
        cause: String,
    },
    /// A setting that cannot be used.
    #[error("{setting}: {cause}")]
    Config {
        /// The name of the setting, as an option is written.
        setting: String,
        /// What is wrong with it, and what would be right.
        cause: String,
    },
}

/// A result whose error is [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

/// Where it went wrong; the start needs no saying.
fn place(offset: u64) -> String {
    match offset {
        0 => String::new(),
        offset => format!(" at byte {offset}"),
    }
}

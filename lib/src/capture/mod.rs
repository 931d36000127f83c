//! Capture files: from bytes to records.
//!
//! A [`Capture`] is one vantage point: one file, or the files of a rotated set. It is read in chunks of a quarter of a
//! megabyte from a small pool of reused buffers; records are slices of a chunk.
//!
//! ```text
//! input      bytes of a file, unpacked (compress)
//! file       chunk by chunk; searches the next record after damage (resync)
//! pcap, pcapng    records of a chunk (walk)
//! set        several files in the order of time
//! record     one record at a time
//! copy       the files again, as pcapng with comments
//! ```

mod chunk;
mod compress;
mod copy;
mod file;
mod format;
mod info;
mod input;
mod interface;
mod link_type;
mod names;
mod pcap;
mod pcapng;
mod pool;
mod record;
mod resync;
mod set;
mod walk;

#[cfg(test)]
mod tests;

pub(crate) use chunk::{Chunk, Head, Run};
pub use copy::{Editor, Original};
pub use info::{Damage, FileInfo};
pub use record::{Record, Records};
pub(crate) use set::Reader;

pub use link_type::LinkType;
use std::fmt;
use std::io::{Cursor, Read, Write};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use set::Member;

/// Most files of one capture.
const MAX_FILES: usize = 1 << 16;

/// Where a capture was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "lowercase"))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Vantage {
    /// On or beside the Exchange server.
    Exchange,
    /// On or beside the Cisco server.
    Cuc,
    /// Somewhere between.
    Other,
}

/// The packets that were seen at one point of the network, in one file or several.
///
/// pcap and pcapng are read, also compressed with gzip, zstd or lz4.
///
/// ```
/// # fn main() -> sibtrace::error::Result<()> {
/// use sibtrace::capture::Capture;
///
/// let pcap = b"\xd4\xc3\xb2\xa1\x02\0\x04\0\0\0\0\0\0\0\0\0\0\0\x04\0\x01\0\0\0\
///              \xe8\x30\xb0\x53\x7c\x4f\x04\0\x03\0\0\0\x03\0\0\0abc";
/// for record in Capture::from_bytes("three.pcap", pcap.to_vec())?.records() {
///     let record = record?;
///     assert_eq!((record.frame(), record.bytes()), (1, &b"abc"[..]));
///     assert_eq!(record.time().to_string(), "2014-06-29T15:29:44.282492000Z");
/// }
/// # Ok(())
/// # }
/// ```
pub struct Capture {
    members: Vec<Member>,
    vantage: Option<Vantage>,
}

impl Capture {
    /// Opens a capture file. It is read when the records are asked for.
    ///
    /// # Errors
    ///
    /// If the file cannot be opened, or is no capture. Damage in a capture is no error.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Ok(Capture::of(vec![Member::path(path.as_ref().to_owned())?]))
    }

    /// Opens several files as one capture: those of a ring buffer, or others from the same point of the network.
    ///
    /// They are ordered by their first timestamps, not by name, and merged by time where they overlap.
    ///
    /// # Errors
    ///
    /// If one of the files cannot be opened or is no capture, or if there are none or more than 65536.
    pub fn open_set<P: Into<PathBuf>>(paths: impl IntoIterator<Item = P>) -> Result<Self> {
        let members = paths.into_iter().map(|path| Member::path(path.into())).collect::<Result<Vec<_>>>()?;
        Capture::set(members)
    }

    /// Makes one capture of several from the same point of the network, however each was opened, as
    /// [`open_set`](Capture::open_set) does with files.
    ///
    /// # Errors
    ///
    /// If there is no file in them, or more than 65536.
    pub fn join(captures: impl IntoIterator<Item = Capture>) -> Result<Self> {
        Capture::set(captures.into_iter().flat_map(|capture| capture.members).collect())
    }

    /// Takes a capture from a reader, such as standard input; `name` stands for the path in what is reported.
    ///
    /// # Errors
    ///
    /// If reading fails or the bytes are no capture.
    pub fn from_reader(name: impl Into<PathBuf>, reader: impl Read + Send + 'static) -> Result<Self> {
        Ok(Capture::of(vec![Member::bytes(name.into(), Box::new(reader), None)?]))
    }

    /// Takes a capture from memory; `name` stands for the path in what is reported.
    ///
    /// # Errors
    ///
    /// If the bytes are no capture.
    pub fn from_bytes(name: impl Into<PathBuf>, bytes: Vec<u8>) -> Result<Self> {
        let size = bytes.len() as u64;
        Ok(Capture::of(vec![Member::bytes(name.into(), Box::new(Cursor::new(bytes)), Some(size))?]))
    }

    /// The same capture, known to have been taken at `vantage`.
    pub fn at(self, vantage: Vantage) -> Self {
        Capture { vantage: Some(vantage), ..self }
    }

    /// Where it was taken, if that was said.
    pub fn vantage(&self) -> Option<Vantage> {
        self.vantage
    }

    /// The records in the order of time. An error ends the reading of one file; the others are still read.
    pub fn records(self) -> Records {
        Records::new(self.into_reader())
    }

    /// Writes all files of the capture as one pcapng file, in the order of their first timestamps: a section per
    /// file, with `comment` on each. `editor` says of every packet whether it is kept, and what is noted on it.
    ///
    /// Of pcapng files, all blocks are kept as they are, so that a frame keeps its number in a copy of one file from
    /// which no packet is left out. What is damaged is left out.
    ///
    /// # Errors
    ///
    /// If a file cannot be read, or `out` not be written.
    pub fn copy_to(self, out: &mut dyn Write, comment: &str, editor: &mut dyn Editor) -> Result<()> {
        copy::copy(set::in_order(self.members), out, comment, editor)
    }

    /// The chunks in the order of time.
    pub(crate) fn into_reader(self) -> Reader {
        Reader::new(self.members)
    }

    fn of(members: Vec<Member>) -> Self {
        Capture { members, vantage: None }
    }

    fn set(members: Vec<Member>) -> Result<Self> {
        let cause = match members.len() {
            0 => "no file was named".to_owned(),
            1..=MAX_FILES => return Ok(Capture::of(members)),
            count => format!("{count} files are more than the {MAX_FILES} that one capture may have"),
        };
        Err(Error::NoInput { cause })
    }
}

impl fmt::Debug for Capture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&PathBuf> = self.members.iter().map(Member::name).collect();
        f.debug_struct("Capture").field("files", &names).field("vantage", &self.vantage).finish()
    }
}

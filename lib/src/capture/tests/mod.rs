//! The capture stage as a whole: from made files to records.

mod build;
mod copies;
mod corpus;
mod damage;
mod formats;
mod sets;

use std::io::Cursor;
use std::path::Path;

use super::file::FileReader;
use super::input::{Input, Meter};
use super::pool::Pool;
use super::{FileInfo, Head};
use crate::error::Result;

/// A packet as it was read: everything but its place in the chunk.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Seen {
    head: Head,
    bytes: Vec<u8>,
}

/// Reads a file in chunks of `size` bytes.
fn read(bytes: &[u8], size: usize) -> Result<(Vec<Seen>, FileInfo)> {
    let name = Path::new("test");
    let input = Input::new(name, Box::new(Cursor::new(bytes.to_vec())), Meter::default())?;
    let (mut file, mut info) = FileReader::open(name, input, size)?;
    let mut pool = Pool::default();
    let mut seen = Vec::new();
    while let Some(chunk) = file.next(&mut pool, &mut info)? {
        seen.extend(
            chunk
                .heads
                .iter()
                .map(|head| Seen { head: Head { offset: 0, ..*head }, bytes: chunk.packet(head).to_vec() }),
        );
    }
    Ok((seen, info))
}

/// Reads a file that is a capture.
fn read_whole(bytes: &[u8]) -> (Vec<Seen>, FileInfo) {
    read(bytes, 1 << 20).unwrap()
}

/// Frame numbers and contents.
fn frames(seen: &[Seen]) -> Vec<(u64, &[u8])> {
    seen.iter().map(|seen| (seen.head.frame, &seen.bytes[..])).collect()
}

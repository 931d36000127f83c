//! One capture file, read chunk by chunk.
//!
//! A record that does not end in its chunk is moved to the front of the next one. Where no record can be, the next
//! one is searched for, and what was passed over goes into the [`FileInfo`].

use std::io::ErrorKind;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use super::compress;
use super::format::Format;
use super::input::Input;
use super::pool::Pool;
use super::resync::{self, Found};
use super::walk::{FILE_HEADER, Stop, Walk, Window};
use super::{Chunk, FileInfo, Head};
use crate::error::{Error, Result};

const NANOS: i64 = 1_000_000_000;

/// A file on its way from bytes to records.
pub(super) struct FileReader {
    input: Input,
    walk: Box<dyn Walk>,
    chunk_size: usize,
    /// Bytes that were read and do not belong to a record yet.
    tail: Vec<u8>,
    /// How many bytes the record at the start of the tail has, as far as is known.
    needed: usize,
    /// Offset of the tail in the (uncompressed) file.
    offset: u64,
    /// The damaged place after which the next record is being searched.
    lost: Option<Lost>,
    /// Second of the first packet.
    began: Option<i64>,
    done: bool,
}

/// A place at which no record can be.
struct Lost {
    offset: u64,
    cause: String,
    /// Whether it looks like a record of which the end is missing.
    cut: bool,
}

impl FileReader {
    /// Reads the header of a file, whose name is `path`.
    pub(super) fn open(path: &Path, mut input: Input, chunk_size: usize) -> Result<(Self, FileInfo)> {
        let mut start = [0; FILE_HEADER];
        let filled = input.fill(&mut start).map_err(|source| Error::Read {
            path: path.to_owned(),
            offset: 0,
            source,
        })?;
        let start = &start[..filled];
        if let Some(failure) = input.failure.as_ref().filter(|_| start.len() < FILE_HEADER) {
            let cause = compress::cause(failure);
            return Err(Error::Compressed { path: path.to_owned(), offset: filled as u64, cause });
        }
        let Format { name: format, walk, header_length } = Format::of(start)
            .map_err(|cause| Error::NotACapture { path: path.to_owned(), offset: 0, cause })?;
        let info =
            FileInfo { path: path.to_owned(), format, compression: input.compression, ..FileInfo::default() };
        let reader = FileReader {
            input,
            walk,
            chunk_size,
            tail: start[header_length..].to_vec(),
            needed: 0,
            offset: header_length as u64,
            lost: None,
            began: None,
            done: false,
        };
        Ok((reader, info))
    }

    /// The next chunk that holds packets; `None` at the end of the file.
    pub(super) fn next(&mut self, pool: &mut Pool, info: &mut FileInfo) -> Result<Option<Arc<Chunk>>> {
        while let Some(chunk) = self.next_of_any_kind(pool, info)? {
            if !chunk.heads.is_empty() {
                return Ok(Some(chunk));
            }
        }
        Ok(None)
    }

    /// The next chunk, whether it holds packets or only other records; `None` at the end of the file.
    pub(super) fn next_of_any_kind(
        &mut self,
        pool: &mut Pool,
        info: &mut FileInfo,
    ) -> Result<Option<Arc<Chunk>>> {
        if self.done {
            return Ok(None);
        }
        let glance = pool.glance;
        let (chunk, result) = pool.with_free(|chunk| {
            let result = self.fill(chunk, info);
            glance.into_iter().for_each(|glance| chunk.look(glance));
            result
        });
        result?;
        info.settle();
        Ok(Some(chunk))
    }

    fn fill(&mut self, chunk: &mut Chunk, info: &mut FileInfo) -> Result<()> {
        chunk.heads.clear();
        chunk.intact.clear();
        // Reading at least as much as was kept makes the copying a matter of a factor, however long records are.
        let size = self.chunk_size.max(self.needed).max(2 * self.tail.len());
        if chunk.bytes.len() < size {
            chunk.bytes.resize(size, 0);
        }
        let (front, free) = chunk.bytes[..size].split_at_mut(self.tail.len());
        front.copy_from_slice(&self.tail);
        let read = self.input.fill(free).map_err(|source| {
            self.done = true;
            Error::Read { path: info.path.clone(), offset: self.offset + self.tail.len() as u64, source }
        })?;
        let bytes = &chunk.bytes[..self.tail.len() + read];
        let window = Window { bytes, offset: self.offset, last: self.input.ended };
        let end = self.walk(window, &mut chunk.heads, &mut chunk.intact, info);
        self.tail.clear();
        self.tail.extend_from_slice(&bytes[end..]);
        self.offset += end as u64;
        Ok(())
    }

    /// Walks a window, and says where the part of it ends that is done with.
    fn walk(
        &mut self,
        window: Window<'_>,
        heads: &mut Vec<Head>,
        intact: &mut Vec<Range<usize>>,
        info: &mut FileInfo,
    ) -> usize {
        let mut at = 0;
        loop {
            if let Some(lost) = self.lost.take() {
                // What stands at the damaged place itself is no record.
                let from = at.max((lost.offset + 1).saturating_sub(window.offset) as usize);
                // A record that is cut off may hold what looks like one, but hardly like two.
                let enough = if lost.cut { 2 } else { 1 };
                match resync::search(window, from, self.began, enough, |bytes| self.walk.probe(bytes)) {
                    Found::At(found) => {
                        info.damage(info.damage_here(
                            lost.offset,
                            window.offset_of(found) - lost.offset,
                            lost.cause,
                        ));
                        at = found;
                    }
                    Found::Undecided { from, bytes } => {
                        self.lost = Some(lost);
                        self.needed = bytes;
                        return from;
                    }
                    Found::Nothing => {
                        self.lost = Some(lost);
                        return self.end(window, at, info);
                    }
                }
            }
            let from = at;
            let stop;
            (at, stop) = self.walk.walk(window, from, heads, info);
            intact.push(from..at);
            if self.began.is_none() {
                let first = heads.iter().find(|head| head.timed);
                self.began = first.map(|head| head.time.nanos().div_euclid(NANOS));
            }
            let offset = window.offset_of(at);
            match stop {
                Stop::Short(bytes) if !window.last => {
                    self.needed = bytes;
                    return at;
                }
                Stop::Short(_) if at == window.bytes.len() => return self.end(window, at, info),
                // Either the file was cut off here, or the length is wrong and more records follow.
                Stop::Short(bytes) => {
                    let left = window.bytes.len() - at;
                    let cause = format!("a record of {bytes} bytes, of which {left} are there");
                    self.lost = Some(Lost { offset, cause, cut: true });
                }
                Stop::Corrupt(cause) => self.lost = Some(Lost { offset, cause, cut: false }),
            }
        }
    }

    /// Takes leave of the file, whose last records end at `at`. Always returns the end of the window.
    fn end(&mut self, window: Window<'_>, at: usize, info: &mut FileInfo) -> usize {
        self.done = true;
        let end = window.bytes.len();
        if self.input.compression.is_some() {
            info.note_inflation(self.input.stored(), window.offset_of(end));
        }
        let offset = self.lost.as_ref().map_or(window.offset_of(at), |lost| lost.offset);
        let skipped = window.offset_of(end) - offset;
        match (self.lost.take(), self.input.failure.take()) {
            (_, Some(failure)) if failure.kind() == ErrorKind::UnexpectedEof => {
                info.truncated = Some(info.damage_here(offset, skipped, compress::cause(&failure)));
            }
            (_, Some(failure)) => {
                let cause = format!("the compressed data cannot be unpacked any further: {failure}");
                info.damage(info.damage_here(offset, skipped, cause));
            }
            (Some(lost), None) if lost.cut => {
                info.truncated = Some(info.damage_here(offset, skipped, lost.cause));
            }
            (Some(lost), None) => info.damage(info.damage_here(offset, skipped, lost.cause)),
            (None, None) => {}
        }
        end
    }
}

//! Several files as one capture.
//!
//! Files are ordered by their first timestamps, not by name: in a ring buffer the oldest file may have any number.
//! Where files overlap in time, records are merged as `mergecap` does: the next one is the earliest of those that
//! come next in their files. A file is opened when the merge reaches its first timestamp, so that a long set does
//! not take many open files.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::chunk::Glance;
use super::compress::Bytes;
use super::file::FileReader;
use super::input::{Input, Meter};
use super::pool::Pool;
use super::{Chunk, FileInfo, Run, names};
use crate::error::Result;
use crate::time::{self, Timestamp};

/// Bytes that are read at once. They are looked at while they are in the cache of second level: with 1 MiB, mixed
/// traffic took a tenth more time.
const CHUNK: usize = 256 << 10;

/// Bytes that are read at once when many files overlap.
const SMALL_CHUNK: usize = 64 << 10;

/// Memory that the chunks of overlapping files share.
const OVERLAP_BUDGET: usize = 16 << 20;

/// A file that belongs to a capture.
pub(super) struct Member {
    info: FileInfo,
    /// Time of its first packet.
    first: Option<Timestamp>,
    /// Its size as it is stored.
    size: Option<u64>,
    /// What was read of a file that cannot be read twice.
    begun: Option<Begun>,
}

struct Begun {
    file: FileReader,
    chunk: Option<Arc<Chunk>>,
    meter: Meter,
}

/// Reads the files of a capture in the order of time.
pub(crate) struct Reader {
    infos: Vec<FileInfo>,
    waiting: VecDeque<(u16, Member)>,
    open: Vec<Open>,
    pool: Pool,
    meters: Vec<Meter>,
    size: Option<u64>,
    finished: bool,
}

/// A file that is being read.
struct Open {
    index: u16,
    file: FileReader,
    chunk: Arc<Chunk>,
    /// The next record in the chunk.
    at: usize,
}

/// The files in the order of their first timestamps.
pub(super) fn in_order(mut members: Vec<Member>) -> Vec<Member> {
    // Files without times come last. The order in which files are named must not matter.
    members.sort_by(|a, b| {
        let key = |member: &Member| (member.first.is_none(), member.first);
        key(a).cmp(&key(b)).then_with(|| a.name().cmp(b.name()))
    });
    members
}

impl Member {
    /// A file that is opened now to see that it is a capture, and again when its turn comes.
    pub(super) fn path(path: PathBuf) -> Result<Self> {
        let metadata = std::fs::metadata(&path);
        let regular = metadata.as_ref().is_ok_and(|metadata| metadata.is_file());
        let meter = Meter::default();
        let input = Input::open(&path, Arc::clone(&meter))?;
        // A pipe gives its bytes only once.
        if !regular {
            return Member::begin(path, input, meter, CHUNK);
        }
        let peeked = Member::begin(path, input, meter, SMALL_CHUNK)?;
        let info = FileInfo {
            path: peeked.info.path,
            format: peeked.info.format,
            compression: peeked.info.compression,
            ..FileInfo::default()
        };
        Ok(Member {
            info,
            first: peeked.first,
            size: metadata.ok().map(|metadata| metadata.len()),
            begun: None,
        })
    }

    /// Bytes that can be read once.
    pub(super) fn bytes(name: PathBuf, bytes: Bytes, size: Option<u64>) -> Result<Self> {
        let meter = Meter::default();
        let input = Input::new(&name, bytes, Arc::clone(&meter))?;
        Ok(Member { size, ..Member::begin(name, input, meter, CHUNK)? })
    }

    /// The name it was given.
    pub(super) fn name(&self) -> &PathBuf {
        &self.info.path
    }

    /// The file from its beginning, and the chunk that was read of one that cannot be read twice.
    pub(super) fn reopen(self) -> Result<(FileReader, FileInfo, Option<Arc<Chunk>>)> {
        match self.begun {
            Some(begun) => Ok((begun.file, self.info, begun.chunk)),
            None => {
                let input = Input::open(&self.info.path, Meter::default())?;
                let (file, info) = FileReader::open(&self.info.path, input, CHUNK)?;
                Ok((file, info, None))
            }
        }
    }

    fn begin(path: PathBuf, input: Input, meter: Meter, chunk_size: usize) -> Result<Self> {
        let (mut file, mut info) = FileReader::open(&path, input, chunk_size)?;
        let chunk = file.next(&mut Pool::default(), &mut info)?;
        let mut heads = chunk.iter().flat_map(|chunk| &chunk.heads);
        let first = heads.find(|head| head.timed).map(|head| head.time);
        Ok(Member { info, first, size: None, begun: Some(Begun { file, chunk, meter }) })
    }
}

impl Reader {
    /// Reads `members`, of which there are at most 65536.
    pub(super) fn new(members: Vec<Member>) -> Self {
        let members = in_order(members);
        Reader {
            infos: members.iter().map(|member| member.info.clone()).collect(),
            size: members.iter().map(|member| member.size).sum(),
            waiting: (0..=u16::MAX).zip(members).collect(),
            open: Vec::new(),
            pool: Pool::default(),
            meters: Vec::new(),
            finished: false,
        }
    }

    /// Has `glance` say something of every packet that is read from now on.
    pub(crate) fn glance(&mut self, glance: Glance) {
        self.pool.glance = Some(glance);
    }

    /// The next records in the order of time; `None` when all have been read.
    ///
    /// After an error the file that caused it is done with, and reading goes on with the others.
    pub(crate) fn next(&mut self) -> Result<Option<Run>> {
        self.read_on()?;
        self.open_due()?;
        let Some(soonest) = (0..self.open.len()).min_by_key(|&at| self.open[at].turn()) else {
            self.finish();
            return Ok(None);
        };
        let others =
            self.open.iter().enumerate().filter(|(at, _)| *at != soonest).map(|(_, open)| open.turn());
        let limit = others
            .chain(self.waiting.front().and_then(|(index, member)| Some((member.first?, *index))))
            .min();
        let open = &mut self.open[soonest];
        let rest = &open.chunk.heads[open.at..];
        let length = match limit {
            Some(limit) => rest.iter().take_while(|head| (head.time, open.index) < limit).count(),
            None => rest.len(),
        };
        let heads = open.at..open.at + length;
        open.at = heads.end;
        Ok(Some(Run { file: open.index, chunk: Arc::clone(&open.chunk), heads }))
    }

    /// What was found in the files, in the order of first timestamps: so far, and all of it when
    /// [`next`](Reader::next) has returned `None`.
    pub(crate) fn files(&self) -> &[FileInfo] {
        &self.infos
    }

    /// Bytes that there are to read; as many as there can be where that is not known beforehand.
    pub(crate) fn bytes(&self) -> u64 {
        let is_plain = self.infos.iter().all(|info| info.compression.is_none());
        self.size.filter(|_| is_plain).unwrap_or(u64::MAX)
    }

    /// Bytes read of the files as they are stored, and how many there are in all, if that is known.
    pub(crate) fn progress(&self) -> (u64, Option<u64>) {
        (self.meters.iter().map(|meter| meter.load(Ordering::Relaxed)).sum(), self.size)
    }

    /// Reads the next chunk of the file whose last one has been used up.
    fn read_on(&mut self) -> Result<()> {
        let Some(at) = self.open.iter().position(|open| open.at == open.chunk.heads.len()) else {
            return Ok(());
        };
        let Open { index, mut file, chunk, .. } = self.open.swap_remove(at);
        // Given back, so that the same memory can be filled again while it is warm.
        drop(chunk);
        if let Some(chunk) = file.next(&mut self.pool, &mut self.infos[usize::from(index)])? {
            self.open.push(Open { index, file, chunk, at: 0 });
        }
        Ok(())
    }

    /// Opens the files that have packets as early as the earliest that are at hand.
    fn open_due(&mut self) -> Result<()> {
        while let Some((_, member)) = self.waiting.front() {
            let earliest = self.open.iter().map(|open| open.turn().0).min();
            if earliest.is_some_and(|earliest| member.first.is_none_or(|first| first > earliest)) {
                break;
            }
            if let Some((index, member)) = self.waiting.pop_front() {
                self.open(index, member)?;
            }
        }
        Ok(())
    }

    fn open(&mut self, index: u16, member: Member) -> Result<()> {
        let info = &mut self.infos[usize::from(index)];
        let (file, chunk) = match member.begun {
            Some(Begun { file, chunk, meter }) => {
                self.meters.push(meter);
                (file, chunk)
            }
            None => {
                let meter = Meter::default();
                self.meters.push(Arc::clone(&meter));
                let chunk_size = (OVERLAP_BUDGET / (self.open.len() + 1)).clamp(SMALL_CHUNK, CHUNK);
                let input = Input::open(&info.path, meter)?;
                let (mut file, begun) = FileReader::open(&info.path, input, chunk_size)?;
                *info = begun;
                let chunk = file.next(&mut self.pool, info)?;
                (file, chunk)
            }
        };
        if let Some(chunk) = chunk {
            self.open.push(Open { index, file, chunk, at: 0 });
        }
        Ok(())
    }

    /// Notes what is only known of all files together.
    fn finish(&mut self) {
        if self.finished {
            return;
        }
        self.finished = true;
        let mut latest: Option<(Timestamp, PathBuf)> = None;
        for info in &mut self.infos {
            if let (Some((last, path)), Some(first)) = (&latest, info.first)
                && first < *last
            {
                let seconds = info.last.unwrap_or(first).min(*last).seconds_since(first);
                let overlap = time::spoken(seconds);
                info.notes.push(format!("overlaps with {} by {overlap}", path.display()));
            }
            if let Some(last) = info.last
                && latest.as_ref().is_none_or(|(latest, _)| last > *latest)
            {
                latest = Some((last, info.path.clone()));
            }
        }
        names::note_missing(&mut self.infos);
    }
}

impl Open {
    /// When its next record comes: the file that began first goes first among records of the same time.
    fn turn(&self) -> (Timestamp, u16) {
        (self.chunk.heads[self.at].time, self.index)
    }
}

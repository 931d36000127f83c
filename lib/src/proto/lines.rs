//! Text lines of one direction of a connection, whatever the segments: shared by IMAP and SMTP.
//!
//! A line ends with LF; a CR before it belongs to the end. A line that lies in one piece of the stream is borrowed;
//! only what does not is copied, up to a limit. Between lines the dissector may have counted bytes passed over: those
//! of a literal or of a message.

use crate::flow::Moment;

/// Cuts one direction into lines.
#[derive(Debug)]
pub(crate) struct Lines {
    /// Bytes of a line that are kept. The rest is counted.
    limit: usize,
    /// The beginning of a line that did not come in one piece, or the line that was handed out last.
    kept: Vec<u8>,
    /// Bytes of the current line so far.
    length: u64,
    first: Moment,
    is_whole: bool,
    /// Bytes that are passed over before the next line.
    skip: u64,
}

/// A line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Line<'l> {
    /// Its bytes without the end, at most as many as the limit.
    pub(crate) bytes: &'l [u8],
    /// All its bytes on the wire, with the end.
    pub(crate) length: u64,
    /// Frame with its first byte.
    pub(crate) first: Moment,
    /// Frame with its last byte.
    pub(crate) last: Moment,
    /// `false` when bytes before it were lost: it may be the end of a line, or lie inside of a message.
    pub(crate) is_whole: bool,
}

impl Lines {
    pub(crate) fn new(limit: usize) -> Self {
        Lines { limit, kept: Vec::new(), length: 0, first: Moment::default(), is_whole: true, skip: 0 }
    }

    /// Takes the next line off `rest`, of which frame `at` completed the stream. `None`: all of `rest` is taken.
    pub(crate) fn next<'l, 'b: 'l>(&'l mut self, rest: &mut &'b [u8], at: Moment) -> Option<Line<'l>> {
        self.pass_over(rest);
        if rest.is_empty() {
            return None;
        }
        if self.length == 0 {
            self.kept.clear();
            self.first = at;
        }
        let Some(feed) = memchr::memchr(b'\n', rest) else {
            self.keep(rest);
            *rest = &[];
            return None;
        };
        let (piece, after) = rest.split_at(feed + 1);
        *rest = after;
        let is_in_place = self.length == 0;
        if is_in_place {
            self.length = piece.len() as u64;
        } else {
            self.keep(piece);
        }
        let length = std::mem::take(&mut self.length);
        let is_whole = std::mem::replace(&mut self.is_whole, true);
        let bytes = if is_in_place { piece } else { &self.kept };
        let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
        let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
        let bytes = bytes.get(..self.limit).unwrap_or(bytes);
        Some(Line { bytes, length, first: self.first, last: at, is_whole })
    }

    /// The next `bytes` of the stream are no lines: they are counted and not looked at.
    pub(crate) fn skip(&mut self, bytes: u64) {
        self.skip = self.skip.saturating_add(bytes);
    }

    /// Bytes of a skip that are still to come.
    pub(crate) fn to_skip(&self) -> u64 {
        self.skip
    }

    /// Bytes that are set aside for the line that is arriving.
    pub(crate) fn held(&self) -> usize {
        self.kept.capacity()
    }

    /// Whether the next byte begins a line.
    pub(crate) fn is_between(&self) -> bool {
        self.length == 0 && self.skip == 0
    }

    /// The line that is arriving: what is kept of its beginning, as if it ended here.
    pub(crate) fn arriving(&self, at: Moment) -> Option<Line<'_>> {
        let bytes = self.kept.get(..self.limit).unwrap_or(&self.kept);
        let line = Line { bytes, length: self.length, first: self.first, last: at, is_whole: self.is_whole };
        (self.length > 0).then_some(line)
    }

    /// `length` bytes were never captured. Returns whether lines may have been among them: then the line that was
    /// arriving is lost, and the next one is marked.
    pub(crate) fn gap(&mut self, length: u64) -> bool {
        if length <= self.skip {
            self.skip -= length;
            return false;
        }
        self.skip = 0;
        self.length = 0;
        self.kept.clear();
        self.is_whole = false;
        true
    }

    /// Takes off `rest` what is passed over.
    pub(crate) fn pass_over(&mut self, rest: &mut &[u8]) {
        let passed = usize::try_from(self.skip).unwrap_or(usize::MAX).min(rest.len());
        self.skip -= passed as u64;
        *rest = rest.get(passed..).unwrap_or_default();
    }

    /// Keeps a piece of a line. Two bytes over the limit leave room for the end, which does not count.
    fn keep(&mut self, piece: &[u8]) {
        let room = self.limit.saturating_add(2).saturating_sub(self.kept.len());
        self.kept.extend_from_slice(piece.get(..room).unwrap_or(piece));
        self.length = self.length.saturating_add(piece.len() as u64);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::flow::FrameId;
    use crate::time::Timestamp;

    fn at(frame: u64) -> Moment {
        Moment { frame: FrameId::new(0, frame), time: Timestamp::new(frame as i64, 0) }
    }

    /// Bytes, length, first and last frame of every line when the pieces are frames 1, 2, ….
    fn read(lines: &mut Lines, pieces: &[&[u8]]) -> Vec<(Vec<u8>, u64, u64, u64)> {
        let mut all = Vec::new();
        for (number, piece) in (1..).zip(pieces) {
            let mut rest = *piece;
            while let Some(line) = lines.next(&mut rest, at(number)) {
                let (first, last) = (line.first.frame.number(), line.last.frame.number());
                all.push((line.bytes.to_vec(), line.length, first, last));
            }
        }
        all
    }

    #[test]
    fn a_line_knows_its_frames_and_its_length() {
        let read = read(&mut Lines::new(99), &[b"EHLO a\r\nMA", b"IL", b" FROM\r", b"\n\n"]);
        let expected =
            [(b"EHLO a".to_vec(), 8, 1, 1), (b"MAIL FROM".to_vec(), 11, 1, 4), (b"".to_vec(), 1, 4, 4)];
        assert_eq!(read, expected);
    }

    #[test]
    fn the_excess_of_a_line_is_counted_and_not_kept() {
        let mut lines = Lines::new(4);
        let long = vec![b'x'; 5000];
        let read = read(&mut lines, &[&long, &long, b"\r\nabcdefg\r\nabcd\r\n"]);
        let bytes: Vec<&[u8]> = read.iter().map(|line| line.0.as_slice()).collect();
        assert_eq!(bytes, [b"xxxx", b"abcd", b"abcd"]);
        assert_eq!(read[0].1, 10_002);
        assert!(lines.kept.capacity() < 100);
    }

    #[test]
    fn skipped_bytes_are_no_lines() {
        let mut lines = Lines::new(99);
        assert_eq!(read(&mut lines, &[b"a {5}\r\n"]).len(), 1);
        lines.skip(5);
        assert_eq!(read(&mut lines, &[b"x\n", b"y\n"]), []);
        assert_eq!(lines.to_skip(), 1);
        assert_eq!(read(&mut lines, &[b"\n)\r\n"]), [(b")".to_vec(), 3, 1, 1)]);
    }

    #[test]
    fn a_gap_inside_of_a_skip_loses_no_line_and_a_longer_one_marks_the_next() {
        let mut lines = Lines::new(99);
        lines.skip(5);
        assert!(!lines.gap(4));
        assert_eq!(read(&mut lines, &[b"xok"]), []);
        assert!(lines.gap(2));
        let mut rest: &[u8] = b"rest\r\nwhole\r\n";
        let first = lines.next(&mut rest, at(9)).unwrap();
        assert_eq!((first.bytes, first.is_whole, first.length), (&b"rest"[..], false, 6));
        assert!(lines.next(&mut rest, at(9)).unwrap().is_whole);
    }

    proptest! {
        #[test]
        fn lines_do_not_depend_on_how_the_stream_is_cut(
            text in proptest::collection::vec(prop_oneof![Just(b'\r'), Just(b'\n'), any::<u8>()], 0..60),
            cuts in proptest::collection::vec(0usize..60, 0..8),
            limit in 0usize..12,
        ) {
            let naive: Vec<(Vec<u8>, u64)> = text
                .split_inclusive(|&byte| byte == b'\n')
                .filter_map(|line| {
                    let bytes = line.strip_suffix(b"\n")?;
                    let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
                    Some((bytes[..bytes.len().min(limit)].to_vec(), line.len() as u64))
                })
                .collect();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(text.len())).collect();
            cuts.extend([0, text.len()]);
            cuts.sort_unstable();
            let pieces: Vec<&[u8]> = cuts.windows(2).map(|cut| &text[cut[0]..cut[1]]).collect();
            let read: Vec<_> = read(&mut Lines::new(limit), &pieces).into_iter().map(|line| (line.0, line.1)).collect();
            prop_assert_eq!(read, naive);
        }
    }
}

//! Lines of one direction, each with the literal that it announces (RFC 9051, 4.3).

use crate::flow::Moment;
use crate::proto::lines::{Line, Lines};

/// Bytes of a line that are kept. What matters of longer ones stands at their beginning and at their end.
const LINE: usize = 4096;
/// Bytes of the longest announcement of a literal, `{18446744073709551615+}` and the end of the line.
const TAIL: usize = 25;

/// One direction.
#[derive(Debug)]
pub(super) struct Lane {
    lines: Lines,
    /// The last bytes of the lines so far.
    tail: [u8; TAIL],
}

/// A literal that follows a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Literal {
    /// Its bytes.
    pub(super) length: u64,
    /// The client waits for leave before it sends them.
    pub(super) waits: bool,
}

impl Lane {
    pub(super) fn new() -> Self {
        Lane { lines: Lines::new(LINE), tail: [0; TAIL] }
    }

    /// The next line and the literal at its end. The literal is not passed over by this.
    pub(super) fn next<'l, 'b: 'l>(
        &'l mut self,
        rest: &mut &'b [u8],
        at: Moment,
    ) -> Option<(Line<'l>, Option<Literal>)> {
        let Lane { lines, tail } = self;
        // Not a byte of a literal is looked at: that alone was a tenth of the computing time of two threads.
        lines.pass_over(rest);
        if rest.is_empty() {
            return None;
        }
        let before = *rest;
        let line = lines.next(rest, at);
        remember(tail, &before[..before.len() - rest.len()]);
        let line = line?;
        let is_cut = line.length > line.bytes.len() as u64 + 2;
        let end = if is_cut { tail.trim_ascii_end() } else { line.bytes };
        Some((line, literal(end)))
    }

    /// The line that is arriving, as if it ended here.
    pub(super) fn arriving(&self, at: Moment) -> Option<Line<'_>> {
        self.lines.arriving(at)
    }

    /// Whether the line that is arriving is longer than what is kept of one.
    pub(super) fn is_long(&self) -> bool {
        self.lines.arriving(Moment::default()).is_some_and(|line| line.length > LINE as u64)
    }

    /// Bytes that are kept of the line that is arriving.
    pub(super) fn held(&self) -> usize {
        self.lines.held()
    }

    /// Passes over the bytes of a literal.
    pub(super) fn skip(&mut self, bytes: u64) {
        self.lines.skip(bytes);
    }

    /// Bytes of a literal that are still to be passed over.
    pub(super) fn to_skip(&self) -> u64 {
        self.lines.to_skip()
    }

    /// `length` bytes were never captured, or will never come. Returns whether lines may have been among them.
    pub(super) fn gap(&mut self, length: u64) -> bool {
        self.lines.gap(length)
    }
}

/// Appends to the last bytes of the lines.
fn remember(tail: &mut [u8; TAIL], piece: &[u8]) {
    let new = piece.get(piece.len().saturating_sub(TAIL)..).unwrap_or(piece);
    tail.rotate_left(new.len());
    tail[TAIL - new.len()..].copy_from_slice(new);
}

/// The literal that a line ends with: `{n}`, `{n+}` (RFC 7888).
fn literal(line: &[u8]) -> Option<Literal> {
    let inside = line.strip_suffix(b"}")?;
    let recent = inside.get(inside.len().saturating_sub(TAIL)..).unwrap_or(inside);
    let brace = memchr::memrchr(b'{', recent)?;
    let number = &recent[brace + 1..];
    let digits = number.strip_suffix(b"+").unwrap_or(number);
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let length = std::str::from_utf8(digits).ok()?.parse().ok()?;
    Some(Literal { length, waits: digits.len() == number.len() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pieces: &[&[u8]]) -> Vec<(u64, Option<Literal>)> {
        let mut lane = Lane::new();
        let mut all = Vec::new();
        for piece in pieces {
            let mut rest = *piece;
            while let Some((line, literal)) = lane.next(&mut rest, Moment::default()) {
                all.push((line.length, literal));
            }
        }
        all
    }

    #[test]
    fn literals_are_announced_at_the_end_of_a_line() {
        let length = |line: &[u8]| literal(line).map(|literal| (literal.length, literal.waits));
        assert_eq!(length(b"a LOGIN {5}"), Some((5, true)));
        assert_eq!(length(b"a LOGIN {5+}"), Some((5, false)));
        assert_eq!(length(b"* 1 FETCH (BODY[] ~{18446744073709551615}"), Some((u64::MAX, true)));
        for none in [&b"{5} "[..], b"{x}", b"{}", b"{18446744073709551616}", b"}", b"{+}", b"{-5}"] {
            assert_eq!(length(none), None);
        }
    }

    #[test]
    fn a_line_that_is_not_kept_whole_still_announces_its_literal() {
        let mut line = vec![b'x'; 3 * LINE];
        line.extend(b" {12}\r\n");
        let length = line.len() as u64;
        let expected = [(length, Some(Literal { length: 12, waits: true }))];
        for cut in [1, LINE, length as usize - 6, length as usize - 3, length as usize - 1] {
            assert_eq!(read(&[&line[..cut], &line[cut..]]), expected, "cut at {cut}");
        }
        let bytewise: Vec<&[u8]> = line.chunks(1).collect();
        assert_eq!(read(&bytewise), expected);
    }
}

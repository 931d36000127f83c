//! The body of a message: where it ends, and its bytes when somebody wants them (RFC 9112, 6 and 7).

/// Bytes of a body that are kept.
const KEPT: usize = 4 << 20;
/// What is set aside at once for a body whose length was announced but not seen yet.
const RESERVE: u64 = 64 << 10;
/// Longest line of chunk extensions, and longest trailer section.
const LINES: u32 = 64 << 10;

/// How the end of a body is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// After so many bytes.
    Length(u64),
    /// By the chunk of length zero.
    Chunked,
    /// By the end of the stream.
    Close,
}

/// What became of the bytes a body was given.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fed {
    /// All of them belong to the body, which goes on.
    All,
    /// The body ends with the first so many.
    End(usize),
    /// The chunked coding is broken after so many.
    Broken(usize),
}

/// What a gap makes of a body.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Skipped {
    /// The body goes on after it.
    Inside,
    /// The body ends with it.
    End,
    /// It cannot be told where the body ends.
    Lost,
}

/// A body that is being read.
#[derive(Debug)]
pub(super) struct Body {
    state: State,
    chunked: bool,
    length: u64,
    keep: bool,
    kept: Vec<u8>,
    hole: bool,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// So many bytes are to come.
    Length(u64),
    /// Until the stream ends.
    Close,
    /// In the size of a chunk; `digits` of it were seen.
    Size { size: u64, digits: u8 },
    /// In what follows the size up to the end of the line.
    Extension { size: u64, seen: u32 },
    /// In the data of a chunk.
    Data(u64),
    /// In the line end after the data.
    DataEnd,
    /// In a line of the trailer section, of which `line` bytes were seen, CR not counted.
    Trailer { line: u32, seen: u32 },
}

impl Body {
    /// No body: what a stream has before its first message.
    pub(super) const fn empty() -> Self {
        Body {
            state: State::Length(0),
            chunked: false,
            length: 0,
            keep: false,
            kept: Vec::new(),
            hole: false,
        }
    }

    /// Begins a body. With `keep`, its first 4 MiB are kept until [`Body::clear`].
    pub(super) fn begin(&mut self, framing: Framing, keep: bool) {
        self.state = match framing {
            Framing::Length(length) => State::Length(length),
            Framing::Chunked => State::Size { size: 0, digits: 0 },
            Framing::Close => State::Close,
        };
        self.chunked = framing == Framing::Chunked;
        (self.length, self.keep, self.hole) = (0, keep, false);
    }

    /// Forgets the bytes that were kept.
    pub(super) fn clear(&mut self) {
        self.kept.clear();
        self.kept.shrink_to(RESERVE as usize);
    }

    /// Bytes so far, transfer coding removed; a gap counts where its bytes certainly belong to the body.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    pub(super) fn is_chunked(&self) -> bool {
        self.chunked
    }

    /// Whether bytes of it were never captured.
    pub(super) fn has_hole(&self) -> bool {
        self.hole
    }

    /// Whether it is delimited by the end of the stream.
    pub(super) fn ends_with_stream(&self) -> bool {
        matches!(self.state, State::Close)
    }

    /// Whether its bytes are wanted.
    pub(super) fn is_kept(&self) -> bool {
        self.keep
    }

    /// How many bytes come next that are only counted.
    pub(super) fn passes_over(&self) -> u64 {
        match self.state {
            _ if self.keep => 0,
            State::Length(left) | State::Data(left) => left,
            State::Close => u64::MAX,
            _ => 0,
        }
    }

    /// Bytes that are set aside.
    pub(super) fn held(&self) -> usize {
        self.kept.capacity()
    }

    /// The bytes up to the first hole, when they are kept.
    pub(super) fn kept(&self) -> &[u8] {
        &self.kept
    }

    /// Whether more bytes were wanted than are kept.
    pub(super) fn is_too_long(&self) -> bool {
        self.keep && self.length > KEPT as u64
    }

    /// Takes the whole body out of `bytes` without copying it, where it has an announced length, none of it came
    /// before, and all of it is there.
    pub(super) fn take_in_place<'b>(&mut self, bytes: &'b [u8]) -> Option<&'b [u8]> {
        let State::Length(left) = self.state else {
            return None;
        };
        if self.length > 0 || left > KEPT as u64 {
            return None;
        }
        let body = bytes.get(..left as usize)?;
        self.length = left;
        self.state = State::Length(0);
        Some(body)
    }

    /// Takes bytes of the body.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Fed {
        let mut rest = bytes;
        loop {
            let Some(used) = self.step(rest) else {
                return Fed::Broken(bytes.len() - rest.len());
            };
            rest = rest.get(used..).unwrap_or_default();
            if self.is_over() {
                return Fed::End(bytes.len() - rest.len());
            }
            if rest.is_empty() {
                return Fed::All;
            }
        }
    }

    /// `length` bytes were never captured.
    pub(super) fn skip(&mut self, length: u64) -> Skipped {
        let left = match &mut self.state {
            State::Close => {
                self.length = self.length.saturating_add(length);
                self.hole = true;
                return Skipped::Inside;
            }
            State::Length(left) | State::Data(left) if length <= *left => left,
            _ => return Skipped::Lost,
        };
        *left -= length;
        self.length = self.length.saturating_add(length);
        self.hole = true;
        match self.state {
            State::Data(0) => self.state = State::DataEnd,
            State::Length(0) => return Skipped::End,
            _ => {}
        }
        Skipped::Inside
    }

    fn is_over(&self) -> bool {
        matches!(self.state, State::Length(0))
    }

    /// Takes what belongs to the current state, at least a byte; `None` when the coding is broken.
    fn step(&mut self, bytes: &[u8]) -> Option<usize> {
        let Some(&byte) = bytes.first() else {
            return Some(0);
        };
        Some(match &mut self.state {
            State::Close => {
                self.count(bytes);
                bytes.len()
            }
            State::Length(left) => {
                let data = prefix(bytes, *left);
                *left -= data.len() as u64;
                self.count(data);
                data.len()
            }
            State::Data(left) => {
                let data = prefix(bytes, *left);
                *left -= data.len() as u64;
                if *left == 0 {
                    self.state = State::DataEnd;
                }
                self.count(data);
                data.len()
            }
            State::Size { size, digits } => match char::from(byte).to_digit(16) {
                // 16 digits fill a u64.
                Some(_) if *digits == 16 => return None,
                Some(digit) => {
                    *size = *size << 4 | u64::from(digit);
                    *digits += 1;
                    1
                }
                None if *digits == 0 || !matches!(byte, b';' | b' ' | b'\t' | b'\r' | b'\n') => return None,
                None => {
                    self.state = State::Extension { size: *size, seen: 0 };
                    0
                }
            },
            State::Extension { size, seen } => match memchr::memchr(b'\n', bytes) {
                Some(end) => {
                    self.state = match *size {
                        0 => State::Trailer { line: 0, seen: 0 },
                        size => State::Data(size),
                    };
                    end + 1
                }
                None => {
                    *seen = count_line(*seen, bytes)?;
                    bytes.len()
                }
            },
            State::DataEnd => {
                match byte {
                    b'\r' => {}
                    b'\n' => self.state = State::Size { size: 0, digits: 0 },
                    _ => return None,
                }
                1
            }
            State::Trailer { line, seen } => {
                *seen = count_line(*seen, &[byte])?;
                match byte {
                    b'\n' if *line == 0 => self.state = State::Length(0),
                    b'\n' => *line = 0,
                    b'\r' => {}
                    _ => *line += 1,
                }
                1
            }
        })
    }

    fn count(&mut self, data: &[u8]) {
        self.length = self.length.saturating_add(data.len() as u64);
        if !self.keep || self.hole {
            return;
        }
        if let State::Length(left) = self.state
            && self.kept.is_empty()
        {
            self.kept.reserve(data.len() + left.min(RESERVE) as usize);
        }
        let room = KEPT.saturating_sub(self.kept.len());
        self.kept.extend_from_slice(data.get(..room).unwrap_or(data));
    }
}

/// Grows the length of a line or section, or gives up on it.
fn count_line(seen: u32, bytes: &[u8]) -> Option<u32> {
    let seen = seen.saturating_add(u32::try_from(bytes.len()).ok()?);
    (seen <= LINES).then_some(seen)
}

fn prefix(bytes: &[u8], length: u64) -> &[u8] {
    usize::try_from(length).ok().and_then(|length| bytes.get(..length)).unwrap_or(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(framing: Framing) -> Body {
        let mut body = Body::empty();
        body.begin(framing, true);
        body
    }

    /// Feeds byte by byte; says where the body ended.
    fn drip(body: &mut Body, bytes: &[u8]) -> Option<usize> {
        bytes.iter().enumerate().find_map(|(at, byte)| match body.feed(&[*byte]) {
            Fed::All => None,
            Fed::End(used) => Some(at + used),
            Fed::Broken(_) => panic!("broken at {at}"),
        })
    }

    #[test]
    fn chunks_with_extensions_and_trailers() {
        let text = b"4;name=\"v\"\r\nWiki\r\n0005 \r\npedia\r\n0\r\nExpires: never\r\nX: y\r\n\r\nHTTP";
        let end = text.len() - 4;
        let mut whole = body(Framing::Chunked);
        assert_eq!(whole.feed(text), Fed::End(end));
        assert_eq!((whole.kept(), whole.length()), (&b"Wikipedia"[..], 9));
        let mut dripped = body(Framing::Chunked);
        assert_eq!(drip(&mut dripped, text), Some(end));
        assert_eq!(dripped.kept(), b"Wikipedia");
    }

    #[test]
    fn bare_line_feeds_end_chunk_lines() {
        assert_eq!(body(Framing::Chunked).feed(b"1\na\n0\n\nX"), Fed::End(7));
    }

    #[test]
    fn broken_chunks_are_said() {
        for broken in [&b"zz\r\n"[..], b"\r\n", b"2\r\nabc\r\n", b"11111111111111111\r\n", b"1x\r\n"] {
            assert!(matches!(body(Framing::Chunked).feed(broken), Fed::Broken(_)));
        }
        let mut endless = body(Framing::Chunked);
        assert_eq!(endless.feed(b"1;"), Fed::All);
        assert_eq!(endless.feed(&vec![b'x'; LINES as usize + 1]), Fed::Broken(0));
    }

    #[test]
    fn gaps_are_counted_through() {
        let mut length = body(Framing::Length(10));
        assert_eq!(length.feed(b"abc"), Fed::All);
        assert_eq!(length.skip(5), Skipped::Inside);
        assert_eq!(length.feed(b"ijk"), Fed::End(2));
        assert_eq!((length.kept(), length.length(), length.has_hole()), (&b"abc"[..], 10, true));

        let mut chunked = body(Framing::Chunked);
        assert_eq!(chunked.feed(b"4\r\n"), Fed::All);
        assert_eq!(chunked.skip(4), Skipped::Inside);
        assert_eq!(chunked.feed(b"\r\n0\r\n\r\n"), Fed::End(7));

        assert_eq!(body(Framing::Length(10)).skip(10), Skipped::End);
        assert_eq!(body(Framing::Length(10)).skip(11), Skipped::Lost);
        assert_eq!(body(Framing::Chunked).skip(1), Skipped::Lost);
        assert_eq!(body(Framing::Close).skip(u64::MAX), Skipped::Inside);
    }

    #[test]
    fn long_bodies_are_counted_but_not_kept() {
        let mut body = body(Framing::Close);
        let piece = vec![b'x'; KEPT];
        body.feed(&piece);
        assert!(!body.is_too_long());
        body.feed(b"y");
        assert!(body.is_too_long());
        assert_eq!((body.length(), body.kept().len()), (KEPT as u64 + 1, KEPT));
    }
}

//! The record layer of one direction (RFC 8446, 5.1): where each record begins and what it carries, however records
//! are cut into segments.

/// Longest fragment of a record: 2^14 bytes and what encryption may add (RFC 5246, 6.2.3).
const LONGEST: usize = (1 << 14) + 2048;

/// The content types of records, and the one message that comes without a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    ChangeCipherSpec,
    Alert,
    Handshake,
    ApplicationData,
    /// Heartbeat and whatever else may be registered.
    Other,
    /// A ClientHello in the form of SSL 2.0, with the minor version that it asks for (RFC 5246, E.2).
    Version2Hello {
        minor: u8,
    },
}

impl Content {
    /// Records of content types that are in use.
    fn of(number: u8) -> Option<Self> {
        Some(match number {
            20 => Content::ChangeCipherSpec,
            21 => Content::Alert,
            22 => Content::Handshake,
            23 => Content::ApplicationData,
            24 => Content::Other,
            _ => return None,
        })
    }
}

/// A step through the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece<'b> {
    /// A record begins: its content and the length of its fragment.
    Record(Content, usize),
    /// Bytes of its fragment.
    Fragment(Content, &'b [u8]),
}

/// What a gap did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Skipped {
    /// It lies within a record of that content.
    Inside(Content),
    /// Where the next record begins is not known.
    Lost,
}

/// One direction.
#[derive(Debug)]
pub(super) struct Lane {
    state: State,
    /// Nothing has been read: a ClientHello of SSL 2.0 may come.
    is_fresh: bool,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Header { bytes: [u8; 5], have: usize },
    Fragment { content: Content, left: usize },
    Lost,
}

const HEADER: State = State::Header { bytes: [0; 5], have: 0 };

impl Lane {
    pub(super) fn new() -> Self {
        Lane { state: HEADER, is_fresh: true }
    }

    /// Whether nothing was captured so far, and nothing missed.
    pub(super) fn is_fresh(&self) -> bool {
        self.is_fresh && matches!(self.state, State::Header { have: 0, .. })
    }

    /// The next step; `None` when `bytes` are used up. Where the place in the stream was lost, a segment that looks
    /// like a record is taken for one.
    pub(super) fn next<'b>(&mut self, bytes: &mut &'b [u8]) -> Option<Piece<'b>> {
        loop {
            match &mut self.state {
                State::Lost => {
                    let is_record = header(bytes).is_some_and(|header| record(header).is_some());
                    if !is_record {
                        *bytes = &[];
                        return None;
                    }
                    self.state = HEADER;
                }
                State::Fragment { left: 0, .. } => self.state = HEADER,
                State::Fragment { content, left } => {
                    let (content, length) = (*content, bytes.len().min(*left));
                    let (fragment, rest) = bytes.split_at_checked(length)?;
                    if fragment.is_empty() {
                        return None;
                    }
                    (*left, *bytes) = (*left - length, rest);
                    return Some(Piece::Fragment(content, fragment));
                }
                State::Header { bytes: held, have } => {
                    let (byte, rest) = bytes.split_first()?;
                    *bytes = rest;
                    *held.get_mut(*have)? = *byte;
                    *have += 1;
                    if *have < held.len() {
                        continue;
                    }
                    let held = *held;
                    let begun = if std::mem::take(&mut self.is_fresh) { begin(held) } else { record(held) };
                    let Some((content, length)) = begun else {
                        self.state = State::Lost;
                        continue;
                    };
                    let read = match content {
                        // The length counts its type and version too.
                        Content::Version2Hello { .. } => 3,
                        _ => 0,
                    };
                    self.state = State::Fragment { content, left: length.saturating_sub(read) };
                    return Some(Piece::Record(content, length));
                }
            }
        }
    }

    /// `length` bytes were never captured.
    pub(super) fn gap(&mut self, length: u64) -> Skipped {
        self.is_fresh = false;
        if let State::Fragment { content, left } = &mut self.state
            && let Some(rest) = usize::try_from(length).ok().and_then(|length| left.checked_sub(length))
        {
            *left = rest;
            return Skipped::Inside(*content);
        }
        self.state = State::Lost;
        Skipped::Lost
    }
}

/// The content and length of the record with this header.
fn record([content, major, minor, high, low]: [u8; 5]) -> Option<(Content, usize)> {
    let length = usize::from(u16::from_be_bytes([high, low]));
    let is_sound = major == 3 && minor <= 4 && length <= LONGEST;
    Content::of(content).filter(|_| is_sound).map(|content| (content, length))
}

/// The same at the beginning of a stream, where the header may be that of a ClientHello of SSL 2.0.
fn begin(header: [u8; 5]) -> Option<(Content, usize)> {
    match header {
        [high, low, 1, 3, minor @ 0..=4] if high & 0x80 != 0 => {
            let length = usize::from(u16::from_be_bytes([high & 0x7f, low]));
            (length >= HELLO_2).then_some((Content::Version2Hello { minor }, length))
        }
        header => record(header),
    }
}

/// Type, version and three lengths: what a ClientHello of SSL 2.0 has before its lists.
const HELLO_2: usize = 9;

fn header(bytes: &[u8]) -> Option<[u8; 5]> {
    bytes.first_chunk().copied()
}

/// Whether a stream that begins with `first` speaks TLS: a record, or a ClientHello of SSL 2.0.
pub(super) fn probe(first: &[u8]) -> Option<bool> {
    let Some(bytes) = header(first) else {
        // So far only these can follow.
        let may_be = match first {
            [20..=24] | [20..=24, 3] => true,
            [20..=24, 3, minor, ..] => *minor <= 4,
            [high] | [high, _] | [high, _, 1] | [high, _, 1, 3] => high & 0x80 != 0,
            _ => false,
        };
        return (!may_be).then_some(false);
    };
    Some(match begin(bytes) {
        None => false,
        Some((Content::Version2Hello { .. }, _)) => true,
        Some((_, length)) => match first.get(5) {
            // An empty record begins nothing.
            _ if length == 0 => false,
            None => return None,
            Some(&kind) => begins(bytes[0], length, kind),
        },
    })
}

/// Whether the first byte of a record suits its content.
fn begins(content: u8, length: usize, kind: u8) -> bool {
    match Content::of(content) {
        // An encrypted one may begin with anything.
        Some(Content::Handshake) => length >= 4 && (kind <= 24 || length >= 40),
        Some(Content::ChangeCipherSpec) => length == 1 && kind == 1,
        Some(Content::Alert) => length > 2 || length == 2 && matches!(kind, 1 | 2),
        Some(Content::ApplicationData) => length >= 17,
        _ => false,
    }
}

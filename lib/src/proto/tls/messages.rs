//! Handshake messages of one direction, however they are cut into records (RFC 8446, 5.1).

use std::borrow::Cow;

/// Longest message that is kept; chains of certificates have a few kilobytes.
const LONGEST: usize = 256 << 10;
/// Type and length.
const HEADER: usize = 4;

/// Puts messages together.
#[derive(Debug, Default)]
pub(super) struct Messages {
    /// The message so far, when it did not come in one piece.
    held: Vec<u8>,
    /// Bytes of a message that are passed over: it is too long, or has a hole.
    skip: usize,
    /// Where the next message begins is not known.
    is_lost: bool,
}

impl Messages {
    /// A record begins: after a hole, so may a message.
    pub(super) fn record(&mut self) {
        self.is_lost = false;
    }

    /// Bytes that are kept of a message that is not whole.
    pub(super) fn held(&self) -> usize {
        self.held.capacity()
    }

    /// The next whole message with its header; `None` when `bytes` are used up.
    pub(super) fn next<'b>(&mut self, bytes: &mut &'b [u8]) -> Option<Cow<'b, [u8]>> {
        loop {
            if self.is_lost || bytes.is_empty() {
                *bytes = &[];
                return None;
            }
            if self.skip > 0 {
                let length = self.skip.min(bytes.len());
                self.skip -= length;
                *bytes = bytes.get(length..).unwrap_or_default();
                continue;
            }
            if self.held.is_empty()
                && let Some((message, rest)) = length(bytes).and_then(|length| bytes.split_at_checked(length))
            {
                *bytes = rest;
                return Some(Cow::Borrowed(message));
            }
            let wanted = length(&self.held).unwrap_or(HEADER);
            if wanted > LONGEST {
                self.skip = wanted - self.held.len();
                self.held.clear();
                continue;
            }
            let room = bytes.len().min(wanted - self.held.len());
            let (part, rest) = bytes.split_at_checked(room)?;
            self.held.extend_from_slice(part);
            *bytes = rest;
            if length(&self.held) == Some(self.held.len()) {
                return Some(Cow::Owned(std::mem::take(&mut self.held)));
            }
        }
    }

    /// `gap` bytes of a record were never captured.
    pub(super) fn gap(&mut self, gap: u64) {
        let left = match length(&self.held) {
            Some(length) => length - self.held.len(),
            None => self.skip,
        };
        self.held.clear();
        match usize::try_from(gap).ok().and_then(|gap| left.checked_sub(gap)) {
            Some(rest) => self.skip = rest,
            None => self.lose(),
        }
    }

    /// The place in the stream is not known any more.
    pub(super) fn lose(&mut self) {
        *self = Messages { is_lost: true, ..Messages::default() };
    }
}

/// The length of the message that begins here, its header included.
fn length(bytes: &[u8]) -> Option<usize> {
    let [_, a, b, c] = *bytes.first_chunk::<HEADER>()?;
    usize::try_from(u32::from_be_bytes([0, a, b, c])).ok().map(|length| length + HEADER)
}

//! Reply lines (RFC 5321, 4.2), joined to replies.

use super::event::Enhanced;
use crate::flow::Moment;
use crate::proto::lines::Line;

/// Longest text that is kept of a reply, in bytes.
const TEXT: usize = 2048;

/// One line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ReplyLine<'l> {
    pub(super) code: u16,
    pub(super) enhanced: Option<Enhanced>,
    pub(super) text: &'l [u8],
    /// No further line belongs to the reply.
    pub(super) is_last: bool,
}

impl<'l> ReplyLine<'l> {
    pub(super) fn parse(line: &'l [u8]) -> Option<Self> {
        let (code, rest) = line.split_first_chunk::<3>()?;
        let (is_last, text) = match rest {
            [] => (true, rest),
            [b' ', text @ ..] => (true, text),
            [b'-', text @ ..] => (false, text),
            _ => return None,
        };
        if !matches!(code, [b'2'..=b'5', b'0'..=b'9', b'0'..=b'9']) {
            return None;
        }
        let code = code.iter().fold(0, |code, digit| code * 10 + u16::from(digit - b'0'));
        let (enhanced, text) = match enhanced(code, text) {
            Some((enhanced, text)) => (Some(enhanced), text),
            None => (None, text),
        };
        Some(ReplyLine { code, enhanced, text, is_last })
    }
}

/// The enhanced code that a text begins with. Its class is that of the code (RFC 2034, 4).
fn enhanced(code: u16, text: &[u8]) -> Option<(Enhanced, &[u8])> {
    let end = text.iter().position(|byte| *byte == b' ').unwrap_or(text.len());
    let (word, rest) = text.split_at(end);
    let mut parts = std::str::from_utf8(word).ok()?.split('.');
    let mut number = || parts.next()?.parse::<u16>().ok();
    let (class, subject, detail) = (number()?, number()?, number()?);
    if parts.next().is_some() || class != code / 100 {
        return None;
    }
    Some((Enhanced(u8::try_from(class).ok()?, subject, detail), rest.trim_ascii_start()))
}

/// A reply whose lines arrive.
#[derive(Debug)]
pub(super) struct Arriving {
    pub(super) code: u16,
    pub(super) enhanced: Option<Enhanced>,
    pub(super) text: String,
    pub(super) first: Moment,
    pub(super) last: Moment,
}

impl Arriving {
    pub(super) fn new(read: &ReplyLine<'_>, line: &Line<'_>) -> Self {
        let mut reply = Arriving {
            code: read.code,
            enhanced: read.enhanced,
            text: String::new(),
            first: line.first,
            last: line.last,
        };
        reply.push(read);
        reply
    }

    pub(super) fn add(&mut self, read: &ReplyLine<'_>, line: &Line<'_>) {
        self.enhanced = self.enhanced.or(read.enhanced);
        self.last = line.last;
        if self.text.len() < TEXT {
            self.text.push('\n');
        }
        self.push(read);
    }

    fn push(&mut self, read: &ReplyLine<'_>) {
        // What 334 carries is SASL data: no text for anybody to read.
        if self.code != 334 {
            let room = TEXT.saturating_sub(self.text.len());
            let text = read.text.get(..room).unwrap_or(read.text);
            self.text.push_str(&String::from_utf8_lossy(text));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_code_enhanced_code_and_text() {
        let read = |line: &'static str| ReplyLine::parse(line.as_bytes());
        let made = |code, enhanced, text: &'static str, is_last| {
            Some(ReplyLine { code, enhanced, text: text.as_bytes(), is_last })
        };
        assert_eq!(read("250-SIZE 37748736"), made(250, None, "SIZE 37748736", false));
        assert_eq!(read("250 2.1.0 Sender OK"), made(250, Some(Enhanced(2, 1, 0)), "Sender OK", true));
        assert_eq!(read("535 5.7.139"), made(535, Some(Enhanced(5, 7, 139)), "", true));
        assert_eq!(read("220"), made(220, None, "", true));
        // The address of a host, and a class that contradicts the code, are no enhanced code.
        assert_eq!(read("220 10.0.0.1 ready"), made(220, None, "10.0.0.1 ready", true));
        assert_eq!(read("250 4.1.0 odd"), made(250, None, "4.1.0 odd", true));
        assert_eq!(read("250 2.1 odd"), made(250, None, "2.1 odd", true));
        for no in ["", "25", "2500", "250\tok", "150 ok", "600 no", "abc def", "* OK IMAP"] {
            assert_eq!(read(no), None, "{no}");
        }
    }
}

//! Heads of messages: start line and fields (RFC 9112, 2 to 5).

use std::borrow::Cow;
use std::mem::MaybeUninit;

use httparse::ParserConfig;

/// Fields of a usual head, and of the longest that is read.
const FEW: usize = 64;
const MANY: usize = 256;

/// The head of a request.
pub(super) struct RawRequest<'h> {
    pub(super) method: &'h str,
    pub(super) target: &'h str,
    /// Minor version.
    pub(super) version: u8,
    pub(super) fields: Fields<'h>,
    /// Whether it keeps to the grammar. Folded lines do (RFC 9112, 5.2).
    pub(super) is_sound: bool,
}

/// The head of a reply.
pub(super) struct RawReply<'h> {
    pub(super) status: u16,
    pub(super) fields: Fields<'h>,
    /// Whether it keeps to the grammar.
    pub(super) is_sound: bool,
}

/// The fields of a head in their order.
#[derive(Clone, Copy)]
pub(super) struct Fields<'h>(&'h [httparse::Header<'h>]);

/// What the fields say about the end of the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Announced {
    Nothing,
    Length(u64),
    Chunked,
    /// A transfer coding that does not delimit the body.
    Unknown,
    /// Lengths that contradict each other, or are none.
    Conflict,
}

/// The length of the head that `bytes` begin with, empty line included, if its end is there. The search begins at
/// `from`; up to there no end was found before.
pub(super) fn length(bytes: &[u8], from: usize) -> Option<usize> {
    // The empty line may have begun before.
    let from = from.saturating_sub(2);
    let rest = bytes.get(from..)?;
    memchr::memchr_iter(b'\n', rest).find_map(|feed| {
        let line = from + feed + 1;
        match bytes.get(line..)? {
            [b'\n', ..] => Some(line + 1),
            [b'\r', b'\n', ..] => Some(line + 2),
            _ => None,
        }
    })
}

/// Parses the head of a request and shows it to `read`; `None` when not even the request line can be read.
pub(super) fn request<T>(head: &[u8], read: impl FnOnce(RawRequest<'_>) -> T) -> Option<T> {
    let strict = ParserConfig::default();
    let mut room = [const { MaybeUninit::uninit() }; FEW];
    if let Some(head) = parse_request(head, &strict, &mut room) {
        return Some(read(head));
    }
    let unfolded = unfold(head);
    let mut room = [const { MaybeUninit::uninit() }; MANY];
    if let Some(head) = parse_request(&unfolded, &strict, &mut room) {
        return Some(read(head));
    }
    let mut lenient = ParserConfig::default();
    lenient.ignore_invalid_headers_in_requests(true);
    let mut room = [const { MaybeUninit::uninit() }; MANY];
    let repaired = repair_request_line(&unfolded);
    let mut head = parse_request(&repaired, &lenient, &mut room)?;
    head.is_sound = false;
    Some(read(head))
}

/// Parses the head of a reply and shows it to `read`; `None` when not even the status line can be read.
pub(super) fn reply<T>(head: &[u8], read: impl FnOnce(RawReply<'_>) -> T) -> Option<T> {
    let mut strict = ParserConfig::default();
    strict
        .allow_obsolete_multiline_headers_in_responses(true)
        .allow_spaces_after_header_name_in_responses(true);
    let mut room = [const { MaybeUninit::uninit() }; FEW];
    if let Some(head) = parse_reply(head, &strict, &mut room) {
        return Some(read(head));
    }
    let mut room = [const { MaybeUninit::uninit() }; MANY];
    if let Some(head) = parse_reply(head, &strict, &mut room) {
        return Some(read(head));
    }
    let mut lenient = strict;
    lenient.ignore_invalid_headers_in_responses(true);
    let mut room = [const { MaybeUninit::uninit() }; MANY];
    let mut head = parse_reply(head, &lenient, &mut room)?;
    head.is_sound = false;
    Some(read(head))
}

/// A head that broke off, closed after its last whole line; a request line that broke off is closed as it stands.
pub(super) fn close(partial: &[u8]) -> Vec<u8> {
    if let Some(end) = memchr::memrchr(b'\n', partial) {
        let lines = partial.get(..end + 1).unwrap_or_default();
        return [lines, b"\r\n"].concat();
    }
    if partial.starts_with(b"HTTP/") {
        return [partial, b"\r\n\r\n"].concat();
    }
    let mut spaces = memchr::memchr_iter(b' ', partial);
    let target_end = spaces.nth(1).unwrap_or(partial.len());
    let known = partial.get(..target_end).unwrap_or_default();
    [known, b" HTTP/1.1\r\n\r\n"].concat()
}

impl<'h> Fields<'h> {
    /// Names and values in their order.
    pub(super) fn iter(self) -> impl Iterator<Item = (&'h str, &'h [u8])> {
        self.0.iter().map(|field| (field.name, field.value))
    }

    /// The value of the first field of that name.
    pub(super) fn value(self, name: &str) -> Option<&'h [u8]> {
        self.iter().find(|field| field.0.eq_ignore_ascii_case(name)).map(|field| field.1)
    }

    /// The same as text.
    pub(super) fn text(self, name: &str) -> Option<Box<str>> {
        self.value(name).map(|value| text(value).into())
    }

    /// What they say about the end of the body (RFC 9112, 6.3); the coding counts more than the length.
    pub(super) fn announced(self) -> Announced {
        let mut length = Announced::Nothing;
        let mut coding = None;
        for (name, value) in self.iter() {
            if name.eq_ignore_ascii_case("Transfer-Encoding") {
                coding = value.rsplit(|&byte| byte == b',').next();
            } else if name.eq_ignore_ascii_case("Content-Length") {
                for one in value.split(|&byte| byte == b',') {
                    let one = number(one.trim_ascii()).map_or(Announced::Conflict, Announced::Length);
                    length = match length {
                        Announced::Nothing => one,
                        same if same == one => same,
                        _ => Announced::Conflict,
                    };
                }
            }
        }
        match coding.map(<[u8]>::trim_ascii) {
            None => length,
            Some(coding) if coding.eq_ignore_ascii_case(b"chunked") => Announced::Chunked,
            Some(coding) if coding.eq_ignore_ascii_case(b"identity") => length,
            Some(_) => Announced::Unknown,
        }
    }
}

/// A value as text: invalid UTF-8 replaced, folded lines joined by a space.
pub(super) fn text(value: &[u8]) -> Cow<'_, str> {
    if memchr::memchr(b'\n', value).is_none() {
        // The lossy conversion goes from character to character even where nothing is lost.
        return std::str::from_utf8(value).map_or_else(|_| String::from_utf8_lossy(value), Cow::Borrowed);
    }
    let lines = value.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii);
    let lines: Vec<_> = lines.map(String::from_utf8_lossy).collect();
    lines.join(" ").into()
}

type Room<'r, 'h> = &'r mut [MaybeUninit<httparse::Header<'h>>];

fn parse_request<'r: 'h, 'h>(
    head: &'h [u8],
    config: &ParserConfig,
    room: Room<'r, 'h>,
) -> Option<RawRequest<'h>> {
    let mut parsed = httparse::Request::new(&mut []);
    let status = config.parse_request_with_uninit_headers(&mut parsed, head, room);
    if !status.ok()?.is_complete() {
        return None;
    }
    Some(RawRequest {
        method: parsed.method?,
        target: parsed.path?,
        version: parsed.version?,
        fields: Fields(parsed.headers),
        is_sound: true,
    })
}

fn parse_reply<'r: 'h, 'h>(
    head: &'h [u8],
    config: &ParserConfig,
    room: Room<'r, 'h>,
) -> Option<RawReply<'h>> {
    let mut parsed = httparse::Response::new(&mut []);
    let status = config.parse_response_with_uninit_headers(&mut parsed, head, room);
    if !status.ok()?.is_complete() {
        return None;
    }
    Some(RawReply { status: parsed.code?, fields: Fields(parsed.headers), is_sound: true })
}

/// A copy in which folded lines are joined by a space: httparse reads them in replies only.
fn unfold(head: &[u8]) -> Vec<u8> {
    let mut copy: Vec<u8> = Vec::with_capacity(head.len());
    for line in head.split_inclusive(|&byte| byte == b'\n') {
        if line.first().is_some_and(|byte| matches!(byte, b' ' | b'\t')) && !copy.is_empty() {
            copy.truncate(copy.trim_ascii_end().len());
            copy.push(b' ');
            copy.extend_from_slice(line.trim_ascii_start());
            // The fold may have been white space only.
            if line.trim_ascii().is_empty() {
                copy.extend_from_slice(b"\r\n");
            }
        } else {
            copy.extend_from_slice(line);
        }
    }
    copy
}

/// A copy whose target has no white space in it.
fn repair_request_line(head: &[u8]) -> Vec<u8> {
    let end = memchr::memchr(b'\n', head).unwrap_or(head.len());
    let (line, fields) = head.split_at(end);
    let line = line.trim_ascii();
    let mut words = line.split(|&byte| byte == b' ').filter(|word| !word.is_empty());
    let method = words.next().unwrap_or_default();
    let version = words.next_back().unwrap_or_default();
    let target = words.collect::<Vec<_>>().join(&b"%20"[..]);
    [method, b" ", &target, b" ", version, b"\r", fields].concat()
}

/// Digits only: no sign, no overflow.
fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn announced(fields: &str) -> Announced {
        let head = format!("POST / HTTP/1.1\r\n{fields}\r\n");
        request(head.as_bytes(), |head| head.fields.announced()).unwrap()
    }

    #[test]
    fn the_end_of_a_head_is_found_from_any_place() {
        for head in ["A\r\nB: c\r\n\r\n", "A\nB: c\n\n", "A\r\nB: c\r\n\n", "A\nB: c\n\r\n"] {
            let bytes = [head.as_bytes(), b"body\n\n"].concat();
            for from in 0..head.len() {
                assert_eq!(length(&bytes, from), Some(head.len()), "{head:?} {from}");
            }
            for end in 0..head.len() {
                assert_eq!(length(&bytes[..end], 0), None, "{head:?} {end}");
            }
        }
    }

    #[test]
    fn lengths_agree_or_conflict() {
        assert_eq!(announced(""), Announced::Nothing);
        assert_eq!(announced("Content-Length: 5\r\n"), Announced::Length(5));
        assert_eq!(announced("Content-Length: 5, 5\r\ncontent-length:5\r\n"), Announced::Length(5));
        for bad in ["5\r\nContent-Length: 6", "-1", "+1", "5 6", "0x5", "18446744073709551616", ""] {
            assert_eq!(announced(&format!("Content-Length: {bad}\r\n")), Announced::Conflict, "{bad}");
        }
        assert_eq!(
            announced("Content-Length: 5\r\nTransfer-Encoding: gzip, Chunked\r\n"),
            Announced::Chunked
        );
        assert_eq!(announced("Transfer-Encoding: gzip\r\n"), Announced::Unknown);
        assert_eq!(announced("Transfer-Encoding: identity\r\n"), Announced::Nothing);
    }

    #[test]
    fn folded_fields_are_sound() {
        let head = b"POST / HTTP/1.1\r\nX: a\r\n\t b\r\nHost: c\r\n\r\n";
        let read = |head: RawRequest| (head.is_sound, head.fields.text("x"), head.fields.text("host"));
        assert_eq!(request(head, read), Some((true, Some("a b".into()), Some("c".into()))));
        let head = b"HTTP/1.1 200 OK\r\nX: a\r\n\t b\r\n\r\n";
        let read = |head: RawReply| (head.is_sound, head.fields.text("x"));
        assert_eq!(reply(head, read), Some((true, Some("a b".into()))));
    }

    #[test]
    fn many_fields_are_read_and_too_many_refused() {
        for (count, reads) in [(64, true), (65, true), (256, true), (257, false)] {
            let head = format!("POST / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(count));
            assert_eq!(request(head.as_bytes(), |head| head.fields.iter().count()), reads.then_some(count));
            let head = format!("HTTP/1.1 200 OK\r\n{}\r\n", "a: b\r\n".repeat(count));
            assert_eq!(reply(head.as_bytes(), |head| head.fields.iter().count()), reads.then_some(count));
        }
    }

    #[test]
    fn what_breaks_the_grammar_is_read_but_not_sound() {
        let head = b"POST /a b HTTP/1.1\r\nbad name: x\r\nHost: c\r\n\r\n";
        let read = |head: RawRequest| (head.is_sound, head.target.to_owned(), head.fields.text("host"));
        assert_eq!(request(head, read), Some((false, "/a%20b".to_owned(), Some("c".into()))));
        assert!(request(b"\r\n\r\n", |_| ()).is_none());
    }

    #[test]
    fn a_head_that_broke_off_keeps_its_whole_lines() {
        let partial = b"POST /a HTTP/1.1\r\nHost: c\r\nUser-Ag";
        let read = |head: RawRequest| (head.target.to_owned(), head.fields.iter().count());
        assert_eq!(request(&close(partial), read), Some(("/a".to_owned(), 1)));
        assert_eq!(request(&close(b"POST /a HT"), read), Some(("/a".to_owned(), 0)));
        assert_eq!(request(&close(b"POST /a"), read), Some(("/a".to_owned(), 0)));
        assert_eq!(reply(&close(b"HTTP/1.1 200 O"), |head| head.status), Some(200));
    }
}

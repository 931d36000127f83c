//! The pieces of a document, one at a time (XML 1.0, 2 and 3).

use std::borrow::Cow;

use memchr::{memchr, memchr2, memchr3, memmem};

/// A piece of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token<'d> {
    /// A start tag, or the tag of an empty element.
    Open(Tag<'d>),
    /// The name in an end tag.
    Close(&'d str),
    /// Text up to the next markup or reference, or a CDATA section.
    Text(&'d str),
    /// The name between `&` and `;`.
    Reference(&'d str),
    /// A comment, processing instruction or document type.
    Other,
    /// The end of the document.
    End,
}

/// A start tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tag<'d> {
    /// As written, prefix included.
    pub(super) name: &'d str,
    /// The part of `name` before the first colon.
    pub(super) prefix: &'d str,
    /// The part after it.
    pub(super) local: &'d str,
    /// As written.
    pub(super) attributes: &'d str,
    /// Whether the element ends with it.
    pub(super) is_empty: bool,
}

/// The piece that `document` begins with, and what follows it; `None` when it breaks off or is none.
pub(super) fn token(document: &str) -> Option<(Token<'_>, &str)> {
    let bytes = document.as_bytes();
    match bytes {
        [] => Some((Token::End, "")),
        [b'<', b'/', ..] => {
            let (name, rest) = split(document, 2, memchr(b'>', bytes)?, 1)?;
            Some((Token::Close(trim_end(name)), rest))
        }
        [b'<', b'?', ..] => Some((Token::Other, after(document, "<?", "?>")?.1)),
        [b'<', b'!', ..] => bang(document),
        [b'<', ..] => {
            let (tag, rest) = Tag::read(document.get(1..)?)?;
            Some((Token::Open(tag), rest))
        }
        [b'&', ..] => {
            let end = memchr3(b';', b'&', b'<', bytes.get(1..)?)? + 1;
            let (name, rest) = split(document, 1, end, 1)?;
            (bytes.get(end) == Some(&b';')).then_some((Token::Reference(name), rest))
        }
        _ => {
            let end = memchr2(b'<', b'&', bytes).unwrap_or(bytes.len());
            let (text, rest) = document.split_at_checked(end)?;
            Some((Token::Text(text), rest))
        }
    }
}

/// What follows the end tag of `name`, where `document` begins with it as nearly all are written.
pub(super) fn closed<'d>(document: &'d str, name: &str) -> Option<&'d str> {
    document.strip_prefix("</")?.strip_prefix(name)?.strip_prefix('>')
}

/// The text that a reference stands for: a character, or one of the predefined entities (XML 1.0, 4.1 and 4.6).
pub(super) fn resolve(name: &str) -> Option<Cow<'static, str>> {
    let Some(number) = name.strip_prefix('#') else {
        return Some(Cow::Borrowed(match name {
            "lt" => "<",
            "gt" => ">",
            "amp" => "&",
            "apos" => "'",
            "quot" => "\"",
            _ => return None,
        }));
    };
    let (digits, radix) = number.strip_prefix('x').map_or((number, 10), |digits| (digits, 16));
    if !digits.chars().all(|digit| digit.is_digit(radix)) {
        return None;
    }
    let char = char::from_u32(u32::from_str_radix(digits, radix).ok()?)?;
    (char != '\0').then(|| Cow::Owned(char.to_string()))
}

impl<'d> Tag<'d> {
    /// The tag whose `<` stands before `document`, and what follows it.
    fn read(document: &'d str) -> Option<(Self, &'d str)> {
        let bytes = document.as_bytes();
        let mut colon = None;
        // Names are short: going from byte to byte, once, is quicker than any search.
        let mut name_end = bytes.iter().enumerate().find_map(|(at, byte)| match byte {
            b':' => {
                colon.get_or_insert(at);
                None
            }
            b'>' | b' ' | b'\t' | b'\r' | b'\n' | b'"' | b'\'' => Some(at),
            _ => None,
        })?;
        // No name holds a quote (XML 1.0, 2.3).
        if matches!(bytes.get(name_end)?, b'"' | b'\'') {
            return None;
        }
        let end = tag_end(bytes, name_end)?;
        let is_empty = bytes.get(..end)?.ends_with(b"/");
        let content_end = end - usize::from(is_empty);
        name_end = name_end.min(content_end);
        let name = document.get(..name_end)?;
        let (prefix, local) = match colon {
            Some(colon) => (name.get(..colon)?, name.get(colon + 1..)?),
            None => ("", name),
        };
        let attributes = document.get(name_end..content_end)?;
        Some((Tag { name, prefix, local, attributes, is_empty }, document.get(end + 1..)?))
    }

    /// Names and values as written, up to the first that is not well-formed.
    pub(super) fn attributes(&self) -> impl Iterator<Item = (&'d str, &'d str)> {
        let mut rest = self.attributes;
        std::iter::from_fn(move || {
            let (name, after) = split(rest, 0, memchr(b'=', rest.as_bytes())?, 1)?;
            let (name, after) = (trim_end(trim_start(name)), trim_start(after));
            let quote = *after.as_bytes().first().filter(|quote| matches!(quote, b'"' | b'\''))?;
            let end = memchr(quote, after.as_bytes().get(1..)?)? + 1;
            let (value, after) = split(after, 1, end, 1)?;
            rest = after;
            (!name.bytes().any(is_space)).then_some((name, value))
        })
    }
}

/// What begins with `<!`.
fn bang(document: &str) -> Option<(Token<'_>, &str)> {
    if document.starts_with("<!--") {
        return Some((Token::Other, after(document, "<!--", "-->")?.1));
    }
    if document.starts_with("<![CDATA[") {
        let (text, rest) = after(document, "<![CDATA[", "]]>")?;
        return Some((Token::Text(text), rest));
    }
    document.get(..9).filter(|start| start.eq_ignore_ascii_case("<!DOCTYPE"))?;
    Some((Token::Other, document.get(declaration_end(document.as_bytes())? + 1..)?))
}

/// Position of the `>` that ends a tag, from `at` on: it may also stand in quotes.
fn tag_end(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match bytes.get(at)? {
            b'>' => return Some(at),
            quote @ (b'"' | b'\'') => at += 1 + memchr(*quote, bytes.get(at + 1..)?)? + 1,
            _ => at += memchr3(b'>', b'"', b'\'', bytes.get(at..)?)?,
        }
    }
}

/// Position of the `>` that ends a declaration, which may hold others.
fn declaration_end(bytes: &[u8]) -> Option<usize> {
    let mut depth = 0_usize;
    let mut at = 0;
    loop {
        let byte = bytes.get(at)?;
        match byte {
            b'"' | b'\'' => at += 1 + memchr(*byte, bytes.get(at + 1..)?)?,
            b'<' => depth += 1,
            b'>' if depth == 1 => return Some(at),
            b'>' => depth = depth.checked_sub(1)?,
            _ => {}
        }
        at += 1;
    }
}

/// What stands between `start`, with which the document begins, and the first `end` after it; and what follows.
fn after<'d>(document: &'d str, start: &str, end: &str) -> Option<(&'d str, &'d str)> {
    let content = document.get(start.len()..)?;
    let length = memmem::find(content.as_bytes(), end.as_bytes())?;
    split(content, 0, length, end.len())
}

/// `from..to`, and what follows `to` and `skipped` more bytes.
fn split(document: &str, from: usize, to: usize, skipped: usize) -> Option<(&str, &str)> {
    Some((document.get(from..to)?, document.get(to + skipped..)?))
}

fn trim_start(text: &str) -> &str {
    let spaces = text.bytes().take_while(|byte| is_space(*byte)).count();
    text.get(spaces..).unwrap_or_default()
}

fn trim_end(text: &str) -> &str {
    let spaces = text.bytes().rev().take_while(|byte| is_space(*byte)).count();
    text.get(..text.len() - spaces).unwrap_or_default()
}

/// XML 1.0, 2.3.
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

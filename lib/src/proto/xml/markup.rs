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
            Some((Token::Close(name.trim_end_matches(is_space)), rest))
        }
        [b'<', b'?', ..] => Some((Token::Other, after(document, "<?", "?>")?.1)),
        [b'<', b'!', ..] => bang(document),
        [b'<', ..] => {
            let (content, rest) = split(document, 1, tag_end(bytes)?, 1)?;
            Some((Token::Open(Tag::new(content)), rest))
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
    /// From what stands between `<` and `>`.
    fn new(content: &'d str) -> Self {
        let (content, is_empty) =
            content.strip_suffix('/').map_or((content, false), |content| (content, true));
        let (name, attributes) = content.split_at(content.find(is_space).unwrap_or(content.len()));
        Tag { name, attributes, is_empty }
    }

    /// The prefix, which may be empty, and the local name.
    pub(super) fn split_name(&self) -> (&'d str, &'d str) {
        self.name.split_once(':').unwrap_or(("", self.name))
    }

    /// Names and values as written, up to the first that is not well-formed.
    pub(super) fn attributes(&self) -> impl Iterator<Item = (&'d str, &'d str)> {
        let mut rest = self.attributes;
        std::iter::from_fn(move || {
            let (name, after) = rest.trim_start_matches(is_space).split_once('=')?;
            let after = after.trim_start_matches(is_space);
            let quote = after.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
            let (value, after) = after.strip_prefix(quote)?.split_once(quote)?;
            rest = after;
            let name = name.trim_end_matches(is_space);
            (!name.contains(is_space)).then_some((name, value))
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

/// Position of the `>` that ends a tag: it may also stand in quotes.
fn tag_end(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        at += memchr3(b'>', b'"', b'\'', bytes.get(at..)?)?;
        match bytes.get(at)? {
            b'>' => return Some(at),
            quote => at += 1 + memchr(*quote, bytes.get(at + 1..)?)? + 1,
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

fn is_space(char: char) -> bool {
    matches!(char, ' ' | '\t' | '\r' | '\n')
}

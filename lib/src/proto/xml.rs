//! Pull parsing of XML bodies: bytes of any encoding in, elements with their namespace out.
//!
//! quick-xml does the reading. No DTD is read and no entity but the predefined ones is expanded, so a document costs no
//! more than its length. Namespaces are resolved here, because quick-xml's own reader copies every name that it
//! resolves: a notification took seven times as many instructions with that.

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::sync::LazyLock;

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};
use memchr::memmem::Finder;
use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::attributes::Attributes;
use quick_xml::events::{BytesRef, BytesStart, Event};

/// Deepest nesting that is followed; Exchange stays below 12.
const DEPTH: usize = 64;
/// Most namespaces that are bound at a time; Exchange binds up to 8.
const BINDINGS: usize = 256;

/// What attributes that declare a namespace have in their names.
static DECLARES: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new("xmlns"));

/// The document is no well-formed XML, breaks off, or nests too deep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NotXml;

/// A cursor in a document. Its namespaces are told apart by `N`.
pub(super) struct Xml<'d, N> {
    document: &'d str,
    reader: Reader<&'d [u8]>,
    depth: usize,
    bindings: Vec<Binding<'d, N>>,
    namespace: fn(&str) -> N,
    /// The last element was an empty one, and its end is still to come.
    is_empty: bool,
}

/// A namespace that is bound to a prefix (Namespaces in XML 1.0, 3).
struct Binding<'d, N> {
    /// Of the element that declares it.
    depth: usize,
    /// Empty for the default namespace.
    prefix: &'d str,
    namespace: N,
}

/// What the cursor came to.
pub(super) enum Node<'d, N> {
    /// An element begins; an empty one ends at once.
    Open(Element<'d, N>),
    /// The element around the cursor ends.
    Close,
    /// Text, with references and CDATA resolved.
    Text(Cow<'d, str>),
    /// The document ends.
    End,
}

/// The start tag of an element.
pub(super) struct Element<'d, N> {
    /// Its namespace; that of no name where it has none.
    pub(super) namespace: N,
    local_name: &'d str,
    attributes: &'d str,
}

impl<'d, N> Element<'d, N> {
    pub(super) fn local_name(&self) -> &'d str {
        self.local_name
    }

    /// The attribute of that name, as written (references are not resolved).
    pub(super) fn attribute(&self, name: &str) -> Option<&'d str> {
        attributes(self.attributes).find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    /// All attributes, as written.
    pub(super) fn attributes(&self) -> &'d str {
        self.attributes
    }
}

impl<'d, N: Copy> Xml<'d, N> {
    /// A cursor at the beginning of `document`; `namespace` names a namespace by its URI, which is empty for none.
    pub(super) fn new(document: &'d str, namespace: fn(&str) -> N) -> Self {
        let document = document.trim_start();
        let reader = Reader::from_str(document);
        Xml { document, reader, depth: 0, bindings: Vec::new(), namespace, is_empty: false }
    }

    /// Elements around the cursor.
    pub(super) fn depth(&self) -> usize {
        self.depth
    }

    /// Goes on to the next node. Comments, processing instructions and a DTD are passed over.
    pub(super) fn next(&mut self) -> Result<Node<'d, N>, NotXml> {
        if std::mem::take(&mut self.is_empty) {
            self.close();
            return Ok(Node::Close);
        }
        loop {
            return Ok(match self.reader.read_event().map_err(|_| NotXml)? {
                Event::Start(tag) => Node::Open(self.open(&tag)?),
                Event::Empty(tag) => {
                    self.is_empty = true;
                    Node::Open(self.open(&tag)?)
                }
                Event::End(_) => {
                    self.close();
                    Node::Close
                }
                Event::Text(text) => Node::Text(text.into_inner()),
                Event::CData(text) => Node::Text(text.into_inner()),
                Event::GeneralRef(name) => Node::Text(resolve(&name).ok_or(NotXml)?),
                Event::Eof if self.depth == 0 => Node::End,
                Event::Eof => return Err(NotXml),
                Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => continue,
            });
        }
    }

    /// Goes on to the next child of the element around the cursor, or past its end (`None`).
    pub(super) fn child(&mut self) -> Result<Option<Element<'d, N>>, NotXml> {
        loop {
            match self.next()? {
                Node::Open(element) => return Ok(Some(element)),
                Node::Close | Node::End => return Ok(None),
                Node::Text(_) => {}
            }
        }
    }

    /// Goes past the end of the element around the cursor.
    pub(super) fn skip(&mut self) -> Result<(), NotXml> {
        let outside = self.depth.saturating_sub(1);
        while self.depth > outside {
            self.next()?;
        }
        Ok(())
    }

    /// The text of the element around the cursor without the white space around it; goes past its end.
    pub(super) fn text(&mut self) -> Result<Cow<'d, str>, NotXml> {
        let outside = self.depth.saturating_sub(1);
        let mut text = Cow::Borrowed("");
        while self.depth > outside {
            match self.next()? {
                Node::Text(more) if text.is_empty() => text = more,
                Node::Text(more) => text.to_mut().push_str(&more),
                Node::Open(_) | Node::Close | Node::End => {}
            }
        }
        Ok(match text {
            Cow::Borrowed(text) => Cow::Borrowed(text.trim()),
            Cow::Owned(text) => Cow::Owned(text.trim().to_owned()),
        })
    }

    fn open(&mut self, tag: &BytesStart<'d>) -> Result<Element<'d, N>, NotXml> {
        if self.depth == DEPTH {
            return Err(NotXml);
        }
        self.depth += 1;
        let written = within(self.document, tag).ok_or(NotXml)?;
        let (name, attributes) = written.split_at_checked(tag.name().0.len()).ok_or(NotXml)?;
        let (prefix, local_name) = match memchr::memchr(b':', name.as_bytes()) {
            Some(colon) => (&name[..colon], &name[colon + 1..]),
            None => ("", name),
        };
        // Few declare any: to read all attributes took an eighth of the time of notifications with events.
        if DECLARES.find(attributes.as_bytes()).is_some() {
            self.bind(attributes)?;
        }
        let bound = self.bindings.iter().rev().find(|binding| binding.prefix == prefix);
        let namespace = bound.map_or_else(|| (self.namespace)(""), |binding| binding.namespace);
        Ok(Element { namespace, local_name, attributes })
    }

    fn close(&mut self) {
        while self.bindings.pop_if(|binding| binding.depth == self.depth).is_some() {}
        self.depth = self.depth.saturating_sub(1);
    }

    /// Takes up the namespaces that the innermost element declares.
    fn bind(&mut self, written: &'d str) -> Result<(), NotXml> {
        for (name, value) in attributes(written) {
            let Some(prefix) = name.strip_prefix("xmlns:").or((name == "xmlns").then_some("")) else {
                continue;
            };
            if self.bindings.len() == BINDINGS {
                return Err(NotXml);
            }
            self.bindings.push(Binding { depth: self.depth, prefix, namespace: (self.namespace)(value) });
        }
        Ok(())
    }
}

/// Names and values as written, up to the first that is not well-formed.
fn attributes(written: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut attributes = Attributes::new(written, 0);
    attributes.with_checks(false);
    attributes.map_while(|attribute| {
        let attribute = attribute.ok()?;
        match attribute.value {
            Cow::Borrowed(value) => Some((attribute.key.0, value)),
            Cow::Owned(_) => None,
        }
    })
}

/// A part of a document for as long as the document lives.
fn within<'d>(document: &'d str, part: &str) -> Option<&'d str> {
    let at = (part.as_ptr() as usize).checked_sub(document.as_ptr() as usize)?;
    document.get(at..at.checked_add(part.len())?)
}

/// The text that a reference stands for: a character, or one of the predefined entities (XML 1.0, 4.1 and 4.6).
fn resolve(name: &BytesRef<'_>) -> Option<Cow<'static, str>> {
    match name.resolve_char_ref().ok()? {
        Some(char) => Some(Cow::Owned(char.to_string())),
        None => resolve_predefined_entity(name).map(Cow::Borrowed),
    }
}

/// The text of a document. The byte order mark or the first bytes decide on its encoding, then the declaration
/// (XML 1.0, F). Where the document is known not to be `whole`, a character that is cut off is no error.
pub(super) fn decode(bytes: &[u8], whole: bool) -> Result<Cow<'_, str>, NotXml> {
    let (encoding, bytes) = match bytes {
        [0xef, 0xbb, 0xbf, rest @ ..] => (UTF_8, rest),
        [0xff, 0xfe, rest @ ..] => (UTF_16LE, rest),
        [0xfe, 0xff, rest @ ..] => (UTF_16BE, rest),
        [b'<' | b' ' | b'\t' | b'\r' | b'\n', 0, ..] => (UTF_16LE, bytes),
        [0, b'<' | b' ' | b'\t' | b'\r' | b'\n', ..] => (UTF_16BE, bytes),
        _ => (UTF_8, bytes),
    };
    if encoding != UTF_8 {
        return transcode(encoding, bytes, whole);
    }
    let error = match std::str::from_utf8(bytes) {
        Ok(text) => return Ok(Cow::Borrowed(text)),
        Err(error) => error,
    };
    if let Some(declared) =
        declared(bytes).filter(|&declared| declared.is_ascii_compatible() && declared != UTF_8)
    {
        return transcode(declared, bytes, whole);
    }
    let valid = bytes.get(..error.valid_up_to()).unwrap_or_default();
    match std::str::from_utf8(valid) {
        Ok(text) if !whole && error.error_len().is_none() => Ok(Cow::Borrowed(text)),
        _ => Err(NotXml),
    }
}

fn transcode<'b>(encoding: &'static Encoding, bytes: &'b [u8], whole: bool) -> Result<Cow<'b, str>, NotXml> {
    let (text, had_errors) = encoding.decode_without_bom_handling(bytes);
    if had_errors && whole {
        return Err(NotXml);
    }
    Ok(text)
}

/// The encoding that the XML declaration names.
fn declared(bytes: &[u8]) -> Option<&'static Encoding> {
    let start = bytes.get(..128).unwrap_or(bytes);
    let declaration = start.get(..memchr::memchr(b'>', start)?)?;
    let after = memchr::memmem::find(declaration, b"encoding")? + b"encoding".len();
    let mut quoted = declaration.get(after..)?.split(|&byte| byte == b'"' || byte == b'\'');
    Encoding::for_label(quoted.nth(1)?)
}

//! Pull parsing of XML bodies: bytes of any encoding in, elements with their namespace out.
//!
//! No DTD is read and no entity but the predefined ones is expanded, so a document costs no more than its length.

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};
use quick_xml::events::{BytesStart, Event};
use quick_xml::name::{Namespace, ResolveResult};
use quick_xml::reader::NsReader;

/// Deepest nesting that is followed; Exchange stays below 12.
const DEPTH: usize = 64;

/// The document is no well-formed XML, breaks off, or nests too deep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NotXml;

/// A cursor in a document. Its namespaces are told apart by `N`.
pub(super) struct Xml<'d, N> {
    reader: NsReader<&'d [u8]>,
    depth: usize,
    namespace: fn(&str) -> N,
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
    tag: BytesStart<'d>,
}

impl<N> Element<'_, N> {
    pub(super) fn local_name(&self) -> &str {
        self.tag.local_name().into_inner()
    }

    /// The attribute of that name, as written (references are not resolved).
    pub(super) fn attribute(&self, name: &str) -> Option<Cow<'_, str>> {
        let attribute = self.tag.try_get_attribute(name).ok()?;
        attribute.map(|attribute| attribute.value)
    }

    /// All attributes, as written.
    pub(super) fn attributes(&self) -> &str {
        self.tag.attributes_raw()
    }
}

impl<'d, N> Xml<'d, N> {
    /// A cursor at the beginning of `document`; `namespace` names a namespace by its URI, which is empty for none.
    pub(super) fn new(document: &'d str, namespace: fn(&str) -> N) -> Self {
        let mut reader = NsReader::from_str(document.trim_start());
        reader.config_mut().expand_empty_elements = true;
        Xml { reader, depth: 0, namespace }
    }

    /// Elements around the cursor.
    pub(super) fn depth(&self) -> usize {
        self.depth
    }

    /// Goes on to the next node. Comments, processing instructions and a DTD are passed over.
    pub(super) fn next(&mut self) -> Result<Node<'d, N>, NotXml> {
        loop {
            return Ok(match self.reader.read_event().map_err(|_| NotXml)? {
                Event::Start(tag) => {
                    self.depth += 1;
                    if self.depth > DEPTH {
                        return Err(NotXml);
                    }
                    let namespace = match self.reader.resolver().resolve_element(tag.name()).0 {
                        ResolveResult::Bound(Namespace(uri)) => (self.namespace)(uri),
                        _ => (self.namespace)(""),
                    };
                    Node::Open(Element { namespace, tag })
                }
                Event::End(_) => {
                    self.depth = self.depth.saturating_sub(1);
                    Node::Close
                }
                Event::Text(text) => Node::Text(text.into_inner()),
                Event::CData(text) => Node::Text(text.into_inner()),
                Event::GeneralRef(name) => match (name.resolve_char_ref(), predefined(&name)) {
                    (Ok(Some(char)), _) => Node::Text(char.to_string().into()),
                    (_, Some(text)) => Node::Text(text.into()),
                    _ => return Err(NotXml),
                },
                Event::Eof if self.depth > 0 => return Err(NotXml),
                Event::Eof => Node::End,
                Event::Empty(_) | Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => {
                    continue;
                }
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
}

/// XML 1.0, 4.6.
fn predefined(name: &str) -> Option<&'static str> {
    Some(match name {
        "lt" => "<",
        "gt" => ">",
        "amp" => "&",
        "apos" => "'",
        "quot" => "\"",
        _ => return None,
    })
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

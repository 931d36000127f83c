//! Pull parsing of XML bodies: bytes of any encoding in, elements with their namespace out.
//!
//! No DTD is read and no entity but the predefined ones is expanded, so a document costs no more than its length.
//! The cursor borrows everything from the document. quick-xml, against which it is tested, keeps copies of names and
//! reads the attributes of every element: a notification took seven times as many instructions with it.

mod markup;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};

use markup::{Tag, Token};

/// Deepest nesting that is followed; Exchange stays below 12.
const DEPTH: usize = 64;
/// Most namespaces that are bound at a time; Exchange binds up to 8.
const BINDINGS: usize = 256;

/// The document is no well-formed XML, breaks off, or nests too deep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NotXml;

/// A cursor in a document. Its namespaces are told apart by `N`.
pub(super) struct Xml<'d, N> {
    rest: &'d str,
    /// The names of the elements around the cursor.
    open: Vec<&'d str>,
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
    tag: Tag<'d>,
}

impl<'d, N> Element<'d, N> {
    pub(super) fn local_name(&self) -> &'d str {
        self.tag.local
    }

    /// The attribute of that name, as written (references are not resolved).
    pub(super) fn attribute(&self, name: &str) -> Option<&'d str> {
        self.tag.attributes().find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    /// All attributes, as written.
    pub(super) fn attributes(&self) -> &'d str {
        self.tag.attributes
    }
}

impl<'d, N: Copy> Xml<'d, N> {
    /// A cursor at the beginning of `document`; `namespace` names a namespace by its URI, which is empty for none.
    pub(super) fn new(document: &'d str, namespace: fn(&str) -> N) -> Self {
        Xml {
            rest: document.trim_start(),
            open: Vec::with_capacity(16),
            bindings: Vec::new(),
            namespace,
            is_empty: false,
        }
    }

    /// Elements around the cursor.
    pub(super) fn depth(&self) -> usize {
        self.open.len()
    }

    /// Goes on to the next node. Comments, processing instructions and a DTD are passed over.
    pub(super) fn next(&mut self) -> Result<Node<'d, N>, NotXml> {
        if std::mem::take(&mut self.is_empty) {
            self.close();
            return Ok(Node::Close);
        }
        if let Some(rest) = self.open.last().and_then(|name| markup::closed(self.rest, name)) {
            self.rest = rest;
            self.close();
            return Ok(Node::Close);
        }
        loop {
            let (token, rest) = markup::token(self.rest).ok_or(NotXml)?;
            self.rest = rest;
            return Ok(match token {
                Token::Open(tag) => Node::Open(self.open(tag)?),
                Token::Close(name) if self.open.last() == Some(&name) => {
                    self.close();
                    Node::Close
                }
                Token::Text(text) => Node::Text(text.into()),
                Token::Reference(name) => Node::Text(markup::resolve(name).ok_or(NotXml)?),
                Token::End if self.open.is_empty() => Node::End,
                Token::Close(_) | Token::End => return Err(NotXml),
                Token::Other => continue,
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
        let outside = self.depth().saturating_sub(1);
        while self.depth() > outside {
            self.next()?;
        }
        Ok(())
    }

    /// The text of the element around the cursor without the white space around it; goes past its end.
    pub(super) fn text(&mut self) -> Result<Cow<'d, str>, NotXml> {
        let outside = self.depth().saturating_sub(1);
        let mut text = Cow::Borrowed("");
        while self.depth() > outside {
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

    fn open(&mut self, tag: Tag<'d>) -> Result<Element<'d, N>, NotXml> {
        if self.open.len() == DEPTH {
            return Err(NotXml);
        }
        self.open.push(tag.name);
        self.is_empty = tag.is_empty;
        if !tag.attributes.is_empty() {
            self.bind(&tag)?;
        }
        let bound = self.bindings.iter().rev().find(|binding| binding.prefix == tag.prefix);
        let namespace = bound.map_or_else(|| (self.namespace)(""), |binding| binding.namespace);
        Ok(Element { namespace, tag })
    }

    fn close(&mut self) {
        let depth = self.open.len();
        while self.bindings.pop_if(|binding| binding.depth == depth).is_some() {}
        self.open.pop();
    }

    /// Takes up the namespaces that the innermost element declares.
    fn bind(&mut self, tag: &Tag<'d>) -> Result<(), NotXml> {
        let depth = self.open.len();
        for (name, value) in tag.attributes() {
            let Some(prefix) = name.strip_prefix("xmlns:").or((name == "xmlns").then_some("")) else {
                continue;
            };
            if self.bindings.len() == BINDINGS {
                return Err(NotXml);
            }
            self.bindings.push(Binding { depth, prefix, namespace: (self.namespace)(value) });
        }
        Ok(())
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

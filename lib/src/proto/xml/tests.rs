use proptest::prelude::*;
use quick_xml::events::Event;
use quick_xml::name::ResolveResult;
use quick_xml::reader::NsReader;

use super::*;

/// What both readers make of a document.
#[derive(Debug, PartialEq)]
enum Seen {
    Open { bound: bool, name: String },
    Close,
    Text(String),
}

const SPACE: &str = "urn:a";

fn ours(document: &str) -> Result<Vec<Seen>, NotXml> {
    let mut xml = Xml::new(document, |uri| uri == SPACE);
    let mut seen = Vec::new();
    loop {
        seen.push(match xml.next()? {
            Node::Open(element) => {
                Seen::Open { bound: element.namespace, name: element.local_name().to_owned() }
            }
            Node::Close => Seen::Close,
            Node::Text(text) => Seen::Text(text.into_owned()),
            Node::End => return Ok(seen),
        });
    }
}

/// The same with the reader of quick-xml that resolves namespaces.
fn twin(document: &str) -> Result<Vec<Seen>, NotXml> {
    let mut reader = NsReader::from_str(document.trim_start());
    reader.config_mut().expand_empty_elements = true;
    let (mut seen, mut depth) = (Vec::new(), 0);
    loop {
        match reader.read_event().map_err(|_| NotXml)? {
            Event::Start(tag) => {
                depth += 1;
                let space = reader.resolver().resolve_element(tag.name()).0;
                let bound = matches!(space, ResolveResult::Bound(space) if space.0 == SPACE);
                seen.push(Seen::Open { bound, name: tag.local_name().into_inner().to_owned() });
            }
            Event::End(_) => {
                depth -= 1;
                seen.push(Seen::Close);
            }
            Event::Text(text) => seen.push(Seen::Text(text.into_inner().into_owned())),
            Event::CData(text) => seen.push(Seen::Text(text.into_inner().into_owned())),
            Event::GeneralRef(name) => seen.push(Seen::Text(resolve(&name).ok_or(NotXml)?.into_owned())),
            Event::Eof => return if depth == 0 { Ok(seen) } else { Err(NotXml) },
            Event::Empty(_) | Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => {}
        }
    }
}

const PIECES: &[&str] = &[
    "<a>",
    "</a>",
    "<p:b>",
    "</p:b>",
    "<p:b xmlns:p='urn:a'>",
    "<a xmlns=\"urn:a\">",
    "<a xmlns='' c = '>'>",
    "<p:b xmlns:p=\"urn:b\" d='\"'/>",
    "</a >",
    "<e/>",
    "text",
    " ",
    "\u{e9}",
    "&lt;",
    "&#65;",
    "&#x42;",
    "&no;",
    "&#0;",
    "&",
    "<![CDATA[<x>&]]>",
    "<!-- <a> -- -->",
    "<?pi <a>?>",
    "<?xml version=\"1.0\"?>",
    "<!DOCTYPE a>",
    "<!DOCTYPE a [<!ENTITY b 'c>'>]>",
    "<",
    ">",
    "'",
];

/// Documents in which many things are in their place.
fn document() -> impl Strategy<Value = String> {
    let piece = || prop::sample::select(PIECES).prop_map(str::to_owned);
    let nested = piece().prop_recursive(5, 40, 6, move |inner| {
        let content = prop::collection::vec(inner, 0..6);
        let tags = prop::sample::select(&[
            ("<a>", "</a>"),
            ("<p:b xmlns:p='urn:a'>", "</p:b>"),
            ("<a xmlns='urn:a'>", "</a>"),
            ("<p:b>", "</p:b>"),
        ]);
        (tags, content).prop_map(|((open, close), content)| [open, &content.concat(), close].concat())
    });
    prop_oneof![4 => nested, 1 => prop::collection::vec(piece(), 0..12).prop_map(|pieces| pieces.concat())]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8_192))]
    #[test]
    fn namespaces_are_those_that_quick_xml_resolves(document in document()) {
        prop_assert_eq!(ours(&document), twin(&document));
    }
}

#[test]
fn attributes_are_read_as_written_up_to_the_first_that_is_none() {
    let mut xml = Xml::new("<a b='1' c = \"&lt;'\"  d e='2'/>", |_| ());
    let element = xml.child().unwrap().unwrap();
    assert_eq!(element.attribute("b"), Some("1"));
    assert_eq!(element.attribute("c"), Some("&lt;'"));
    assert_eq!(element.attribute("e"), None);
    assert_eq!(element.attributes(), " b='1' c = \"&lt;'\"  d e='2'");
}

#[test]
fn nesting_and_bindings_are_bounded() {
    let nested = |depth: usize| ["<a>".repeat(depth), "</a>".repeat(depth)].concat();
    assert!(ours(&nested(DEPTH)).is_ok());
    assert_eq!(ours(&nested(DEPTH + 1)), Err(NotXml));
    let bound = |count: usize| {
        let bindings: Vec<_> = (0..count).map(|number| format!("xmlns:p{number}='urn:a'")).collect();
        format!("<a {}/>", bindings.join(" "))
    };
    assert!(ours(&bound(BINDINGS)).is_ok());
    assert_eq!(ours(&bound(BINDINGS + 1)), Err(NotXml));
}

//! HTML being written. The one place where text becomes markup: names of elements and attributes are literals of
//! this program, everything else is escaped here, so a captured string can never become markup.

use std::cell::RefCell;
use std::rc::Rc;

use crate::output::clean;
use crate::output::redact::Redactor;

/// Attributes of an element: names and values.
pub(super) type Attributes<'a> = &'a [(&'static str, &'a str)];

/// Attributes in which captured text may stand.
const TEXTUAL: [&str; 6] = ["id", "href", "title", "aria-label", "aria-labelledby", "content"];

/// HTML that is written from top to bottom.
#[derive(Debug, Default)]
pub(super) struct Markup {
    text: String,
    /// Gives pseudonyms to names, where that is asked for.
    redactor: Option<Rc<RefCell<Redactor>>>,
}

impl Markup {
    /// An empty page.
    pub(super) fn new(redactor: Option<Redactor>) -> Self {
        Markup { text: String::new(), redactor: redactor.map(|redactor| Rc::new(RefCell::new(redactor))) }
    }

    /// An empty part of the same page.
    pub(super) fn part(&self) -> Self {
        Markup { text: String::new(), redactor: self.redactor.clone() }
    }

    /// An element with what `body` writes into it.
    pub(super) fn element(
        &mut self,
        name: &'static str,
        attributes: Attributes<'_>,
        body: impl FnOnce(&mut Self),
    ) {
        self.empty(name, attributes);
        body(self);
        self.text.push_str("</");
        self.text.push_str(name);
        self.text.push('>');
    }

    /// An element that has no end tag, or the start of one.
    pub(super) fn empty(&mut self, name: &'static str, attributes: Attributes<'_>) {
        self.text.push('<');
        self.text.push_str(name);
        for (name, value) in attributes {
            self.text.push(' ');
            self.text.push_str(name);
            self.text.push_str("=\"");
            match TEXTUAL.contains(name) {
                true => self.text(value),
                false => self.text.push_str(&clean::html(value)),
            }
            self.text.push('"');
        }
        self.text.push('>');
    }

    /// Text, escaped.
    pub(super) fn text(&mut self, text: &str) {
        match &self.redactor {
            Some(redactor) => {
                let redacted = redactor.borrow_mut().text(text);
                self.text.push_str(&clean::html(&redacted));
            }
            None => self.text.push_str(&clean::html(text)),
        }
    }

    /// An element that holds only text.
    pub(super) fn leaf(&mut self, name: &'static str, attributes: Attributes<'_>, text: &str) {
        self.element(name, attributes, |html| html.text(text));
    }

    /// Text of this program's own, in which code stands between backticks; captured text may stand in it.
    pub(super) fn prose(&mut self, text: &str) {
        for (index, part) in text.split('`').enumerate() {
            match index % 2 {
                1 => self.leaf("code", &[], part),
                _ => self.text(part),
            }
        }
    }

    /// A line break in the source, for those who read it.
    pub(super) fn line(&mut self) {
        self.text.push('\n');
    }

    /// Markup of this program's own: the style sheet and the script.
    pub(super) fn literal(&mut self, markup: &'static str) {
        self.text.push_str(markup);
    }

    /// What was written apart.
    pub(super) fn append(&mut self, part: &Markup) {
        self.text.push_str(&part.text);
    }

    /// Whether nothing was written.
    pub(super) fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// What was written.
    pub(super) fn into_text(self) -> String {
        self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_values_never_become_markup() {
        let mut html = Markup::default();
        let evil = "\"><script>alert('1')</script>&amp;\u{202e}\x1b";
        html.element("p", &[("title", evil)], |html| html.text(evil));
        let safe = "&quot;&gt;&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&amp;amp;\\u{202e}\\x1b";
        assert_eq!(html.into_text(), format!("<p title=\"{safe}\">{safe}</p>"));
    }

    #[test]
    fn code_in_prose_is_escaped_too() {
        let mut html = Markup::default();
        html.prose("run `a <b>` now");
        assert_eq!(html.into_text(), "run <code>a &lt;b&gt;</code> now");
    }
}

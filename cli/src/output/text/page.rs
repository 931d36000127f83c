//! A page of text: headings, paragraphs wrapped to its width, labels with hanging paragraphs.

use std::fmt::Write;

use textwrap::{Options, WordSplitter};

use super::style::{BOLD, DIM};

/// Lines of prose longer than this are hard to read, however wide the page is.
const PROSE: usize = 110;
/// Columns of the labels of [`Page::field`].
const LABEL: usize = 10;

/// A page that is filled from top to bottom.
#[derive(Debug)]
pub(crate) struct Page {
    text: String,
    width: usize,
}

impl Page {
    /// An empty page of `width` columns.
    pub(crate) fn new(width: usize) -> Self {
        Page { text: String::new(), width }
    }

    /// Columns of the page.
    pub(crate) fn width(&self) -> usize {
        self.width
    }

    /// A heading, set off from what stands above it.
    pub(crate) fn heading(&mut self, text: &str) {
        self.gap();
        self.line(&format!("{BOLD}{text}{BOLD:#}"));
    }

    /// An empty line, unless the page begins here.
    pub(crate) fn gap(&mut self) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
    }

    /// One line as it is, however long.
    pub(crate) fn line(&mut self, text: &str) {
        self.text.push_str(text.trim_end());
        self.text.push('\n');
    }

    /// A paragraph, indented.
    pub(crate) fn paragraph(&mut self, indent: usize, text: &str) {
        self.hanging(&" ".repeat(indent), indent, text);
    }

    /// A paragraph whose first line begins with `label`, and whose other lines are indented.
    pub(crate) fn hanging(&mut self, label: &str, indent: usize, text: &str) {
        let indent = " ".repeat(indent);
        let options = Options::new(self.width.min(PROSE))
            .initial_indent(label)
            .subsequent_indent(&indent)
            .word_splitter(WordSplitter::NoHyphenation);
        for line in textwrap::wrap(text, options) {
            self.line(&line);
        }
    }

    /// A labelled paragraph: `  label     text`.
    pub(crate) fn field(&mut self, label: &str, text: &str) {
        let mut start = String::new();
        let _ = write!(start, "  {DIM}{label:LABEL$}{DIM:#}");
        self.hanging(&start, LABEL + 2, text);
    }

    /// The text, with escape sequences for its styles.
    pub(crate) fn into_text(self) -> String {
        self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn styles_take_no_room() {
        let mut page = Page::new(40);
        page.field("remedy", "one two three four five six seven eight nine ten");
        let plain = anstream::adapter::strip_str(&page.into_text()).to_string();
        assert_eq!(plain, "  remedy    one two three four five six\n            seven eight nine ten\n");
    }
}

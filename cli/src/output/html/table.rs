//! A table. With script it can be sorted by any column, and filtered when it is long; without, it is a table.

use super::markup::Markup;
use crate::output::text::header::grouped;

/// Rows from which on filtering helps.
const LONG: usize = 20;
/// Rows from which on a table is folded: laying it out takes longer than a reader wants to wait for the page.
const FOLDED: usize = 500;

/// A column of a table.
#[derive(Clone, Copy, Debug)]
pub(super) struct Column {
    name: &'static str,
    numeric: bool,
}

impl Column {
    /// A column of text.
    pub(super) const fn text(name: &'static str) -> Self {
        Column { name, numeric: false }
    }

    /// A column of numbers.
    pub(super) const fn number(name: &'static str) -> Self {
        Column { name, numeric: true }
    }
}

/// A cell of a table.
#[derive(Clone, Debug, Default)]
pub(super) struct Cell {
    text: String,
    /// What it is sorted by, where that is not its text.
    key: Option<f64>,
    class: Option<&'static str>,
}

impl Cell {
    /// A cell without text.
    pub(super) fn empty() -> Self {
        Cell::default()
    }

    /// A cell with text.
    pub(super) fn text(text: impl Into<String>) -> Self {
        Cell { text: text.into(), ..Cell::default() }
    }

    /// A number and how it is written.
    pub(super) fn number(key: f64, text: impl Into<String>) -> Self {
        Cell { key: Some(key), ..Cell::text(text) }
    }

    /// A moment as it is written.
    pub(super) fn time(text: String) -> Self {
        Cell::text(text).class("t")
    }

    /// Sentences.
    pub(super) fn words(text: impl Into<String>) -> Self {
        Cell::text(text).class("words")
    }

    /// The same cell, in the look of a class.
    pub(super) fn class(self, class: &'static str) -> Self {
        Cell { class: Some(class), ..self }
    }

    fn write(&self, html: &mut Markup, column: Option<&Column>) {
        let key = self.key.map(|key| key.to_string()).filter(|key| *key != self.text);
        let mut attributes: Vec<(&'static str, &str)> = Vec::new();
        let class = match (column.is_some_and(|column| column.numeric), self.class) {
            (true, _) => Some("n"),
            (false, class) => class,
        };
        attributes.extend(class.map(|class| ("class", class)));
        attributes.extend(key.as_deref().map(|key| ("data-key", key)));
        html.leaf("td", &attributes, &self.text);
    }
}

/// A table that is written row by row.
#[derive(Debug)]
pub(super) struct Table {
    caption: &'static str,
    columns: Vec<Column>,
    rows: Vec<(Option<String>, Vec<Cell>)>,
}

impl Table {
    /// An empty table. Screen readers say the caption.
    pub(super) fn new(caption: &'static str, columns: Vec<Column>) -> Self {
        Table { caption, columns, rows: Vec::new() }
    }

    /// Adds a row.
    pub(super) fn row(&mut self, cells: Vec<Cell>) {
        self.rows.push((None, cells));
    }

    /// Adds a row that links lead to.
    pub(super) fn anchored(&mut self, anchor: String, cells: Vec<Cell>) {
        self.rows.push((Some(anchor), cells));
    }

    /// Whether it has no row.
    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Writes it, folded when it is very long.
    pub(super) fn write(&self, html: &mut Markup) {
        if self.rows.len() <= FOLDED {
            return self.whole(html);
        }
        html.element("details", &[], |html| {
            html.leaf("summary", &[], &format!("{} rows", grouped(self.rows.len() as u64)));
            self.whole(html);
        });
    }

    fn whole(&self, html: &mut Markup) {
        let class = if self.rows.len() > LONG { "scroll long" } else { "scroll" };
        // What scrolls must be reachable by keyboard.
        let frame = [("class", class), ("tabindex", "0"), ("role", "region"), ("aria-label", self.caption)];
        html.element("div", &frame, |html| {
            html.element("table", &[], |html| {
                html.element("thead", &[], |html| {
                    html.element("tr", &[], |html| {
                        for column in &self.columns {
                            let class: &[_] = if column.numeric { &[("class", "n")] } else { &[] };
                            html.leaf("th", &[&[("scope", "col")], class].concat(), column.name);
                        }
                    });
                });
                html.element("tbody", &[], |html| {
                    for (anchor, cells) in &self.rows {
                        html.line();
                        let id: Vec<_> = anchor.iter().map(|anchor| ("id", anchor.as_str())).collect();
                        html.element("tr", &id, |html| {
                            let columns = self.columns.iter().map(Some).chain(std::iter::repeat(None));
                            cells.iter().zip(columns).for_each(|(cell, column)| cell.write(html, column));
                        });
                    }
                });
            });
        });
        html.line();
    }
}

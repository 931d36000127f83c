//! What was read: how far the captures reach, and their holes.

use bytesize::ByteSize;
use sibtrace::Vantage;
use sibtrace::time::spoken;

use super::Story;
use super::markup::Markup;
use super::table::{Cell, Column, Table};
use crate::output::text::header::{flaws, grouped};

/// Writes a row per file, then what is to be said about them.
pub(super) fn section(html: &mut Markup, story: &Story<'_>) {
    let mut files = story.facts.vantages.iter().flat_map(|vantage| &vantage.files);
    let mut table = Table::new(
        "Captures",
        vec![
            Column::text("file"),
            Column::text("taken"),
            Column::text("format"),
            Column::text("from"),
            Column::text("to"),
            Column::number("length"),
            Column::number("packets"),
            Column::number("size"),
            Column::text("complete?"),
        ],
    );
    let mut notes = Vec::new();
    for capture in &story.report.captures {
        let file = files.next();
        let date = |at| Cell::time(story.clock.date(at));
        let (first, last) = (capture.first, capture.last);
        let length = first.zip(last).map(|(first, last)| last.seconds_since(first));
        let flaws = flaws(capture, file);
        let mut format = vec![capture.format.clone()];
        format.extend(file.and_then(|file| file.compression).map(str::to_owned));
        format.extend(capture.link_types.iter().cloned());
        table.row(vec![
            Cell::words(capture.path.clone()),
            Cell::words(capture.vantage.map_or("not known", place)),
            Cell::text(format.join(", ")),
            first.map_or_else(Cell::empty, date),
            last.map_or_else(Cell::empty, date),
            length.map_or_else(Cell::empty, |length| Cell::number(length, spoken(length))),
            Cell::number(capture.packets as f64, grouped(capture.packets)),
            Cell::number(capture.bytes as f64, ByteSize(capture.bytes).to_string()),
            match flaws.is_empty() {
                true => Cell::text("complete").class("good"),
                false => Cell::text(flaws.join("; ")).class("warning"),
            },
        ]);
        notes.extend(capture.notes.iter().cloned());
    }
    table.write(html);
    if !notes.is_empty() {
        html.element("ul", &[], |html| notes.iter().for_each(|note| html.leaf("li", &[], note)));
    }
}

const fn place(vantage: Vantage) -> &'static str {
    match vantage {
        Vantage::Exchange => "at Exchange",
        Vantage::Cuc => "at the Cisco server",
        Vantage::Other => "on the way",
    }
}

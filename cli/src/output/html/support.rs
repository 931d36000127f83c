//! The report as plain text, to paste into a support case.

use super::Story;
use super::markup::Markup;
use crate::output::clean;
use crate::output::text::{self, Detail, Style};

/// Columns that survive most ticket systems.
const WIDTH: usize = 80;

/// Writes the text, folded.
pub(super) fn section(html: &mut Markup, story: &Story<'_>) {
    let style = Style { width: WIDTH, detail: Detail::Normal, clock: story.clock.clone() };
    let styled = text::report(story.report, story.facts, story.config, &style);
    let plain = anstream::adapter::strip_str(&styled).to_string();
    html.element("details", &[], |html| {
        html.leaf("summary", &[], "Plain text");
        html.element("div", &[("class", "copied")], |html| {
            html.element("pre", &[("tabindex", "0")], |html| {
                for line in clean::lines(&plain).lines() {
                    html.text(line);
                    html.line();
                }
            });
        });
    });
}

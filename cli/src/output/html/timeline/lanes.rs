//! Lanes under an axis: one per thing, with bars for what lasts and marks for what happens.

use std::collections::BTreeSet;

use sibtrace::time::Timestamp;

use super::axis::{Axis, WIDTH};
use crate::output::html::markup::Markup;
use crate::output::text::Clock;

/// Lines of a lane's own grid.
const HEIGHT: i64 = 20;

/// What lasts: drawn over the whole height behind the marks.
#[derive(Clone, Debug)]
pub(super) struct Bar {
    pub(super) class: &'static str,
    pub(super) from: Timestamp,
    pub(super) to: Timestamp,
}

/// Things of one kind that happen.
#[derive(Clone, Debug)]
pub(super) struct Marks {
    pub(super) class: &'static str,
    /// Top and bottom of a mark, from 0 to 20.
    pub(super) reach: (i64, i64),
    pub(super) at: Vec<Timestamp>,
}

/// One lane.
#[derive(Clone, Debug)]
pub(super) struct Lane {
    /// Its name, short.
    pub(super) name: String,
    /// The anchor of what is said about it, if anything is.
    pub(super) anchor: Option<String>,
    /// Its state in a word, and the look of that.
    pub(super) state: (&'static str, &'static str),
    /// What the drawing shows, in words.
    pub(super) said: String,
    pub(super) bars: Vec<Bar>,
    pub(super) marks: Vec<Marks>,
}

/// Writes lanes under an axis.
pub(super) fn write(html: &mut Markup, axis: &Axis, clock: &Clock, lanes: &[Lane]) {
    html.element("div", &[("class", "lane head")], |html| {
        html.leaf("span", &[], "");
        html.leaf("span", &[], "");
        axis.write(html, clock);
    });
    html.element("ul", &[("class", "lanes")], |html| {
        for lane in lanes {
            html.line();
            html.element("li", &[("class", "lane")], |html| {
                match &lane.anchor {
                    Some(anchor) => html.leaf("a", &[("href", &format!("#{anchor}"))], &lane.name),
                    None => html.leaf("span", &[], &lane.name),
                }
                html.leaf("span", &[("class", lane.state.1)], lane.state.0);
                drawing(html, axis, lane);
            });
        }
    });
    html.line();
}

fn drawing(html: &mut Markup, axis: &Axis, lane: &Lane) {
    let view = format!("0 0 {WIDTH} {HEIGHT}");
    let frame = [
        ("viewBox", view.as_str()),
        ("preserveAspectRatio", "none"),
        ("role", "img"),
        ("aria-label", &lane.said),
    ];
    html.element("svg", &frame, |html| {
        html.leaf("title", &[], &lane.said);
        for class in lane.bars.iter().map(|bar| bar.class).collect::<BTreeSet<_>>() {
            let bars = lane.bars.iter().filter(|bar| bar.class == class);
            html.element("path", &[("class", class), ("d", &bars_path(axis, bars))], |_| {});
        }
        for marks in lane.marks.iter().filter(|marks| !marks.at.is_empty()) {
            html.element("path", &[("class", marks.class), ("d", &marks_path(axis, marks))], |_| {});
        }
    });
}

/// Boxes over the whole height; those that look like one are one.
fn bars_path<'a>(axis: &Axis, bars: impl Iterator<Item = &'a Bar>) -> String {
    let mut spans: Vec<(i64, i64)> =
        bars.map(|bar| (axis.x(bar.from), axis.x(bar.to).max(axis.x(bar.from) + 1))).collect();
    spans.sort_unstable();
    spans.dedup_by(|next, before| {
        let joins = next.0 <= before.1;
        if joins {
            before.1 = before.1.max(next.1);
        }
        joins
    });
    spans.iter().map(|(from, to)| format!("M{from} 0H{to}V{HEIGHT}H{from}z")).collect()
}

/// Upright lines; those at the same place are one.
fn marks_path(axis: &Axis, marks: &Marks) -> String {
    let (top, bottom) = marks.reach;
    let places: BTreeSet<i64> = marks.at.iter().map(|at| axis.x(*at)).collect();
    places.iter().map(|x| format!("M{x} {top}V{bottom}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_told_apart_is_drawn_once() {
        let at = |seconds| Timestamp::new(seconds, 0);
        let axis = Axis::new(at(0), at(100_000));
        let marks = Marks { class: "keep", reach: (6, 14), at: vec![at(100), at(101), at(5000)] };
        assert_eq!(marks_path(&axis, &marks), "M1 6V14M50 6V14");
        let bar = |from, to| Bar { class: "gap", from: at(from), to: at(to) };
        let bars = [bar(50_000, 60_000), bar(1000, 1001), bar(55_000, 70_000)];
        assert_eq!(bars_path(&axis, bars.iter()), "M10 0H11V20H10zM500 0H700V20H500z");
    }
}

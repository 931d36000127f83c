//! What lies between two captures: what was sent, what arrived, what was changed or lost on the way.

use sibtrace::report::{Path, Resets};

use super::Story;
use super::markup::Markup;
use super::table::{Cell, Column, Table};
use crate::output::text::header::grouped;
use crate::output::text::path::{clocks, resets, short};

/// Writes the picture and its figures; nothing for one capture.
pub(super) fn section(html: &mut Markup, story: &Story<'_>) {
    let Some(path) = &story.report.path else { return };
    picture(html, path);
    let mut table =
        Table::new("The path", vec![Column::text("what"), Column::text("how"), Column::number("count")]);
    for (what, kinds) in [("notifications", &path.pairs), ("other connections", &path.connections)] {
        for (kind, number) in kinds.iter().filter(|(_, number)| **number > 0) {
            let number = Cell::number(*number as f64, grouped(*number));
            table.row(vec![Cell::text(what), Cell::text(kind.clone()), number]);
        }
    }
    if !table.is_empty() {
        table.write(html);
    }
    if let Some(added) = path.added_latency_us {
        let [half, nine, most] = [added.p50, added.p90, added.p99].map(short);
        html.leaf(
            "p",
            &[],
            &format!(
                "Latency added by the way: {half} for half of them, {nine} for 90 %, {most} for 99 % at most."
            ),
        );
    }
    if path.resets != Resets::default() {
        html.leaf("p", &[], &format!("Connections that were reset: {}.", resets(&path.resets)));
    }
    let clocks = anstream::adapter::strip_str(&clocks(path)).to_string();
    html.leaf("p", &[], &format!("Clocks: {clocks}."));
}

fn picture(html: &mut Markup, path: &Path) {
    let [sent, received, answered, returned, lost] =
        [path.sent, path.received, path.answered, path.returned, path.lost].map(grouped);
    let said = format!(
        "Exchange sent {sent}, {received} reached the Cisco server, {lost} were lost; {answered} were answered, \
         {returned} answers came back"
    );
    let frame =
        [("class", "path"), ("viewBox", "0 0 640 120"), ("role", "img"), ("aria-label", said.as_str())];
    html.element("svg", &frame, |html| {
        for (x, name) in [("70", "Exchange"), ("570", "Cisco")] {
            let left = if name == "Exchange" { "10" } else { "510" };
            let frame =
                [("class", "end"), ("x", left), ("y", "30"), ("width", "120"), ("height", "60"), ("rx", "8")];
            html.element("rect", &frame, |_| {});
            html.leaf("text", &[("x", x), ("y", "65")], name);
        }
        for line in ["M140 45H500M490 39L500 45L490 51", "M500 75H140M150 69L140 75L150 81"] {
            html.element("path", &[("class", "way"), ("d", line)], |_| {});
        }
        for (x, y, text) in [
            ("200", "36", format!("{sent} sent")),
            ("440", "36", format!("{received} received")),
            ("440", "96", format!("{answered} answered")),
            ("200", "96", format!("{returned} came back")),
        ] {
            html.leaf("text", &[("x", x), ("y", y)], &text);
        }
        if path.lost > 0 {
            html.element("path", &[("class", "torn"), ("d", "M320 45V14")], |_| {});
            html.leaf("text", &[("class", "lost-text"), ("x", "320"), ("y", "11")], &format!("{lost} lost"));
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::html;
    use crate::output::text::samples;

    #[test]
    fn the_picture_is_there_for_two_captures_only() {
        let mut report = samples::report();
        let page = |report: &_| html::report(report, &samples::facts(), &Default::default(), None);
        assert!(!page(&report).contains("id=\"path\""));
        let mut path = Path::default();
        (path.sent, path.received, path.lost) = (80, 78, 2);
        path.pairs.insert("source-nat".to_owned(), 78);
        path.resets.between = 3;
        report.path = Some(path);
        let page = page(&report);
        for text in
            ["3 by something between", "80 sent", "78 received", "2 lost", "source-nat", "Clocks: unknown"]
        {
            assert!(page.contains(text), "{text}");
        }
    }
}

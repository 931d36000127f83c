//! IMAP sessions that were open at once, account by account, with the limit and the refusals.

use std::collections::BTreeMap;

use super::axis::{Axis, WIDTH};
use crate::output::html::Story;
use crate::output::html::accounts::worst_first;
use crate::output::html::markup::Markup;
use crate::output::text::accounts::Row;
use crate::output::text::header::{count, grouped};

/// Accounts that are drawn.
const DRAWN: usize = 12;
/// Units of a drawing from its bottom to its top.
const HEIGHT: u64 = 60;

/// Writes a drawing per account of the Cisco side, or of the only side, those that were refused most first.
pub(super) fn write(html: &mut Markup, story: &Story<'_>) {
    let rows = worst_first(story);
    let (false, Some(axis)) = (rows.is_empty(), Axis::of(story)) else { return };
    html.leaf("h3", &[], "IMAP sessions open at once");
    for row in rows.iter().take(DRAWN) {
        html.element("figure", &[], |html| {
            html.leaf("figcaption", &[], &said(row));
            drawing(html, &axis, row);
            axis.write(html, &story.clock);
        });
        html.line();
    }
    if let Some(more) = rows.len().checked_sub(DRAWN).filter(|more| *more > 0) {
        let more = format!("{} more stand in the table of accounts.", grouped(more as u64));
        html.leaf("p", &[("class", "dim")], &more);
    }
}

fn said(row: &Row) -> String {
    let limit = row.limit.map_or_else(
        || "no configured limit known".to_owned(),
        |limit| format!("the limit is {limit} (dashed)"),
    );
    format!(
        "{} on {}: {} at most, {limit}, {} (red)",
        row.account,
        row.server,
        count(row.peak(), "session", "sessions"),
        count(row.refused.len() as u64, "log-in refused", "log-ins refused"),
    )
}

fn drawing(html: &mut Markup, axis: &Axis, row: &Row) {
    // A limit far above everything would leave nothing to be seen.
    let limit = row.limit.filter(|limit| *limit <= row.peak().max(1).saturating_mul(4));
    let top = row.peak().max(limit.unwrap_or(0)).max(1);
    let y = |count: u64| HEIGHT - (count.min(top) * (HEIGHT - 4)) / top;
    let view = format!("0 0 {WIDTH} {HEIGHT}");
    let said = said(row);
    let frame = [
        ("class", "chart"),
        ("viewBox", view.as_str()),
        ("preserveAspectRatio", "none"),
        ("role", "img"),
        ("aria-label", &said),
    ];
    html.element("svg", &frame, |html| {
        html.element("path", &[("class", "level"), ("d", &level(axis, row, y))], |_| {});
        if let Some(limit) = limit {
            let at = y(limit);
            html.element("path", &[("class", "limit"), ("d", &format!("M0 {at}H{WIDTH}"))], |_| {});
        }
        let refused: String = row.refused.iter().map(|at| format!("M{} 0V10", axis.x(*at))).collect();
        html.element("path", &[("class", "bad"), ("d", &refused)], |_| {});
    });
}

/// The outline of the count over time; of changes at one place the highest is drawn.
fn level(axis: &Axis, row: &Row, y: impl Fn(u64) -> u64) -> String {
    let mut places: BTreeMap<i64, (u64, u64)> = BTreeMap::new();
    for (at, count) in row.open.steps() {
        let place = places.entry(axis.x(at.time)).or_insert((*count, *count));
        *place = (place.0.max(*count), *count);
    }
    let mut path = format!("M0 {HEIGHT}");
    for (x, (highest, last)) in places {
        path += &format!("H{x}V{}", y(highest));
        if last != highest {
            path += &format!("V{}", y(last));
        }
    }
    path + &format!("H{WIDTH}V{HEIGHT}z")
}

//! The table of subscriptions, each with its line of time.

use std::collections::HashMap;

use comfy_table::{Cell, CellAlignment, Color, ContentArrangement, Table, presets};
use sibtrace::facts::{Subscription, VantageFacts};
use sibtrace::records::{Kind, Record, SubscriptionRecord, SubscriptionState, records};
use sibtrace::time::{Timestamp, nanos, spoken};
use sibtrace::{Config, Facts};
use unicode_width::UnicodeWidthStr;

use super::page::Page;
use super::style::{DIM, Detail, Style};
use super::timeline::{self, Scale, Tick};
use crate::output::clean;

/// Rows that the table shows unless all are asked for.
const ROWS: usize = 40;
/// Columns that a line of time of a long capture needs to say something.
const LINE: usize = 32;
/// Columns of an id: the first group of a GUID.
const ID: usize = 8;

/// The subscriptions, those in trouble first when there are too many to show.
pub(crate) fn table(page: &mut Page, facts: &Facts, config: &Config, style: &Style) {
    // With two vantage points, the Cisco side tells what arrived.
    let Some(vantage) = facts.vantages.last() else {
        return;
    };
    let rows = rows(facts, vantage, config);
    let ends = (vantage.coverage.first, vantage.notified_until());
    let (false, (Some(first), Some(last))) = (rows.is_empty(), ends) else {
        return;
    };
    show(page, rows, (first.time, last.time), style);
}

/// What the table says of a subscription.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) id: String,
    pub(super) notifications: u64,
    pub(super) keepalives: u64,
    pub(super) longest_gap_s: f64,
    pub(super) sources: Vec<String>,
    pub(super) servers: Vec<String>,
    pub(super) state: SubscriptionState,
    pub(super) ticks: Vec<Tick>,
    /// Keep-alive interval in nanoseconds.
    pub(super) interval: i64,
    /// The longest pause in which nothing is missing, in nanoseconds.
    pub(super) longest_pause: i64,
}

fn rows(facts: &Facts, vantage: &VantageFacts, config: &Config) -> Vec<Row> {
    let by_id: HashMap<&str, &Subscription> =
        vantage.subscriptions.iter().map(|subscription| (&*subscription.request_id, subscription)).collect();
    records(Kind::Subscriptions, facts, config)
        .filter_map(|record| match record {
            Record::Subscription(record) => {
                let subscription = by_id.get(record.request_id.as_str())?;
                Some(row(*record, subscription, vantage, config))
            }
            _ => None,
        })
        .collect()
}

fn row(record: SubscriptionRecord, seen: &Subscription, vantage: &VantageFacts, config: &Config) -> Row {
    let notifications = seen.rows.iter().filter_map(|row| vantage.notifications.get(*row));
    let interval = seen.interval.unwrap_or_else(|| config.interval_on(seen.port));
    Row {
        id: record.request_id,
        notifications: record.notifications,
        keepalives: record.keepalives,
        longest_gap_s: record.longest_gap_s,
        sources: record.sources.iter().map(ToString::to_string).collect(),
        servers: record.servers,
        state: record.state,
        ticks: notifications
            .map(|notification| Tick {
                time: notification.last.time,
                keepalive: notification.is_keepalive() == Some(true),
            })
            .collect(),
        interval: nanos(interval),
        longest_pause: nanos(interval.saturating_add(config.tolerance_for(interval))),
    }
}

/// Shows the rows of a capture with these ends.
pub(super) fn show(page: &mut Page, mut rows: Vec<Row>, ends: (Timestamp, Timestamp), style: &Style) {
    page.heading("Subscriptions");
    let hidden = match style.detail {
        Detail::Full => 0,
        _ => rows.len().saturating_sub(ROWS),
    };
    if hidden > 0 {
        rows.sort_by_key(|row| std::cmp::Reverse(trouble(row.state)));
        rows.truncate(ROWS);
    }
    let interval = rows.iter().map(|row| row.interval).min().unwrap_or(1);
    let wanted = Scale::new(ends.0, ends.1, interval, LINE).cells();
    let columns = columns(&rows, page.width().saturating_sub(wanted));
    let used: usize = columns.iter().map(|column| column.width(&rows) + 2).sum();
    let scale = Scale::new(ends.0, ends.1, interval, page.width().saturating_sub(used));

    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled)
        .enforce_styling();
    let heads = columns.iter().map(|column| column.head(Cell::new(column.name)));
    table.set_header(heads.chain([Cell::new(heading(&scale, ends, style))]));
    for row in &rows {
        let until = match row.state {
            SubscriptionState::Renewed | SubscriptionState::Ended => {
                row.ticks.last().map_or(ends.0, |tick| tick.time)
            }
            _ => ends.1,
        };
        let line = timeline::line(&scale, &row.ticks, row.longest_pause, until);
        let cells = columns.iter().map(|column| column.cell(row));
        table.add_row(cells.chain([Cell::new(line)]));
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    for line in table.lines() {
        page.line(&line);
    }
    if hidden > 0 {
        page.paragraph(0, &format!("{DIM}and {hidden} more in no worse state (-v shows all){DIM:#}"));
    }
    let each = spoken(scale.seconds());
    page.paragraph(0, &format!("{DIM}one character is {each}: {}{DIM:#}", timeline::LEGEND));
}

fn heading(scale: &Scale, ends: (Timestamp, Timestamp), style: &Style) -> String {
    let (first, last) = (style.clock.hour(ends.0), style.clock.hour(ends.1));
    match scale.cells().checked_sub(first.width() + last.width()) {
        Some(between) if between > 0 => format!("{first}{}{last}", " ".repeat(between)),
        _ => first,
    }
}

/// How bad a state is.
fn trouble(state: SubscriptionState) -> u8 {
    match state {
        SubscriptionState::Abandoned => 4,
        SubscriptionState::Stale => 3,
        SubscriptionState::Gap => 2,
        SubscriptionState::Renewed => 1,
        _ => 0,
    }
}

/// The word for a state.
pub(crate) const fn word(state: SubscriptionState) -> &'static str {
    match state {
        SubscriptionState::Ok => "ok",
        SubscriptionState::Gap => "gap",
        SubscriptionState::Stale => "stale",
        SubscriptionState::Abandoned => "abandoned",
        SubscriptionState::Renewed => "renewed",
        SubscriptionState::Ended => "ended",
    }
}

const fn color(state: SubscriptionState) -> Color {
    match state {
        SubscriptionState::Abandoned | SubscriptionState::Stale => Color::Red,
        SubscriptionState::Gap => Color::Yellow,
        SubscriptionState::Ok => Color::Green,
        _ => Color::Reset,
    }
}

/// A column of the table.
#[derive(Clone, Copy)]
struct Column {
    name: &'static str,
    text: fn(&Row) -> String,
    number: bool,
    state: bool,
}

/// The columns that fit into `width`, in their order. What a narrow page drops stands in `extract subscriptions`.
fn columns(rows: &[Row], width: usize) -> Vec<Column> {
    let column = |name, text| Column { name, text, number: false, state: false };
    let number = |name, text| Column { number: true, ..column(name, text) };
    let mut columns = vec![
        column("id", |row| short(&row.id)),
        Column { state: true, ..column("state", |row| word(row.state).to_owned()) },
        number("count", |row| row.notifications.to_string()),
        number("keep-alives", |row| row.keepalives.to_string()),
        number("longest gap", |row| spoken(row.longest_gap_s)),
        column("source", |row| few(&row.sources)),
        column("server", |row| few(&row.servers)),
    ];
    for dropped in ["server", "keep-alives", "source", "longest gap"] {
        let used: usize = columns.iter().map(|column| column.width(rows) + 2).sum();
        if used <= width {
            break;
        }
        columns.retain(|column| column.name != dropped);
    }
    columns
}

impl Column {
    fn width(&self, rows: &[Row]) -> usize {
        let widest = rows.iter().map(|row| (self.text)(row).width()).max().unwrap_or(0);
        widest.max(self.name.width())
    }

    fn head(&self, cell: Cell) -> Cell {
        match self.number {
            true => cell.set_alignment(CellAlignment::Right),
            false => cell,
        }
    }

    fn cell(&self, row: &Row) -> Cell {
        let cell = self.head(Cell::new((self.text)(row)));
        match self.state {
            true => cell.fg(color(row.state)),
            false => cell,
        }
    }
}

/// The start of an id, which is what people compare.
fn short(id: &str) -> String {
    let id = clean::text(id);
    match id.char_indices().nth(ID) {
        Some((end, _)) => format!("{}…", &id[..end]),
        None => id.into_owned(),
    }
}

/// The first of some names, and how many there are besides.
fn few(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => clean::text(one).into_owned(),
        [first, rest @ ..] => format!("{} +{}", clean::text(first), rest.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::text::samples;
    use expect_test::{Expect, expect};

    fn check(width: usize, expected: &Expect) {
        let mut page = Page::new(width);
        let (rows, ends) = samples::subscriptions();
        show(&mut page, rows, ends, &samples::style(width));
        expected.assert_eq(&anstream::adapter::strip_str(&page.into_text()).to_string());
    }

    #[test]
    fn a_wide_page_has_all_columns() {
        check(
            120,
            &expect![[r#"
                Subscriptions
                id         state  count  keep-alives  longest gap  source         server                   15:25:44         17:25:44
                2348c723…  ok        24           21        5 min  173.37.183.83  xhn-rid-x01.example.com  ····█······█······█······
                977bbffe…  gap       21           17       20 min  173.37.183.83  xhn-rid-x01.example.com  ·█······█···×××█······█··
                bad0bad0…  stale      7            6   1 h 29 min  173.37.183.83  xhn-rid-x01.example.com  ·····█·××××××××××××××××××
                one character is 5 min: █ events  · keep-alives  × nothing although due
            "#]],
        );
    }

    #[test]
    fn a_narrow_page_keeps_the_line_of_time() {
        check(
            60,
            &expect![[r#"
            Subscriptions
            id         state  count  15:25:44         17:25:44
            2348c723…  ok        24  ····█······█······█······
            977bbffe…  gap       21  ·█······█···×××█······█··
            bad0bad0…  stale      7  ·····█·××××××××××××××××××
            one character is 5 min: █ events  · keep-alives  × nothing
            although due
        "#]],
        );
    }

    #[test]
    fn when_there_are_too_many_the_worst_are_shown() {
        let (rows, ends) = samples::subscriptions();
        let mut many: Vec<Row> = (0..100)
            .map(|number| Row {
                id: format!("{number:08}-healthy"),
                state: SubscriptionState::Ok,
                ..rows[0].clone()
            })
            .collect();
        many.push(Row {
            id: "ffffffff-stale".to_owned(),
            state: SubscriptionState::Stale,
            ..rows[0].clone()
        });
        let mut page = Page::new(100);
        show(&mut page, many, ends, &samples::style(100));
        let text = page.into_text();
        assert!(text.contains("ffffffff…") && text.contains("and 61 more"));
    }
}

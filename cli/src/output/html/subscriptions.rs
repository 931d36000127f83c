//! The table of subscriptions.

use sibtrace::records::{Kind, Record, SubscriptionRecord, SubscriptionState, records};
use sibtrace::time::spoken;

use super::Story;
use super::markup::Markup;
use super::table::{Cell, Column, Table};
use crate::output::text::header::grouped;
use crate::output::text::subscriptions::word;

/// Writes a row per subscription, those in trouble first.
pub(super) fn section(html: &mut Markup, story: &Story<'_>) {
    let mut table = Table::new(
        "Subscriptions",
        vec![
            Column::text("id"),
            Column::text("state"),
            Column::number("count"),
            Column::number("keep-alives"),
            Column::number("longest gap"),
            Column::text("first"),
            Column::text("last"),
            Column::text("source"),
            Column::text("server"),
        ],
    );
    for record in worst_first(story) {
        let date = |at| Cell::time(story.clock.date(at));
        let sources: Vec<String> = record.sources.iter().map(ToString::to_string).collect();
        table.anchored(
            anchor(&record.request_id),
            vec![
                Cell::text(record.request_id.clone()).class("id"),
                Cell::text(word(record.state)).class(class(record.state)),
                Cell::number(record.notifications as f64, grouped(record.notifications)),
                Cell::number(record.keepalives as f64, grouped(record.keepalives)),
                Cell::number(record.longest_gap_s, spoken(record.longest_gap_s)),
                date(record.first),
                date(record.last),
                Cell::text(sources.join(", ")),
                Cell::text(record.servers.join(", ")),
            ],
        );
    }
    if !table.is_empty() {
        table.write(html);
    }
}

/// The subscriptions of the Cisco side, or of the only side, those in trouble first.
pub(super) fn worst_first(story: &Story<'_>) -> Vec<SubscriptionRecord> {
    let first_capture = story.context.views.last().map_or(0, |view| view.first_capture);
    let mut all: Vec<SubscriptionRecord> = records(Kind::Subscriptions, story.facts, story.config)
        .filter_map(|record| match record {
            Record::Subscription(record) if record.origin.capture >= first_capture => Some(*record),
            _ => None,
        })
        .collect();
    all.sort_by_key(|record| std::cmp::Reverse(trouble(record.state)));
    all
}

/// How bad a state is; 0 is no trouble.
pub(super) const fn trouble(state: SubscriptionState) -> u8 {
    match state {
        SubscriptionState::Abandoned => 3,
        SubscriptionState::Stale => 2,
        SubscriptionState::Gap => 1,
        SubscriptionState::Ok | SubscriptionState::Renewed | SubscriptionState::Ended => 0,
    }
}

/// The look of a state.
pub(super) const fn class(state: SubscriptionState) -> &'static str {
    match trouble(state) {
        0 => "good",
        1 => "warning",
        _ => "error",
    }
}

/// The anchor of a subscription's row. Ids of elements hold no white space, and a link must reach them as written.
pub(super) fn anchor(id: &str) -> String {
    let kept = id.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-');
    format!("subscription-{}", kept.collect::<String>())
}

//! Hand-made reports for the tests of the text.

use sibtrace::records::SubscriptionState;
use sibtrace::time::Timestamp;
use sibtrace::{Facts, Report};

use super::style::{Clock, Detail, Style};
use super::subscriptions::Row;
use super::timeline::Tick;
use crate::args::Times;

const MINUTE: i64 = 60_000_000_000;

/// A page of `width` columns in UTC.
pub(crate) fn style(width: usize) -> Style {
    Style { width, detail: Detail::Normal, clock: Clock::new(Times::Utc, None) }
}

/// A report with findings of every severity.
pub(crate) fn report() -> Report {
    serde_json::from_str(include_str!("samples/report.json")).unwrap()
}

/// Facts that say no more than when the capture began and ended.
pub(crate) fn facts() -> Facts {
    Facts::default()
}

/// Three subscriptions of two hours, and the ends of their capture.
pub(super) fn subscriptions() -> (Vec<Row>, (Timestamp, Timestamp)) {
    let start: Timestamp = "2014-06-29T15:25:44Z".parse().unwrap();
    let at = |minutes: i64| Timestamp::from_nanos(start.nanos() + minutes * MINUTE);
    let ticks = |minutes: &mut dyn Iterator<Item = i64>| {
        minutes.map(|minute| Tick { time: at(minute), keepalive: minute % 7 != 0 }).collect::<Vec<Tick>>()
    };
    let row = |id: &str, state, longest_gap_s, ticks: Vec<Tick>| Row {
        id: id.to_owned(),
        notifications: ticks.len() as u64,
        keepalives: ticks.iter().filter(|tick| tick.keepalive).count() as u64,
        longest_gap_s,
        sources: vec!["173.37.183.83".to_owned()],
        servers: vec!["xhn-rid-x01.example.com".to_owned()],
        state,
        ticks,
        interval: 5 * MINUTE,
        longest_pause: 6 * MINUTE,
    };
    let rows = vec![
        row(
            "2348c723-2466-4fc0-bda0-b9419fb0215e",
            SubscriptionState::Ok,
            300.0,
            ticks(&mut (1..120).step_by(5)),
        ),
        row(
            "977bbffe-d950-4f65-af1c-ea863ab20594",
            SubscriptionState::Gap,
            1200.0,
            ticks(&mut (2..60).step_by(5).chain((77..120).step_by(5))),
        ),
        row(
            "bad0bad0-0000-4f65-af1c-ea863ab20594",
            SubscriptionState::Stale,
            5340.0,
            ticks(&mut (3..35).step_by(5)),
        ),
    ];
    (rows, (start, at(120)))
}

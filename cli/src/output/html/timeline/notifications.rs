//! Push notifications over time: a lane per subscription, those in trouble first, healthy ones folded.

use std::collections::HashMap;
use std::time::Duration;

use sibtrace::facts::NotificationRow;
use sibtrace::records::SubscriptionRecord;
use sibtrace::rules::{Life, View};
use sibtrace::time::{nanos, spoken};

use super::axis::Axis;
use super::lanes::{self, Bar, Lane, Marks};
use crate::output::html::Story;
use crate::output::html::markup::Markup;
use crate::output::html::subscriptions::{anchor, class, trouble, worst_first};
use crate::output::text::header::{count, grouped};
use crate::output::text::subscriptions::word;

/// Lanes in trouble that are drawn.
const IN_TROUBLE: usize = 150;
/// Healthy lanes that are drawn.
const HEALTHY: usize = 50;
/// Characters of an id that people compare: the first group of a GUID.
const ID: usize = 8;

const LEGEND: [(&str, &str); 7] = [
    ("keep", "keep-alive"),
    ("event", "events"),
    ("bad", "refused or unanswered"),
    ("gap", "silent although due"),
    ("stale", "stale"),
    ("lost", "packets lost to the capture"),
    ("blind", "capture stood still"),
];

/// Writes the lanes of the Cisco side, or of the only side.
pub(super) fn write(html: &mut Markup, story: &Story<'_>) {
    let (Some(view), Some(axis)) = (story.context.views.last(), Axis::of(story)) else {
        return;
    };
    let records = worst_first(story);
    if records.is_empty() {
        return;
    }
    let lives: HashMap<&str, (usize, &Life)> = view
        .facts
        .subscriptions
        .iter()
        .enumerate()
        .zip(&view.lives)
        .map(|((place, subscription), life)| (&*subscription.request_id, (place, life)))
        .collect();
    let lanes = |records: &[SubscriptionRecord]| -> Vec<Lane> {
        let lane = |record: &SubscriptionRecord| {
            let (place, life) = *lives.get(record.request_id.as_str())?;
            Some(lane(view, record, place, life))
        };
        records.iter().filter_map(lane).collect()
    };
    let healthy = records.iter().position(|record| trouble(record.state) == 0).unwrap_or(records.len());
    let (troubled, healthy) = records.split_at(healthy);
    html.leaf("h3", &[], "Push notifications by subscription");
    legend(html);
    let part = |html: &mut Markup, records: &[SubscriptionRecord], most: usize| {
        lanes::write(html, &axis, &story.clock, &lanes(&records[..records.len().min(most)]));
        if let Some(more) = records.len().checked_sub(most).filter(|more| *more > 0) {
            let more = format!("{} more stand in the table of subscriptions.", grouped(more as u64));
            html.leaf("p", &[("class", "dim")], &more);
        }
    };
    if !troubled.is_empty() {
        part(html, troubled, IN_TROUBLE);
    }
    if !healthy.is_empty() {
        let head =
            count(healthy.len() as u64, "subscription without trouble", "subscriptions without trouble");
        let open: &[_] = if troubled.is_empty() { &[("open", "")] } else { &[] };
        html.element("details", open, |html| {
            html.leaf("summary", &[], &head);
            part(html, healthy, HEALTHY);
        });
    }
}

fn legend(html: &mut Markup) {
    html.element("ul", &[("class", "legend")], |html| {
        for (class, words) in LEGEND {
            html.element("li", &[], |html| {
                html.element("svg", &[("viewBox", "0 0 20 20"), ("aria-hidden", "true")], |html| {
                    let shape = match class {
                        "keep" => "M10 6V14",
                        "event" => "M10 2V18",
                        "bad" => "M10 0V20",
                        _ => "M0 0H20V20H0z",
                    };
                    html.element("path", &[("class", class), ("d", shape)], |_| {});
                });
                html.text(words);
            });
        }
    });
}

fn lane(view: &View<'_>, record: &SubscriptionRecord, place: usize, life: &Life) -> Lane {
    let subscription = &view.facts.subscriptions[place];
    let rows = || subscription.rows.iter().filter_map(|row| view.facts.notifications.get(*row));
    let at = |wanted: &dyn Fn(&NotificationRow) -> bool| {
        rows().filter(|row| wanted(row)).map(|row| row.last.time).collect::<Vec<_>>()
    };
    let failed = |row: &NotificationRow| row.reply.as_ref().is_none_or(|reply| reply.status != 200);
    let (state, longest) = (word(record.state), spoken(record.longest_gap_s));
    Lane {
        name: record.request_id.chars().take(ID).collect(),
        anchor: Some(anchor(&record.request_id)),
        state: (state, class(record.state)),
        said: format!(
            "{}: {state}, {}, longest gap {longest}",
            record.request_id,
            count(record.notifications, "notification", "notifications")
        ),
        bars: bars(view, life),
        marks: vec![
            Marks { class: "keep", reach: (6, 14), at: at(&|row| row.is_keepalive() != Some(false)) },
            Marks { class: "event", reach: (2, 18), at: at(&|row| row.is_keepalive() == Some(false)) },
            Marks { class: "bad", reach: (0, 20), at: at(&failed) },
        ],
    }
}

fn bars(view: &View<'_>, life: &Life) -> Vec<Bar> {
    let bar = |class, (from, to)| Bar { class, from, to };
    let blind = view.sight.stalls().iter().map(|stall| bar("blind", *stall));
    let lost = view.sight.losses(life.port).map(|loss| bar("lost", loss));
    let stale_after = life.stale_after(nanos(view.config.stale_after) as f64 / 1e9);
    let gaps = life.gaps.iter().filter(|gap| gap.seconds > life.deadline()).flat_map(|gap| {
        let whole = bar("gap", (gap.from.time, gap.to.time));
        let stale = (gap.seconds > stale_after).then(|| {
            let from = gap.from.time.after(Duration::from_secs_f64(stale_after.max(0.0)));
            bar("stale", (from, gap.to.time))
        });
        [Some(whole), stale].into_iter().flatten()
    });
    blind.chain(lost).chain(gaps).collect()
}

//! Whether one of two captures would have shown what the other shows.

use std::ops::Range;

use crate::compare::Comparison;
use crate::flow::Moment;
use crate::rules::View;
use crate::time::Timestamp;

/// Clocks that are known worse than this tell no absence (nanoseconds).
const WORST_CLOCK: i64 = 10_000_000_000;

/// One capture, asked about what passed the other one.
pub(super) struct Witness<'v> {
    view: &'v View<'v>,
    vantage: usize,
    matched: &'v Comparison,
    /// Both captures show both directions, and this one was stored as it came.
    flawless: bool,
}

impl<'v> Witness<'v> {
    /// The capture at `vantage` of the two.
    pub(super) fn new(views: [&'v View<'v>; 2], vantage: usize, matched: &'v Comparison) -> Self {
        let view = views[vantage];
        let stored = view.facts.files.iter().all(|file| file.drops == 0 && file.cut_packets == 0);
        let flawless = stored && !views.iter().any(|view| view.is_one_way());
        Witness { view, vantage, matched, flawless }
    }

    /// Whether it would have shown what passed the other capture from one frame to another and was under way to or
    /// from one of `ports`: `around` says how long before and after it must not have been blind, in nanoseconds.
    pub(super) fn would_have_seen(
        &self,
        (first, last): (Moment, Moment),
        around: Range<i64>,
        ports: impl IntoIterator<Item = u16>,
    ) -> bool {
        let told = self.matched.clock.as_ref();
        let Some(clock) = told.filter(|clock| clock.uncertainty < WORST_CLOCK && !clock.is_guess) else {
            return false;
        };
        let other = 1 - self.vantage;
        let set = other == 0 && (clock.is_set_at(first.frame) || clock.is_set_at(last.frame));
        let times = clock.to_other(other, first).zip(clock.to_other(other, last));
        let Some((first, last)) = times.filter(|_| !set) else { return false };
        let from = shifted(first, around.start.saturating_sub(clock.uncertainty));
        let to = shifted(last, around.end.saturating_add(clock.uncertainty));
        self.flawless && self.was_awake(from, to) && {
            let sight = &self.view.sight;
            !ports.into_iter().any(|port| sight.lost_something(port, from, to))
        }
    }

    /// Whether it ran without a break between two moments of its own clock.
    fn was_awake(&self, from: Timestamp, to: Timestamp) -> bool {
        let (coverage, sight) = (&self.view.facts.coverage, &self.view.sight);
        let runs = coverage.first.is_some_and(|first| first.time <= from)
            && self.view.facts.notified_until().is_some_and(|last| last.time >= to);
        let between_files = coverage.silences.iter().any(|silence| {
            silence.from.frame.file() != silence.to.frame.file()
                && silence.from.time < to
                && silence.to.time > from
        });
        let set = sight.steps().iter().any(|step| {
            let (one, two) = (step.before.time.min(step.after.time), step.before.time.max(step.after.time));
            one <= to && two >= from
        });
        runs && !between_files && !set && sight.saw_all(from, to)
    }
}

fn shifted(at: Timestamp, by: i64) -> Timestamp {
    Timestamp::from_nanos(at.nanos().saturating_add(by))
}

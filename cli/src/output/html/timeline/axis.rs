//! The axis of time that all drawings of a page share.

use sibtrace::time::Timestamp;

use crate::output::html::Story;
use crate::output::html::markup::Markup;
use crate::output::text::Clock;

/// Units of a drawing from its left to its right end; finer differences are not seen.
pub(super) const WIDTH: i64 = 1000;
/// Labels that a narrow page has room for.
const LABELS: i64 = 6;
const SECOND: i64 = 1_000_000_000;
/// Distances between labels that people read easily, in seconds.
const STEPS: [i64; 17] =
    [1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 14_400, 21_600, 43_200, 86_400, 604_800];

/// A stretch of time from left to right.
#[derive(Clone, Copy, Debug)]
pub(super) struct Axis {
    first: Timestamp,
    /// In nanoseconds, at least 1.
    length: i64,
}

impl Axis {
    /// The time that the captures of the Cisco side, or of the only side, cover.
    pub(super) fn of(story: &Story<'_>) -> Option<Self> {
        let coverage = &story.facts.vantages.last()?.coverage;
        Some(Axis::new(coverage.first?.time, coverage.last?.time))
    }

    /// The time between two moments.
    pub(super) fn new(first: Timestamp, last: Timestamp) -> Self {
        Axis { first, length: last.since(first).max(1) }
    }

    /// Where a moment lies, from 0 to [`WIDTH`].
    pub(super) fn x(&self, moment: Timestamp) -> i64 {
        let passed = i128::from(moment.since(self.first).clamp(0, self.length));
        (passed * i128::from(WIDTH) / i128::from(self.length)) as i64
    }

    /// The moments that are labelled: round times of day.
    pub(super) fn labels(&self) -> Vec<Timestamp> {
        let fits = |step: &&i64| self.length / (**step * SECOND) < LABELS;
        let step = STEPS.iter().find(fits).copied().unwrap_or(self.length / SECOND / LABELS + 1) * SECOND;
        let start = self.first.nanos().div_euclid(step).saturating_add(1).saturating_mul(step);
        let moments =
            (0..LABELS).map(|n| Timestamp::from_nanos(start.saturating_add(n.saturating_mul(step))));
        moments.take_while(|moment| moment.since(self.first) <= self.length).collect()
    }

    /// Writes the labels.
    pub(super) fn write(&self, html: &mut Markup, clock: &Clock) {
        let labels = self.labels();
        let days = self.length > 86_400 * SECOND;
        html.element("svg", &[("class", "axis"), ("aria-hidden", "true")], |html| {
            for moment in labels {
                let text = match days {
                    true => clock.date(moment)[5..].trim_end_matches(":00").to_owned(),
                    false => clock.hour(moment),
                };
                let x = self.x(moment);
                let percent = format!("{}.{}%", x / 10, x % 10);
                // A label at an end of the axis would be cut off.
                let anchor = match x {
                    ..60 => "start",
                    940.. => "end",
                    _ => "middle",
                };
                html.leaf("text", &[("x", &percent), ("y", "12"), ("text-anchor", anchor)], &text);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axis(first: &str, last: &str) -> Axis {
        Axis::new(first.parse().unwrap(), last.parse().unwrap())
    }

    #[test]
    fn labels_are_round_times_within_the_capture() {
        let axis = axis("2014-06-29T15:25:44.5Z", "2014-06-29T17:40:00Z");
        let labels: Vec<String> = axis.labels().iter().map(ToString::to_string).collect();
        assert_eq!(
            labels,
            [
                "2014-06-29T15:30:00.000000000Z",
                "2014-06-29T16:00:00.000000000Z",
                "2014-06-29T16:30:00.000000000Z",
                "2014-06-29T17:00:00.000000000Z",
                "2014-06-29T17:30:00.000000000Z"
            ]
        );
    }

    #[test]
    fn a_moment_has_its_place_and_no_capture_is_too_short_or_too_long() {
        let hour = axis("2014-06-29T15:00:00Z", "2014-06-29T16:00:00Z");
        assert_eq!(hour.x("2014-06-29T15:30:00Z".parse().unwrap()), 500);
        assert_eq!(hour.x("2013-01-01T00:00:00Z".parse().unwrap()), 0);
        assert_eq!(hour.x("2015-01-01T00:00:00Z".parse().unwrap()), WIDTH);
        for (first, last) in [(0, 0), (i64::MIN, i64::MAX), (i64::MAX, i64::MIN)] {
            let axis = Axis::new(Timestamp::from_nanos(first), Timestamp::from_nanos(last));
            assert!(axis.labels().len() <= LABELS as usize);
            assert!((0..=WIDTH).contains(&axis.x(Timestamp::from_nanos(last))));
        }
    }
}

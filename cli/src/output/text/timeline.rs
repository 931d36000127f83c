//! A subscription as a line of characters, one per keep-alive interval, so that a pattern is seen at a glance.

use std::ops::Range;

use sibtrace::time::Timestamp;

/// What one character shows; of several things, the greatest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Cell {
    /// The subscription is not there yet, or no more.
    None,
    /// A keep-alive, or time that one covers.
    Kept,
    /// Something happened in the mailbox.
    Events,
    /// No notification although one was due.
    Missing,
}

impl Cell {
    const fn symbol(self) -> char {
        match self {
            Cell::None => ' ',
            Cell::Kept => '·',
            Cell::Events => '█',
            Cell::Missing => '×',
        }
    }
}

/// What the characters mean.
pub(crate) const LEGEND: &str = "█ events  · keep-alives  × nothing although due";

/// The stretch of time that the lines show, cut into cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Scale {
    start: Timestamp,
    /// Length of a cell in nanoseconds, at least 1.
    cell: i64,
    cells: usize,
}

impl Scale {
    /// Cells of one `interval` (in nanoseconds) each from `start` to `end`; of several where there would be more
    /// than `room` of them.
    pub(crate) fn new(start: Timestamp, end: Timestamp, interval: i64, room: usize) -> Self {
        let (interval, room) = (interval.max(1), room.max(1) as i64);
        let span = end.since(start).max(0);
        let intervals = span / interval + 1;
        let per_cell = (intervals - 1) / room + 1;
        let cell = interval.saturating_mul(per_cell);
        Scale { start, cell, cells: (span / cell + 1) as usize }
    }

    /// Characters of a line.
    pub(crate) fn cells(&self) -> usize {
        self.cells
    }

    /// Seconds that a character stands for.
    pub(crate) fn seconds(&self) -> f64 {
        self.cell as f64 / 1e9
    }

    /// The character in which a moment lies.
    pub(crate) fn index(&self, moment: Timestamp) -> usize {
        let index = moment.since(self.start).max(0) / self.cell;
        (index as usize).min(self.cells - 1)
    }
}

/// One notification on the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tick {
    /// When it was complete.
    pub(crate) time: Timestamp,
    /// Whether it only says that nothing happened.
    pub(crate) keepalive: bool,
}

/// The line of one subscription. `ticks` are in time order; a pause longer than `longest` (nanoseconds) is missing
/// something; `until` is when the subscription's time is over: the end of the capture, or its last notification
/// when it ended in peace.
pub(crate) fn line(scale: &Scale, ticks: &[Tick], longest: i64, until: Timestamp) -> String {
    let mut cells = vec![Cell::None; scale.cells];
    let mut put = |range: Range<usize>, what: Cell| {
        for cell in &mut cells[range] {
            *cell = what.max(*cell);
        }
    };
    for (index, tick) in ticks.iter().enumerate() {
        let here = scale.index(tick.time);
        put(here..here + 1, if tick.keepalive { Cell::Kept } else { Cell::Events });
        let (end, first_after) = match ticks.get(index + 1) {
            Some(next) => (next.time, scale.index(next.time)),
            None => (until, scale.index(until) + 1),
        };
        let between = here + 1..first_after.max(here + 1);
        if end.since(tick.time) <= longest {
            put(between, Cell::Kept);
        } else if between.is_empty() {
            // A cell that stands for many intervals must not hide that some are missing.
            put(here..here + 1, Cell::Missing);
        } else {
            put(between, Cell::Missing);
        }
    }
    cells.into_iter().map(Cell::symbol).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60_000_000_000;

    fn at(minutes: f64) -> Timestamp {
        Timestamp::from_nanos((minutes * MINUTE as f64) as i64)
    }

    fn shown(end: f64, room: usize, ticks: &[(f64, bool)], until: f64) -> String {
        let scale = Scale::new(at(0.0), at(end), 5 * MINUTE, room);
        let ticks: Vec<Tick> =
            ticks.iter().map(|(time, keepalive)| Tick { time: at(*time), keepalive: *keepalive }).collect();
        line(&scale, &ticks, 6 * MINUTE, at(until))
    }

    #[test]
    fn a_healthy_subscription_has_no_hole_although_its_keepalives_drift() {
        let ticks: Vec<(f64, bool)> = (0..12).map(|n| (f64::from(n) * 5.3 + 0.1, true)).collect();
        assert_eq!(shown(60.0, 80, &ticks, 60.0), "·············");
    }

    #[test]
    fn a_gap_shows_where_it_is() {
        let ticks = [(1.0, true), (6.0, false), (11.0, true), (41.0, true), (46.0, true)];
        assert_eq!(shown(50.0, 80, &ticks, 50.0), "·█·×××××···");
    }

    #[test]
    fn silence_to_the_end_is_missing_only_while_the_subscription_lives() {
        let ticks = [(6.0, true), (11.0, true)];
        assert_eq!(shown(40.0, 80, &ticks, 40.0), " ··××××××");
        assert_eq!(shown(40.0, 80, &ticks, 11.0), " ··      ");
    }

    #[test]
    fn a_long_capture_is_scaled_down_and_keeps_its_gap() {
        let mut ticks: Vec<(f64, bool)> = (0..288).map(|n| (f64::from(n) * 5.0, true)).collect();
        ticks.drain(100..105);
        let line = shown(1440.0, 40, &ticks, 1440.0);
        assert_eq!(line.chars().count(), 37);
        assert_eq!(line.chars().filter(|c| *c == '×').count(), 1);
    }

    #[test]
    fn a_capture_without_length_has_one_cell() {
        assert_eq!(shown(0.0, 0, &[(0.0, true)], 0.0), "·");
        assert_eq!(Scale::new(at(5.0), at(0.0), 0, 0).cells(), 1);
    }
}

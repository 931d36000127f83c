//! How text is shown: its width, its detail, its times, its colours.

use anstyle::{AnsiColor, Style as Ansi};
use jiff::tz::TimeZone;
use sibtrace::rules::{Confidence, Severity};
use sibtrace::time::Timestamp;

use crate::args::{Destination, Look, Times};

/// The width where there is no terminal to ask.
const PAGE_WIDTH: usize = 100;
/// Below this, tables and indents leave no room for words.
const LEAST_WIDTH: usize = 40;

/// Names of files, subjects and headings.
pub(crate) const BOLD: Ansi = Ansi::new().bold();
/// Labels and what can be passed over.
pub(crate) const DIM: Ansi = Ansi::new().dimmed();
/// All is well.
pub(crate) const GOOD: Ansi = AnsiColor::Green.on_default();
/// Something is amiss.
pub(crate) const AMISS: Ansi = AnsiColor::Yellow.on_default();
/// What can be typed or pasted.
pub(crate) const CODE: Ansi = AnsiColor::Cyan.on_default();

/// How much is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Detail {
    /// One line per finding.
    Brief,
    /// The report.
    Normal,
    /// All evidence, and the reasons.
    Full,
}

/// How text is shown.
#[derive(Clone, Debug)]
pub(crate) struct Style {
    /// Columns of the page.
    pub(crate) width: usize,
    /// How much is said.
    pub(crate) detail: Detail,
    /// How times are written.
    pub(crate) clock: Clock,
}

impl Style {
    /// The style that the options ask for. Relative times count from `start`.
    pub(crate) fn new(look: &Look, destination: &Destination, start: Option<Timestamp>) -> Self {
        let detail = match (look.quiet, look.verbose) {
            (_, true) => Detail::Full,
            (true, false) => Detail::Brief,
            (false, false) => Detail::Normal,
        };
        Style { width: width(destination), detail, clock: Clock::new(destination.times, start) }
    }
}

fn width(destination: &Destination) -> usize {
    let terminal = terminal_size::terminal_size_of(std::io::stdout()).filter(|_| destination.is_stdout());
    let columns = || std::env::var("COLUMNS").ok()?.parse().ok();
    let width = terminal.map(|(width, _)| width.0.into()).or_else(columns);
    width.unwrap_or(PAGE_WIDTH).max(LEAST_WIDTH)
}

/// How moments are written.
#[derive(Clone, Debug)]
pub(crate) enum Clock {
    /// In the time of a zone.
    Zone(TimeZone),
    /// Counted from a moment.
    Since(Timestamp),
}

impl Clock {
    /// The clock that `--times` asks for.
    pub(crate) fn new(times: Times, start: Option<Timestamp>) -> Self {
        match times {
            Times::Utc => Clock::Zone(TimeZone::UTC),
            Times::Local => Clock::Zone(TimeZone::system()),
            Times::Relative => Clock::Since(start.unwrap_or_default()),
        }
    }

    /// Date and time of day to the second.
    pub(crate) fn date(&self, moment: Timestamp) -> String {
        match self {
            Clock::Zone(zone) => at(moment, zone, "%Y-%m-%d %H:%M:%S"),
            Clock::Since(_) => self.time(moment),
        }
    }

    /// Date and time of day to the microsecond.
    pub(crate) fn precise(&self, moment: Timestamp) -> String {
        match self {
            Clock::Zone(zone) => at(moment, zone, "%Y-%m-%d %H:%M:%S%.6f"),
            Clock::Since(start) => format!("{:+.6} s", moment.seconds_since(*start)),
        }
    }

    /// Time of day to the millisecond.
    pub(crate) fn time(&self, moment: Timestamp) -> String {
        match self {
            Clock::Zone(zone) => at(moment, zone, "%H:%M:%S%.3f"),
            Clock::Since(start) => format!("{:+.3} s", moment.seconds_since(*start)),
        }
    }

    /// Time of day to the second.
    pub(crate) fn hour(&self, moment: Timestamp) -> String {
        match self {
            Clock::Zone(zone) => at(moment, zone, "%H:%M:%S"),
            Clock::Since(start) => format!("{:+.0} s", moment.seconds_since(*start)),
        }
    }

    /// The day, where there are days.
    pub(crate) fn day(&self, moment: Timestamp) -> Option<String> {
        match self {
            Clock::Zone(zone) => Some(at(moment, zone, "%Y-%m-%d")),
            Clock::Since(_) => None,
        }
    }

    /// The name of the zone, to stand behind a time.
    pub(crate) fn zone(&self, moment: Timestamp) -> String {
        match self {
            Clock::Zone(zone) => at(moment, zone, "%Z"),
            Clock::Since(_) => "after the first packet".to_owned(),
        }
    }
}

fn at(moment: Timestamp, zone: &TimeZone, format: &str) -> String {
    match jiff::Timestamp::from_nanosecond(moment.nanos().into()) {
        Ok(moment) => moment.to_zoned(zone.clone()).strftime(format).to_string(),
        // Every 64-bit count of nanoseconds lies within the years that jiff knows.
        Err(_) => moment.to_string(),
    }
}

/// The colour of a severity.
pub(crate) fn severity_style(severity: Severity) -> Ansi {
    match severity {
        Severity::Error => AnsiColor::Red.on_default().bold(),
        Severity::Warning => AnsiColor::Yellow.on_default().bold(),
        Severity::Info => AnsiColor::Blue.on_default().bold(),
    }
}

/// The colour of a confidence: the less sure, the less it stands out.
pub(crate) fn confidence_style(confidence: Confidence) -> Ansi {
    match confidence {
        Confidence::Proven => Ansi::new(),
        Confidence::Likely | Confidence::Possible => DIM,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_on_three_clocks() {
        let start: Timestamp = "2014-06-29T15:25:44Z".parse().unwrap();
        let moment: Timestamp = "2014-06-29T15:26:14.5009Z".parse().unwrap();
        let utc = Clock::new(Times::Utc, Some(start));
        assert_eq!(utc.date(moment), "2014-06-29 15:26:14");
        assert_eq!(utc.time(moment), "15:26:14.500");
        let oslo = Clock::Zone(TimeZone::fixed(jiff::tz::offset(2)));
        assert_eq!(oslo.date(moment), "2014-06-29 17:26:14");
        assert_eq!(Clock::new(Times::Relative, Some(start)).time(moment), "+30.501 s");
    }

    #[test]
    fn the_ends_of_time_can_be_written() {
        for moment in [Timestamp::MAX, Timestamp::from_nanos(i64::MIN)] {
            assert!(!Clock::new(Times::Utc, None).date(moment).is_empty());
        }
    }
}

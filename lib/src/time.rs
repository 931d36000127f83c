//! Moments of a capture and lengths of time, and how both are written.
//!
//! All times are UTC and come from the capture; the wall clock is never asked.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

const NANOS: i64 = 1_000_000_000;

/// A moment in nanoseconds since 1970-01-01 00:00 UTC.
///
/// Moments outside the years 1678 to 2262, which only damaged captures hold, are moved to the nearest
/// moment that can be written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The latest moment that can be written.
    pub const MAX: Timestamp = Timestamp(i64::MAX);

    /// The earliest moment that can be written.
    pub const MIN: Timestamp = Timestamp(i64::MIN);

    /// From nanoseconds since 1970.
    pub const fn from_nanos(nanos: i64) -> Self {
        Timestamp(nanos)
    }

    /// From seconds since 1970 and nanoseconds, which may exceed a second.
    pub fn new(seconds: i64, nanos: i64) -> Self {
        Timestamp(seconds.saturating_mul(NANOS).saturating_add(nanos))
    }

    /// Nanoseconds since 1970.
    pub const fn nanos(self) -> i64 {
        self.0
    }

    /// Signed nanoseconds from `earlier` to `self`.
    pub const fn since(self, earlier: Timestamp) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// Whether it is not before `earlier`, and at most so many nanoseconds after it.
    pub(crate) const fn follows(self, earlier: Timestamp, within: i64) -> bool {
        // Without a sign, no difference is too large.
        self.0 >= earlier.0 && self.0.wrapping_sub(earlier.0) as u64 <= within as u64
    }

    /// Signed seconds from `earlier` to `self`.
    pub fn seconds_since(self, earlier: Timestamp) -> f64 {
        self.since(earlier) as f64 / NANOS as f64
    }

    /// The moment `length` later.
    pub fn after(self, length: Duration) -> Self {
        Timestamp(self.0.saturating_add(nanos(length)))
    }

    /// The moment that a `Date` field names in the form that servers must send (RFC 9110, 5.6.7):
    /// `Sun, 06 Nov 1994 08:49:37 GMT`.
    pub fn from_http_date(text: &str) -> Option<Self> {
        const MONTHS: [&str; 12] =
            ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
        let (_, date) = text.trim().split_once(',')?;
        let mut parts = date.strip_prefix(' ')?.split(' ');
        let (day, month, year, time) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let month = MONTHS.iter().position(|name| *name == month)? + 1;
        let date = [year.parse().ok()?, month as i64, day.parse().ok()?];
        let mut time = time.split(':').map(|part| part.parse().ok());
        let of_day = [time.next()??, time.next()??, time.next()??];
        (time.next().is_none() && parts.next() == Some("GMT")).then(|| from_civil(date, of_day, 0))?
    }

    /// For a sentence: date and time of day with milliseconds, `2014-06-29 15:25:44.298 UTC`.
    pub fn in_words(self) -> String {
        let (year, month, day, hour, minute, second) = self.civil();
        let millis = self.0.rem_euclid(NANOS) / 1_000_000;
        format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}.{millis:03} UTC")
    }

    /// The calendar date and time of day in UTC: year, month, day, hour, minute, second.
    pub fn civil(self) -> (i64, u32, u32, u32, u32, u32) {
        let seconds = self.0.div_euclid(NANOS);
        let (days, rest) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400) as u32);
        // Days to civil date: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms".
        let z = days + 719_468;
        let era = z.div_euclid(146_097);
        let doe = z.rem_euclid(146_097);
        let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
        let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
        let mp = (5 * doy + 2) / 153;
        let day = (doy - (153 * mp + 2) / 5 + 1) as u32;
        let month = if mp < 10 { mp + 3 } else { mp - 9 } as u32;
        let year = yoe + era * 400 + i64::from(month <= 2);
        (year, month, day, rest / 3600, rest / 60 % 60, rest % 60)
    }
}

/// RFC 3339 in UTC with nine digits of a second.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day, hour, minute, second) = self.civil();
        let nanos = self.0.rem_euclid(NANOS);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{nanos:09}Z")
    }
}

/// What is wrong with a written moment or length of time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} {text:?}: write it like {example}")]
pub struct ParseTimeError {
    what: &'static str,
    text: String,
    example: &'static str,
}

impl FromStr for Timestamp {
    type Err = ParseTimeError;

    /// Reads RFC 3339 in UTC, with or without fractions of a second.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse_utc(text).ok_or_else(|| ParseTimeError {
            what: "not a UTC time:",
            text: text.to_owned(),
            example: "2014-06-29T15:25:44Z",
        })
    }
}

fn parse_utc(text: &str) -> Option<Timestamp> {
    let text = text.strip_suffix(['Z', 'z'])?;
    let (date, time) = text.split_once(['T', 't', ' '])?;
    let mut date = date.split('-').map(|part| part.parse::<i64>().ok());
    let (year, month, day) = (date.next()??, date.next()??, date.next()??);
    let mut time = time.split(':');
    let (hour, minute) = (time.next()?.parse::<i64>().ok()?, time.next()?.parse::<i64>().ok()?);
    let (second, fraction) = time.next().map_or(("0", ""), |s| s.split_once('.').unwrap_or((s, "")));
    let second = second.parse::<i64>().ok()?;
    let is_fraction = fraction.len() <= 9 && fraction.bytes().all(|byte| byte.is_ascii_digit());
    if date.next().is_some() || time.next().is_some() || !is_fraction {
        return None;
    }
    let nanos = format!("{fraction:0<9}").parse().ok()?;
    from_civil([year, month, day], [hour, minute, second], nanos)
}

/// A date and a time of day in UTC, where there is such a time.
fn from_civil(
    [year, month, day]: [i64; 3],
    [hour, minute, second]: [i64; 3],
    nanos: i64,
) -> Option<Timestamp> {
    let in_range = (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && (0..24).contains(&hour)
        && (0..60).contains(&minute)
        && (0..=60).contains(&second)
        && (1678..2262).contains(&year);
    if !in_range {
        return None;
    }
    let (y, m) = if month <= 2 { (year - 1, month + 9) } else { (year, month - 3) };
    let era = y.div_euclid(400);
    let yoe = y.rem_euclid(400);
    let doe = yoe * 365 + yoe / 4 - yoe / 100 + (153 * m + 2) / 5 + day - 1;
    let days = era * 146_097 + doe - 719_468;
    Some(Timestamp::new(days * 86_400 + hour * 3600 + minute * 60 + second, nanos))
}

/// Reads a length of time as people write it: `90s`, `5m`, `1h30m`, `250ms`; a bare number is seconds.
pub fn parse_duration(text: &str) -> Result<Duration, ParseTimeError> {
    duration(text.trim()).ok_or_else(|| ParseTimeError {
        what: "not a length of time:",
        text: text.to_owned(),
        example: "90s, 5m or 1h30m",
    })
}

fn duration(mut text: &str) -> Option<Duration> {
    let mut total = 0.0;
    if text.is_empty() {
        return None;
    }
    while !text.is_empty() {
        let number = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let unit = text[number..].find(|c: char| c.is_ascii_digit()).map_or(text.len(), |n| number + n);
        let seconds = match text[number..unit].trim() {
            "ms" => 0.001,
            "s" | "sec" | "" => 1.0,
            "m" | "min" => 60.0,
            "h" => 3600.0,
            "d" => 86_400.0,
            _ => return None,
        };
        total += text[..number].parse::<f64>().ok()? * seconds;
        text = &text[unit..];
    }
    // Longer than this is no setting anybody means, and still fits nanoseconds.
    (total < 1e9).then(|| Duration::from_secs_f64(total))
}

/// A length of time in nanoseconds, as the difference of two timestamps is.
pub fn nanos(length: Duration) -> i64 {
    i64::try_from(length.as_nanos()).unwrap_or(i64::MAX)
}

/// A length of time in words for a sentence: `9 min 58 s`, `4.2 s`, `1 h 14 min`.
pub fn spoken(seconds: f64) -> String {
    let whole = seconds.round().max(0.0) as u64;
    let (d, h, m, s) = (whole / 86_400, whole / 3600 % 24, whole / 60 % 60, whole % 60);
    match (d, h, m) {
        (0, 0, 0) if seconds < 1.0 => format!("{:.0} ms", seconds * 1000.0),
        (0, 0, 0) if seconds < 10.0 => format!("{seconds:.1} s"),
        (0, 0, 0) => format!("{s} s"),
        (0, 0, _) if s == 0 => format!("{m} min"),
        (0, 0, _) => format!("{m} min {s} s"),
        (0, _, 0) => format!("{h} h"),
        (0, _, _) => format!("{h} h {m} min"),
        (_, 0, _) => format!("{d} d"),
        _ => format!("{d} d {h} h"),
    }
}

/// A length of time as the option parser reads it: `5m`, `1h30m`, `90s`.
pub fn compact(length: Duration) -> String {
    let millis = length.as_millis();
    if !millis.is_multiple_of(1000) {
        return format!("{millis}ms");
    }
    let seconds = length.as_secs();
    let (h, m, s) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let mut text = String::new();
    for (value, unit) in [(h, "h"), (m, "m"), (s, "s")] {
        if value > 0 {
            text += &format!("{value}{unit}");
        }
    }
    if text.is_empty() { "0s".to_owned() } else { text }
}

#[cfg(feature = "serde")]
impl serde::Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Timestamp {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Timestamp".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "A moment in UTC with nanoseconds, as RFC 3339 has it.",
            "type": "string",
            "format": "date-time",
            "pattern": r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{9}Z$"
        })
    }
}

#[cfg(feature = "serde")]
impl<'de> serde::Deserialize<'de> for Timestamp {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_date_of_a_reply_is_read_in_the_form_that_servers_must_send() {
        let read = Timestamp::from_http_date;
        assert_eq!(read("Sun, 06 Nov 1994 08:49:37 GMT"), "1994-11-06T08:49:37Z".parse().ok());
        for wrong in [
            "",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:37 CET",
            "Sun, 06 Nov 1994",
            "Sun, 06 Nov 1994 08:49:37:00 GMT",
            "Sun,06 Nov 1994 08:49:37 GMT",
        ] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_moment_survives_writing_and_reading() {
        for nanos in [0, 1, -1, 1_404_055_544_298_924_000, 951_782_400_000_000_000, 4_102_444_799_999_999_999]
        {
            let moment = Timestamp::from_nanos(nanos);
            assert_eq!(moment.to_string().parse::<Timestamp>(), Ok(moment), "{moment}");
        }
        assert_eq!(
            Timestamp::from_nanos(1_404_055_544_298_924_000).to_string(),
            "2014-06-29T15:25:44.298924000Z"
        );
    }

    #[test]
    fn lengths_are_read_as_people_write_them() {
        for (text, seconds) in [("90s", 90), ("5m", 300), ("1h30m", 5400), ("15", 15), ("2d", 172_800)] {
            assert_eq!(parse_duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in ["", "five", "5 parsecs", "-3s", "99999999999d"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
        assert_eq!(compact(Duration::from_secs(5430)), "1h30m30s");
        assert_eq!(spoken(598.0), "9 min 58 s");
    }

    #[test]
    fn what_follows_lies_between_both_moments() {
        let at = Timestamp::from_nanos;
        let limits = [i64::MIN, i64::MIN + 1, -21, -20, -1, 0, 1, 19, 20, 21, i64::MAX - 1, i64::MAX];
        for (earlier, later) in limits.iter().flat_map(|a| limits.iter().map(move |b| (*a, *b))) {
            let exact = i128::from(later) - i128::from(earlier);
            assert_eq!(at(later).follows(at(earlier), 20), (0..=20).contains(&exact), "{earlier} {later}");
        }
    }
}

//! Time in the lab: nanoseconds since 1970, as captures store it. There is no wall clock here.

/// Nanoseconds; a moment since 1970 or a span.
pub type Nanos = u64;

/// One microsecond.
pub const MICROSECOND: Nanos = 1_000;
/// One millisecond.
pub const MILLISECOND: Nanos = 1_000_000;
/// One second.
pub const SECOND: Nanos = 1_000_000_000;
/// One minute.
pub const MINUTE: Nanos = 60 * SECOND;
/// One hour.
pub const HOUR: Nanos = 60 * MINUTE;

/// Sunday 29 June 2014, 15:00:00 UTC: the moment at which every scenario's clock reads zero.
pub const ORIGIN: Nanos = 1_404_054_000 * SECOND;

/// An HTTP date (RFC 9110, section 5.6.7) of a moment after `ORIGIN`'s day began.
pub fn http_date(moment: Nanos) -> String {
    const DAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
    let origin_day = ORIGIN / (24 * HOUR);
    let day = (moment / (24 * HOUR)).saturating_sub(origin_day);
    // The origin is the last day but one of a month, and no scenario lasts longer than a month.
    let (month, date) = if day < 2 { ("Jun", 29 + day) } else { ("Jul", day - 1) };
    let seconds = moment / SECOND;
    format!(
        "{}, {date:02} {month} 2014 {:02}:{:02}:{:02} GMT",
        DAYS[(day % 7) as usize],
        seconds / 3600 % 24,
        seconds / 60 % 60,
        seconds % 60
    )
}

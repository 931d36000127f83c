//! Values of options: how they are read, and how their defaults are written.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use clap::ValueEnum;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use sibtrace::Vantage;
use sibtrace::config::{Config, IMP_NOTIFY_PORT};
use sibtrace::records::Kind;
use sibtrace::rules::Severity;
use sibtrace::time::{compact, parse_duration};

/// A value that sibtrace chooses unless it is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Auto<T> {
    /// Chosen by sibtrace.
    Auto,
    /// Given by the user.
    Given(T),
}

impl<T> Auto<T> {
    /// The value, if it was given.
    pub(crate) fn given(self) -> Option<T> {
        match self {
            Auto::Auto => None,
            Auto::Given(value) => Some(value),
        }
    }
}

impl<T: FromStr> FromStr for Auto<T> {
    type Err = T::Err;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "auto" => Ok(Auto::Auto),
            text => text.parse().map(Auto::Given),
        }
    }
}

/// A length of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Length(pub(crate) Duration);

impl FromStr for Length {
    type Err = sibtrace::time::ParseTimeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse_duration(text).map(Length)
    }
}

impl fmt::Display for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&compact(self.0))
    }
}

/// A keep-alive interval, for all ports or for one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Interval {
    /// The port; `None` for all.
    pub(crate) port: Option<u16>,
    /// The interval, longer than zero.
    pub(crate) length: Duration,
}

/// The intervals that hold when none is given.
pub(crate) fn intervals() -> [Interval; 2] {
    let config = Config::default();
    // Unity Connection may listen on any port; only the one of IM and Presence differs.
    let any = config.ports.notify.iter().find(|port| **port != IMP_NOTIFY_PORT);
    [
        Interval { port: None, length: config.interval_on(any.copied().unwrap_or_default()) },
        Interval { port: Some(IMP_NOTIFY_PORT), length: config.interval_on(IMP_NOTIFY_PORT) },
    ]
}

impl FromStr for Interval {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (port, length) = match text.split_once('=') {
            None => (None, text),
            Some((port, length)) => {
                let number = port.trim().parse().map_err(|_| format!("{port:?} is no port number"))?;
                (Some(number), length)
            }
        };
        let length = parse_duration(length).map_err(|error| error.to_string())?;
        if length.is_zero() {
            return Err("an interval is longer than zero".to_owned());
        }
        Ok(Interval { port, length })
    }
}

impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(port) = self.port {
            write!(f, "{port}=")?;
        }
        f.write_str(&compact(self.length))
    }
}

/// A number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size(pub(crate) u64);

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let size = text.parse::<bytesize::ByteSize>();
        size.map(|size| Size(size.as_u64()))
            .map_err(|_| "not a size: write it like 512MiB or 2GiB".to_owned())
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mib = self.0 >> 20;
        match mib << 20 == self.0 {
            true => write!(f, "{mib}MiB"),
            false => write!(f, "{}B", self.0),
        }
    }
}

/// A vantage point, given or to be inferred.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Place {
    Auto,
    Exchange,
    Cuc,
    Other,
}

impl Place {
    /// The vantage point, if it was given.
    pub(crate) fn given(self) -> Option<Vantage> {
        match self {
            Place::Auto => None,
            Place::Exchange => Some(Vantage::Exchange),
            Place::Cuc => Some(Vantage::Cuc),
            Place::Other => Some(Vantage::Other),
        }
    }
}

/// A severity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Level {
    Info,
    Warning,
    Error,
}

impl From<Level> for Severity {
    fn from(level: Level) -> Self {
        match level {
            Level::Info => Severity::Info,
            Level::Warning => Severity::Warning,
            Level::Error => Severity::Error,
        }
    }
}

/// From which severity on the exit status tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum FailOn {
    Error,
    Warning,
    Info,
    Never,
}

impl FailOn {
    /// The severity; `None` for never.
    pub(crate) fn severity(self) -> Option<Severity> {
        match self {
            FailOn::Error => Some(Severity::Error),
            FailOn::Warning => Some(Severity::Warning),
            FailOn::Info => Some(Severity::Info),
            FailOn::Never => None,
        }
    }
}

/// Form of the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Auto,
    Text,
    Json,
    Ndjson,
    Csv,
    Sarif,
    Html,
}

/// How times are written in text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Times {
    Utc,
    Local,
    Relative,
}

/// When text is coloured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ColorChoice {
    Auto,
    Always,
    Never,
}

/// Reads a kind of records by its name.
pub(crate) fn kind() -> impl TypedValueParser<Value = Kind> {
    PossibleValuesParser::new(Kind::ALL.map(Kind::name)).try_map(|name| {
        let kind = Kind::ALL.into_iter().find(|kind| kind.name() == name);
        kind.ok_or("no such kind of records")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back() {
        for interval in intervals() {
            assert_eq!(interval.to_string().parse(), Ok(interval));
        }
        for size in [Size(512 << 20), Size(1000), Size(3 << 30)] {
            assert_eq!(size.to_string().parse(), Ok(size));
        }
        assert_eq!("auto".parse(), Ok(Auto::<Length>::Auto));
        assert_eq!("90s".parse(), Ok(Auto::Given(Length(Duration::from_secs(90)))));
    }

    #[test]
    fn nonsense_is_refused() {
        for text in ["0s", "x=5m", "70800=5m", "50020=", "=5m"] {
            assert!(text.parse::<Interval>().is_err(), "{text}");
        }
        assert!("lots".parse::<Size>().is_err());
        assert!("automatic".parse::<Auto<Length>>().is_err());
    }
}

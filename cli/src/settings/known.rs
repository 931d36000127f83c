//! Findings that are expected at this site: counted, not shown.

use serde::Deserialize;
use sibtrace::Report;
use sibtrace::rules::Finding;
use sibtrace::time::Timestamp;

use crate::args;

/// A `[[known]]` entry of the settings file.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Known {
    /// Id of the rule.
    #[serde(deserialize_with = "rule")]
    rule: String,
    /// Any name of the subject; every subject without it.
    subject: Option<String>,
    /// Why it is expected. For the reader of the file.
    #[serde(rename = "reason")]
    _reason: Option<String>,
    /// The last moment (of the capture, not of the wall clock) at which it is expected.
    #[serde(default, deserialize_with = "moment")]
    until: Option<Timestamp>,
}

/// Moves the findings that are expected out of the list and into the count.
pub(crate) fn set_aside(report: &mut Report, known: &[Known]) {
    let before = report.findings.len();
    report.findings.retain(|finding| !known.iter().any(|entry| entry.covers(finding)));
    report.known += (before - report.findings.len()) as u64;
}

impl Known {
    fn covers(&self, finding: &Finding) -> bool {
        self.rule == finding.rule
            && self.until.is_none_or(|until| finding.last <= until)
            && self.subject.as_ref().is_none_or(|name| {
                let mut names = std::iter::once(&finding.subject.id).chain(&finding.subject.also);
                names.any(|other| other.eq_ignore_ascii_case(name))
            })
    }
}

fn rule<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let name = String::deserialize(deserializer)?;
    args::rule(&name).map_err(|cause| serde::de::Error::custom(format!("{name}: {cause}")))
}

/// A day, which counts to its end, or a moment; as text or as TOML's own date. Without an offset it is UTC.
fn moment<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    let text = match toml::Value::deserialize(deserializer)? {
        toml::Value::String(text) => text,
        toml::Value::Datetime(date) => date.to_string(),
        other => return Err(serde::de::Error::custom(format!("until: {other} is no date"))),
    };
    parse(&text)
        .map(Some)
        .ok_or_else(|| serde::de::Error::custom(format!("until: {text:?} is no date; write 2026-12-31")))
}

fn parse(text: &str) -> Option<Timestamp> {
    let utc = jiff::tz::TimeZone::UTC;
    let moment = match text.parse::<jiff::Timestamp>() {
        Ok(moment) => moment,
        Err(_) if text.contains(['T', 't', ' ']) => {
            let time: jiff::civil::DateTime = text.parse().ok()?;
            utc.to_timestamp(time).ok()?
        }
        Err(_) => {
            let day: jiff::civil::Date = text.parse().ok()?;
            utc.to_timestamp(day.at(23, 59, 59, 999_999_999)).ok()?
        }
    };
    i64::try_from(moment.as_nanosecond()).ok().map(Timestamp::from_nanos)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::text::samples;

    fn known(subject: Option<&str>, until: Option<&str>) -> Known {
        Known {
            rule: "keepalive-missing".to_owned(),
            subject: subject.map(str::to_owned),
            _reason: None,
            until: until.map(|text| parse(text).unwrap()),
        }
    }

    #[test]
    fn an_entry_covers_its_rule_subject_and_time() {
        let report = samples::report();
        let finding = report.findings.iter().find(|finding| finding.rule == "keepalive-missing").unwrap();
        assert!(known(None, None).covers(finding));
        assert!(known(Some(&finding.subject.id.to_uppercase()), None).covers(finding));
        assert!(known(Some(&finding.subject.also[0]), None).covers(finding));
        assert!(known(None, Some("2014-06-29")).covers(finding));
        assert!(!known(None, Some("2014-06-28")).covers(finding));
        assert!(!known(Some("somebody else"), None).covers(finding));
    }

    #[test]
    fn what_is_set_aside_is_counted() {
        let mut report = samples::report();
        let (shown, known_before) = (report.findings.len(), report.known);
        set_aside(&mut report, &[known(None, None)]);
        assert_eq!(report.findings.len(), shown - 1);
        assert_eq!(report.known, known_before + 1);
    }

    #[test]
    fn a_date_is_a_day_or_a_moment() {
        for (text, same) in [
            ("2026-12-31", "2026-12-31T23:59:59.999999999Z"),
            ("2026-12-31T08:00:00Z", "2026-12-31T08:00:00Z"),
            ("2026-12-31T08:00:00+02:00", "2026-12-31T06:00:00Z"),
            ("2026-12-31T08:00:00", "2026-12-31T08:00:00Z"),
        ] {
            assert_eq!(parse(text), Some(same.parse().unwrap()), "{text}");
        }
        assert_eq!(parse("next year"), None);
    }
}

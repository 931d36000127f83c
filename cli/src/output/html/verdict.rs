//! The verdict in one sentence.

use sibtrace::Report;
use sibtrace::rules::{Finding, Severity};

use super::Story;
use super::markup::Markup;
use crate::output::text::header::count;

/// Writes the heading, the verdict and how many findings there are.
pub(super) fn write(html: &mut Markup, story: &Story<'_>) {
    let report = story.report;
    html.leaf("p", &[("class", "brand")], "sibtrace report");
    let class = match worst(report) {
        Some(finding) => finding.severity.name(),
        None => "good",
    };
    html.leaf("h1", &[("class", class)], &sentence(report));
    html.element("ul", &[("class", "tally"), ("aria-label", "Findings by severity")], |html| {
        for (severity, one, many) in [
            (Severity::Error, "error", "errors"),
            (Severity::Warning, "warning", "warnings"),
            (Severity::Info, "info", "info"),
        ] {
            let number = report.findings.iter().filter(|finding| finding.severity == severity).count();
            let class = if number == 0 { "none" } else { severity.name() };
            html.leaf("li", &[("class", class)], &count(number as u64, one, many));
        }
        if report.known > 0 {
            html.leaf("li", &[], &format!("{} expected, not shown", report.known));
        }
    });
    if report.partial {
        html.leaf("p", &[("class", "note")], "Interrupted: this is what was found until then.");
    }
}

/// The worst finding about the traffic; what only qualifies the capture says nothing about the integration.
fn worst(report: &Report) -> Option<&Finding> {
    report.findings.iter().find(|finding| !finding.rule.starts_with("capture-"))
}

/// The verdict in words.
pub(super) fn sentence(report: &Report) -> String {
    let Some(worst) = worst(report).filter(|worst| worst.severity > Severity::Info) else {
        return match report.findings.is_empty() {
            true => "Nothing is wrong as far as this capture shows.".to_owned(),
            false => "No fault was found in the traffic; some things are worth knowing.".to_owned(),
        };
    };
    let others = report
        .findings
        .iter()
        .filter(|finding| finding.severity > Severity::Info && !finding.rule.starts_with("capture-"))
        .count()
        - 1;
    let title = worst.title.trim_end_matches('.');
    match others {
        0 => format!("{title}."),
        _ => format!("{title}, and {}.", count(others as u64, "more finding", "more findings")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::text::samples;

    #[test]
    fn the_sentence_tells_the_worst_and_how_many_more() {
        let mut report = samples::report();
        assert_eq!(
            sentence(&report),
            "No notification for 1 h 29 min on subscription 977bbffe-d950-4f65-af1c-ea863ab20594, and 1 more finding."
        );
        report.findings.retain(|finding| finding.rule.starts_with("capture-"));
        assert_eq!(sentence(&report), "No fault was found in the traffic; some things are worth knowing.");
        report.findings.clear();
        assert_eq!(sentence(&report), "Nothing is wrong as far as this capture shows.");
    }
}

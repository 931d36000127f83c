//! Findings as comments on frames, for Wireshark.

use std::collections::BTreeMap;

use sibtrace::Report;
use sibtrace::rules::Finding;

use super::{clean, html};

/// Comments by capture and frame.
pub(crate) type Comments = BTreeMap<(usize, u64), Vec<String>>;

/// A comment on each frame that is evidence, with the number of the finding, its rule and its sentence.
pub(crate) fn of(report: &Report) -> Comments {
    let mut comments = Comments::new();
    for (finding, number) in report.findings.iter().zip(1..) {
        for evidence in &finding.evidence {
            let comment = comment(number, finding, &evidence.note);
            comments.entry((evidence.capture, evidence.frame)).or_default().push(comment);
        }
    }
    comments
}

/// The comment on a section: the verdict, and who wrote it.
pub(crate) fn verdict(report: &Report) -> String {
    let count = report.findings.len();
    let noun = if count == 1 { "finding" } else { "findings" };
    let verdict = html::verdict(report);
    clean::text(&format!("sibtrace {}: {verdict} ({count} {noun})", report.sibtrace)).into_owned()
}

/// The comment that tells where a packet of an excerpt comes from.
pub(crate) fn origin(frame: u64, file: Option<&str>) -> String {
    match file {
        Some(file) => clean::text(&format!("original frame {frame} of {file}")).into_owned(),
        None => format!("original frame {frame}"),
    }
}

fn comment(number: usize, finding: &Finding, note: &str) -> String {
    let Finding { rule, severity, confidence, title, .. } = finding;
    let line = format!("sibtrace finding {number}: {severity} {rule} ({confidence}): {title} [{note}]");
    clean::text(&line).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::text::samples;

    #[test]
    fn a_comment_names_the_finding_and_says_what_the_frame_shows() {
        let comments = of(&samples::report());
        assert_eq!(
            comments[&(0, 30)],
            [
                "sibtrace finding 1: error subscription-stale (proven): No notification for 1 h 29 min on subscription \
              977bbffe-d950-4f65-af1c-ea863ab20594 [last notification]"
            ]
        );
    }

    #[test]
    fn captured_text_stays_on_its_line() {
        let mut report = samples::report();
        report.findings[0].title = "a\nb\x1b[31m\u{202e}".to_owned();
        let comments = of(&report);
        assert!(comments[&(0, 30)][0].contains("a\\nb\\x1b[31m\\u{202e}"));
        assert!(!verdict(&report).contains('\u{1b}'));
    }
}

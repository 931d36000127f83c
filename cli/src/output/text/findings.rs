//! The findings, worst first, each with what is needed to check it and to act on it.

use sibtrace::rules::{Evidence, Finding};
use sibtrace::{Config, Facts, Report};

use super::fold::{self, Block};
use super::page::Page;
use super::style::{BOLD, CODE, DIM, Detail, Style, confidence_style, severity_style};
use crate::output::clean;

/// Frames that a block lists: the first ones and the last.
const FRAMES: usize = 4;
/// Subjects that a folded block lists.
const SUBJECTS: usize = 12;

/// One line per finding.
pub(crate) fn one_line_each(page: &mut Page, report: &Report) {
    for finding in &report.findings {
        let style = severity_style(finding.severity);
        page.line(&format!(
            "{style}{:7}{style:#} {}  {}  {}",
            finding.severity,
            finding.rule,
            clean::text(&finding.subject.id),
            clean::text(&finding.title)
        ));
    }
}

/// A block per finding; findings that are one trouble share one.
pub(crate) fn blocks(page: &mut Page, report: &Report, facts: &Facts, config: &Config, style: &Style) {
    for block in fold::blocks(&report.findings, facts, config) {
        page.gap();
        show(page, &block, report, style);
    }
}

fn show(page: &mut Page, block: &Block<'_>, report: &Report, style: &Style) {
    let Some(finding) = block.findings.first() else {
        return;
    };
    let (severity, confidence) = (severity_style(finding.severity), confidence_style(finding.confidence));
    page.paragraph(
        0,
        &format!(
            "{severity}{}{severity:#} {BOLD}{}{BOLD:#} {confidence}({}){confidence:#}",
            finding.severity,
            clean::text(&finding.rule),
            finding.confidence
        ),
    );
    page.paragraph(2, &clean::text(&finding.title));
    if let Some(source) = block.source {
        let others = block.findings.len() - 1;
        let noun = if others == 1 { "subscription" } else { "subscriptions" };
        page.paragraph(
            2,
            &format!("The same holds at the same time for {others} more {noun} from {source}."),
        );
    }
    if !finding.detail.is_empty() {
        page.gap();
        for paragraph in clean::lines(&finding.detail).lines() {
            page.paragraph(2, paragraph);
        }
    }
    page.gap();
    subjects(page, block, style);
    frames(page, finding, report, style);
    if !finding.wireshark_filter.is_empty() {
        // Not wrapped: it is there to be pasted.
        let filter = clean::text(&finding.wireshark_filter);
        page.line(&format!("  {DIM}{:10}{DIM:#}{CODE}{filter}{CODE:#}", "filter"));
    }
    for caveat in &finding.caveats {
        page.field("but", &clean::text(caveat));
    }
    if style.detail == Detail::Full {
        figures(page, finding);
    }
    let mut label = "remedy";
    for paragraph in clean::lines(&finding.remedy).lines() {
        page.field(label, paragraph);
        label = "";
    }
}

fn subjects(page: &mut Page, block: &Block<'_>, style: &Style) {
    let listed = match style.detail {
        Detail::Full => block.findings.len(),
        _ => SUBJECTS,
    };
    let mut label = "subject";
    for finding in block.findings.iter().take(listed) {
        let subject = &finding.subject;
        let times = match finding.count {
            0 | 1 => String::new(),
            count => format!(" {DIM}({count} times){DIM:#}"),
        };
        page.field(label, &format!("{}{times}", clean::text(&subject.id)));
        label = "";
        if block.findings.len() == 1 && !subject.also.is_empty() {
            page.field("also", &clean::text(&subject.also.join(", ")));
        }
    }
    if let Some(rest) = block.findings.len().checked_sub(listed).filter(|rest| *rest > 0) {
        page.field("", &format!("{DIM}and {rest} more (-v shows all){DIM:#}"));
    }
}

fn frames(page: &mut Page, finding: &Finding, report: &Report, style: &Style) {
    let evidence = &finding.evidence;
    let shown: Vec<&Evidence> = match (style.detail, evidence.as_slice()) {
        (Detail::Full, all) => all.iter().collect(),
        (_, all) if all.len() <= FRAMES => all.iter().collect(),
        (_, [start @ .., last]) => start.iter().take(FRAMES - 1).chain([last]).collect(),
        (_, []) => Vec::new(),
    };
    let hidden = evidence.len() - shown.len();
    let widest = shown.iter().map(|one| one.frame.to_string().len()).max().unwrap_or(0);
    let first_day = report.captures.first().and_then(|capture| style.clock.day(capture.first?));
    let mut label = "frames";
    for (index, one) in shown.iter().enumerate() {
        if hidden > 0 && index + 1 == shown.len() {
            page.field("", &format!("{DIM}… {hidden} more (-v shows all){DIM:#}"));
        }
        let time = match style.clock.day(one.time) == first_day {
            true => style.clock.time(one.time),
            false => style.clock.date(one.time),
        };
        let place = match report.captures.get(one.capture).filter(|_| report.captures.len() > 1) {
            Some(capture) => format!("{DIM}{}{DIM:#} ", clean::text(name(&capture.path))),
            None => String::new(),
        };
        page.field(label, &format!("{place}{:>widest$}  {time}  {}", one.frame, clean::text(&one.note)));
        label = "";
    }
}

/// The last part of a path.
fn name(path: &str) -> &str {
    path.rsplit(['/', '\\']).next().unwrap_or(path)
}

fn figures(page: &mut Page, finding: &Finding) {
    let figures: Vec<String> = finding
        .values
        .iter()
        .map(|(name, value)| {
            let value = serde_json::to_string(value).unwrap_or_default();
            format!("{name} = {value}")
        })
        .collect();
    if !figures.is_empty() {
        page.field("figures", &clean::text(&figures.join(", ")));
    }
}

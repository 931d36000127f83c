//! The findings, worst first, each with what is needed to check it and to act on it.

use sibtrace::rules::{self, Finding, Subject, SubjectKind};

use super::Story;
use super::evidence::{self, Ways};
use super::markup::Markup;
use super::subscriptions::anchor;
use super::table::{Cell, Column, Table};
use crate::output::clean;
use crate::output::text::fold::Block;
use crate::output::text::header::{count, grouped};

/// Findings (those that are one trouble count as one) that are told in full; the rest stand in a table.
const TOLD: usize = 100;
/// Findings that one table lists.
const BRIEFLY: usize = 500;

/// Writes an article per finding.
pub(super) fn section(html: &mut Markup, story: &Story<'_>) {
    if story.blocks.is_empty() {
        html.leaf("p", &[], "None.");
        return;
    }
    let ways = Ways::new(story);
    let (told, rest) = story.blocks.split_at(story.blocks.len().min(TOLD));
    for block in told {
        if let Some(finding) = block.findings.first() {
            article(html, block, finding, story, &ways);
        }
    }
    if !rest.is_empty() {
        html.leaf("h3", &[], "Further findings");
        let rest: Vec<&Finding> = rest.iter().flat_map(|block| &block.findings).copied().collect();
        briefly(html, &rest, story);
    }
}

fn article(html: &mut Markup, block: &Block<'_>, finding: &Finding, story: &Story<'_>, ways: &Ways) {
    let severity = finding.severity.name();
    html.element("article", &[("class", severity)], |html| {
        html.element("h3", &[], |html| {
            html.leaf("span", &[("class", "badge")], severity);
            html.text(" ");
            html.text(&finding.title);
        });
        html.element("p", &[("class", "dim")], |html| {
            html.leaf("code", &[], &finding.rule);
            html.text(&format!(" · {} · {}", finding.confidence, when(finding, story)));
            if finding.count > 1 {
                html.text(&format!(" · {} times", finding.count));
            }
        });
        paragraphs(html, &finding.detail);
        if let Some(source) = block.source {
            let others = count(block.findings.len() as u64 - 1, "more subscription", "more subscriptions");
            html.leaf("p", &[], &format!("The same holds at the same time for {others} from {source}."));
        }
        subject(html, finding, story);
        evidence::table(html, finding, story, ways);
        filter(html, finding, story);
        if !finding.caveats.is_empty() {
            html.leaf("p", &[("class", "label")], "But");
            html.element("ul", &[], |html| {
                finding.caveats.iter().for_each(|caveat| html.leaf("li", &[], caveat));
            });
        }
        if block.findings.len() > 1 {
            let all = count(block.findings.len() as u64, "subject", "subjects");
            html.element("details", &[], |html| {
                html.leaf("summary", &[], &format!("All {all}"));
                briefly(html, &block.findings, story);
            });
        }
        remedy(html, finding);
    });
    html.line();
}

fn when(finding: &Finding, story: &Story<'_>) -> String {
    let first = story.clock.date(finding.first);
    match (finding.first == finding.last, story.clock.day(finding.first) == story.clock.day(finding.last)) {
        (true, _) => first,
        (false, true) => format!("{first} to {}", story.clock.hour(finding.last)),
        (false, false) => format!("{first} to {}", story.clock.date(finding.last)),
    }
}

fn paragraphs(html: &mut Markup, text: &str) {
    for paragraph in clean::lines(text).lines().filter(|line| !line.is_empty()) {
        html.element("p", &[], |html| html.prose(paragraph));
    }
}

fn subject(html: &mut Markup, finding: &Finding, story: &Story<'_>) {
    let subject = &finding.subject;
    html.element("p", &[("class", "subject")], |html| {
        html.leaf("span", &[("class", "label")], "Subject");
        html.text(" ");
        match is_listed(subject, story) {
            true => html.leaf("a", &[("href", &format!("#{}", anchor(&subject.id)))], &subject.id),
            false => html.leaf("b", &[], &subject.id),
        }
        if !subject.also.is_empty() {
            html.leaf("span", &[("class", "dim")], &format!(" also {}", subject.also.join(", ")));
        }
    });
}

/// Whether the subject has a row in the table of subscriptions.
fn is_listed(subject: &Subject, story: &Story<'_>) -> bool {
    let listed = || story.context.views.last().into_iter().flat_map(|view| &view.facts.subscriptions);
    subject.kind == SubjectKind::Subscription && listed().any(|row| *row.request_id == *subject.id)
}

fn filter(html: &mut Markup, finding: &Finding, story: &Story<'_>) {
    if finding.wireshark_filter.is_empty() {
        return;
    }
    let captures = &story.report.captures;
    let first = finding.evidence.first().and_then(|evidence| captures.get(evidence.capture));
    // Frames are numbered within one file.
    let file = first.filter(|_| captures.len() > 1).map(|file| evidence::name(&file.path));
    html.element("p", &[("class", "copied")], |html| {
        html.leaf("span", &[("class", "label")], "Wireshark filter");
        html.text(" ");
        html.leaf("code", &[], &finding.wireshark_filter);
        if let Some(file) = file {
            html.leaf("span", &[("class", "dim")], &format!(" for {file}"));
        }
    });
}

fn remedy(html: &mut Markup, finding: &Finding) {
    let meaning =
        rules::all().iter().find(|rule| rule.id == finding.rule).and_then(|rule| rule.section("Meaning"));
    html.element("details", &[("class", "remedy")], |html| {
        html.leaf("summary", &[], "Remedy");
        paragraphs(html, &finding.remedy);
        if let Some(meaning) = meaning {
            html.leaf("p", &[("class", "label")], "What it means");
            for paragraph in meaning.split("\n\n") {
                html.element("p", &[], |html| html.prose(&paragraph.replace('\n', " ")));
            }
        }
    });
}

/// A row per finding, for those that are not told one by one.
fn briefly(html: &mut Markup, findings: &[&Finding], story: &Story<'_>) {
    let columns = vec![
        Column::text("severity"),
        Column::text("rule"),
        Column::text("subject"),
        Column::text("what"),
        Column::text("first"),
        Column::number("count"),
        Column::text("filter"),
    ];
    let mut table = Table::new("Findings", columns);
    for finding in findings.iter().take(BRIEFLY) {
        let severity = finding.severity.name();
        table.row(vec![
            Cell::text(severity).class(severity),
            Cell::text(finding.rule.clone()),
            Cell::text(finding.subject.id.clone()).class("id"),
            Cell::words(finding.title.clone()),
            Cell::time(story.clock.date(finding.first)),
            Cell::number(finding.count as f64, finding.count.to_string()),
            Cell::text(finding.wireshark_filter.clone()).class("id"),
        ]);
    }
    table.write(html);
    if let Some(more) = findings.len().checked_sub(BRIEFLY).filter(|more| *more > 0) {
        html.leaf(
            "p",
            &[("class", "dim")],
            &format!("{} more stand in the JSON report.", grouped(more as u64)),
        );
    }
}

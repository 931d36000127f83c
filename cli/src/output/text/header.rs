//! The top of the report: what was read, who talks to whom, and the verdict.

use std::collections::BTreeSet;

use bytesize::ByteSize;
use sibtrace::capture::FileInfo;
use sibtrace::report::CaptureSummary;
use sibtrace::rules::Severity;
use sibtrace::time::spoken;
use sibtrace::{Facts, Report, Vantage};

use super::page::Page;
use super::style::{AMISS, BOLD, Clock, GOOD, Style, severity_style};
use crate::output::clean;

/// Names that one line lists; the rest are counted.
const LISTED: usize = 8;

/// What was read, and how complete it is.
pub(crate) fn captures(page: &mut Page, report: &Report, facts: &Facts, style: &Style) {
    let files = facts.vantages.iter().flat_map(|vantage| &vantage.files);
    let mut files = files.map(Some).chain(std::iter::repeat(None));
    for capture in &report.captures {
        let file = files.next().flatten();
        page.hanging("", 2, &title(capture, file));
        page.paragraph(2, &span(capture, &style.clock));
        let flaws = flaws(capture, file);
        match flaws.is_empty() {
            true => page.paragraph(2, &format!("{GOOD}complete{GOOD:#}")),
            false => page.paragraph(2, &format!("{AMISS}incomplete:{AMISS:#} {}", flaws.join("; "))),
        }
        for note in &capture.notes {
            page.hanging("  note: ", 8, &clean::text(note));
        }
    }
}

fn title(capture: &CaptureSummary, file: Option<&FileInfo>) -> String {
    let mut words = vec![capture.format.clone()];
    words.extend(file.and_then(|file| file.compression).map(str::to_owned));
    words.extend(capture.link_types.iter().cloned());
    words.extend(capture.vantage.map(|vantage| match vantage {
        Vantage::Exchange => "taken at Exchange".to_owned(),
        Vantage::Cuc => "taken at the Cisco server".to_owned(),
        Vantage::Other => "taken on the way".to_owned(),
    }));
    let path = clean::text(&capture.path);
    format!("{BOLD}{path}{BOLD:#}  {}", clean::text(&words.join(", ")))
}

fn span(capture: &CaptureSummary, clock: &Clock) -> String {
    let size = format!("{} packets, {}", grouped(capture.packets), ByteSize(capture.bytes));
    let (Some(first), Some(last)) = (capture.first, capture.last) else {
        return size;
    };
    let end = match clock.day(first) == clock.day(last) {
        true => clock.hour(last),
        false => clock.date(last),
    };
    let zone = clock.zone(last);
    let length = spoken(last.seconds_since(first));
    format!("{} to {end} {zone} ({length}), {size}", clock.date(first))
}

/// What keeps a capture from being complete.
pub(crate) fn flaws(capture: &CaptureSummary, file: Option<&FileInfo>) -> Vec<String> {
    let mut flaws = Vec::new();
    if capture.truncated {
        flaws.push("the file ends inside a record".to_owned());
    }
    if capture.cut_packets > 0 {
        let at = file.and_then(|file| file.cut_at);
        let at = at.map_or(String::new(), |at| format!(" at {at} bytes"));
        flaws.push(format!("{} packets are cut{at}", grouped(capture.cut_packets)));
    }
    if capture.lost_bytes > 0 {
        flaws.push(format!("{} of TCP payload were never captured", ByteSize(capture.lost_bytes)));
    }
    if let Some(file) = file.filter(|file| file.drops > 0) {
        flaws.push(format!("the capturing program lost {} packets", grouped(file.drops)));
    }
    if let Some(file) = file.filter(|file| file.damaged_places > 0) {
        flaws.push(format!("damaged in {}", count(file.damaged_places, "place", "places")));
    }
    flaws
}

/// The notifications that were seen, and who sent and received them.
pub(crate) fn traffic(page: &mut Page, report: &Report, facts: &Facts) {
    let seen = &report.summary.notifications;
    page.gap();
    let connections = count(report.summary.connections, "TCP connection", "TCP connections");
    if seen.total == 0 {
        page.paragraph(0, &format!("{connections}, no push notification."));
        mail(page, report);
        return;
    }
    page.paragraph(
        0,
        &format!(
            "{} ({} keep-alives, {} with events) for {} in {connections}.",
            count(seen.total, "push notification", "push notifications"),
            grouped(seen.keepalives),
            grouped(seen.messages),
            count(seen.subscriptions, "subscription", "subscriptions"),
        ),
    );
    let mut replies = vec![format!("{} with 200", grouped(seen.replies_200))];
    if seen.other_replies > 0 {
        replies.push(format!("{} otherwise", grouped(seen.other_replies)));
    }
    if seen.unanswered > 0 {
        replies.push(format!("{} not at all", grouped(seen.unanswered)));
    }
    page.field("answered", &replies.join(", "));
    page.field(
        "sources",
        &list(seen.sources.iter().map(|source| format!("{} ({})", source.ip, grouped(source.notifications)))),
    );
    let listeners: BTreeSet<String> = facts
        .vantages
        .iter()
        .flat_map(|vantage| &vantage.subscriptions)
        .flat_map(|one| one.listeners.iter().map(|ip| std::net::SocketAddr::new(*ip, one.port).to_string()))
        .collect();
    if !listeners.is_empty() {
        page.field("listeners", &list(listeners));
    }
    if !seen.servers.is_empty() {
        page.field("servers", &list(seen.servers.iter().map(|name| clean::text(name).into_owned())));
    }
    mail(page, report);
}

/// The IMAP sessions, where there are some.
fn mail(page: &mut Page, report: &Report) {
    let seen = &report.summary.imap;
    if seen.sessions == 0 {
        return;
    }
    page.field(
        "IMAP",
        &format!(
            "{}, {} logged in, {} refused",
            count(seen.sessions, "connection", "connections"),
            grouped(seen.authenticated),
            count(seen.rejected, "log-in", "log-ins"),
        ),
    );
}

/// The verdict in one line.
pub(crate) fn verdict(page: &mut Page, report: &Report) {
    page.gap();
    if report.partial {
        page.paragraph(0, &format!("{AMISS}Interrupted:{AMISS:#} this is what was found until then."));
    }
    let counts = [
        (Severity::Error, "error", "errors"),
        (Severity::Warning, "warning", "warnings"),
        (Severity::Info, "info", "info"),
    ];
    let counted: Vec<String> = counts
        .into_iter()
        .filter_map(|(severity, one, many)| {
            let number = report.findings.iter().filter(|finding| finding.severity == severity).count();
            let style = severity_style(severity);
            (number > 0).then(|| format!("{style}{}{style:#}", count(number as u64, one, many)))
        })
        .collect();
    let mut verdict = match counted.is_empty() {
        true => format!("{GOOD}Nothing to report.{GOOD:#}"),
        false => format!("Found {}.", counted.join(", ")),
    };
    if report.known > 0 {
        verdict += &format!(" {} expected and not shown.", count(report.known, "more is", "more are"));
    }
    page.paragraph(0, &verdict);
}

pub(crate) fn list(names: impl IntoIterator<Item = String>) -> String {
    let mut names: Vec<String> = names.into_iter().collect();
    let rest = names.len().saturating_sub(LISTED);
    names.truncate(LISTED);
    let mut text = names.join(", ");
    if rest > 0 {
        text += &format!(" and {rest} more");
    }
    text
}

/// A number with its noun.
pub(crate) fn count(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", grouped(number), if number == 1 { one } else { many })
}

/// A number in groups of three digits.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::text::samples;

    #[test]
    fn numbers_are_read_in_groups() {
        for (number, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(grouped(number), text);
        }
    }

    #[test]
    fn every_flaw_of_a_capture_is_said() {
        let report = samples::report();
        let mut file = FileInfo::default();
        file.cut_at = Some(128);
        file.drops = 1200;
        file.damaged_places = 1;
        let mut capture = report.captures[0].clone();
        capture.truncated = true;
        capture.cut_packets = 3;
        capture.lost_bytes = 2048;
        assert_eq!(
            flaws(&capture, Some(&file)),
            [
                "the file ends inside a record",
                "3 packets are cut at 128 bytes",
                "2.0 KiB of TCP payload were never captured",
                "the capturing program lost 1,200 packets",
                "damaged in 1 place"
            ]
        );
    }
}

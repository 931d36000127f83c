//! The report in words: what was read, what is wrong, how the subscriptions fared, and what cannot be told.

pub(crate) mod accounts;
pub(crate) mod associations;
mod findings;
pub(crate) mod fold;
mod handshakes;
pub(crate) mod header;
mod limits;
pub(crate) mod markdown;
mod page;
pub(crate) mod path;
#[cfg(test)]
pub(crate) mod samples;
mod smtp;
mod style;
pub(crate) mod subscriptions;
mod timeline;

use sibtrace::{Config, Facts, Report};

pub(crate) use page::Page;
pub(crate) use style::{AMISS, BOLD, Clock, DIM, Detail, Style, severity_style};

/// What the capture cannot tell, as sentences without style.
pub(crate) fn untold(report: &Report, facts: &Facts, config: &Config) -> Vec<String> {
    let reasons = limits::reasons(report, facts, config);
    reasons.iter().map(|reason| anstream::adapter::strip_str(reason).to_string()).collect()
}

/// The report as a page of styled text.
pub(crate) fn report(report: &Report, facts: &Facts, config: &Config, style: &Style) -> String {
    let mut page = Page::new(style.width);
    if style.detail == Detail::Brief {
        findings::one_line_each(&mut page, report);
        return page.into_text();
    }
    header::captures(&mut page, report, facts, style);
    header::traffic(&mut page, report, facts);
    path::picture(&mut page, report);
    header::verdict(&mut page, report);
    findings::blocks(&mut page, report, facts, config, style);
    subscriptions::table(&mut page, facts, config, style);
    accounts::table(&mut page, facts, config, style);
    smtp::table(&mut page, facts);
    associations::table(&mut page, report, facts, style);
    handshakes::table(&mut page, facts, config, style);
    limits::untold(&mut page, report, facts, config);
    limits::met(&mut page, report);
    limits::further(&mut page, report);
    page.into_text()
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect_file;

    fn shown(style: &Style) -> String {
        let text = report(&samples::report(), &samples::facts(), &Config::default(), style);
        anstream::adapter::strip_str(&text).to_string()
    }

    #[test]
    fn the_report_on_a_wide_page() {
        expect_file!["text/samples/wide.txt"].assert_eq(&shown(&samples::style(100)));
    }

    #[test]
    fn the_report_on_a_narrow_page() {
        expect_file!["text/samples/narrow.txt"].assert_eq(&shown(&samples::style(60)));
    }

    #[test]
    fn the_report_in_full() {
        let style = Style { detail: Detail::Full, ..samples::style(100) };
        expect_file!["text/samples/full.txt"].assert_eq(&shown(&style));
    }

    #[test]
    fn the_report_in_brief() {
        let style = Style { detail: Detail::Brief, ..samples::style(100) };
        expect_file!["text/samples/brief.txt"].assert_eq(&shown(&style));
    }

    #[test]
    fn captured_text_cannot_act_on_the_terminal() {
        let mut evil = samples::report();
        let poison = "x\x1b]0;owned\x07\u{202e}\n";
        for finding in &mut evil.findings {
            finding.title = poison.to_owned();
            finding.detail = poison.to_owned();
            finding.subject.id = poison.to_owned();
            finding.subject.also = vec![poison.to_owned()];
            finding.caveats = vec![poison.to_owned()];
            finding.wireshark_filter = poison.to_owned();
            for evidence in &mut finding.evidence {
                evidence.note = poison.to_owned();
            }
        }
        for capture in &mut evil.captures {
            capture.path = poison.to_owned();
            capture.notes = vec![poison.to_owned()];
        }
        evil.summary.notifications.servers = vec![poison.to_owned()];
        for detail in [Detail::Brief, Detail::Normal, Detail::Full] {
            let style = Style { detail, ..samples::style(80) };
            let text = report(&evil, &samples::facts(), &Config::default(), &style);
            assert!(!text.contains('\x07') && !text.contains('\u{202e}') && !text.contains("\x1b]"));
            let plain = anstream::adapter::strip_str(&text).to_string();
            assert!(plain.contains("owned") && !plain.contains('\x1b'));
        }
    }

    #[test]
    fn no_line_but_a_filter_is_wider_than_the_page() {
        for width in [40, 60, 72, 100, 160] {
            for line in shown(&samples::style(width)).lines().filter(|line| !line.contains("frame.number")) {
                assert!(unicode_width::UnicodeWidthStr::width(line) <= width, "{width}: {line}");
            }
        }
    }
}

//! The bottom of the report: what this capture cannot tell, which limits were met, and where to read on.

use bytesize::ByteSize;
use sibtrace::time::spoken;
use sibtrace::{Config, Facts, Report};

use super::page::Page;
use super::style::{CODE, DIM};
use crate::output::clean;

/// What this capture cannot tell, and what would.
pub(crate) fn untold(page: &mut Page, report: &Report, facts: &Facts, config: &Config) {
    let reasons = reasons(report, facts, config);
    if reasons.is_empty() {
        return;
    }
    page.heading("What this capture cannot tell");
    for reason in reasons {
        page.hanging("  - ", 4, &reason);
    }
}

pub(super) fn reasons(report: &Report, facts: &Facts, config: &Config) -> Vec<String> {
    let mut reasons: Vec<String> = report
        .findings
        .iter()
        .filter(|finding| finding.rule.starts_with("capture-"))
        .map(|finding| format!("{} ({})", clean::text(&finding.title), finding.rule))
        .collect();
    let notified = report.summary.notifications.total > 0;
    if notified && config.exchange_addrs.is_empty() {
        reasons.push(format!(
            "Whether the sources are the right ones: name all Exchange nodes, as in {CODE}--exchange-addr {}{CODE:#}",
            example_of_nodes(report)
        ));
    }
    let said = |rule: &str| report.findings.iter().any(|finding| finding.rule == rule);
    for vantage in &facts.vantages {
        let intervals = vantage
            .subscriptions
            .iter()
            .map(|one| one.interval.unwrap_or_else(|| config.interval_on(one.port)).as_secs_f64());
        let shortest = intervals.fold(f64::INFINITY, f64::min);
        let span = vantage.coverage.span();
        if span < 2.0 * shortest && shortest.is_finite() && !said("capture-short") {
            reasons.push(format!(
                "Whether keep-alives stay away: it covers {}, and two intervals take {}",
                spoken(span),
                spoken(2.0 * shortest)
            ));
        }
    }
    reasons.extend(handshakes(facts, config));
    if !notified && facts.vantages.iter().all(|vantage| vantage.notifications.is_empty()) {
        reasons.push("How push notifications fare: none was captured".to_owned());
    }
    reasons
}

/// Addresses that may be those of Exchange nodes: the sources that no finding takes for a middlebox.
fn example_of_nodes(report: &Report) -> String {
    let between = |ip: &str| {
        let mut findings = report.findings.iter();
        findings.any(|finding| {
            matches!(finding.rule.as_ref(), "notify-source-proxy" | "notify-source-nat")
                && finding.subject.id == ip
        })
    };
    let sources = report.summary.notifications.sources.iter().map(|source| source.ip.to_string());
    let nodes: Vec<String> = sources.filter(|ip| !between(ip)).take(3).collect();
    if nodes.is_empty() { "ADDR".to_owned() } else { nodes.join(",") }
}

/// What the handshakes do not show of the certificates.
fn handshakes(facts: &Facts, config: &Config) -> Vec<String> {
    let rows = || facts.vantages.iter().flat_map(|vantage| &vantage.handshakes);
    let hidden = rows().filter(|row| row.chain().is_empty() && row.version.is_some()).count();
    let unnamed = rows()
        .filter(|row| !row.chain().is_empty() && row.sni.is_none() && config.gateway_name.is_none())
        .count();
    let mut reasons = Vec::new();
    if hidden > 0 {
        reasons.push(format!(
            "Whether the certificates of {hidden} TLS handshakes are good: TLS 1.3 encrypts them, a resumed session does \
             not send them"
        ));
    }
    if unnamed > 0 {
        reasons.push(format!(
            "Whether the certificates of {unnamed} TLS handshakes are for the right name: the client asks for none; name \
             it with {CODE}--gateway-name{CODE:#}"
        ));
    }
    reasons
}

/// sibtrace's own limits that were met.
pub(crate) fn met(page: &mut Page, report: &Report) {
    let met: Vec<_> = report.limits.iter().filter(|limit| limit.hits > 0).collect();
    if met.is_empty() {
        return;
    }
    page.heading("Limits that were met");
    for limit in met {
        let store = clean::text(&limit.store);
        let bound = match store.contains("bytes") {
            true => ByteSize(limit.limit).to_string(),
            false => limit.limit.to_string(),
        };
        page.hanging("  - ", 4, &format!("{store}: {bound}, met {} times; --memory raises it", limit.hits));
    }
}

/// Where to read on.
pub(crate) fn further(page: &mut Page, report: &Report) {
    let Some(finding) = report.findings.first() else {
        return;
    };
    page.gap();
    page.paragraph(
        0,
        &format!("{DIM}More on a finding:{DIM:#} {CODE}sibtrace rule {}{CODE:#}", clean::text(&finding.rule)),
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::text::samples;

    #[test]
    fn the_expected_sources_are_asked_for_once_they_can_be_named() {
        let (report, facts) = (samples::report(), samples::facts());
        let mut config = Config::default();
        let asked = |config: &Config| {
            let reasons = reasons(&report, &facts, config);
            reasons.iter().any(|reason| reason.contains("--exchange-addr"))
        };
        assert!(asked(&config));
        config.exchange_addrs = vec!["10.0.0.0/8".parse().unwrap()];
        assert!(!asked(&config));
    }

    #[test]
    fn only_limits_that_were_met_are_said() {
        let mut report = samples::report();
        let mut page = Page::new(80);
        met(&mut page, &report);
        assert_eq!(page.into_text(), "");
        report.limits[0].hits = 3;
        let mut page = Page::new(80);
        met(&mut page, &report);
        assert!(page.into_text().contains("out-of-order bytes: 64.0 MiB, met 3 times"));
    }
}

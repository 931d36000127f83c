//! The findings as SARIF 2.1.0, for the dashboards of pipelines.
//!
//! <https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html>. A capture has no lines: a location names the
//! file, and says the frame in its message and its properties.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::{self, Write};

use serde_json::{Value, json};
use sibtrace::Report;
use sibtrace::rules::{self, Evidence, Finding, Meta, Severity};

use super::clean;

const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// Writes the log.
pub(crate) fn report(output: &mut impl Write, report: &Report) -> io::Result<()> {
    let text = serde_json::to_string_pretty(&log(report))?;
    writeln!(output, "{}", clean::json(&text))
}

fn log(report: &Report) -> Value {
    let rules = rules::all();
    let indices: HashMap<&str, usize> =
        rules.iter().enumerate().map(|(index, rule)| (rule.id, index)).collect();
    let result = |finding| result(report, finding, indices.get(&*finding.rule).copied());
    json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "sibtrace",
                "version": report.sibtrace,
                "informationUri": env!("CARGO_PKG_REPOSITORY"),
                "rules": rules.iter().map(rule).collect::<Vec<_>>(),
            }},
            "artifacts": report.captures.iter().map(|capture| json!({
                "location": {"uri": uri(&capture.path)},
                "properties": {"packets": capture.packets, "vantage": capture.vantage},
            })).collect::<Vec<_>>(),
            "invocations": [{"executionSuccessful": !report.partial}],
            "results": report.findings.iter().map(result).collect::<Vec<_>>(),
        }],
    })
}

fn rule(rule: &Meta) -> Value {
    json!({
        "id": rule.id,
        "shortDescription": {"text": message(&rule.summary().replace('\n', " "))},
        "help": {"text": rule.remedy(), "markdown": rule.text.trim()},
        "defaultConfiguration": {"level": level(rule.severity)},
        "properties": {"tags": [rule.family()]},
    })
}

fn result(report: &Report, finding: &Finding, rule: Option<usize>) -> Value {
    let subject = &finding.subject;
    let mut locations: Vec<Value> =
        finding.evidence.iter().map(|evidence| location(report, evidence, subject)).collect();
    let first = (!locations.is_empty()).then(|| locations.remove(0));
    let mut result = json!({
        "ruleId": finding.rule,
        "level": level(finding.severity),
        "message": {"text": message(&format!("{}. {}", finding.title.trim_end_matches('.'), finding.detail))},
        "locations": first.into_iter().collect::<Vec<_>>(),
        "relatedLocations": locations,
        "occurrenceCount": finding.count.max(1),
        "partialFingerprints": {"subject/v1": format!("{}:{}", finding.rule, subject.id)},
        "properties": {
            "confidence": finding.confidence,
            "first": finding.first,
            "last": finding.last,
            "caveats": finding.caveats,
            "values": finding.values,
            "wiresharkFilter": finding.wireshark_filter,
        },
    });
    if let Some(index) = rule {
        result["ruleIndex"] = index.into();
    }
    result
}

fn location(report: &Report, evidence: &Evidence, subject: &rules::Subject) -> Value {
    let path = report.captures.get(evidence.capture).map_or("", |capture| capture.path.as_str());
    json!({
        "physicalLocation": {"artifactLocation": {"uri": uri(path), "index": evidence.capture}},
        "logicalLocations": [{"name": subject.id, "kind": subject.kind}],
        "message": {"text": message(&format!("frame {}: {}", evidence.frame, evidence.note))},
        "properties": {
            "frame": evidence.frame,
            "time": evidence.time,
            "stream": evidence.stream,
            "communityId": evidence.community_id,
        },
    })
}

const fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "note",
    }
}

/// Text of a message, in which nothing is a placeholder (3.11.5) or a link (3.11.6).
fn message(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    for c in clean::text(text).chars() {
        match c {
            '{' | '}' => out.extend([c, c]),
            '[' | ']' | '\\' => out.extend(['\\', c]),
            c => out.push(c),
        }
    }
    out
}

/// A path as a relative or absolute URI reference (RFC 3986).
fn uri(path: &str) -> String {
    let mut uri = String::with_capacity(path.len());
    for byte in path.replace('\\', "/").bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                uri.push(byte.into())
            }
            _ => drop(write!(uri, "%{byte:02X}")),
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::text::samples;

    #[test]
    fn a_finding_is_a_result_with_its_frames() {
        let log = log(&samples::report());
        let result = &log["runs"][0]["results"][0];
        assert_eq!(result["ruleId"], "subscription-stale");
        let rule = &log["runs"][0]["tool"]["driver"]["rules"][result["ruleIndex"].as_u64().unwrap() as usize];
        assert_eq!(rule["id"], "subscription-stale");
        assert_eq!(result["level"], "error");
        assert_eq!(result["locations"][0]["properties"]["frame"], 30);
        assert_eq!(result["relatedLocations"][0]["message"]["text"], "frame 912: the capture goes on");
    }

    #[test]
    fn captured_text_is_no_link_and_no_placeholder() {
        assert_eq!(message("[a](http://b) {0} \\ \x1b"), "\\[a\\](http://b) {{0}} \\\\ \\\\x1b");
    }

    #[test]
    fn any_path_is_a_uri() {
        assert_eq!(uri("/a b/ü%#?.cap"), "/a%20b/%C3%BC%25%23%3F.cap");
        assert_eq!(uri("a:b"), "a%3Ab");
    }
}

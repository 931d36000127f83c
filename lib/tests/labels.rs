//! Every capture in `testdata` against the label beside it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use sibtrace::proto::x509::Certificate;
use sibtrace::report::Report;
use sibtrace::rules::{Finding, Severity};
use sibtrace::time::parse_duration;
use sibtrace::{Analyzer, Capture, Config, Vantage};

#[test]
fn every_labelled_capture_is_diagnosed_as_its_label_says() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata");
    let mut labels = Vec::new();
    find(&root, ".label.json", &mut labels);
    labels.sort();
    assert!(labels.len() > 100, "the labels were found");
    let wrong: Vec<String> = labels.iter().flat_map(|label| check(label)).collect();
    assert!(wrong.is_empty(), "{} differences:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn every_pair_of_captures_is_compared_as_its_label_says() {
    let mut labels = Vec::new();
    find(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata"), ".compare.json", &mut labels);
    labels.sort();
    assert!(labels.len() > 10, "the labels were found");
    let wrong: Vec<String> = labels.iter().flat_map(|label| check_pair(label)).collect();
    assert!(wrong.is_empty(), "{} differences:\n{}", wrong.len(), wrong.join("\n"));
}

fn find(folder: &Path, suffix: &str, labels: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("testdata is here") {
        let path = entry.expect("an entry can be read").path();
        if path.is_dir() {
            find(&path, suffix, labels);
        } else if path.to_string_lossy().ends_with(suffix) {
            labels.push(path);
        }
    }
}

/// The differences between a capture's report and its label.
fn check(path: &Path) -> Vec<String> {
    let label: Value = serde_json::from_slice(&fs::read(path).expect("a label")).expect("labels are JSON");
    let folder = path.parent().expect("a label lies in a folder");
    let files: Vec<PathBuf> = strings(&label["files"]).iter().map(|file| folder.join(file)).collect();
    let analyzer = Analyzer::new(config(&strings(&label["args"]), folder)).expect("labels name real rules");
    let name = path.display().to_string();
    let report = match Capture::open_set(files).and_then(|capture| analyzer.run([capture])) {
        Ok(report) => report,
        Err(error) => return vec![format!("{name}: {error}")],
    };
    let mut wrong = findings(&label, &report);
    wrong.extend(facts(&label["facts"], &report));
    wrong.extend(leaks(&strings(&label["secrets"]), &report));
    wrong.into_iter().map(|difference| format!("{name}: {difference}")).collect()
}

/// The differences between the report about two captures and its label.
fn check_pair(path: &Path) -> Vec<String> {
    let label: Value = serde_json::from_slice(&fs::read(path).expect("a label")).expect("labels are JSON");
    let folder = path.parent().expect("a label lies in a folder");
    let capture = |end: &str| {
        let files = strings(&label["files"][end]);
        Capture::open_set(files.iter().map(|file| folder.join(file)).collect::<Vec<_>>())
    };
    let analyzer = Analyzer::new(config(&strings(&label["args"]), folder)).expect("labels name real rules");
    let name = path.display().to_string();
    let both = capture("exchange")
        .and_then(|sent| Ok([sent.at(Vantage::Exchange), capture("cuc")?.at(Vantage::Cuc)]));
    let report = match both.and_then(|both| analyzer.run(both)) {
        Ok(report) => report,
        Err(error) => return vec![format!("{name}: {error}")],
    };
    let mut wrong = findings(&label, &report);
    wrong.extend(path_facts(&label["facts"], &report));
    wrong.extend(leaks(&strings(&label["secrets"]), &report));
    wrong.into_iter().map(|difference| format!("{name}: {difference}")).collect()
}

fn path_facts(wanted: &Value, report: &Report) -> Vec<String> {
    let got = serde_json::to_value(&report.path).expect("a path is JSON");
    let mut wrong = Vec::new();
    for (key, wanted) in wanted.as_object().into_iter().flatten() {
        let same = match (key.as_str(), &got[key]) {
            // Only the kinds that the label names.
            ("pairs" | "connections", got) => {
                wanted.as_object().into_iter().flatten().all(|(kind, number)| got[kind] == *number)
            }
            ("clock_offset_us", Value::Number(got_offset)) if wanted.is_number() => {
                // A packet that is delayed on one way only shifts it; half the way is the doubt.
                let doubt = got["clock_uncertainty_us"].as_i64().unwrap_or(0) + 2000;
                (got_offset.as_i64().unwrap_or(0) - wanted.as_i64().unwrap_or(0)).abs() <= doubt
            }
            (_, got) => got == wanted,
        };
        if !same {
            wrong.push(format!("{key}: {wanted} wanted, {} found", got[key]));
        }
    }
    wrong
}

fn findings(label: &Value, report: &Report) -> Vec<String> {
    let list = |key: &str| label[key].as_array().cloned().unwrap_or_default();
    let mut wrong = Vec::new();
    let mut wanted = BTreeSet::new();
    for expected in list("expect") {
        let rule = expected["rule"].as_str().expect("an expectation names its rule");
        let found = report
            .findings
            .iter()
            .enumerate()
            .find(|(_, finding)| finding.rule == rule && fits(&expected, finding));
        match found {
            Some((index, _)) => {
                wanted.insert(index);
            }
            None => {
                let others: Vec<_> =
                    report.findings.iter().filter(|finding| finding.rule == rule).map(brief).collect();
                wrong.push(format!("no {expected}; of this rule there are {others:?}"));
            }
        }
    }
    let named = |key: &str, rule: &str| {
        list(key).iter().any(|entry| entry.as_str().or(entry["rule"].as_str()) == Some(rule))
    };
    for (index, finding) in report.findings.iter().enumerate() {
        let unwanted = label["forbid_others"] == true && finding.severity > Severity::Info;
        let allowed = wanted.contains(&index) || named("allow", &finding.rule);
        if named("forbid", &finding.rule) || unwanted && !allowed {
            wrong.push(format!("false alarm {}", brief(finding)));
        }
    }
    wrong
}

fn fits(expected: &Value, finding: &Finding) -> bool {
    let any_or = |key: &str, got: &[&str]| expected[key].as_str().is_none_or(|wanted| got.contains(&wanted));
    let subject =
        Path::new(&finding.subject.id).file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let frames: Vec<u64> = finding.evidence.iter().map(|item| item.frame).collect();
    any_or("subject", &[&finding.subject.id, subject])
        && any_or("severity", &[finding.severity.name()])
        && any_or("confidence", &[finding.confidence.name()])
        && expected["frames"]
            .as_array()
            .into_iter()
            .flatten()
            .all(|frame| frames.contains(&frame.as_u64().unwrap_or(0)))
}

fn brief(finding: &Finding) -> String {
    let frames: Vec<u64> = finding.evidence.iter().map(|item| item.frame).collect();
    let Finding { rule, severity, confidence, subject, title, .. } = finding;
    format!("{rule} [{severity}, {confidence}] {} {frames:?} {title}", subject.id)
}

fn facts(wanted: &Value, report: &Report) -> Vec<String> {
    let got = serde_json::to_value(&report.summary).expect("a summary is JSON");
    let notifications = &got["notifications"];
    let mut sources: Vec<String> =
        report.summary.notifications.sources.iter().map(|source| source.ip.to_string()).collect();
    sources.sort();
    let mut wrong = Vec::new();
    let mut same = |name: &str, got: Value| {
        if !wanted[name].is_null() && wanted[name] != got {
            wrong.push(format!("{name}: {} wanted, {got} found", wanted[name]));
        }
    };
    for name in ["keepalives", "messages", "replies_200", "other_replies", "unanswered", "subscriptions"] {
        same(name, notifications[name].clone());
    }
    same("notifications", notifications["total"].clone());
    same("connections", got["connections"].clone());
    same("packets", report.captures.iter().map(|capture| capture.packets).sum::<u64>().into());
    for protocol in ["imap", "smtp", "mapi"] {
        for (name, wanted) in wanted[protocol].as_object().into_iter().flatten() {
            let got = &got[protocol][name];
            if !wanted.is_null() && wanted != got {
                wrong.push(format!("{protocol} {name}: {wanted} wanted, {got} found"));
            }
        }
    }
    let mut wanted_sources = strings(&wanted["sources"]);
    wanted_sources.sort();
    if !wanted["sources"].is_null() && wanted_sources != sources {
        wrong.push(format!("sources: {wanted_sources:?} wanted, {sources:?} found"));
    }
    wrong
}

fn leaks(secrets: &[String], report: &Report) -> Vec<String> {
    let report = serde_json::to_string(report).expect("a report is JSON");
    let leaked = secrets.iter().filter(|secret| report.contains(secret.as_str()));
    leaked.map(|secret| format!("the report holds the password {secret}")).collect()
}

fn strings(list: &Value) -> Vec<String> {
    list.as_array().into_iter().flatten().filter_map(|item| item.as_str().map(str::to_owned)).collect()
}

/// The settings that labels use, from the arguments of the program.
fn config(args: &[String], folder: &Path) -> Config {
    let mut config = Config::default();
    for pair in args.chunks(2) {
        let [option, value] = pair else { panic!("{pair:?} is no option with a value") };
        let network = || value.parse().expect("an address");
        let duration = || parse_duration(value).expect("a length of time");
        match option.as_str() {
            "--exchange-addr" => config.exchange_addrs.push(network()),
            "--cuc-addr" => config.cuc_addrs.push(network()),
            "--proxy-addr" => config.proxy_addrs.push(network()),
            "--keepalive-interval" => config.keepalive_interval = Some(duration()),
            "--imap-limit" => config.imap_limits = value.parse().expect("limits"),
            "--slow-reply" => config.slow_reply = duration(),
            "--gateway-name" => config.gateway_name = Some(value.clone()),
            "--trust" => {
                let anchors = Certificate::read_pem(&fs::read(folder.join(value)).expect("a PEM file"));
                config.trust.extend(anchors.iter().map(|anchor| anchor.der.to_vec()));
            }
            "--now" => config.now = Some(value.parse().expect("a time")),
            other => panic!("labels do not use {other} yet"),
        }
    }
    config
}

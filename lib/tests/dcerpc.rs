//! Binds, faults and association groups of MAPI interfaces in public captures against what another dissector found.
//! The folder of the captures is named by the environment variable `SIBTRACE_CAPTURES`.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use sibtrace::facts::mapi::{Answer, RpcKind};
use sibtrace::{Analyzer, Capture, Config};

/// Endpoint mapper, EMSMDB, AsyncEMSMDB, NSPI, RFR.
const OURS: [&str; 5] = ["e1af8308-", "a4f1db00-", "5261574a-", "f5cc5a18-", "1544f5e0-"];

/// What is compared: kind, stream, frame, and group or status.
type Fact = (&'static str, u64, u64, u64);

#[test]
fn public_captures_show_the_same_binds_groups_and_faults() {
    let Some(folder) = std::env::var_os("SIBTRACE_CAPTURES").map(PathBuf::from) else {
        eprintln!("skipped: SIBTRACE_CAPTURES does not name a folder of captures");
        return;
    };
    let (mut compared, mut wrong) = (0, Vec::new());
    for entry in fs::read_dir(folder.join("expected")).expect("facts lie beside the captures") {
        let path = entry.expect("an entry can be read").path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        let Some(name) = name.strip_suffix(".facts.json") else { continue };
        let facts: Value = serde_json::from_slice(&fs::read(&path).expect("facts")).expect("facts are JSON");
        let late = &facts["ooo_differs"]["dcerpc"];
        let said = expected(if late.is_null() { &facts["dcerpc"] } else { late });
        if said.is_empty() {
            continue;
        }
        let found = found(&folder.join(name));
        compared += said.len();
        if said != found {
            let missing: Vec<_> = said.difference(&found).collect();
            let extra: Vec<_> = found.difference(&said).collect();
            wrong.push(format!("{name}: missing {missing:?}, not in the facts {extra:?}"));
        }
    }
    eprintln!("{compared} facts compared");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn expected(facts: &Value) -> BTreeSet<Fact> {
    let list = |key: &str| facts[key].as_array().cloned().unwrap_or_default();
    let number = |value: &Value| match value.as_str() {
        Some(text) => u64::from_str_radix(text.trim_start_matches("0x"), 16).unwrap_or(0),
        None => value.as_u64().unwrap_or(u64::MAX),
    };
    let over_tcp = |item: &Value| item["over"] == "tcp";
    let is_ours = |bind: &Value| {
        let contexts = bind["contexts"].as_array().cloned().unwrap_or_default();
        contexts.iter().any(|context| {
            let uuid = context["uuid"].as_str().unwrap_or_default();
            OURS.iter().any(|ours| uuid.starts_with(ours))
        })
    };
    let binds = list("binds");
    let ours: Vec<&Value> = binds.iter().filter(|bind| over_tcp(bind) && is_ours(bind)).collect();
    let is_answer = |item: &Value| {
        ours.iter().any(|bind| {
            bind["stream"] == item["stream"]
                && bind["call_id"] == item["call_id"]
                && number(&bind["frame"]) < number(&item["frame"])
        })
    };
    let is_all_ours = |item: &Value| {
        let mut here = binds.iter().filter(|bind| bind["stream"] == item["stream"]).peekable();
        here.peek().is_some() && here.all(|bind| ours.contains(&bind))
    };
    let key = |kind, item: &Value, value: &Value| {
        (kind, number(&item["stream"]), number(&item["frame"]), number(value))
    };
    let mut all: BTreeSet<Fact> = ours.iter().map(|bind| key("bind", bind, &bind["assoc_group"])).collect();
    let acks = list("acks");
    // A group of 0 is none.
    let granted =
        acks.iter().filter(|ack| over_tcp(ack) && is_answer(ack) && number(&ack["assoc_group"]) != 0);
    all.extend(granted.map(|ack| key("ack", ack, &ack["assoc_group"])));
    let naks = list("bind_naks");
    all.extend(naks.iter().filter(|nak| is_answer(nak)).map(|nak| key("nak", nak, &nak["reject_reason"])));
    let faults = list("faults");
    let faults = faults.iter().filter(|fault| over_tcp(fault) && is_all_ours(fault));
    all.extend(faults.map(|fault| key("fault", fault, &fault["status"])));
    all
}

fn found(path: &Path) -> BTreeSet<Fact> {
    let analyzer = Analyzer::new(Config::default()).expect("the defaults are good");
    let capture = Capture::open(path).expect("a capture");
    let (facts, _) = analyzer.facts([capture], &mut ());
    let vantage = &facts.vantages[0];
    let mut found = BTreeSet::new();
    for row in &vantage.mapi.rows {
        let stream = vantage.connections.stream(row.flow).expect("its connection has a row");
        let frames = [row.request, row.reply].map(|span| span.map(|span| span.last.frame.number()));
        if let (Some(frame), RpcKind::Bind | RpcKind::Alter) = (frames[0], row.kind) {
            found.insert(("bind", stream, frame, u64::from(row.presented)));
        }
        let Some(frame) = frames[1] else { continue };
        match (row.answer, row.granted) {
            (Answer::Accepted, Some(group)) => found.insert(("ack", stream, frame, u64::from(group))),
            (Answer::Nak(reason), _) => found.insert(("nak", stream, frame, u64::from(reason))),
            (Answer::Fault(status), _) => found.insert(("fault", stream, frame, u64::from(status))),
            _ => false,
        };
    }
    found
}

//! Captures of others, held against what an independent dissector found in them.

use std::fmt::Write;
use std::path::Path;

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{Seen, read};
use crate::time::Timestamp;

const NANOS: i64 = 1_000_000_000;

/// A capture with a million microseconds in a second, which the dissector prints as ten digits.
const TEN_DIGITS: &str = "tcpdump__timestamp_invalid_micro.pcap";

/// Reads the folder that `SIBTRACE_CAPTURES` names: captures, and facts about each in `expected/NAME.facts.json`.
/// Without it there is nothing to hold against.
#[test]
fn captures_of_others_hold_the_packets_that_are_known() {
    let Some(folder) = std::env::var_os("SIBTRACE_CAPTURES") else {
        eprintln!("skipped: SIBTRACE_CAPTURES names no folder of captures");
        return;
    };
    let folder = Path::new(&folder);
    let mut differences = String::new();
    let mut compared = 0;
    for entry in folder.join("expected").read_dir().unwrap() {
        let path = entry.unwrap().path();
        let facts: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        let name = facts["file"].as_str().unwrap();
        compared += 1;
        if let Some(difference) = difference(&folder.join(name), &facts) {
            writeln!(differences, "{name}: {difference}").unwrap();
        }
    }
    assert!(differences.is_empty(), "of {compared} captures:\n{differences}");
}

/// What is said of a file other than is known; `None` if nothing is.
fn difference(path: &Path, facts: &Value) -> Option<String> {
    let frames = &facts["frames"];
    let (mut seen, info) = match read(&std::fs::read(path).unwrap(), 1 << 20) {
        Ok(read) => read,
        Err(_) if frames["count"] == 0 => return None,
        Err(error) => return Some(error.to_string()),
    };
    let mut checks = Vec::new();
    if facts["damaged"] == true || facts["unsupported"] == true {
        // The dissector stops at the first damage.
        seen.truncate(frames["count"].as_u64().unwrap() as usize);
        checks.push(("damaged", (info.damaged_places > 0).into(), &Value::Bool(true)));
    } else {
        checks.push(("damaged", (info.damaged_places > 0).into(), &Value::Bool(false)));
        checks.push(("truncated", info.truncated.is_some().into(), &facts["truncated"]));
        checks.push(("packets", info.packets.into(), &frames["count"]));
        checks.push(("bytes", info.bytes.into(), &frames["sum_caplen"]));
        checks.push(("cut packets", info.cut_packets.into(), &frames["cut_by_snaplen"]));
        checks.push((
            "other records",
            (info.last_frame - info.packets).into(),
            &frames["non_packet_records"],
        ));
    }
    let content = seen.iter().fold(Sha256::new(), |digest, seen| digest.chain_update(&seen.bytes));
    checks.push(("content", hex(content), &frames["bytes_sha256"]));
    if seen.iter().all(|seen| seen.head.time < Timestamp::MAX) && !path.ends_with(TEN_DIGITS) {
        checks.push(("lines", hex(lines(&seen)), &frames["lines_sha256"]));
    }
    let differences: Vec<String> = checks
        .into_iter()
        .filter(|(_, ours, theirs)| !theirs.is_null() && ours != *theirs)
        .map(|(what, ours, theirs)| format!("{what} {ours}, not {theirs}"))
        .collect();
    (!differences.is_empty()).then(|| differences.join("; "))
}

/// Number, time and lengths of every packet.
fn lines(seen: &[Seen]) -> Sha256 {
    seen.iter().zip(1..).fold(Sha256::new(), |digest, (Seen { head, .. }, number)| {
        let (seconds, nanos) = (head.time.nanos().div_euclid(NANOS), head.time.nanos().rem_euclid(NANOS));
        let time = if head.timed { format!("{seconds}.{nanos:09}") } else { String::new() };
        digest.chain_update(format!("{number}\t{time}\t{}\t{}\n", head.captured, head.original))
    })
}

fn hex(digest: Sha256) -> Value {
    digest.finalize().iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}")).into()
}

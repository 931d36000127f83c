//! The damage sweep: every capture of testdata, and of the folder that `SIBTRACE_CAPTURES` names, is cut at each of
//! `SIBTRACE_SWEEP` places, and has a bit flipped at each. No copy brings the analysis down or keeps it busy, what is
//! missing is said, and what lies before the damage reads as before.

mod entry;
mod samples;

use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::{Duration, Instant};
use std::{env, fs};

use proptest::prelude::Rng;
use proptest::test_runner::{RngAlgorithm, TestRng};
use samples::{captures_below, testdata};
use sibtrace::capture::{FileInfo, Record};
use sibtrace::rules::Finding;
use sibtrace::{Capture, Facts, Report};

/// How many times as long as the whole capture a damaged copy may take. Damage makes the reader look for the next
/// record byte by byte.
const TIMES: u32 = 10;
/// What it may take in any case: clocks are coarse, and small captures quick.
const LEAST: Duration = Duration::from_millis(500);
/// Of so many copies one is also held against what was whole before the cut, and compared with another end.
const DEEPER: usize = 8;

#[test]
fn what_lies_before_the_damage_reads_as_before() {
    let places = env::var("SIBTRACE_SWEEP").map_or(2, |places| places.parse().expect("a number"));
    let mut folders = vec![testdata()];
    folders.extend(env::var_os("SIBTRACE_CAPTURES").map(PathBuf::from));
    let paths: Vec<_> = folders.iter().flat_map(|folder| captures_below(folder)).collect();
    assert!(paths.len() > 50, "testdata was found");
    for path in &paths {
        sweep(path, &fs::read(path).expect("the capture is there"), places);
    }
    println!("{} captures, {} damaged copies", paths.len(), paths.len() * places * 2);
}

/// Cuts and flips at `places` places spread over the capture.
fn sweep(name: &Path, original: &[u8], places: usize) {
    let name = name.display();
    let records = records_of(original);
    let (whole, usual) = timed(original);
    // Where the way goes on behind damage is found by looking ahead, so that more damage may change it.
    let is_whole = whole.as_ref().is_some_and(|(facts, _)| is_whole(file(facts)));
    let mut rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    for number in 0..places {
        let at = original.len() * number / places;
        let cut = &original[..at];
        let mut flipped = original.to_vec();
        flipped[at] ^= 1 << (rng.next_u32() % 8);

        let in_time = |copy: &[u8], what: &str| {
            let (studied, time) = timed(copy);
            let limit = usual * TIMES + LEAST;
            assert!(time <= limit, "{name}: {what} byte {at} takes {time:?}, whole {usual:?}");
            studied
        };
        let before = records_of(cut);
        assert!(records.starts_with(&before), "{name}: cut at byte {at}");
        assert!(!is_whole || records_of(&flipped).starts_with(&before), "{name}: flip in byte {at}");

        let studied = in_time(cut, "cut at");
        in_time(&flipped, "flip in");

        if number % DEEPER == 1 {
            entry::compare(&flipped);
            if let Some((facts, report)) = studied.filter(|_| is_whole) {
                is_honest(&facts, &report, cut, &format!("{name}: cut at byte {at}"));
            }
        }
    }
}

/// What is said of a capture that was cut names all that is missing, and finds what it finds in the packets before.
fn is_honest(facts: &Facts, report: &Report, cut: &[u8], name: &str) {
    // What is unpacked has other places.
    if file(facts).compression.is_some() {
        return;
    }
    let end = match &file(facts).truncated {
        Some(damage) => {
            assert_eq!(damage.offset + damage.skipped, cut.len() as u64, "{name}");
            damage.offset as usize
        }
        None => cut.len(),
    };
    let Some((before, expected)) = entry::study(&cut[..end]) else {
        assert_eq!(report.captures[0].packets, 0, "{name}: packets are read of what is no capture");
        return;
    };
    assert!(is_whole(file(&before)), "{name}: what is cut begins before byte {end}");
    assert_eq!(report.captures[0].truncated, end < cut.len(), "{name}");
    assert_eq!(report.captures[0].packets, expected.captures[0].packets, "{name}");
    assert_eq!(report.summary, expected.summary, "{name}");
    let findings = |report: &Report| report.findings.iter().filter(of_packets).cloned().collect::<Vec<_>>();
    assert_eq!(findings(report), findings(&expected), "{name}");
}

/// Whether a finding is about what was captured, and not about the file.
fn of_packets(finding: &&Finding) -> bool {
    !finding.rule.starts_with("capture-")
}

fn file(facts: &Facts) -> &FileInfo {
    &facts.vantages[0].files[0]
}

fn is_whole(file: &FileInfo) -> bool {
    file.truncated.is_none() && file.damaged_places == 0
}

/// Link type, time and bytes of each record that can be read.
fn records_of(capture: &[u8]) -> Vec<(u32, i64, Vec<u8>)> {
    let Ok(capture) = Capture::from_bytes("swept", capture.to_vec()) else { return Vec::new() };
    let keep = |record: Record| (record.link_type().0, record.time().nanos(), record.bytes().to_vec());
    capture.records().map_while(Result::ok).map(keep).collect()
}

/// What is seen and found, and how long it took.
fn timed(capture: &[u8]) -> (Option<(Facts, Report)>, Duration) {
    let begin = own_time();
    let studied = entry::study(capture);
    (studied, own_time().saturating_sub(begin))
}

/// How long this process has computed, so that what else the machine does counts for nothing. Only Linux says so;
/// elsewhere it is the time on the wall.
fn own_time() -> Duration {
    static BEGIN: LazyLock<Instant> = LazyLock::new(Instant::now);
    let told = fs::read_to_string("/proc/self/stat").ok();
    // User and system time are fields 14 and 15 of proc(5); the second one, a name, may hold anything but ends with ')'.
    let ticks = told.as_ref().and_then(|told| {
        let fields = told.rsplit_once(')')?.1.split_whitespace().skip(11).take(2);
        fields.map(|field| field.parse::<u64>().ok()).sum::<Option<u64>>()
    });
    ticks.map_or_else(|| BEGIN.elapsed(), |ticks| Duration::from_millis(10 * ticks))
}

//! What a capture can make the analysis remember is bounded, how much of it takes linear time, and what was left out
//! for it stands in the report.

use std::fs;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use allocation_counter::measure;
use sibtrace::{Analyzer, Config, Facts};
use sibtrace_benches::{MIB, open, traffic};
use sibtrace_lab::adversary::Attack;
use sibtrace_lab::bulk::Kind;

/// What the stores may take together.
const MEMORY: u64 = 16 * MIB;
/// What the analysis needs beside them: buffers of the reader, and one body while it is unpacked and read.
const BASE: u64 = 12 * MIB;

/// An analysis, and what it cost.
struct Cost {
    facts: Facts,
    bytes: u64,
    time: Duration,
}

fn analyze(capture: Vec<u8>) -> Cost {
    let mut config = Config::default();
    config.threads = 1;
    config.memory = MEMORY;
    let analyzer = Analyzer::new(config).expect("the default settings are valid");
    let capture = open(capture);
    let mut facts = None;
    let begin = own_time();
    let allocated = measure(|| {
        let read = analyzer.facts([capture], &mut ()).0;
        analyzer.judge(&read);
        facts = Some(read);
    });
    let time = own_time().saturating_sub(begin);
    Cost { facts: facts.expect("the closure has run"), bytes: allocated.bytes_max, time }
}

/// How long this thread has computed, so that what else the machine does counts for nothing. Only Linux says so;
/// elsewhere it is the time on the wall.
fn own_time() -> Duration {
    static BEGIN: LazyLock<Instant> = LazyLock::new(Instant::now);
    let told = fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanos = told.and_then(|told| told.split(' ').next()?.parse().ok());
    nanos.map_or_else(|| BEGIN.elapsed(), Duration::from_nanos)
}

/// Analyzes captures of three sizes, each twice as large as the one before it. `store` is the one that gets full.
#[track_caller]
fn holds(attack: Attack, size: usize, store: Option<&str>) {
    let costs = [1, 2, 4].map(|times| analyze(attack.capture(times * size)));
    let [_, _, largest] = &costs;
    let limits = &largest.facts.vantages[0].limits;
    let full: Vec<_> =
        limits.iter().filter(|limit| limit.hits > 0).map(|limit| (limit.store, limit.hits)).collect();
    println!(
        "{attack:?}: {:?} KiB, {:?}, {} packets, full: {full:?}",
        costs.each_ref().map(|cost| cost.bytes >> 10),
        costs.each_ref().map(|cost| cost.time),
        largest.facts.vantages[0].coverage.packets,
    );
    for cost in &costs {
        assert!(cost.bytes <= MEMORY + BASE, "{attack:?} takes {} bytes", cost.bytes);
    }
    if let Some(store) = store {
        assert!(full.iter().any(|(name, _)| *name == store), "{store} is not said to be full");
    }
    for pair in costs.windows(2) {
        // Linear is twice as long, quadratic four times. Below the least, clocks and caches decide.
        let least = Duration::from_millis(30);
        let (once, twice) = (pair[0].time, pair[1].time);
        assert!(twice <= once.max(least) * 3, "{attack:?}: {once:?}, then {twice:?}");
    }
}

#[test]
fn a_full_store_is_no_silence() {
    let mut config = Config::default();
    config.memory = 4 * MIB;
    let analyzer = Analyzer::new(config).expect("the default settings are valid");
    // Half an hour of three thousand mailboxes, none of which is ever late.
    let (facts, _) = analyzer.facts([open(traffic(Kind::Dense, 48 * MIB))], &mut ());
    let [vantage] = facts.vantages.as_slice() else { panic!("one capture is one vantage point") };
    let full = vantage.limits.iter().find(|limit| limit.store == "notification rows");
    assert!(
        full.is_some_and(|full| full.hits > 10_000 && full.full_at == vantage.notified_until()),
        "{full:?}"
    );
    let found: Vec<_> = analyzer.judge(&facts).findings.into_iter().map(|finding| finding.title).collect();
    assert!(found.is_empty(), "{} findings, one of them: {:?}", found.len(), found.first());
}

/// One test for each attack.
macro_rules! attacks {
    ($($name:ident: $attack:ident, $size:expr, $store:expr;)*) => {
        $(#[test]
        fn $name() {
            holds(Attack::$attack, $size, $store);
        })*
    };
}

attacks! {
    syns_of_ever_new_connections: Syns, 6_000, Some("connection rows");
    connections_that_a_weak_hash_takes_for_one: Collisions, 6_000, Some("connection rows");
    bytes_that_come_in_reverse: Backwards, 100, Some("out-of-order bytes");
    streams_with_holes: Holes, 20, Some("out-of-order bytes");
    heads_that_never_end: Heads, 150, Some("bytes of incomplete messages");
    bodies_that_never_end: Bodies, 10, Some("bytes of incomplete messages");
    handshakes_that_never_end: Handshakes, 40, Some("bytes of incomplete messages");
    commands_that_never_end: Commands, 1_500, Some("bytes of incomplete messages");
    literals_of_four_gibibytes: Literals, 50, None;
    ever_new_subscriptions: Subscriptions, 1_200, Some("notification rows");
    request_targets_without_end: Targets, 100, Some("notification rows");
    ever_new_accounts: Accounts, 1_500, Some("IMAP rows");
    elements_nested_without_end: Depth, 8, None;
    entities_of_entities: Entities, 100, None;
    bodies_that_unpack_to_a_thousand_times_their_size: Bombs, 4, None;
    calls_that_never_end: Calls, 8, Some("bytes of incomplete messages");
    datagrams_that_never_end: Fragments, 1_000, Some("fragment bytes");
    times_that_jump: Jumps, 5_000, Some("connection rows");
}

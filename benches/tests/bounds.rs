//! What a capture can make the analysis remember is bounded, how much of it takes linear time, and what was left out
//! for it stands in the report.

use std::time::{Duration, Instant};

use allocation_counter::measure;
use sibtrace::{Analyzer, Config, Facts};
use sibtrace_benches::{MIB, open};
use sibtrace_lab::adversary::Attack;

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
    let begin = Instant::now();
    let allocated = measure(|| {
        let read = analyzer.facts([capture], &mut ()).0;
        analyzer.judge(&read);
        facts = Some(read);
    });
    let time = begin.elapsed();
    Cost { facts: facts.expect("the closure has run"), bytes: allocated.bytes_max, time }
}

/// Analyzes captures of some size and of four times that. `store` is the one that gets full.
#[track_caller]
fn holds(attack: Attack, size: usize, store: Option<&str>) {
    let small = analyze(attack.capture(size));
    let large = analyze(attack.capture(4 * size));
    let hits = |cost: &Cost| {
        let limits = &cost.facts.vantages[0].limits;
        limits
            .iter()
            .filter(|limit| limit.hits > 0)
            .map(|limit| (limit.store, limit.hits))
            .collect::<Vec<_>>()
    };
    println!(
        "{attack:?}: {} then {} KiB, {:?} then {:?}, {} packets, full: {:?}",
        small.bytes >> 10,
        large.bytes >> 10,
        small.time,
        large.time,
        large.facts.vantages[0].coverage.packets,
        hits(&large)
    );
    for cost in [&small, &large] {
        assert!(cost.bytes <= MEMORY + BASE, "{attack:?} takes {} bytes", cost.bytes);
    }
    if let Some(store) = store {
        assert!(hits(&large).iter().any(|(full, _)| *full == store), "{store} is not said to be full");
    }
    // Four times as much, with room for a machine that does other things as well; but not sixteen times.
    let least = Duration::from_millis(100);
    assert!(large.time <= small.time.max(least) * 12, "{attack:?}: {:?}, then {:?}", small.time, large.time);
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

//! What a capture can make the analysis remember is bounded, and what was left out for it stands in the report. That its
//! time grows no faster than the capture is for `benches/instructions` to show.

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
}

fn analyze(capture: Vec<u8>) -> Cost {
    let mut config = Config::default();
    config.threads = 1;
    config.memory = MEMORY;
    let analyzer = Analyzer::new(config).expect("the default settings are valid");
    let capture = open(capture);
    let mut facts = None;
    let allocated = measure(|| {
        let read = analyzer.facts([capture], &mut ()).0;
        analyzer.judge(&read);
        facts = Some(read);
    });
    Cost { facts: facts.expect("the closure has run"), bytes: allocated.bytes_max }
}

/// Analyzes captures of three sizes, each twice as large as the one before it. `store` is the one that gets full.
#[track_caller]
fn holds(attack: Attack, store: Option<&str>) {
    let costs = [1, 2, 4].map(|times| analyze(attack.capture(times)));
    let [_, _, largest] = &costs;
    let limits = &largest.facts.vantages[0].limits;
    let full: Vec<_> =
        limits.iter().filter(|limit| limit.hits > 0).map(|limit| (limit.store, limit.hits)).collect();
    println!(
        "{attack:?}: {:?} KiB, {} packets, full: {full:?}",
        costs.each_ref().map(|cost| cost.bytes >> 10),
        largest.facts.vantages[0].coverage.packets,
    );
    for cost in &costs {
        assert!(cost.bytes <= MEMORY + BASE, "{attack:?} takes {} bytes", cost.bytes);
    }
    if let Some(store) = store {
        assert!(full.iter().any(|(name, _)| *name == store), "{store} is not said to be full");
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
    ($($name:ident: $attack:ident, $store:expr;)*) => {
        $(#[test]
        fn $name() {
            holds(Attack::$attack, $store);
        })*
    };
}

attacks! {
    syns_of_ever_new_connections: Syns, Some("connection rows");
    connections_that_a_weak_hash_takes_for_one: Collisions, Some("connection rows");
    bytes_that_come_in_reverse: Backwards, Some("out-of-order bytes");
    streams_with_holes: Holes, Some("out-of-order bytes");
    heads_that_never_end: Heads, Some("bytes of incomplete messages");
    bodies_that_never_end: Bodies, Some("bytes of incomplete messages");
    handshakes_that_never_end: Handshakes, Some("bytes of incomplete messages");
    commands_that_never_end: Commands, Some("bytes of incomplete messages");
    literals_of_four_gibibytes: Literals, None;
    ever_new_subscriptions: Subscriptions, Some("notification rows");
    request_targets_without_end: Targets, Some("notification rows");
    ever_new_accounts: Accounts, Some("IMAP rows");
    elements_nested_without_end: Depth, None;
    entities_of_entities: Entities, None;
    bodies_that_unpack_to_a_thousand_times_their_size: Bombs, None;
    calls_that_never_end: Calls, Some("bytes of incomplete messages");
    datagrams_that_never_end: Fragments, Some("fragment bytes");
    times_that_jump: Jumps, Some("connection rows");
}

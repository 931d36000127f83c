//! Reassembly against a naive twin: sort all bytes by offset, keep the first copy of each, glue.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::outlet::{Outlet, Sink};
use super::pending::Store;
use super::segment::{Arrival, Segment};
use super::stream::Stream;
use super::{FrameId, Interest, Moment, Side};

/// What came out: every byte with its frame of completion, and the gaps between.
#[derive(Debug, Default, PartialEq)]
struct Glued {
    bytes: Vec<(u8, u64)>,
    /// Where in `bytes`, and how long.
    gaps: Vec<(usize, u64)>,
}

impl Sink for &mut Glued {
    fn data(&mut self, bytes: &[u8], at: Moment) -> Interest {
        self.bytes.extend(bytes.iter().map(|&byte| (byte, at.frame.number())));
        Interest::GoOn
    }

    fn gap(&mut self, length: u64, _: Moment) {
        self.gaps.push((self.bytes.len(), length));
    }
}

#[derive(Clone, Debug)]
struct Sent {
    offset: i64,
    bytes: Vec<u8>,
}

/// What the twin makes of a capture.
#[derive(Debug, Default)]
struct Naive {
    glued: Glued,
    /// For each segment: its kind, and whether it contradicts what came before.
    arrivals: Vec<(Arrival, bool)>,
}

fn naive(capture: &[Sent]) -> Naive {
    let mut naive = Naive::default();
    let mut first_copies: BTreeMap<i64, (u8, u64)> = BTreeMap::new();
    for (frame, sent) in (1..).zip(capture) {
        let top = first_copies.last_key_value().map_or(0, |(&offset, _)| offset + 1);
        let (mut brings_new, mut contradicts) = (false, false);
        for (offset, &byte) in (sent.offset..).zip(&sent.bytes).filter(|&(offset, _)| offset >= 0) {
            let (first, _) = *first_copies.entry(offset).or_insert_with(|| {
                brings_new = true;
                (byte, frame)
            });
            contradicts |= first != byte;
        }
        let arrival = match brings_new {
            false => Arrival::Old,
            true if sent.offset < top => Arrival::Late,
            true => Arrival::New,
        };
        naive.arrivals.push((arrival, contradicts));
    }
    let (mut next, mut complete) = (0, 0);
    for (offset, (byte, frame)) in first_copies {
        if offset > next {
            naive.glued.gaps.push((naive.glued.bytes.len(), (offset - next) as u64));
        }
        complete = complete.max(frame);
        naive.glued.bytes.push((byte, complete));
        next = offset + 1;
    }
    naive
}

const ROOM: Store = Store { per_direction: 1 << 20, total: 1 << 20, held: 0, overflows: 0 };

struct Outcome {
    glued: Glued,
    arrivals: Vec<Arrival>,
    side: Side,
    left: usize,
}

/// Runs the stream; `from_syn` or from the first segment on.
fn reassemble(isn: u32, from_syn: bool, capture: &[Sent], keep: bool) -> Outcome {
    let (mut glued, mut side, mut store) = (Glued::default(), Side::default(), Store { ..ROOM });
    let mut stream = Stream::default();
    if from_syn {
        stream.syn(isn);
    }
    let mut outlet = Outlet { side: &mut side, store: &mut store, keep, sink: &mut glued };
    let arrivals = (1..).zip(capture).map(|(frame, sent)| {
        let segment = Segment {
            seq: isn.wrapping_add(1).wrapping_add(sent.offset as u32),
            bytes: &sent.bytes,
            length: sent.bytes.len() as u32,
            at: Moment { frame: FrameId::new(0, frame), ..Moment::default() },
        };
        stream.segment(&segment, &mut outlet)
    });
    let arrivals = arrivals.collect();
    stream.end(&mut outlet);
    Outcome { glued, arrivals, side, left: store.held }
}

/// Segments of one stream in any order, with overlaps, holes and now and then other bytes than before.
fn captures() -> impl Strategy<Value = Vec<Sent>> {
    let sent =
        (-5..120_i64, 1..30_usize, prop::bool::weighted(0.1)).prop_map(|(offset, length, is_forged)| {
            let byte = |at: i64| (at * 7 + i64::from(is_forged)) as u8;
            Sent { offset, bytes: (offset..).map(byte).take(length).collect() }
        });
    prop_oneof![prop::collection::vec(sent.clone(), 1..40), in_order(), retransmitted(sent.boxed())]
}

/// An orderly stream of which some segments were not captured.
fn in_order() -> impl Strategy<Value = Vec<Sent>> {
    prop::collection::vec((1..20_usize, prop::bool::weighted(0.9)), 1..30).prop_map(|segments| {
        let mut offset = 0;
        let mut capture = Vec::new();
        for (length, is_captured) in segments {
            if is_captured {
                capture.push(Sent { offset, bytes: (offset..).map(|at| at as u8).take(length).collect() });
            }
            offset += length as i64;
        }
        capture
    })
}

/// Every segment comes again at the end.
fn retransmitted(sent: BoxedStrategy<Sent>) -> impl Strategy<Value = Vec<Sent>> {
    prop::collection::vec(sent, 1..15).prop_map(|capture| [capture.clone(), capture].concat())
}

/// Offsets count from the first segment where no SYN was seen.
fn from_first(mut capture: Vec<Sent>) -> Vec<Sent> {
    let base = capture.first().map_or(0, |sent| sent.offset);
    for sent in &mut capture {
        sent.offset -= base;
    }
    capture
}

proptest! {
    #[test]
    fn bytes_gaps_frames_and_counters_are_those_of_sort_and_glue(
        isn in prop_oneof![any::<u32>(), u32::MAX - 100..=u32::MAX],
        from_syn: bool,
        capture in captures(),
    ) {
        let capture = if from_syn { capture } else { from_first(capture) };
        let expected = naive(&capture);
        let kinds: Vec<_> = expected.arrivals.iter().map(|&(arrival, _)| arrival).collect();
        let missing: u64 = expected.glued.gaps.iter().map(|&(_, length)| length).sum();

        let read = reassemble(isn, from_syn, &capture, true);
        prop_assert_eq!(&read.glued, &expected.glued);
        prop_assert_eq!(&read.arrivals, &kinds);
        prop_assert_eq!(read.side.bytes, expected.glued.bytes.len() as u64);
        prop_assert_eq!(read.side.missing, missing);
        let contradictions = expected.arrivals.iter().filter(|&&(_, contradicts)| contradicts).count();
        prop_assert!(read.side.rare().conflicting as usize <= contradictions);
        prop_assert_eq!(read.left, 0);

        let unread = reassemble(isn, from_syn, &capture, false);
        prop_assert_eq!(unread.glued, Glued::default());
        prop_assert_eq!(unread.arrivals, kinds);
        prop_assert_eq!((unread.side.bytes, unread.side.missing), (read.side.bytes, missing));
        prop_assert_eq!(unread.left, 0);
    }

    #[test]
    fn an_exact_copy_with_another_byte_is_always_noticed(capture in in_order(), chosen: prop::sample::Index) {
        let mut forged = capture.get(chosen.index(capture.len().max(1))).cloned();
        prop_assume!(forged.is_some());
        let forged = forged.take().map(|mut sent| {
            sent.bytes[0] ^= 1;
            sent
        });
        let honest = [capture.clone(), capture.clone()].concat();
        prop_assert_eq!(reassemble(7, true, &honest, true).side.rare().conflicting, 0);
        let capture: Vec<_> = capture.into_iter().chain(forged).collect();
        prop_assert_eq!(reassemble(7, true, &capture, true).side.rare().conflicting, 1);
    }

    #[test]
    fn a_small_store_costs_bytes_but_never_order_or_memory(capture in captures(), room in 0..600_usize) {
        let (mut glued, mut side) = (Glued::default(), Side::default());
        let mut store = Store { per_direction: room, total: 400, ..ROOM };
        let mut stream = Stream::default();
        stream.syn(0);
        for (frame, sent) in (1..).zip(&capture) {
            let at = Moment { frame: FrameId::new(0, frame), ..Moment::default() };
            let (seq, length) = (1_u32.wrapping_add(sent.offset as u32), sent.bytes.len() as u32);
            let mut outlet = Outlet { side: &mut side, store: &mut store, keep: true, sink: &mut glued };
            stream.segment(&Segment { seq, bytes: &sent.bytes, length, at }, &mut outlet);
            prop_assert!(store.held <= room.min(400));
        }
        stream.end(&mut Outlet { side: &mut side, store: &mut store, keep: true, sink: &mut glued });
        let all = naive(&capture).glued;
        let end = |glued: &Glued| glued.bytes.len() as u64 + glued.gaps.iter().map(|gap| gap.1).sum::<u64>();
        prop_assert_eq!(end(&glued), end(&all));
        prop_assert_eq!(side.missing, glued.gaps.iter().map(|gap| gap.1).sum::<u64>());
        prop_assert_eq!(side.bytes, glued.bytes.len() as u64);
        prop_assert!(glued.bytes.iter().is_sorted_by_key(|&(_, frame)| frame));
        prop_assert!(all.gaps == glued.gaps || store.overflows > 0);
    }
}

//! What reaches the receiver.

use super::*;

#[test]
fn both_directions_are_handed_on_in_order_with_the_frame_that_completed_them() {
    let mut wire = Wire::new();
    wire.shake();
    wire.up(ACK, 104, 501, "def");
    wire.up(ACK, 101, 501, "abc");
    wire.down(ACK, 501, 107, "reply");
    wire.up(FIN, 107, 506, "");
    wire.down(FIN, 506, 108, "");
    wire.down(ACK, 507, 108, "");
    let (rows, calls, _) = wire.finish();
    let expected = [
        "open 1 10.0.0.1:40000",
        "Orig abc @5",
        "Orig def @5",
        "Resp reply @6",
        "Orig fin @7",
        "Resp fin @8",
        "end 1 Fin @8",
    ];
    assert_eq!(calls, expected);
    assert_eq!(rows[0].side(Dir::Orig).rare().out_of_order, 1);
}

#[test]
fn half_closed_connections_go_on() {
    let mut wire = Wire::new();
    wire.shake();
    wire.up(FIN, 101, 501, "");
    wire.down(ACK, 501, 102, "still here");
    let (_, calls, _) = wire.finish();
    assert_eq!(calls, ["open 1 10.0.0.1:40000", "Resp still here @5", "Orig fin @4", "end 1 Fin @4"]);
}

#[test]
fn a_hole_is_a_gap_at_the_end_and_what_was_acknowledged_is_missing() {
    let mut wire = Wire::new();
    wire.shake();
    wire.up(ACK, 111, 501, "after");
    wire.down(ACK, 501, 111, "");
    assert_eq!(wire.log.calls.len(), 1);
    wire.down(ACK, 501, 216, "");
    let (rows, calls, _) = wire.finish();
    assert_eq!(calls[1..4], ["Orig gap 10 @4", "Orig after @4", "Orig gap 100 @4"]);
    let side = rows[0].side(Dir::Orig);
    assert_eq!((side.bytes, side.missing, side.acked_unseen), (5, 110, true));
}

#[test]
fn an_answer_comes_after_the_question_behind_a_hole() {
    let mut wire = Wire::new();
    wire.shake();
    wire.up(ACK, 111, 501, "question");
    wire.up(ACK, 129, 501, "more");
    wire.down(ACK, 501, 119, "answer");
    wire.up(ACK, 101, 507, "late");
    let (rows, calls, _) = wire.finish();
    let expected = [
        "open 1 10.0.0.1:40000",
        "Orig gap 10 @4",
        "Orig question @4",
        "Resp answer @6",
        "Orig gap 10 @5",
        "Orig more @5",
        "end 1 Open @7",
    ];
    assert_eq!(calls, expected);
    assert_eq!((rows[0].side(Dir::Orig).bytes, rows[0].side(Dir::Orig).missing), (12, 20));
}

#[test]
fn the_number_of_a_fin_is_no_missing_byte() {
    let mut wire = Wire::new();
    wire.shake();
    wire.up(FIN, 101, 501, "all");
    wire.down(ACK, 501, 105, "");
    let mut uncaptured = Wire::new();
    uncaptured.shake();
    uncaptured.up(ACK, 101, 501, "all");
    uncaptured.down(ACK, 501, 105, "");
    for row in [wire.only(), uncaptured.only()] {
        assert_eq!((row.side(Dir::Orig).missing, row.side(Dir::Orig).acked_unseen), (0, false));
    }
}

#[test]
fn the_answer_to_a_syn_tells_where_the_stream_begins_when_the_syn_comes_late() {
    let mut wire = Wire::new();
    wire.down(SYN_ACK, 500, 101, "");
    wire.up(ACK, 104, 501, "def");
    wire.up(ACK, 101, 501, "abc");
    wire.up(SYN, 100, 0, "");
    let (rows, calls, _) = wire.finish();
    assert_eq!(calls[1..3], ["Orig abc @3", "Orig def @3"]);
    assert_eq!(rows[0].side(Dir::Orig).missing, 0);
}

#[test]
fn what_a_reset_acknowledges_was_sent_unless_it_is_far_away() {
    for (ack, missing) in [(510, 6), (505, 0), (504, 0), (0x9000_0000, 0)] {
        let mut wire = Wire::new();
        wire.shake();
        wire.up(ACK, 101, 501, "ask");
        wire.down(ACK, 501, 104, "abc");
        wire.up(RST_ACK, 104, ack, "");
        let row = wire.only();
        let side = row.side(Dir::Resp);
        assert_eq!((side.missing, side.acked_unseen), (missing, missing > 0), "{ack}");
    }
}

#[test]
fn a_stray_acknowledgment_or_segment_loses_nothing() {
    let mut wire = Wire::new();
    wire.shake();
    wire.down(ACK, 501, 0x9000_0000, "");
    wire.up(ACK, 0x5000_0000, 501, "stray");
    wire.up(ACK, 101, 501, "abc");
    wire.up(ACK, 104, 501, "def");
    let (rows, calls, _) = wire.finish();
    assert_eq!(calls[1..3], ["Orig abc @6", "Orig def @7"]);
    assert_eq!(rows[0].side(Dir::Orig).rare().out_of_order, 0);
}

#[test]
fn a_probe_in_mid_stream_is_known_by_what_the_peer_acknowledged() {
    let mut wire = Wire::new();
    wire.down(ACK, 501, 104, "");
    wire.up(ACK, 103, 501, "\0");
    wire.up(ACK, 104, 501, "abc");
    let (rows, calls, _) = wire.finish();
    assert_eq!(calls[1], "Resp abc @3");
    assert_eq!(rows[0].side(Dir::Resp).rare().keepalives, 1);
}

#[test]
fn what_the_snapshot_length_cut_is_a_gap_as_soon_as_something_follows() {
    let mut wire = Wire::new();
    wire.shake();
    wire.send((CLIENT, SERVER), ACK, 101, 501, "abc", 7);
    assert_eq!(wire.log.calls[1..], ["Orig abc @4"]);
    wire.up(ACK, 111, 501, "next");
    assert_eq!(wire.log.calls[2..], ["Orig gap 7 @4", "Orig next @5"]);
    wire.send((CLIENT, SERVER), FIN, 115, 501, "", 5);
    let row = wire.only();
    let side = row.side(Dir::Orig);
    assert_eq!((side.bytes, side.missing, side.rare().cut, side.retransmitted), (7, 12, 12, 0));
    assert!(!side.acked_unseen);
}

#[test]
fn another_copy_fills_what_was_cut() {
    let mut wire = Wire::new();
    wire.shake();
    wire.send((CLIENT, SERVER), ACK, 101, 501, "abc", 3);
    wire.up(ACK, 101, 501, "abcdefgh");
    let (rows, calls, _) = wire.finish();
    let side = rows[0].side(Dir::Orig);
    assert_eq!((side.bytes, side.missing, side.rare().out_of_order), (8, 0, 1));
    assert_eq!(calls[1..4], ["Orig abc @4", "Orig defgh @5", "end 1 Open @5"]);
}

#[test]
fn a_copy_that_was_cut_later_fills_only_what_it_has() {
    let mut wire = Wire::new();
    wire.shake();
    wire.send((CLIENT, SERVER), ACK, 101, 501, "abc", 7);
    wire.send((CLIENT, SERVER), ACK, 101, 501, "abcdef", 4);
    wire.up(ACK, 111, 501, "next");
    let (_, calls, _) = wire.finish();
    assert_eq!(calls[1..5], ["Orig abc @4", "Orig def @5", "Orig gap 4 @5", "Orig next @6"]);
}

#[test]
fn data_with_the_syn_and_after_a_reset_belongs_to_the_stream() {
    let mut wire = Wire::new();
    wire.up(SYN, 100, 0, "fast");
    wire.down(SYN_ACK, 500, 105, "");
    wire.down(RST, 501, 0, "reason");
    wire.up(ACK, 105, 501, "open");
    let (rows, calls, _) = wire.finish();
    assert_eq!(calls[1..], ["Orig fast @1", "Orig open @4", "end 1 Rst @3"]);
    assert_eq!(rows[0].side(Dir::Resp).bytes, 0, "the text of a reset is no data");
}

#[test]
fn a_refused_connection_is_still_counted_exactly() {
    let mut wire = Wire::new();
    wire.log.patience = 3;
    wire.shake();
    wire.up(ACK, 104, 501, "def");
    wire.up(ACK, 101, 501, "abc");
    wire.up(ACK, 110, 501, "jkl");
    wire.up(ACK, 101, 501, "abc");
    wire.up(FIN, 113, 501, "");
    let (rows, calls, _) = wire.finish();
    assert_eq!(calls, ["open 1 10.0.0.1:40000", "Orig abc @5"]);
    let side = rows[0].side(Dir::Orig);
    assert_eq!((side.bytes, side.missing, side.rare().out_of_order, side.retransmitted), (9, 3, 1, 1));
}

#[test]
fn nothing_is_kept_or_told_when_nobody_is_interested() {
    let mut wire = Wire::new();
    wire.log.interested = false;
    wire.shake();
    wire.up(ACK, 104, 501, "def");
    wire.down(ACK, 501, 101, "x");
    let (_, calls, _) = wire.finish();
    assert_eq!(calls, ["open 1 10.0.0.1:40000"]);
}

#[test]
fn what_was_not_waited_for_and_came_later_was_captured() {
    let mut wire = Wire::with(Limits { out_of_order_per_direction: 0, ..LIMITS });
    wire.shake();
    wire.up(ACK, 104, 501, "def");
    wire.up(ACK, 101, 501, "abc");
    wire.down(ACK, 501, 107, "");
    let (rows, calls, overflows) = wire.finish();
    assert_eq!(overflows.out_of_order, 1);
    assert_eq!(calls[1..3], ["Orig gap 3 @4", "Orig def @4"]);
    let side = rows[0].side(Dir::Orig);
    assert_eq!((side.missing, side.acked_unseen), (3, false));
}

#[test]
fn bytes_in_reverse_order_stay_within_the_store() {
    let mut wire = Wire::new();
    wire.shake();
    for offset in (1..20_000).rev() {
        wire.up(ACK, 101 + offset, 501, "x");
        wire.ip_id = 0;
    }
    let (rows, _, overflows) = wire.finish();
    assert!(overflows.out_of_order > 0);
    let side = rows[0].side(Dir::Orig);
    assert!(side.missing > 0 && side.bytes > 0);
}

#[test]
fn digests_are_of_all_bytes_or_absent() {
    let mut wire = Wire::new();
    wire.flows = Flows::new(LIMITS, true);
    wire.log.interested = false;
    wire.shake();
    wire.up(ACK, 104, 501, "def");
    wire.up(ACK, 101, 501, "abc");
    wire.down(ACK, 511, 107, "after a hole");
    let row = wire.only();
    use sha2::Digest;
    assert_eq!(row.side(Dir::Orig).rare().sha256, Some(sha2::Sha256::digest(b"abcdef").into()));
    assert_eq!(row.side(Dir::Resp).rare().sha256, None);
}

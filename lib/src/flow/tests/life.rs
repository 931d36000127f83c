//! Where connections begin and end, and what their rows say.

use proptest::prelude::*;

use super::*;

fn ids(wire: Wire) -> Vec<u64> {
    wire.finish().0.iter().map(|row| row.id.0).collect()
}

#[test]
fn a_syn_with_another_number_begins_a_new_connection() {
    let mut wire = Wire::new();
    wire.shake();
    wire.up(SYN, 100, 0, "");
    wire.up(SYN, 101, 0, "");
    assert_eq!(ids(wire), [1, 5]);
}

#[test]
fn the_same_number_and_late_data_continue_a_closed_connection() {
    let mut wire = Wire::new();
    wire.shake();
    wire.down(RST, 501, 0, "");
    wire.up(SYN, 100, 0, "");
    wire.up(ACK, 101, 501, "late");
    assert_eq!(ids(wire), [1]);
}

#[test]
fn the_number_of_a_direction_is_also_known_from_an_acknowledgment() {
    let mut wire = Wire::new();
    wire.down(ACK, 501, 101, "");
    wire.up(SYN, 100, 0, "");
    wire.up(SYN, 999, 0, "");
    assert_eq!(ids(wire), [1, 3]);
}

#[test]
fn the_originator_is_who_sent_the_syn_even_if_it_comes_late() {
    for (flags, dir) in [(SYN_ACK, Dir::Resp), (RST_ACK, Dir::Resp)] {
        let mut wire = Wire::new();
        wire.down(flags, 500, 101, "");
        wire.up(SYN, 100, 0, "");
        let row = wire.only();
        assert_eq!((row.orig, row.resp), (endpoint(CLIENT), endpoint(SERVER)));
        assert_eq!(row.side(dir).first.map(|at| at.frame.number()), Some(1));
        assert_eq!(row.syn.map(|syn| syn.isn), Some(100));
    }
    let mut wire = Wire::new();
    wire.down(ACK, 501, 101, "x");
    assert_eq!(wire.only().orig, endpoint(SERVER), "nothing better is known in mid-stream");
}

#[test]
fn the_outcome_of_the_handshake_is_told() {
    type Packets = fn(&mut Wire);
    let cases: [(Packets, Handshake, Close); 9] = [
        (|w| w.shake(), Handshake::Full, Close::Open),
        (
            |w| {
                w.up(SYN, 100, 0, "");
                w.down(RST_ACK, 0, 101, "");
            },
            Handshake::Refused,
            Close::Rst,
        ),
        (
            |w| {
                w.up(SYN, 100, 0, "tfo");
                w.down(RST_ACK, 0, 104, "");
            },
            Handshake::Refused,
            Close::Rst,
        ),
        (
            |w| {
                w.up(SYN, 100, 0, "");
                w.up(SYN, 100, 0, "");
            },
            Handshake::Unanswered,
            Close::Open,
        ),
        (
            |w| {
                w.up(SYN, 100, 0, "");
                w.up(RST, 101, 0, "");
            },
            Handshake::Unanswered,
            Close::Rst,
        ),
        (
            |w| {
                w.up(SYN, 100, 0, "");
                w.up(ACK, 101, 501, "one way");
            },
            Handshake::Partial,
            Close::Open,
        ),
        (|w| w.down(SYN_ACK, 500, 101, ""), Handshake::Partial, Close::Open),
        (|w| w.up(ACK, 101, 501, "x"), Handshake::None, Close::Open),
        (
            |w| {
                w.up(SYN, 100, 0, "");
                w.down(RST_ACK, 0, 777, "");
            },
            Handshake::Partial,
            Close::Rst,
        ),
    ];
    for (number, (packets, handshake, close)) in cases.into_iter().enumerate() {
        let mut wire = Wire::new();
        packets(&mut wire);
        let row = wire.only();
        assert_eq!((row.handshake, row.close), (handshake, close), "case {number}");
    }
}

#[test]
fn syns_are_counted_with_their_last_copy() {
    let mut wire = Wire::new();
    (0..3).for_each(|_| wire.up(SYN, 100, 0, ""));
    let row = wire.only();
    assert_eq!((row.syn_count, row.last_syn().map(|at| at.frame.number())), (3, Some(3)));
    assert_eq!(row.syn.map(|syn| syn.at.frame.number()), Some(1));
}

#[test]
fn a_fin_closes_unless_a_reset_cuts_it_short() {
    let mut wire = Wire::new();
    wire.shake();
    wire.up(FIN, 101, 501, "");
    let mut reset = Wire::new();
    reset.shake();
    reset.up(FIN, 101, 501, "");
    reset.down(RST, 501, 0, "");
    let mut late_reset = Wire::new();
    late_reset.shake();
    late_reset.up(FIN, 101, 501, "");
    late_reset.down(FIN, 501, 102, "");
    late_reset.up(RST, 102, 0, "");
    assert_eq!(wire.only().close, Close::Fin);
    assert_eq!(reset.only().close, Close::Rst);
    assert_eq!(late_reset.only().close, Close::Fin);
}

#[test]
fn probes_are_neither_data_nor_retransmissions() {
    let mut wire = Wire::new();
    wire.shake();
    wire.up(ACK, 101, 501, "abc");
    wire.up(ACK, 103, 501, "\0");
    wire.up(ACK, 103, 501, "");
    wire.down(ACK, 500, 104, "");
    let row = wire.only();
    let (up, down) = (row.side(Dir::Orig), row.side(Dir::Resp));
    assert_eq!((up.rare().keepalives, up.retransmitted, up.rare().conflicting, up.bytes), (2, 0, 0, 3));
    assert_eq!(down.rare().keepalives, 1, "before any data");
}

#[test]
fn a_closed_window_is_counted_once_and_its_probes_are_no_keepalives() {
    let mut wire = Wire::new();
    wire.shake();
    wire.up(ACK, 101, 501, "abc");
    wire.window = 0;
    wire.down(ACK, 501, 104, "");
    wire.down(ACK, 501, 104, "");
    wire.window = 1000;
    wire.up(ACK, 103, 501, "c");
    wire.down(ACK, 501, 104, "");
    wire.window = 0;
    wire.down(ACK, 501, 104, "");
    let row = wire.only();
    assert_eq!(row.side(Dir::Resp).rare().zero_windows, 2);
    assert_eq!((row.side(Dir::Orig).rare().keepalives, row.side(Dir::Orig).retransmitted), (0, 0));
}

#[test]
fn second_copies_of_packets_change_nothing_but_their_count() {
    let mut wire = Wire::new();
    let up = (CLIENT, SERVER);
    wire.up(SYN, 100, 0, "");
    wire.nanos += 50_000;
    wire.ttl = 63;
    wire.copy(up, SYN, 100, 0, "", 0);
    wire.ttl = 64;
    wire.down(SYN_ACK, 500, 101, "");
    wire.up(ACK, 101, 501, "abc");
    wire.copy(up, ACK, 101, 501, "abc", 0);
    let row = wire.only();
    assert_eq!((row.duplicates, row.syn_count), (2, 1));
    let side = row.side(Dir::Orig);
    assert_eq!((side.packets, side.retransmitted, side.ttl_range), (4, 0, (64, 64)));
}

#[test]
fn a_forged_copy_is_no_second_copy() {
    let mut wire = Wire::new();
    wire.shake();
    wire.up(ACK, 101, 501, "abc");
    wire.copy((CLIENT, SERVER), ACK, 101, 501, "aXc", 0);
    let row = wire.only();
    assert_eq!(
        (row.duplicates, row.side(Dir::Orig).rare().conflicting, row.side(Dir::Orig).retransmitted),
        (0, 1, 1)
    );
}

#[test]
fn a_new_connection_ends_the_old_one_first() {
    let mut wire = Wire::new();
    wire.up(ACK, 101, 501, "old");
    wire.up(ACK, 111, 501, "late");
    wire.up(SYN, 9000, 0, "new");
    let (_, calls, _) = wire.finish();
    let end = calls.iter().position(|call| call == "end 1 Open @2");
    let open = calls.iter().position(|call| call == "open 3 10.0.0.1:40000");
    assert!(end.is_some() && end < open, "{calls:?}");
}

#[test]
fn the_flow_idle_longest_makes_room() {
    let mut wire = Wire::with(Limits { flows: 2, rows: 2, ..LIMITS });
    let clients = ["10.0.0.1:1", "10.0.0.1:2", "10.0.0.1:3", "10.0.0.1:4", "10.0.0.1:5"];
    let syn = |wire: &mut Wire, client| wire.send((client, SERVER), SYN, 100, 0, "", 0);
    syn(&mut wire, clients[0]);
    syn(&mut wire, clients[1]);
    syn(&mut wire, clients[0]);
    syn(&mut wire, clients[2]);
    syn(&mut wire, clients[0]);
    let (rows, _, overflows) = wire.finish();
    assert_eq!(
        rows.iter().map(|row| (row.id.0, row.syn_count)).collect::<Vec<_>>(),
        [(1, 3), (2, 1), (4, 1)]
    );
    assert_eq!(overflows, Overflows { flows: 1, ..Overflows::default() });

    let mut flood = Wire::with(Limits { flows: 2, rows: 2, ..LIMITS });
    clients.iter().for_each(|client| syn(&mut flood, client));
    let (rows, _, overflows) = flood.finish();
    assert_eq!(rows.len(), 4);
    assert_eq!((overflows.flows, overflows.rows), (3, 1));
}

proptest! {
    /// Ends that come again and again, so that the list of them is made anew many times.
    #[test]
    fn each_packet_finds_the_latest_connection_between_its_ends_unless_others_took_its_place(
        packets in prop::collection::vec((1..8_u16, prop::option::of(1..4_u32)), 1..300),
    ) {
        const OPEN: usize = 3;
        let mut wire = Wire::with(Limits { flows: OPEN, rows: 1000, ..LIMITS });
        // The client, from which number it counts, and when it sent something last.
        let mut open: Vec<(u16, u32, usize)> = Vec::new();
        let (mut begun, mut evicted) = (Vec::new(), 0);
        for (at, (client, syn)) in packets.into_iter().enumerate() {
            let (flags, seq) = syn.map_or((ACK, 1), |isn| (SYN, isn));
            wire.send((&format!("10.0.0.1:{client}"), SERVER), flags, seq, 0, "", 0);
            let known = open.iter().position(|(other, ..)| *other == client);
            if let Some(known) = known
                && syn.is_none_or(|isn| isn == open[known].1)
            {
                open[known].2 = at;
                continue;
            }
            begun.push(at as u64 + 1);
            if known.is_none() && open.len() == OPEN {
                evicted += 1;
            }
            let idlest = (0..open.len()).min_by_key(|place| open[*place].2);
            if let Some(gone) = known.or(idlest.filter(|_| open.len() == OPEN)) {
                open.remove(gone);
            }
            open.push((client, syn.unwrap_or(0), at));
        }
        let (rows, _, overflows) = wire.finish();
        prop_assert_eq!(rows.iter().map(|row| row.id.0).collect::<Vec<_>>(), begun);
        prop_assert_eq!(overflows.flows, evicted);
    }
}

#[test]
fn connections_of_the_past_that_come_again_and_again_leave_no_traces() {
    let mut wire = Wire::with(Limits { flows: 100, rows: 10, ..LIMITS });
    for client in 1..=100 {
        wire.send((&format!("10.0.0.1:{client}"), SERVER), SYN, 100, 0, "", 0);
    }
    for turn in 0..70 {
        wire.nanos = 0;
        wire.send((&format!("10.0.0.9:{}", 1 + turn % 2), SERVER), SYN, 100, 0, "", 0);
        assert!(wire.flows.listed() <= 101, "{}", wire.flows.listed());
    }
}

#[test]
fn an_icmp_error_is_noted_on_the_connection_it_quotes() {
    let mut wire = Wire::new();
    wire.up(SYN, 100, 0, "");
    let from = "10.0.0.254".parse().unwrap();
    let error = |code| Unreachable { at: Moment::default(), from, v6: false, code };
    wire.flows.icmp_error(endpoint(CLIENT), endpoint(SERVER), error(13), &mut wire.log);
    wire.flows.icmp_error(endpoint(SERVER), endpoint(CLIENT), error(1), &mut wire.log);
    wire.flows.icmp_error(endpoint("10.9.9.9:1"), endpoint(SERVER), error(1), &mut wire.log);
    assert_eq!(wire.only().rare().unreachable.map(|error| error.code), Some(13));
}

//! Whole connections: what is said in them does not depend on how it was cut, nor on the byte order.

use super::cursor::Order;
use super::event::{BindOutcome, Rpc, RpcBind, RpcCall};
use super::*;
use crate::flow::FrameId;
use crate::time::Timestamp;

const HANDLE: [u8; 20] = [0, 0, 0, 0, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9];
const EMSMDB: [u8; 16] = [0, 0xdb, 0xf1, 0xa4, 0x47, 0xca, 0x67, 0x10, 0xb3, 0x1f, 0, 0xdd, 1, 6, 0x62, 0xda];

fn at(frame: u64) -> Moment {
    Moment { frame: FrameId::new(0, frame), time: Timestamp::new(frame as i64, 0) }
}

fn word(order: Order, word: u32) -> [u8; 4] {
    match order {
        Order::Little => word.to_le_bytes(),
        Order::Big => word.to_be_bytes(),
    }
}

fn short(order: Order, short: u16) -> [u8; 2] {
    match order {
        Order::Little => short.to_le_bytes(),
        Order::Big => short.to_be_bytes(),
    }
}

fn pdu(order: Order, kind: u8, flags: u8, call_id: u32, body: &[u8]) -> Vec<u8> {
    let drep = if order == Order::Little { 0x10 } else { 0 };
    let mut made = vec![5, 0, kind, flags, drep, 0, 0, 0];
    made.extend(short(order, (16 + body.len()) as u16));
    made.extend([0, 0]);
    made.extend(word(order, call_id));
    made.extend(body);
    made
}

fn bind(order: Order, group: u32) -> Vec<u8> {
    let mut uuid = EMSMDB;
    if order == Order::Big {
        uuid[0..4].reverse();
        uuid[4..6].reverse();
        uuid[6..8].reverse();
    }
    let mut body = vec![0xd0; 4];
    body.extend(word(order, group));
    body.extend([1, 0, 0, 0]);
    body.extend(short(order, 7));
    body.extend([1, 0]);
    body.extend(uuid);
    body.extend([0; 24]);
    pdu(order, 0x0b, 3, 1, &body)
}

fn ack(order: Order, group: u32) -> Vec<u8> {
    let mut body = vec![0xd0; 4];
    body.extend(word(order, group));
    body.extend(short(order, 6));
    body.extend(b"59532\0");
    pdu(order, 0x0c, 3, 1, &body)
}

fn request(order: Order, flags: u8, call_id: u32, opnum: u16, stub: &[u8]) -> Vec<u8> {
    let head = [&word(order, 0)[..], &short(order, 7), &short(order, opnum), stub].concat();
    pdu(order, 0, flags, call_id, &head)
}

fn answer(order: Order, kind: u8, call_id: u32, stub: &[u8]) -> Vec<u8> {
    pdu(order, kind, 3, call_id, &[&[0; 8], stub].concat())
}

/// The connection that the tests play: a bind, a call in two fragments with its response, a call with a fault, and
/// one that is never answered.
fn conversation(order: Order) -> Vec<(Dir, Vec<u8>)> {
    let stub = [HANDLE.as_slice(), &[0; 30]].concat();
    let response = [HANDLE.as_slice(), &word(order, 0x478)].concat();
    let fault = [&word(order, 0x1c00_001a)[..], &[0; 4]].concat();
    vec![
        (Dir::Orig, bind(order, 5)),
        (Dir::Resp, ack(order, 6)),
        (Dir::Orig, request(order, 1, 2, 11, &stub[..10])),
        (Dir::Orig, request(order, 2, 2, 11, &stub[10..])),
        (Dir::Orig, request(order, 3, 3, 11, &stub)),
        (Dir::Resp, answer(order, 3, 3, &fault)),
        (Dir::Resp, answer(order, 2, 2, &response)),
        (Dir::Orig, request(order, 3, 4, 11, &stub)),
    ]
}

fn play<'p>(pieces: impl IntoIterator<Item = (Dir, &'p [u8])>) -> (Vec<RpcBind>, Vec<RpcCall>) {
    let mut dissector = DceRpc::new(Dir::Orig);
    let mut out = Vec::new();
    for (frame, (dir, bytes)) in (1..).zip(pieces) {
        let _ = dissector.data(dir, bytes, at(frame), &mut out);
    }
    dissector.end(Close::Open, at(99), &mut out);
    let (mut binds, mut calls) = (Vec::new(), Vec::new());
    for event in out {
        match event {
            Event::Rpc(rpc) => match *rpc {
                Rpc::Bind(bind) => binds.push(bind),
                Rpc::Call(call) => calls.push(call),
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        }
    }
    calls.sort_by_key(|call| call.call_id);
    (binds, calls)
}

fn check((binds, calls): (Vec<RpcBind>, Vec<RpcCall>)) {
    let [bind] = &binds[..] else { panic!("{binds:?}") };
    assert_eq!(bind.request.as_ref().map(|request| request.group), Some(5));
    assert_eq!(bind.request.as_ref().map(|request| &request.interfaces[..]), Some(&[Interface::Emsmdb][..]));
    let outcome = bind.answer.as_ref().map(|answer| &answer.outcome);
    assert!(matches!(outcome, Some(BindOutcome::Ack { group: 6, .. })), "{outcome:?}");
    let [good, bad, open] = &calls[..] else { panic!("{calls:?}") };
    for call in [good, bad, open] {
        let request = call.request.as_ref().unwrap();
        assert_eq!((call.interface, request.opnum, request.sealed), (Interface::Emsmdb, 11, false));
        assert_eq!(request.stub.handle.map(|handle| handle.0), Some(HANDLE));
    }
    let code = |call: &RpcCall| call.answer.as_ref().and_then(|answer| answer.stub.code);
    let fault = |call: &RpcCall| call.answer.as_ref().and_then(|answer| answer.fault);
    assert_eq!((code(good), fault(good)), (Some(0x478), None));
    assert_eq!(fault(bad), Some(0x1c00_001a));
    assert!(open.answer.is_none());
}

#[test]
fn both_byte_orders_say_the_same() {
    for order in [Order::Little, Order::Big] {
        let all = conversation(order);
        check(play(all.iter().map(|(dir, bytes)| (*dir, bytes.as_slice()))));
    }
}

#[test]
fn every_pdu_may_be_cut_anywhere() {
    let all = conversation(Order::Little);
    for (number, (_, whole)) in all.iter().enumerate() {
        for cut in 0..whole.len() {
            let pieces = all.iter().enumerate().flat_map(|(other, (dir, bytes))| {
                let cut = if other == number { cut } else { 0 };
                [(*dir, &bytes[..cut]), (*dir, &bytes[cut..])]
            });
            check(play(pieces));
        }
    }
}

#[test]
fn an_answer_may_be_seen_before_its_request() {
    let all = conversation(Order::Little);
    let mut dissector = DceRpc::new(Dir::Orig);
    let mut out = Vec::new();
    // The request waited for a lost segment: it began earlier than it is handed on.
    let _ = dissector.data(Dir::Resp, &all[1].1, at(5), &mut out);
    let _ = dissector.data(Dir::Orig, &all[0].1, at(4), &mut out);
    assert!(
        matches!(&out[..], [Event::Rpc(rpc)] if matches!(&**rpc, Rpc::Bind(bind) if bind.answer.is_some()))
    );
}

#[test]
fn calls_of_other_services_are_passed_over() {
    let mut other = bind(Order::Little, 0);
    other[32] ^= 0xff;
    let call = request(Order::Little, 3, 2, 11, &HANDLE);
    let (binds, calls) = play([(Dir::Orig, other.as_slice()), (Dir::Orig, call.as_slice())]);
    assert!(binds.is_empty() && calls.is_empty());
}

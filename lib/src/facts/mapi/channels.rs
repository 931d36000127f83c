//! RPC over HTTP: the calls of the one channel joined with their answers in the other.

use std::collections::BTreeMap;

use super::rows::{Line, RpcRow};
use crate::proto::Guid;

/// Moves the answers of each virtual connection to the requests that they answer.
pub(super) fn join(lines: &mut [Line]) {
    let mut pairs: BTreeMap<Guid, [Option<usize>; 2]> = BTreeMap::new();
    for (number, line) in lines.iter().enumerate() {
        if let Some((is_in, Some(cookie))) = line.http.as_ref().and_then(|http| http.channel) {
            pairs.entry(cookie).or_default()[usize::from(is_in)].get_or_insert(number);
        }
    }
    for [to, from] in pairs.into_values() {
        let (Some(answers), Some(calls)) = (to, from) else { continue };
        let found = std::mem::take(&mut lines[answers].rows);
        let rows = &mut lines[calls].rows;
        let rest: Vec<RpcRow> = found.into_iter().filter_map(|answer| put(rows, answer)).collect();
        lines[answers].rows = rest;
        if lines[answers].server.ip == lines[calls].server.ip {
            let names = lines[answers].names.clone();
            lines[calls].names.extend(names);
        }
    }
}

/// Gives the answer back when nothing asked for it.
fn put(rows: &mut [RpcRow], answer: RpcRow) -> Option<RpcRow> {
    let Some(reply) = answer.reply.filter(|_| answer.request.is_none()) else { return Some(answer) };
    let asked = rows.iter_mut().find(|row| {
        let is_before = row.request.is_some_and(|request| request.first.time <= reply.first.time);
        row.call_id == answer.call_id && row.reply.is_none() && is_before
    });
    let Some(row) = asked else { return Some(answer) };
    row.reply = answer.reply;
    row.answer = answer.answer;
    row.granted = answer.granted;
    row.sealed |= answer.sealed;
    row.digests[1] = answer.digests[1];
    None
}

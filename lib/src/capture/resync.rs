//! Finding the next record after a place that cannot be one.
//!
//! Every byte is tried as the start of a chain of records. A try looks at no more than [`CHAIN`] headers, so a
//! search takes time in proportion to the bytes it passes over, whatever they are.

use super::walk::{Probe, Window};

/// How many records must follow each other to be believed.
const CHAIN: usize = 3;

/// A captured packet is at most this much older than the first one of its file, in seconds: clocks are set back.
const EARLIER: i64 = 86_400;

/// A captured packet is at most this much younger than the first one of its file, in seconds.
const LATER: i64 = 366 * 86_400;

/// Where a search got to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// Records begin at this position.
    At(usize),
    /// No record begins before `from`; to tell whether one does there takes `bytes` more bytes from there.
    Undecided { from: usize, bytes: usize },
    /// There are no more records.
    Nothing,
}

enum Verdict {
    Records,
    NoRecords,
    Short(usize),
}

/// Searches a window from position `from`. `around` is the second at which the capture began, if known; `enough`
/// records will do when the last one ends with the file.
pub(super) fn search(
    window: Window<'_>,
    from: usize,
    around: Option<i64>,
    enough: usize,
    probe: impl Fn(&[u8]) -> Probe,
) -> Found {
    for at in from..window.bytes.len() {
        match chain(&window.bytes[at..], window.last, around, enough, &probe) {
            Verdict::Records => return Found::At(at),
            Verdict::NoRecords => {}
            Verdict::Short(bytes) => return Found::Undecided { from: at, bytes },
        }
    }
    match window.last {
        true => Found::Nothing,
        false => Found::Undecided { from: window.bytes.len(), bytes: 1 },
    }
}

fn chain(
    bytes: &[u8],
    last: bool,
    mut around: Option<i64>,
    enough: usize,
    probe: impl Fn(&[u8]) -> Probe,
) -> Verdict {
    let mut at = 0;
    for links in 0..CHAIN {
        if links >= enough && last && at == bytes.len() {
            return Verdict::Records;
        }
        let seen = match bytes.get(at..) {
            Some(rest) => probe(rest),
            None => Probe::Short(1),
        };
        match seen {
            Probe::No => return Verdict::NoRecords,
            Probe::Record { length, second } => {
                if let (Some(second), Some(around)) = (second, around)
                    && !(around - EARLIER..=around + LATER).contains(&second)
                {
                    return Verdict::NoRecords;
                }
                around = around.or(second);
                at += length;
            }
            Probe::Short(more) if !last => return Verdict::Short(at + more),
            // A file may be damaged and cut off as well.
            Probe::Short(_) if links + 1 == CHAIN => return Verdict::Records,
            Probe::Short(_) => return Verdict::NoRecords,
        }
    }
    Verdict::Records
}

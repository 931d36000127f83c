//! Connections behind a proxy that does not look into them: other packets, the same bytes.
//!
//! The random numbers of a TLS handshake occur once. What agents of mail say may recur to the byte at every poll: then
//! only the clocks tell which is which, or a rhythm that fits in one way only.

use std::collections::HashMap;
use std::hash::Hash;

use super::clock::Clock;
use super::links::{Links, Window, align};
use super::transport::{Groups, SLACK};
use crate::facts::{Table, VantageFacts};
use crate::flow::{Close, Connection, Dir, Prefix};

/// The first bytes of both directions together name a connection only if they are so many.
const TELLING: u16 = 32;
/// A ClientHello's random number ends here: record and message headers, version, 32 bytes (RFC 8446, 4.1.2).
const WITH_RANDOM: u16 = 43;
/// A proxy that works passes bytes on within this time (nanoseconds).
const AT_ONCE: i64 = 200_000_000;
/// One that waits for a server does within this (nanoseconds).
const PROXY_LASTS: i64 = 5_000_000_000;
/// Differences of time that agree within this belong to one offset of the clocks (nanoseconds).
const CLUSTER: i64 = 1_000_000_000;
/// Connections that must agree on it.
const ENOUGH: usize = 3;
/// Neighbours of the same bytes that one connection is held against.
const NEIGHBOURS: usize = 8;

type Rows = Table<Connection>;
/// The first bytes of both directions.
type Bytes = [Prefix; 2];

/// TLS connections with the same random numbers.
pub(super) fn by_random(exchange: &VantageFacts, cuc: &VantageFacts, links: &mut Links) {
    let random = |facts: &VantageFacts, row: &Connection| {
        let is_tls = facts.protocol(row.id) == Some("tls");
        bytes(row).filter(|[client, _]| is_tls && client.length() >= WITH_RANDOM)
    };
    let (here, there) = (&exchange.connections, &cuc.connections);
    let mut groups = Groups::of_both(here, there, |row| random(exchange, row), |row| random(cuc, row), links);
    groups.each(|here, there| {
        if let ([one], [two]) = (here, there) {
            links.link(*one, *two);
        }
    });
}

/// Those that began at the same time; where the whole of them was seen at both places, those of equal length first.
pub(super) fn by_time(exchange: &Rows, cuc: &Rows, clock: &Clock, links: &mut Links) {
    let slack = clock.uncertainty.saturating_add(AT_ONCE);
    let tight = Window { early: slack, late: slack };
    // The proxy may stand on either side of the one who asks.
    let slack = clock.uncertainty.saturating_add(SLACK).saturating_add(PROXY_LASTS);
    let wide = Window { early: slack, late: slack };
    timed(exchange, cuc, |row| Some((bytes(row)?, totals(row)?)), clock, tight, links);
    timed(exchange, cuc, bytes, clock, tight, links);
    timed(exchange, cuc, bytes, clock, wide, links);
}

/// Where nothing else tells the clocks: those whose times agree on one offset and no other, because enough of them
/// came at uneven intervals. Whether there were any.
pub(super) fn by_rhythm(exchange: &Rows, cuc: &Rows, links: &mut Links) -> bool {
    let mut groups = Groups::new(exchange, cuc, bytes, links);
    let mut offsets: Vec<(i64, usize)> = Vec::new();
    let (mut all_here, mut all_there) = (0, 0);
    groups.each(|here, there| {
        (all_here, all_there) = (all_here + here.len(), all_there + there.len());
        for (rank, one) in here.iter().enumerate() {
            let near = there.iter().skip(rank.saturating_sub(NEIGHBOURS)).take(2 * NEIGHBOURS + 1);
            let times = near.map(|two| (begin(&exchange[*one]).saturating_sub(begin(&cuc[*two])), *one));
            offsets.extend(times);
        }
    });
    let Some(offset) = peak(offsets, all_here.min(all_there)) else {
        return false;
    };
    let window = Window { early: CLUSTER, late: CLUSTER };
    groups.each(|here, there| {
        let here = sorted(here, |row| begin(&exchange[row]).saturating_sub(offset));
        align(&here, &sorted(there, |row| begin(&cuc[row])), window, links);
    });
    true
}

/// Those that are the only ones of their bytes at both places.
pub(super) fn by_singularity(exchange: &Rows, cuc: &Rows, links: &mut Links) {
    Groups::new(exchange, cuc, bytes, links).each(|here, there| {
        if let ([one], [two]) = (here, there) {
            links.link(*one, *two);
        }
    });
}

fn timed<K: Eq + Hash>(
    exchange: &Rows,
    cuc: &Rows,
    key: impl Fn(&Connection) -> Option<K>,
    clock: &Clock,
    window: Window,
    links: &mut Links,
) {
    Groups::new(exchange, cuc, key, links).each(|here, there| {
        let expected = |row: &usize| {
            let at = exchange[*row].side(Dir::Orig).opening?.at;
            Some((clock.to_cuc(at)?.nanos(), *row))
        };
        let mut here: Vec<_> = here.iter().filter_map(expected).collect();
        here.sort_unstable();
        align(&here, &sorted(there, |row| begin(&cuc[row])), window, links);
    });
}

fn sorted(rows: &[usize], time: impl Fn(usize) -> i64) -> Vec<(i64, usize)> {
    let mut rows: Vec<_> = rows.iter().map(|row| (time(*row), *row)).collect();
    rows.sort_unstable();
    rows
}

/// What names a connection that was seen from its beginning.
fn bytes(row: &Connection) -> Option<Bytes> {
    let [orig, resp] = row.sides.each_ref().map(|side| side.opening.unwrap_or_default().prefix());
    let from_its_beginning = row.syn.is_some() && row.syn_ack.is_some();
    (from_its_beginning && orig.length() > 0 && orig.length() + resp.length() >= TELLING)
        .then_some([orig, resp])
}

/// How much each direction carried, where all of it was seen.
fn totals(row: &Connection) -> Option<[u64; 2]> {
    let is_whole = row.close == Close::Fin && row.sides.iter().all(|side| side.missing == 0);
    is_whole.then(|| row.sides.each_ref().map(|side| side.bytes))
}

/// When the originator said its first byte.
fn begin(row: &Connection) -> i64 {
    row.side(Dir::Orig).opening.map_or(row.first(), |opening| opening.at).time.nanos()
}

/// The offset on which most of the connections agree, each given with the offsets that are possible for it: at least
/// two thirds of `all`, and twice as many as on any other.
fn peak(mut offsets: Vec<(i64, usize)>, all: usize) -> Option<i64> {
    offsets.sort_unstable();
    let mut windows: Vec<(usize, i64, i64)> = Vec::with_capacity(offsets.len());
    let mut members: HashMap<usize, u32, ahash::RandomState> = HashMap::default();
    let (mut end, mut high) = (0, i64::MIN);
    for (low, one) in &offsets {
        while let Some((offset, other)) =
            offsets.get(end).filter(|(at, _)| at.saturating_sub(*low) <= CLUSTER)
        {
            *members.entry(*other).or_default() += 1;
            high = *offset;
            end += 1;
        }
        windows.push((members.len(), *low, high));
        if let Some(left) = members.get_mut(one) {
            *left -= 1;
            if *left == 0 {
                members.remove(one);
            }
        }
    }
    let (most, low, high) = windows.iter().copied().max_by_key(|(number, low, _)| (*number, -low))?;
    let elsewhere = windows.iter().filter(|(_, from, to)| *to < low || *from > high);
    let next = elsewhere.map(|(number, ..)| *number).max().unwrap_or(0);
    (most >= ENOUGH && most * 3 >= all * 2 && next * 2 <= most).then_some(low / 2 + high / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: i64 = 1_000_000_000;

    /// All differences between two rows of times, in seconds.
    fn offsets(here: &[i64], there: &[i64]) -> Vec<(i64, usize)> {
        let each = here.iter().enumerate();
        each.flat_map(|(index, one)| there.iter().map(move |two| ((one - two) * S, index))).collect()
    }

    #[test]
    fn uneven_intervals_fit_in_one_way_only() {
        let uneven = [0, 7, 19, 24, 55];
        assert_eq!(peak(offsets(&uneven, &uneven.map(|at| at - 100)), 5), Some(100 * S));
        assert_eq!(peak(offsets(&uneven, &[-93, -81, -76]), 3), Some(100 * S), "one of them is shorter");
    }

    #[test]
    fn what_recurs_at_even_intervals_or_hardly_ever_tells_nothing() {
        let even = [0, 60, 120, 180, 240];
        assert_eq!(peak(offsets(&even, &even), 5), None);
        assert_eq!(peak(offsets(&[0, 7], &[100, 107]), 2), None);
        assert_eq!(peak(offsets(&[0, 7, 19], &[3, 50, 71]), 3), None);
        assert_eq!(peak(Vec::new(), 0), None);
    }
}

//! Connections seen at both places: by their sequence numbers, else by what they carry, else by their ends.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

use super::clock::{Bound, Clock, Sample};
use super::kind::is_same_stack;
use super::links::{Links, Window, align, take};
use crate::facts::Table;
use crate::flow::{Connection, Endpoint, Moment, Syn};

/// A SYN is sent again for so long (nanoseconds).
const SYN_LASTS: i64 = 60_000_000_000;
/// A TCP proxy opens its own connection within this time (nanoseconds).
const PROXY_LASTS: i64 = 5_000_000_000;
/// The clocks may be wrong by this on top of their doubt (nanoseconds).
pub(super) const SLACK: i64 = 500_000_000;
/// The first bytes of both directions together name a connection only if they are so many.
const TELLING: u16 = 32;

type Rows = Table<Connection>;

/// Connections whose two initial sequence numbers are the same: 64 bits that no two connections share.
pub(super) fn by_numbers(exchange: &Rows, cuc: &Rows, links: &mut Links) {
    let numbers = |row: &Connection| Some((row.syn.as_ref()?.isn, row.syn_ack.as_ref()?.isn));
    by_key(exchange, cuc, numbers, |one, two| ends(one) == ends(two), links);
}

/// Connections of which one place has no SYN/ACK: the same SYN by its sequence number, and by its ends or its stack.
pub(super) fn by_syn(exchange: &Rows, cuc: &Rows, clock: Option<&Clock>, links: &mut Links) {
    let mut waiting: HashMap<u32, VecDeque<usize>, ahash::RandomState> = HashMap::default();
    for place in links.free_at_cuc() {
        if let Some(syn) = &cuc[place].syn {
            waiting.entry(syn.isn).or_default().push_back(place);
        }
    }
    for place in links.free_at_exchange().collect::<Vec<_>>() {
        let Some(syn) = &exchange[place].syn else { continue };
        let Some(candidates) = waiting.get_mut(&syn.isn) else { continue };
        let same = |candidate: usize| {
            let other = &cuc[candidate];
            other.syn.as_ref().is_some_and(|two| {
                let in_time = clock.is_none_or(|clock| is_near(clock, syn.at, two.at, SYN_LASTS));
                in_time && (ends(&exchange[place]) == ends(other) || is_same_packet(syn, two))
            })
        };
        if candidates.iter().take(4).any(|candidate| same(*candidate))
            && let Some(partner) = take(candidates, same)
        {
            links.link(place, partner);
        }
    }
}

/// Connections that carry the same first bytes in both directions, behind a proxy that does not look into them.
/// Without a clock only those that are the only ones of their kind at both places.
pub(super) fn by_opening(exchange: &Rows, cuc: &Rows, clock: Option<&Clock>, links: &mut Links) {
    let opening = |row: &Connection| {
        let [orig, resp] = row.sides.each_ref().map(|side| side.opening.unwrap_or_default());
        let from_its_beginning = row.syn.is_some() && row.syn_ack.is_some();
        (from_its_beginning && orig.length() > 0 && orig.length() + resp.length() >= TELLING)
            .then_some((orig, resp))
    };
    let mut groups = Groups::new(exchange, cuc, opening, links);
    groups.each(|here, there| match clock {
        Some(clock) => {
            let expected = |place: &usize| {
                let syn = exchange[*place].syn.as_ref()?;
                Some((clock.to_cuc(syn.at)?.nanos(), *place))
            };
            let mut here: Vec<_> = here.iter().filter_map(expected).collect();
            let mut there: Vec<_> =
                there.iter().map(|place| (cuc[*place].first.time.nanos(), *place)).collect();
            here.sort_unstable();
            there.sort_unstable();
            let slack = clock.uncertainty.saturating_add(SLACK);
            // The proxy may stand on either side of the one who asks.
            let window =
                Window { early: slack.saturating_add(PROXY_LASTS), late: slack.saturating_add(PROXY_LASTS) };
            align(&here, &there, window, links);
        }
        None => {
            if let ([one], [two]) = (here, there) {
                links.link(*one, *two);
            }
        }
    });
}

/// Connections between the same ends that were open at the same time, whose beginning one place or both did not see.
pub(super) fn by_ends(exchange: &Rows, cuc: &Rows, clock: Option<&Clock>, links: &mut Links) {
    let key = |row: &Connection| Some(row.key());
    let mut groups = Groups::new(exchange, cuc, key, links);
    groups.each(|here, there| {
        let mut there: VecDeque<usize> = there.iter().copied().collect();
        for one in here {
            let fits = |two: usize| {
                let (one, two) = (&exchange[*one], &cuc[two]);
                let unknown = one.syn.is_none() || two.syn.is_none();
                let overlap = clock.is_none_or(|clock| overlap(clock, one, two));
                unknown && overlap && may_be_one(one, two)
            };
            if there.iter().take(4).any(|two| fits(*two))
                && let Some(two) = take(&mut there, fits)
            {
                links.link(*one, two);
            }
        }
    });
}

/// What the packets of one connection, seen at both places, say of the clocks.
pub(super) fn samples(exchange: &Connection, cuc: &Connection) -> impl Iterator<Item = Sample> + use<> {
    let round_trip = |row: &Connection| Some(row.syn_ack.as_ref()?.at.time.since(row.syn.as_ref()?.at.time));
    let towards_cuc = round_trip(exchange).zip(round_trip(cuc)).and_then(|(one, two)| match one.cmp(&two) {
        // Beside the responder the answer follows at once.
        std::cmp::Ordering::Greater => Some(true),
        std::cmp::Ordering::Less => Some(false),
        std::cmp::Ordering::Equal => None,
    });
    let syn = exchange.syn.as_ref().zip(cuc.syn.as_ref()).filter(|(one, two)| one.isn == two.isn);
    let answer = exchange.syn_ack.as_ref().zip(cuc.syn_ack.as_ref()).filter(|(one, two)| one.isn == two.isn);
    let sample = |(one, two): (&Syn, &Syn), asks: bool| {
        let bound = if towards_cuc? == asks { Bound::AtLeast } else { Bound::AtMost };
        Some(Sample { exchange: one.at, cuc: two.at, bound })
    };
    let syn = syn.and_then(|pair| sample(pair, true));
    let answer = answer.and_then(|pair| sample(pair, false));
    [syn, answer].into_iter().flatten()
}

/// Whether both places may have seen parts of one connection: its known sequence numbers do not differ.
fn may_be_one(one: &Connection, two: &Connection) -> bool {
    let same = |pair: Option<(&Syn, &Syn)>| pair.is_none_or(|(one, two)| one.isn == two.isn);
    same(one.syn.as_ref().zip(two.syn.as_ref())) && same(one.syn_ack.as_ref().zip(two.syn_ack.as_ref()))
}

fn overlap(clock: &Clock, one: &Connection, two: &Connection) -> bool {
    let (Some(first), Some(last)) = (clock.to_cuc(one.first), clock.to_cuc(one.last)) else {
        return false;
    };
    let slack = clock.uncertainty.saturating_add(SLACK);
    two.first.time.since(last) <= slack && first.since(two.last.time) <= slack
}

pub(super) fn is_near(clock: &Clock, exchange: Moment, cuc: Moment, within: i64) -> bool {
    let late = clock.to_cuc(exchange).map(|expected| cuc.time.since(expected));
    let within = within.saturating_add(clock.uncertainty).saturating_add(SLACK);
    late.is_some_and(|late| late.saturating_abs() <= within)
}

/// Whether two SYNs with the same sequence number are one packet, also when its addresses differ.
fn is_same_packet(one: &Syn, two: &Syn) -> bool {
    is_same_stack(one, two) && one.ip_id == two.ip_id
}

fn ends(row: &Connection) -> [Endpoint; 2] {
    [row.orig, row.resp]
}

/// Links free rows with the same key in their order, those that `suit` each other first.
fn by_key<K: Eq + Hash>(
    exchange: &Rows,
    cuc: &Rows,
    key: impl Fn(&Connection) -> Option<K>,
    suit: impl Fn(&Connection, &Connection) -> bool,
    links: &mut Links,
) {
    let mut waiting: HashMap<K, VecDeque<usize>, ahash::RandomState> = HashMap::default();
    for place in links.free_at_cuc() {
        if let Some(key) = key(&cuc[place]) {
            waiting.entry(key).or_default().push_back(place);
        }
    }
    for place in links.free_at_exchange().collect::<Vec<_>>() {
        let Some(candidates) = key(&exchange[place]).and_then(|key| waiting.get_mut(&key)) else { continue };
        if let Some(partner) = take(candidates, |partner| suit(&exchange[place], &cuc[partner])) {
            links.link(place, partner);
        }
    }
}

/// Free rows of both places by a key, in the order in which the keys occur at Exchange.
pub(super) struct Groups {
    members: Vec<(Vec<usize>, Vec<usize>)>,
}

impl Groups {
    pub(super) fn new<T, K: Eq + Hash>(
        exchange: &Table<T>,
        cuc: &Table<T>,
        key: impl Fn(&T) -> Option<K>,
        links: &Links,
    ) -> Self {
        let mut places: HashMap<K, usize, ahash::RandomState> = HashMap::default();
        let mut members: Vec<(Vec<usize>, Vec<usize>)> = Vec::new();
        for row in links.free_at_exchange() {
            let Some(key) = key(&exchange[row]) else { continue };
            let place = *places.entry(key).or_insert_with(|| {
                members.push(Default::default());
                members.len() - 1
            });
            members[place].0.push(row);
        }
        for row in links.free_at_cuc() {
            if let Some(place) = key(&cuc[row]).and_then(|key| places.get(&key)) {
                members[*place].1.push(row);
            }
        }
        members.retain(|(_, there)| !there.is_empty());
        Groups { members }
    }

    /// Calls `pair` with the rows of every key that both places have.
    pub(super) fn each(&mut self, mut pair: impl FnMut(&[usize], &[usize])) {
        for (here, there) in &self.members {
            pair(here, there);
        }
    }
}

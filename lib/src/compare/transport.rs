//! Connections whose packets were seen at both places: by their sequence numbers, else by their ends.

use std::cmp::Ordering;
use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

use super::clock::{Bound, Clock, Sample};
use super::kind::{is_randomised, is_same_stack};
use super::links::{Links, take};
use crate::facts::Table;
use crate::flow::{Connection, Dir, Endpoint, Moment, Syn};

/// The clocks may be wrong by this on top of their doubt (nanoseconds).
pub(super) const SLACK: i64 = 500_000_000;

type Rows = Table<Connection>;

/// Connections whose two initial sequence numbers are the same: 64 bits that no two connections share.
pub(super) fn by_numbers(exchange: &Rows, cuc: &Rows, links: &mut Links) {
    let numbers = |row: &Connection| Some((row.syn.as_ref()?.isn, row.syn_ack.as_ref()?.isn));
    by_key(exchange, cuc, numbers, |one, two| ends(one) == ends(two), links);
}

/// Connections whose sequence numbers a firewall made random: a SYN of the same stack with the same identification, and
/// the same timestamp, or the same ends where it has none.
pub(super) fn by_stack(exchange: &Rows, cuc: &Rows, links: &mut Links) {
    let stack = |row: &Connection| {
        let syn = row.syn.as_ref().filter(|syn| syn.ip_id != 0)?;
        let ends = syn.timestamp.is_none().then(|| ends(row));
        Some((syn.ip_id, syn.window, syn.scale, syn.timestamp, syn.options, ends))
    };
    Groups::new(exchange, cuc, stack, links).each(|here, there| {
        if let ([one], [two]) = (here, there)
            && is_randomised(&exchange[*one], &cuc[*two])
        {
            links.link(*one, *two);
        }
    });
}

/// Connections of which one place has no SYN/ACK: the same SYN by its sequence number, and by its ends or its stack.
pub(super) fn by_syn(exchange: &Rows, cuc: &Rows, links: &mut Links) {
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
            other
                .syn
                .as_ref()
                .is_some_and(|two| ends(&exchange[place]) == ends(other) || is_same_packet(syn, two))
        };
        if candidates.iter().take(4).any(|candidate| same(*candidate))
            && let Some(partner) = take(candidates, same)
        {
            links.link(place, partner);
        }
    }
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

/// What one connection, seen at both places, says of the clocks: its SYN and the answer where they are the same packets,
/// else the first bytes of both directions.
pub(super) fn samples(exchange: &Connection, cuc: &Connection) -> impl Iterator<Item = Sample> + use<> {
    let crossing = handshake(exchange, cuc).or_else(|| openings(exchange, cuc));
    crossing.into_iter().flat_map(crossed).flatten()
}

/// Something of each direction of a connection, the originator's first, each with its times at Exchange and at the
/// Cisco side.
type Crossing = [(Moment, Moment); 2];

/// SYN and SYN/ACK, where they are the same packets at both places.
fn handshake(exchange: &Connection, cuc: &Connection) -> Option<Crossing> {
    let packets = |one: &Option<Syn>, two: &Option<Syn>| {
        let (one, two) = one.as_ref().zip(two.as_ref())?;
        (one.isn == two.isn).then_some((one.at, two.at))
    };
    Some([packets(&exchange.syn, &cuc.syn)?, packets(&exchange.syn_ack, &cuc.syn_ack)?])
}

/// The first bytes of both directions, where they are the same at both places.
fn openings(exchange: &Connection, cuc: &Connection) -> Option<Crossing> {
    let bytes = |dir: Dir| {
        let (one, two) = exchange.side(dir).opening.zip(cuc.side(dir).opening)?;
        (one.prefix() == two.prefix()).then_some((one.at, two.at))
    };
    exchange.syn.as_ref().zip(cuc.syn.as_ref())?;
    Some([bytes(Dir::Orig)?, bytes(Dir::Resp)?])
}

/// What two things that went opposite ways say of the clocks, by their times at Exchange and at the Cisco side. The
/// later each arrives the farther apart the two differences are, whichever of them went to the Cisco side.
fn crossed([one, two]: Crossing) -> [Option<Sample>; 2] {
    let (least, most) = match difference(one).cmp(&difference(two)) {
        Ordering::Less => (one, two),
        Ordering::Greater => (two, one),
        Ordering::Equal => return [None, None],
    };
    let sample = |(exchange, cuc), bound| Some(Sample { exchange, cuc, bound });
    [sample(least, Bound::AtLeast), sample(most, Bound::AtMost)]
}

fn difference((exchange, cuc): (Moment, Moment)) -> i64 {
    exchange.time.since(cuc.time)
}

/// Whether Exchange opened a connection that was seen at both places; `None` where nothing tells. A packet's hop count
/// is lower where it arrives, and the answer comes the sooner the nearer the responder is.
pub(super) fn is_opened_at_exchange(exchange: &Connection, cuc: &Connection) -> Option<bool> {
    let syns = exchange.syn.as_ref().zip(cuc.syn.as_ref()).filter(|(one, two)| one.isn == two.isn);
    if let Some((one, two)) = syns.filter(|(one, two)| one.ttl != two.ttl) {
        return Some(one.ttl > two.ttl);
    }
    let [there, back] = handshake(exchange, cuc).or_else(|| openings(exchange, cuc))?.map(difference);
    (there != back).then_some(there < back)
}

/// Whether both places may have seen parts of one connection: its known sequence numbers do not differ.
fn may_be_one(one: &Connection, two: &Connection) -> bool {
    let same = |pair: Option<(&Syn, &Syn)>| pair.is_none_or(|(one, two)| one.isn == two.isn);
    same(one.syn.as_ref().zip(two.syn.as_ref())) && same(one.syn_ack.as_ref().zip(two.syn_ack.as_ref()))
}

fn overlap(clock: &Clock, one: &Connection, two: &Connection) -> bool {
    let (Some(first), Some(last)) = (clock.to_cuc(one.first()), clock.to_cuc(one.last())) else {
        return false;
    };
    let slack = clock.uncertainty.saturating_add(SLACK);
    two.first().time.since(last) <= slack && first.since(two.last().time) <= slack
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
        Groups::of_both(exchange, cuc, &key, &key, links)
    }

    /// With a key for each place.
    pub(super) fn of_both<T, K: Eq + Hash>(
        exchange: &Table<T>,
        cuc: &Table<T>,
        here: impl Fn(&T) -> Option<K>,
        there: impl Fn(&T) -> Option<K>,
        links: &Links,
    ) -> Self {
        let mut places: HashMap<K, usize, ahash::RandomState> = HashMap::default();
        let mut members: Vec<(Vec<usize>, Vec<usize>)> = Vec::new();
        for row in links.free_at_exchange() {
            let Some(key) = here(&exchange[row]) else { continue };
            let place = *places.entry(key).or_insert_with(|| {
                members.push(Default::default());
                members.len() - 1
            });
            members[place].0.push(row);
        }
        for row in links.free_at_cuc() {
            if let Some(place) = there(&cuc[row]).and_then(|key| places.get(&key)) {
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

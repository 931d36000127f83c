//! Stream numbers of connections.

use crate::flow::FlowId;

/// The ids of connections in their order, with a coarse index of where they stand: a search among all of them, or among
/// the rows themselves, misses the cache at every step.
#[derive(Clone, Debug, Default)]
pub(super) struct Streams {
    ids: Vec<FlowId>,
    /// Where the ids with each value of their upper bits begin; about one of them has each.
    starts: Vec<u32>,
    /// How many lower bits are left out.
    shift: u32,
}

impl Streams {
    /// Of ids in ascending order.
    pub(super) fn new(ids: Vec<FlowId>) -> Self {
        let highest = ids.last().map_or(0, |id| id.0);
        let shift = (0..u64::BITS).find(|shift| highest >> shift <= ids.len() as u64).unwrap_or_default();
        let mut starts = Vec::with_capacity((highest >> shift) as usize + 2);
        for (place, id) in ids.iter().enumerate() {
            starts.resize(((id.0 >> shift) as usize + 1).max(starts.len()), place as u32);
        }
        starts.push(ids.len() as u32);
        Streams { ids, starts, shift }
    }

    /// The stream number of a connection.
    pub(super) fn number(&self, flow: FlowId) -> Option<usize> {
        let part = usize::try_from(flow.0 >> self.shift).ok()?;
        let (from, to) = (*self.starts.get(part)? as usize, *self.starts.get(part + 1)? as usize);
        Some(from + self.ids.get(from..to)?.binary_search(&flow).ok()?)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_id_is_found_where_it_stands_and_no_other(
            mut ids in prop::collection::btree_set(prop_oneof![0..300_u64, any::<u64>()], 0..200),
            others in prop::collection::vec(prop_oneof![0..300_u64, any::<u64>()], 0..50),
        ) {
            let streams = Streams::new(ids.iter().copied().map(FlowId).collect());
            for (place, id) in ids.iter().enumerate() {
                prop_assert_eq!(streams.number(FlowId(*id)), Some(place));
            }
            for other in others {
                prop_assert!(!ids.insert(other) || streams.number(FlowId(other)).is_none());
            }
        }
    }
}

//! ICMP echo packets, by pair of hosts.

use std::collections::HashMap;
use std::net::IpAddr;

use super::reachability::{EchoErrors, Reach, Service, SilentPings};
use crate::flow::{Moment, Unreachable};

/// Pairs of hosts whose echo packets are counted; a scan of the network must not fill the memory.
const PAIRS: usize = 16_384;

/// ICMP echo packets, by who asked whom.
#[derive(Debug, Default)]
pub(crate) struct Pings {
    pairs: HashMap<(IpAddr, IpAddr), Echoes, ahash::RandomState>,
    dropped: u64,
}

#[derive(Debug)]
struct Echoes {
    first: Moment,
    requests: u64,
    replies: u64,
    /// The row that goes on, and the longest one.
    silent: Option<SilentPings>,
    longest: Option<SilentPings>,
    errors: Option<EchoErrors>,
}

impl Pings {
    /// Counts an echo request or reply from `src` to `dst`.
    pub(crate) fn echo(&mut self, src: IpAddr, dst: IpAddr, is_request: bool, at: Moment) {
        let pair = if is_request { (src, dst) } else { (dst, src) };
        let Some(echoes) = self.pair(pair, at) else { return };
        echoes.requests += u64::from(is_request);
        echoes.replies += u64::from(!is_request);
        if !is_request {
            echoes.silent = None;
            return;
        }
        // The row before this request will stay unanswered; this request may yet be.
        echoes.settle();
        echoes.silent = Some(match echoes.silent {
            None => SilentPings { count: 1, first: at, last: at },
            Some(row) => SilentPings { count: row.count + 1, last: at, ..row },
        });
    }

    /// Counts an ICMP error in answer to an echo request from `client` to `server`.
    pub(crate) fn error(&mut self, client: IpAddr, server: IpAddr, error: Unreachable) {
        let Some(echoes) = self.pair((client, server), error.at) else { return };
        echoes.errors.get_or_insert(EchoErrors { count: 0, first: error }).count += 1;
    }

    /// The echo packets of a pair of hosts; `None` when there are too many pairs.
    fn pair(&mut self, pair: (IpAddr, IpAddr), at: Moment) -> Option<&mut Echoes> {
        if self.pairs.len() >= PAIRS && !self.pairs.contains_key(&pair) {
            self.dropped += 1;
            return None;
        }
        Some(self.pairs.entry(pair).or_insert(Echoes {
            first: at,
            requests: 0,
            replies: 0,
            silent: None,
            longest: None,
            errors: None,
        }))
    }

    /// The bound on pairs of hosts, and how many packets were not counted because of it.
    pub(crate) fn limit(&self) -> (u64, u64) {
        (PAIRS as u64, self.dropped)
    }

    /// A row for each pair, in the order of their first requests.
    pub(super) fn rows(self) -> Vec<Reach> {
        let rows = self.pairs.into_iter().map(|((client, server), mut echoes)| {
            echoes.settle();
            Reach {
                echo_requests: echoes.requests,
                echo_replies: echoes.replies,
                silent_pings: echoes.longest,
                echo_errors: echoes.errors,
                ..Reach::new(client, server, Service::Ping, echoes.first)
            }
        });
        let mut rows: Vec<Reach> = rows.collect();
        rows.sort_by_key(|row| row.first.frame);
        rows
    }
}

impl Echoes {
    /// Remembers the row that goes on when it is the longest.
    fn settle(&mut self) {
        let count = |row: Option<SilentPings>| row.map_or(0, |row| row.count);
        if count(self.silent) > count(self.longest) {
            self.longest = self.silent;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::testing::{icmp, ip};
    use crate::flow::FrameId;

    #[test]
    fn a_row_of_silent_pings_ends_with_the_first_that_is_answered() {
        let mut pings = Pings::default();
        let at = |number| Moment { frame: FrameId::new(0, number), ..Moment::default() };
        let mut ping = |number, is_request| {
            let ends = if is_request { ("10.0.0.1", "10.0.0.9") } else { ("10.0.0.9", "10.0.0.1") };
            pings.echo(ip(ends.0), ip(ends.1), is_request, at(number));
        };
        for (number, is_request) in [(1, true), (2, true), (3, true), (4, false), (5, true)] {
            ping(number, is_request);
        }
        let rows = pings.rows();
        assert_eq!(rows[0].silent_pings, Some(SilentPings { count: 2, first: at(1), last: at(2) }));
    }

    #[test]
    fn errors_belong_to_the_pair_whose_request_they_quote() {
        let mut pings = Pings::default();
        pings.echo(ip("10.0.0.1"), ip("10.0.0.9"), true, Moment::default());
        pings.error(ip("10.0.0.1"), ip("10.0.0.9"), icmp(1));
        pings.error(ip("10.0.0.1"), ip("10.0.0.9"), icmp(13));
        let rows = pings.rows();
        assert_eq!(rows[0].echo_errors, Some(EchoErrors { count: 2, first: icmp(1) }));
        assert_eq!(rows.len(), 1);
    }

    #[test]
    fn a_ping_sweep_stays_within_its_bound() {
        let mut pings = Pings::default();
        for host in 0..PAIRS as u32 + 3 {
            pings.echo(ip("10.0.0.1"), IpAddr::V4(host.into()), true, Moment::default());
        }
        assert_eq!(pings.limit(), (PAIRS as u64, 3));
        assert_eq!(pings.rows().len(), PAIRS);
    }
}

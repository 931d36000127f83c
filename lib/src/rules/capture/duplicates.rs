//! `capture-duplicates`.

use crate::flow::Connection;
use crate::rules::draft::shown;
use crate::rules::{Context, Findings};

rule! {
    /// Packets were captured twice.
    ///
    /// ## Meaning
    /// The same packets, IP identification included, stand in the file twice within milliseconds: a mirror session
    /// that copies both ports of a path, or a capture on all interfaces of a host or router. The second copies are
    /// left out of all counts; they are no retransmissions.
    ///
    /// ## Evidence
    /// Segments with the same addresses, sequence number, length, flags and IP identification within 5 ms.
    ///
    /// ## Traps
    /// A retransmission repeats the bytes, not the IP packet, and comes later. Copies whose addresses were
    /// translated on the way belong to other connections and are matched by content instead.
    ///
    /// ## Remedy
    /// None is needed. To halve the file, mirror one port in both directions instead of two, capture on one interface
    /// instead of `any`, or drop the copies with `editcap -d in.pcap out.pcap`.
    ///
    /// ## References
    /// RFC 6864, 4.1; editcap(1).
    pub(crate) struct CaptureDuplicates;
    id = "capture-duplicates";
    severity = Info;
    check = check;
}

/// Fewer may be packets that were sent twice: stacks that leave the identification 0 answer each copy of a repeated
/// SYN with the same bytes.
const FEWEST: u64 = 3;

/// From this share on every packet that could be doubled is.
const ALL: f64 = 0.9;

fn check(cx: &Context<'_>, out: &mut Findings<'_>) {
    for view in &cx.views {
        for (file, doubled) in super::by_file(view.census.doubled.iter().copied()) {
            let copies = sum(&doubled, |c| u64::from(c.duplicates));
            if copies < FEWEST {
                continue;
            }
            let packets = sum(&doubled, |c| c.sides.iter().map(|side| side.packets).sum());
            let firsts = packets.saturating_sub(copies);
            let share = copies as f64 / firsts.max(1) as f64;
            let extent = if share >= ALL {
                "nearly every packet of these connections was captured twice, as by a mirror session of both ports"
            } else {
                "only a part of their packets was captured twice"
            };
            let detail = format!(
                "{copies} second copies of {firsts} TCP packets on {} of {} connections: {extent}. The copies are not \
                 counted.",
                doubled.len(),
                view.facts.connections.len(),
            );
            let mut draft = super::about(view, file, format!("{copies} packets were captured twice"))
                .detail(detail)
                .count(usize::try_from(copies).unwrap_or(usize::MAX))
                .value("copies", copies)
                .value("connections", doubled.len());
            for connection in shown(&doubled, 1) {
                let note =
                    format!("first frame of a connection with {} second copies", connection.duplicates);
                draft = draft.evidence(view, Some(connection.id), connection.first(), note);
            }
            out.push(draft);
        }
    }
}

fn sum(connections: &[&Connection], of: impl Fn(&Connection) -> u64) -> u64 {
    connections.iter().map(|connection| of(connection)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::facts::testing::connection;
    use crate::flow::Handshake;
    use crate::rules::testing::{capture, findings};

    fn detail(duplicates: u32) -> Option<String> {
        let mut doubled = connection(7, "10.0.0.1:5001", "10.0.0.9:7080", Handshake::Full);
        (doubled.sides[0].packets, doubled.sides[1].packets) = (10, 10);
        doubled.duplicates = duplicates;
        let found = findings(&CaptureDuplicates, capture(60, vec![doubled]), &Config::default());
        found.first().map(|finding| finding.detail.clone())
    }

    #[test]
    fn it_is_said_whether_all_packets_are_doubled() {
        assert!(detail(10).unwrap().contains("nearly every"));
        assert!(detail(3).unwrap().contains("only a part"));
        assert_eq!(detail(2), None);
    }
}

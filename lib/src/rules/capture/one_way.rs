//! `capture-one-way`.

use crate::flow::Connection;
use crate::rules::census::{Directions, directions};
use crate::rules::draft::shown;
use crate::rules::{Context, Findings};

rule! {
    /// The capture shows only one direction of most connections.
    ///
    /// ## Meaning
    /// Packets of one side are there, and their answers are not, although the connections work. A mirror port copies
    /// one direction only, the capture filter names a source or destination instead of a host, or the way back leads
    /// past the capture. Unanswered requests and unanswered SYNs are not reported from such a capture.
    ///
    /// ## Evidence
    /// Connections that carried something and have packets of one end only; more of these than of the others.
    ///
    /// ## Traps
    /// An attempt that nobody answers, and a host that died in mid-connection, are one-sided on the wire as well:
    /// they are not counted.
    ///
    /// ## Remedy
    /// Mirror both directions (`monitor session 1 source interface <if> both`), or capture on the end host. With
    /// `utils network capture` use `host ip <address>` or `port <n>`, which match both directions, instead of `src`
    /// or `dest`.
    ///
    /// ## References
    /// Cisco TechNote 213514, "Enhanced Packet Capture on All VOS Appliance Models".
    pub(crate) struct CaptureOneWay;
    id = "capture-one-way";
    severity = Warning;
    check = check;
}

fn check(cx: &Context<'_>, out: &mut Findings<'_>) {
    for view in cx.views.iter().filter(|view| view.is_one_way()) {
        let connections = view.facts.connections.iter();
        let (one, both): (Vec<&Connection>, Vec<&Connection>) = connections
            .filter(|connection| directions(connection).is_some())
            .partition(|connection| directions(connection) == Some(Directions::One));
        let (one_way, all) = (one.len(), one.len() + both.len());
        let title = format!("Only one direction was captured of {one_way} of {all} connections");
        let detail = format!(
            "{one_way} of {all} connections that carried something have packets of one end only. Whether requests and \
             SYNs were answered cannot be seen: rules about missing answers are mute."
        );
        let mut draft = super::about_all(view, title)
            .detail(detail)
            .count(one_way)
            .value("one_way", one_way)
            .value("connections", all);
        for connection in shown(&one, 1) {
            let note = "first frame of a connection of which one end is missing";
            draft = draft.evidence(view, Some(connection.id), connection.first(), note);
        }
        out.push(draft);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::facts::testing::connection;
    use crate::flow::Handshake::{self, Full, Partial, Refused, Unanswered};
    use crate::rules::testing::{capture, findings};

    fn found(handshakes: &[Handshake]) -> usize {
        let connections = handshakes
            .iter()
            .zip(1..)
            .map(|(handshake, number)| connection(number, "10.0.0.1:5001", "10.0.0.9:7080", *handshake));
        findings(&CaptureOneWay, capture(60, connections.collect()), &Config::default()).len()
    }

    #[test]
    fn most_connections_must_lack_an_end() {
        assert_eq!(found(&[Partial, Partial, Full]), 1);
        assert_eq!(found(&[Partial, Full, Full]), 0);
    }

    #[test]
    fn attempts_do_not_make_a_capture_one_way() {
        assert_eq!(found(&[Unanswered, Unanswered, Unanswered]), 0);
        assert_eq!(found(&[Refused, Refused, Partial]), 0, "a refusal shows both ends");
    }

    #[test]
    fn what_is_sent_again_to_a_dead_host_is_no_sign_of_a_missing_direction() {
        let mut dead = connection(1, "10.0.0.1:5001", "10.0.0.9:7080", Partial);
        (dead.sides[0].packets, dead.sides[0].retransmitted) = (7, 6);
        let facts = capture(60, vec![dead]);
        assert_eq!(findings(&CaptureOneWay, facts, &Config::default()), []);
    }
}

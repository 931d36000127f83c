//! `capture-drops`.

use std::collections::BTreeSet;

use crate::flow::{Connection, Handshake, Side};
use crate::rules::draft::shown;
use crate::rules::{Context, Draft, Findings, View};

rule! {
    /// Packets are missing from the capture although they were on the wire.
    ///
    /// ## Meaning
    /// A receiver acknowledged bytes that the capture does not hold, or the capturing program says that it lost
    /// packets. The network delivered them; the capture did not keep up, or they took another path than the one that
    /// was captured. On these connections nothing can be concluded from what is absent.
    ///
    /// ## Evidence
    /// Acknowledgments of bytes that were never captured, or the drop counters of the file.
    ///
    /// ## Traps
    /// Bytes cut by the snapshot length, segments before the capture began, keep-alive probes and connections of
    /// which only one direction was captured are not counted here. Loss in the network looks different: those bytes
    /// come again.
    ///
    /// ## Remedy
    /// Capture less: filter at the source (`utils network capture file <name> count 100000 size ALL port 7080`, or a
    /// tcpdump filter with `-B 65536`). On a mirror port check that the mirrored rate fits the port. Do not write
    /// to a slow or remote disk.
    ///
    /// ## References
    /// RFC 9293, 3.4; draft-ietf-opsawg-pcapng, section 4.6 (isb_ifdrop, isb_osdrop).
    pub(crate) struct CaptureDrops;
    id = "capture-drops";
    severity = Warning;
    check = check;
}

fn check(cx: &Context<'_>, out: &mut Findings<'_>) {
    for view in &cx.views {
        let lossy = view.census.incomplete.iter().copied().filter(|c| lost(c).is_some());
        let mut by_file = super::by_file(lossy);
        for (file, info) in view.facts.files.iter().enumerate() {
            if let Some(lossy) = by_file.remove(&file) {
                out.push(acknowledged(view, file, &lossy, info.drops));
            } else if info.drops > 0 {
                out.push(counted(view, file, info.drops));
            }
        }
    }
}

/// Bytes of a connection that were acknowledged and never captured; `None` where nothing was lost.
fn lost(connection: &Connection) -> Option<u64> {
    // Of a connection that was already open, the first acknowledgments are for what was sent before the capture.
    let counts = |side: &&Side| {
        let began_before = connection.handshake == Handshake::None && side.bytes == 0;
        side.acked_unseen && side.packets > 0 && !began_before
    };
    let sides = connection.sides.iter().filter(counts);
    let missing = sides.map(|side| side.missing.saturating_sub(side.rare().cut));
    missing.reduce(u64::saturating_add)
}

fn acknowledged(view: &View<'_>, file: usize, lossy: &[&Connection], drops: u64) -> Draft {
    let bytes = lossy.iter().filter_map(|c| lost(c)).fold(0, u64::saturating_add);
    let ports: BTreeSet<u16> = lossy.iter().map(|c| c.resp.port).take(PORTS).collect();
    let ports: Vec<String> = ports.iter().map(u16::to_string).collect();
    let connections = match lossy.len() {
        1 => "1 connection".to_owned(),
        many => format!("{many} connections"),
    };
    let mut detail = format!(
        "On {connections} (server ports {}) the receiver acknowledged bytes that were never captured, {bytes} in all. \
         There a missing reply or message is no proof of a fault, and gaps between notifications on the same port in \
         that time are reported as likely at most.",
        ports.join(", "),
    );
    if drops > 0 {
        detail += &format!(" The capturing program itself counted {drops} lost packets.");
    }
    let title = format!("The capture misses packets of {connections}");
    let mut draft = super::about(view, file, title)
        .detail(detail)
        .count(lossy.len())
        .value("connections", lossy.len())
        .value("bytes", bytes)
        .value("drops", drops);
    for connection in shown(lossy, 1) {
        let bytes = lost(connection).unwrap_or_default();
        let note = format!("first frame of a connection of which {bytes} bytes were never captured");
        draft = draft.evidence(view, Some(connection.id), connection.first(), note);
    }
    draft
}

/// Ports that a sentence can hold.
const PORTS: usize = 16;

fn counted(view: &View<'_>, file: usize, drops: u64) -> Draft {
    let title = format!("The capturing program lost {drops} packets");
    let detail = format!(
        "The file's own counters say that {drops} packets were lost while it was written. No acknowledged byte is \
         missing from the connections that were captured, but whole connections may be."
    );
    let draft = super::about(view, file, title)
        .detail(detail)
        .count(usize::try_from(drops).unwrap_or(usize::MAX))
        .value("drops", drops);
    let info = &view.facts.files[file];
    match super::frame(file, info.last_frame, info.last) {
        Some(at) => draft.evidence(view, None, at, "last frame of the file whose counters name the loss"),
        None => draft,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::facts::testing::connection;
    use crate::rules::testing::{capture, findings};

    fn lossy(missing: u64, cut: u64, acked_unseen: bool) -> Connection {
        let mut made = connection(7, "10.0.0.1:5001", "10.0.0.9:7080", Handshake::Full);
        let side = &mut made.sides[0];
        (side.missing, side.acked_unseen) = (missing, acked_unseen);
        side.rare_mut().cut = cut;
        made
    }

    fn found(connection: Connection) -> usize {
        findings(&CaptureDrops, capture(60, vec![connection]), &Config::default()).len()
    }

    #[test]
    fn acknowledged_bytes_that_were_never_captured_are_a_drop() {
        let found = findings(&CaptureDrops, capture(60, vec![lossy(500, 100, true)]), &Config::default());
        assert_eq!(found[0].values["bytes"], 400u64.into());
        assert_eq!((found[0].evidence[0].frame, found[0].evidence[0].stream), (7, Some(0)));
        assert!(found[0].detail.contains("7080"), "{}", found[0].detail);
    }

    #[test]
    fn cut_bytes_and_bytes_that_nobody_acknowledged_are_no_drop() {
        assert_eq!(found(lossy(500, 500, false)), 0);
        assert_eq!(found(lossy(500, 0, false)), 0);
    }

    #[test]
    fn what_was_sent_before_the_capture_or_past_it_is_no_drop() {
        let mut before = lossy(0, 0, true);
        (before.handshake, before.sides[0].bytes) = (Handshake::None, 0);
        assert_eq!(found(before), 0);
        let mut one_way = lossy(0, 0, true);
        one_way.sides[0].packets = 0;
        assert_eq!(found(one_way), 0);
    }

    #[test]
    fn the_counters_of_the_file_alone_are_believed() {
        let mut facts = capture(60, vec![connection(7, "10.0.0.1:1", "10.0.0.9:7080", Handshake::Full)]);
        assert_eq!(findings(&CaptureDrops, facts.clone(), &Config::default()), []);
        facts.files[0].drops = 57;
        let found = findings(&CaptureDrops, facts, &Config::default());
        assert_eq!((found[0].count, found[0].evidence[0].frame), (57, 5000));
        assert_eq!(found[0].subject.id, "sib.cap");
    }
}

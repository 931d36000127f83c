//! `capture-snaplen`.

use crate::rules::{Context, Findings};

rule! {
    /// Packets were cut short by the snapshot length.
    ///
    /// ## Meaning
    /// Only the beginning of each long packet was stored. Message bodies, and often HTTP headers, are not in the
    /// file: subscription ids, watermarks, reply codes and log-ins cannot be read where they were cut off.
    ///
    /// ## Evidence
    /// Records whose captured length is smaller than their length on the wire.
    ///
    /// ## Traps
    /// Cut bytes were on the wire. They are no loss in the network and no drop by the capture. Times, connections,
    /// refusals and resets remain valid.
    ///
    /// ## Remedy
    /// Capture again with whole packets. On Unity Connection or IM and Presence add `size ALL`:
    /// `utils network capture file <name> count 100000 size ALL`; without it 128 bytes of each packet are kept.
    /// With tcpdump use `-s 0`, with dumpcap and Wireshark leave the snapshot length at its default.
    ///
    /// ## References
    /// Cisco TechNote 213514, "Enhanced Packet Capture on All VOS Appliance Models".
    pub(crate) struct CaptureSnaplen;
    id = "capture-snaplen";
    severity = Warning;
    check = check;
}

/// What `utils network capture` keeps of a packet without `size ALL`.
const CISCO_DEFAULT: u32 = 128;

fn check(cx: &Context<'_>, out: &mut Findings<'_>) {
    for view in &cx.views {
        for (file, info) in view.facts.files.iter().enumerate() {
            if info.cut_packets == 0 {
                continue;
            }
            let at = info.cut_at.unwrap_or_default();
            let mut detail = format!(
                "{} of {} packets are not whole: bytes after the first {at} were not stored.",
                info.cut_packets, info.packets,
            );
            if at == CISCO_DEFAULT {
                detail += " 128 bytes is what `utils network capture` keeps without `size ALL`.";
            }
            let title = format!("{} packets were cut off at {at} bytes", info.cut_packets);
            let mut draft = super::about(view, file, title)
                .detail(detail)
                .count(usize::try_from(info.cut_packets).unwrap_or(usize::MAX))
                .value("cut_packets", info.cut_packets)
                .value("snaplen", u64::from(at));
            let first = info.first_cut_frame.unwrap_or_default();
            if let Some(at) = super::frame(file, first, info.first) {
                draft = draft.evidence(view, None, at, "first packet that was cut");
            }
            out.push(draft);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::rules::testing::{capture, findings};

    #[test]
    fn the_default_of_the_cisco_command_is_recognised() {
        let mut facts = capture(60, Vec::new());
        assert_eq!(findings(&CaptureSnaplen, facts.clone(), &Config::default()), []);
        let file = &mut facts.files[0];
        (file.cut_packets, file.cut_at, file.first_cut_frame) = (17, Some(128), Some(4));
        let found = findings(&CaptureSnaplen, facts, &Config::default());
        assert_eq!((found[0].count, found[0].evidence[0].frame), (17, 4));
        assert!(found[0].detail.contains("without `size ALL`"), "{}", found[0].detail);
    }
}

//! `capture-limit-reached`.

use crate::rules::{Confidence, Context, Findings};

rule! {
    /// The capture has exactly as many packets as a capture tool's limit.
    ///
    /// ## Meaning
    /// `utils network capture` stops by itself after the number of packets that was asked for: 1000 on the screen by
    /// default, 100000 at most to a file (10000 by some of its documents). A file of exactly such a count probably
    /// ended because of it, not because anybody stopped it, and may have missed the trouble.
    ///
    /// ## Evidence
    /// A single file with exactly 1000, 10000 or 100000 packets.
    ///
    /// ## Traps
    /// The count may be chance, or the choice of whoever cut the file out of a larger one. What is absent after the
    /// last packet proves nothing.
    ///
    /// ## Remedy
    /// Use a rotating capture, which keeps the newest packets: `utils network capture-rotate file <name> sizePerFile
    /// 25 maxFiles 10` (release 11 and later), or narrow the capture with `port 7080` or `host ip <address>`.
    ///
    /// ## References
    /// Cisco TechNote 213514, "Enhanced Packet Capture on All VOS Appliance Models".
    pub(crate) struct CaptureLimitReached;
    id = "capture-limit-reached";
    severity = Info;
    check = check;
}

/// Counts at which Cisco's capture command stops.
const LIMITS: [u64; 3] = [1000, 10_000, 100_000];

fn check(cx: &Context<'_>, out: &mut Findings<'_>) {
    for view in &cx.views {
        let [info] = view.facts.files.as_slice() else {
            continue;
        };
        if !LIMITS.contains(&info.packets) {
            continue;
        }
        let title = format!("The capture has exactly {} packets: a limit was reached", info.packets);
        let detail = format!(
            "The file holds exactly {} packets, a count at which `utils network capture` stops by itself. The traffic \
             went on after the last frame.",
            info.packets
        );
        let mut draft = super::about(view, 0, title)
            .detail(detail)
            .confidence(Confidence::Likely)
            .caveat("The count may be chance, or the file may be a part of a larger one.")
            .value("packets", info.packets);
        if let Some(at) = super::frame(0, info.last_frame, info.last) {
            draft = draft.evidence(view, None, at, "last packet before the limit");
        }
        out.push(draft);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::rules::testing::{capture, findings};

    fn found(packets: u64, files: usize) -> usize {
        let mut facts = capture(60, Vec::new());
        facts.files[0].packets = packets;
        facts.files = vec![facts.files[0].clone(); files];
        findings(&CaptureLimitReached, facts, &Config::default()).len()
    }

    #[test]
    fn only_the_exact_count_of_a_single_file_is_a_limit() {
        assert_eq!(found(100_000, 1), 1);
        assert_eq!(found(1000, 1), 1);
        assert_eq!(found(99_999, 1), 0);
        assert_eq!(found(100_000, 2), 0);
    }
}

//! `capture-truncated`.

use crate::rules::{Context, Findings};

rule! {
    /// A capture file ends inside a record.
    ///
    /// ## Meaning
    /// The last record promises more bytes than the file has. The capture was copied while it was still being
    /// written, the transfer broke off, or the disk was full. Everything before that record was analyzed; what came
    /// after it is not known.
    ///
    /// ## Evidence
    /// The head of the last record, or compressed data that ends early, at the byte offset that is named.
    ///
    /// ## Traps
    /// The end of the file is not the end of the traffic: silence after it proves nothing.
    ///
    /// ## Remedy
    /// Stop the capture before you fetch it (Ctrl-C at `utils network capture`), fetch it again with
    /// `file get activelog platform/cli/<name>.cap`, and compare sizes on both sides. Transfer in binary mode.
    ///
    /// ## References
    /// IETF draft-ietf-opsawg-pcap, section 5; draft-ietf-opsawg-pcapng, section 3.1.
    pub(crate) struct CaptureTruncated;
    id = "capture-truncated";
    severity = Warning;
    check = check;
}

fn check(cx: &Context<'_>, out: &mut Findings<'_>) {
    for view in &cx.views {
        for (file, info) in view.facts.files.iter().enumerate() {
            let Some(damage) = &info.truncated else { continue };
            let detail = format!(
                "At byte {}, after frame {}, the file ends inside a record: {}. The {} packets before it were analyzed.",
                damage.offset, damage.after_frame, damage.cause, info.packets,
            );
            let mut draft = super::about(view, file, "The capture file ends inside a record")
                .detail(detail)
                .value("offset", damage.offset)
                .value("left_bytes", damage.skipped);
            if let Some(at) = super::frame(file, damage.after_frame, info.last) {
                draft = draft.evidence(view, None, at, "last complete record");
            }
            out.push(draft);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::Damage;
    use crate::config::Config;
    use crate::facts::testing::moment;
    use crate::rules::testing::{capture, findings};

    #[test]
    fn a_file_that_ends_inside_a_record_is_told_with_its_last_frame() {
        let mut facts = capture(60, Vec::new());
        assert_eq!(findings(&CaptureTruncated, facts.clone(), &Config::default()), []);
        facts.files[0].truncated = Some(Damage {
            offset: 4096,
            after_frame: 5000,
            skipped: 7,
            cause: "a record of 90 bytes, of which 7 are there".into(),
        });
        let found = findings(&CaptureTruncated, facts, &Config::default());
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].subject.id.as_str(), found[0].evidence[0].frame), ("sib.cap", 5000));
        assert_eq!(found[0].last, moment(1, 60).time);
    }
}

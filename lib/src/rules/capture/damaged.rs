//! `capture-damaged`.

use crate::capture::{Damage, FileInfo};
use crate::rules::draft::shown;
use crate::rules::{Context, Findings};

rule! {
    /// A capture file has corrupt or impossible records in its middle.
    ///
    /// ## Meaning
    /// At the named offsets the file does not hold what its format demands. The reader passed over these bytes and
    /// went on at the next record that makes sense. Packets in between are lost to the analysis.
    ///
    /// ## Evidence
    /// The byte offset of each damaged place, the frame before it, and how much was skipped.
    ///
    /// ## Traps
    /// Frame numbers after a damaged place are those of this reader; another program may stop there or count
    /// differently. Notifications that seem to be missing around it may have been in the skipped bytes.
    ///
    /// ## Remedy
    /// Fetch the file again in binary mode (`file get activelog platform/cli/<name>.cap`, SFTP instead of FTP in
    /// text mode), compare checksums on both sides, and do not join captures with `cat`: use `mergecap`.
    ///
    /// ## References
    /// IETF draft-ietf-opsawg-pcap, section 5; draft-ietf-opsawg-pcapng, section 3.1.
    pub(crate) struct CaptureDamaged;
    id = "capture-damaged";
    severity = Warning;
    check = check;
}

fn check(cx: &Context<'_>, out: &mut Findings<'_>) {
    for view in &cx.views {
        for (file, info) in view.facts.files.iter().enumerate() {
            let Some(first) = info.damaged.first() else {
                continue;
            };
            let title = match info.damaged_places {
                0 | 1 => "The capture file is damaged at one place".to_owned(),
                places => format!("The capture file is damaged at {places} places"),
            };
            let mut draft = super::about(view, file, title)
                .detail(detail(info, first))
                .count(info.damaged.len().max(info.damaged_places as usize))
                .value("offset", first.offset)
                .value("skipped_bytes", skipped(info));
            for damage in shown(&info.damaged, 1) {
                let note = format!("last record before byte {}: {}", damage.offset, damage.cause);
                if let Some(at) = super::frame(file, damage.after_frame, info.first) {
                    draft = draft.evidence(view, None, at, note);
                }
            }
            out.push(draft);
        }
    }
}

fn detail(info: &FileInfo, first: &Damage) -> String {
    let mut detail = format!(
        "At byte {}, after frame {}, stands {}; {} bytes were skipped to reach the next record.",
        first.offset, first.after_frame, first.cause, first.skipped,
    );
    if info.damaged_places > 1 {
        detail += &format!(
            " There are {} such places; at the first {} of them {} bytes were skipped.",
            info.damaged_places,
            info.damaged.len(),
            skipped(info),
        );
    }
    detail
}

fn skipped(info: &FileInfo) -> u64 {
    let each = info.damaged.iter().map(|damage| damage.skipped);
    each.fold(0, u64::saturating_add)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::rules::testing::{capture, findings};

    #[test]
    fn damaged_places_of_a_file_are_one_finding() {
        let mut facts = capture(60, Vec::new());
        assert_eq!(findings(&CaptureDamaged, facts.clone(), &Config::default()), []);
        facts.files[0].damaged = [100, 900]
            .map(|offset| Damage {
                offset,
                after_frame: offset / 100,
                skipped: 20,
                cause: "a record of 4294967295 bytes".into(),
            })
            .into();
        facts.files[0].damaged_places = 2;
        let found = findings(&CaptureDamaged, facts, &Config::default());
        assert_eq!((found.len(), found[0].count), (1, 2));
        let frames: Vec<u64> = found[0].evidence.iter().map(|item| item.frame).collect();
        assert_eq!(frames, [1, 9]);
    }
}

//! Files that seem to be missing from a rotated set, by their names.
//!
//! Capturing programs number the files they rotate: `sib_00007_20140629152544.pcapng` (dumpcap), `SIBTrace.cap07`
//! (tcpdump and the Cisco server). A number that is left out tells of a file that was not given.

use std::collections::BTreeMap;
use std::path::Path;

use super::FileInfo;

/// Files of one numbering from which on a hole in it means something.
const ENOUGH_FILES: usize = 3;

/// Longest number; longer ones are dates.
const MAX_DIGITS: usize = 5;

/// Length of the date that dumpcap appends: `_20140629152544`.
const DATE: usize = 15;

/// Adds a note to the file before which a number was left out.
pub(super) fn note_missing(infos: &mut [FileInfo]) {
    let mut numberings: BTreeMap<String, BTreeMap<u32, usize>> = BTreeMap::new();
    for (index, info) in infos.iter().enumerate() {
        if let Some((before, number)) = numbered(&info.path) {
            numberings.entry(before.to_owned()).or_default().insert(number, index);
        }
    }
    for files in numberings.values().filter(|files| files.len() >= ENOUGH_FILES) {
        let numbers: Vec<(u32, usize)> = files.iter().map(|(&number, &index)| (number, index)).collect();
        let missing: u32 = numbers.windows(2).map(|pair| pair[1].0 - pair[0].0 - 1).sum();
        // With more holes than files the numbers mean something else.
        if missing as usize > files.len() {
            continue;
        }
        for pair in numbers.windows(2).filter(|pair| pair[1].0 - pair[0].0 > 1) {
            let before = infos[pair[0].1].path.display().to_string();
            let count = pair[1].0 - pair[0].0 - 1;
            let files = if count == 1 { "a file seems".to_owned() } else { format!("{count} files seem") };
            infos[pair[1].1].notes.push(format!("{files} to be missing between {before} and this one"));
        }
    }
}

/// Splits a numbered name into what stands before the number and the number.
fn numbered(path: &Path) -> Option<(&str, u32)> {
    let name = path.to_str()?;
    let stem = match path.extension()?.to_str()? {
        extension if extension.ends_with(|c: char| c.is_ascii_digit()) => name,
        extension => name.strip_suffix(extension)?.strip_suffix('.')?,
    };
    let stem = match stem.len().checked_sub(DATE).and_then(|at| stem.split_at_checked(at)) {
        Some((stem, date)) if date.starts_with('_') && date[1..].bytes().all(|b| b.is_ascii_digit()) => stem,
        _ => stem,
    };
    let before = stem.trim_end_matches(|c: char| c.is_ascii_digit());
    let digits = &stem[before.len()..];
    if digits.len() > MAX_DIGITS {
        return None;
    }
    Some((before, digits.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notes(names: &[&str]) -> Vec<(usize, String)> {
        let mut infos: Vec<FileInfo> =
            names.iter().map(|name| FileInfo { path: name.into(), ..FileInfo::default() }).collect();
        note_missing(&mut infos);
        let notes = infos.into_iter().enumerate();
        notes.flat_map(|(index, info)| info.notes.into_iter().map(move |note| (index, note))).collect()
    }

    #[test]
    fn a_number_that_is_left_out_is_noted_at_the_file_after_it() {
        for names in [
            [
                "sib_00001_20140629152544.pcapng",
                "sib_00002_20140629162544.pcapng",
                "sib_00004_20140629172544.pcapng",
            ],
            ["SIBTrace.cap7", "SIBTrace.cap8", "SIBTrace.cap10"],
            ["ring08.pcap", "ring09.pcap", "ring11.pcap"],
        ] {
            let notes = notes(&names);
            let expected = format!("a file seems to be missing between {} and this one", names[1]);
            assert_eq!(notes, [(2, expected)]);
        }
    }

    #[test]
    fn names_that_are_complete_or_not_numbered_by_rotation_are_left_alone() {
        for names in [
            ["a3.pcap", "a1.pcap", "a2.pcap"],
            ["10.0.0.5.pcap", "10.0.0.90.pcap", "10.0.0.200.pcap"],
            ["20240101.pcap", "20240102.pcap", "20240104.pcap"],
            ["a.pcap", "b.pcap", "c.pcap"],
            ["a1.pcap", "b2.pcap", "c4.pcap"],
            ["", "9", "."],
        ] {
            assert_eq!(notes(&names), [], "{names:?}");
        }
        assert_eq!(notes(&["a1.pcap", "a3.pcap"]), []);
    }
}

//! Telling capture formats by their first bytes, and naming those that are not read.

use super::pcap::Pcap;
use super::pcapng::Pcapng;
use super::walk::{FILE_HEADER, Walk};

/// Formats that people take for captures, by their first bytes.
const FOREIGN: [(&[u8], &str); 8] = [
    (b"GMBU", "a Microsoft Network Monitor capture (`editcap -F pcapng` converts it)"),
    (b"RTSS", "a Microsoft Network Monitor capture (`editcap -F pcapng` converts it)"),
    (b"snoop\0", "a Solaris snoop capture (`editcap -F pcapng` converts it)"),
    (b"BZh", "a bzip2 file"),
    (b"\xfd7zXZ\0", "an xz file"),
    (b"PK\x03\x04", "a zip file"),
    (b"7z\xbc\xaf", "a 7-Zip file"),
    (b"%PDF", "a PDF"),
];

/// How the records of a file are found.
pub(super) struct Format {
    /// `pcap` or `pcapng`.
    pub(super) name: &'static str,
    pub(super) walk: Box<dyn Walk>,
    /// Bytes before the first record.
    pub(super) header_length: usize,
}

impl Format {
    /// The format of a file that begins with `start`, or what is wrong with it.
    pub(super) fn of(start: &[u8]) -> Result<Self, String> {
        if let Some(header) = start.first_chunk() {
            if let Some(pcap) = Pcap::open(header) {
                return Ok(Format { name: "pcap", walk: Box::new(pcap), header_length: FILE_HEADER });
            }
            if let Some(pcapng) = Pcapng::open(header) {
                return Ok(Format { name: "pcapng", walk: Box::new(pcapng?), header_length: 0 });
            }
        }
        Err(describe(start))
    }
}

fn describe(start: &[u8]) -> String {
    if start.is_empty() {
        return "the file is empty".to_owned();
    }
    if let Some((_, name)) = FOREIGN.iter().find(|(magic, _)| start.starts_with(magic)) {
        return (*name).to_owned();
    }
    if start.len() < FILE_HEADER {
        return format!("the file has only {} bytes", start.len());
    }
    format!("it begins with \"{}\"", start[..4].escape_ascii())
}

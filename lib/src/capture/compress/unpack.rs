//! The decompressors.

use std::io::{self, BufReader, Cursor, Read};

use super::lz4::Lz4Decoder;
use super::{Bytes, Compression, read_up_to};

/// Bytes that are read at once from a compressed file.
const BUFFER: usize = 256 << 10;

/// Largest window of a zstd frame, as a power of two: 128 MiB, what the `zstd` program unpacks unasked.
const MAX_WINDOW_LOG: u32 = 27;

/// Longest header of a zstd frame after its magic number.
const ZSTD_HEADER: u64 = 14;

impl Compression {
    /// Unpacks what begins with `start` and goes on with `stored`.
    pub(super) fn unpack(self, mut start: Vec<u8>, mut stored: Bytes) -> io::Result<Bytes> {
        if self == Compression::Zstd {
            start.extend(read_up_to(&mut stored, ZSTD_HEADER)?);
            refuse_large_window(&start)?;
        }
        let stored = BufReader::with_capacity(BUFFER, Cursor::new(start).chain(stored));
        Ok(match self {
            Compression::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(stored)),
            Compression::Lz4 => Box::new(Lz4Decoder::new(stored)),
            Compression::Zstd => {
                let mut decoder = zstd::Decoder::with_buffer(stored)?;
                decoder.window_log_max(MAX_WINDOW_LOG)?;
                Box::new(decoder)
            }
        })
    }
}

/// Refuses a zstd frame by its header (RFC 8878, section 3.1.1.1) if unpacking it would take too much memory. The
/// library refuses it too, but does not say why.
fn refuse_large_window(frame: &[u8]) -> io::Result<()> {
    match window_size(frame) {
        Some(window) if window > 1 << MAX_WINDOW_LOG => {
            let cause = format!(
                "its zstd window of {} MiB is larger than {} MiB; compress it again without `--long`",
                window >> 20,
                (1 << MAX_WINDOW_LOG) >> 20
            );
            Err(io::Error::new(io::ErrorKind::Unsupported, cause))
        }
        _ => Ok(()),
    }
}

fn window_size(frame: &[u8]) -> Option<u64> {
    let (&descriptor, fields) = frame.get(4..)?.split_first()?;
    let single_segment = descriptor & 0x20 != 0;
    if !single_segment {
        let window = *fields.first()?;
        let base = 1_u64 << (10 + (window >> 3));
        return Some(base + base / 8 * u64::from(window & 7));
    }
    // The window is as large as the content, whose size stands after the dictionary's number.
    let dictionary = [0, 1, 2, 4][usize::from(descriptor & 3)];
    let size = [1, 2, 4, 8][usize::from(descriptor >> 6)];
    let field = fields.get(dictionary..)?.get(..size)?;
    let content = field.iter().rev().fold(0, |content, &byte| content << 8 | u64::from(byte));
    Some(if size == 2 { content + 256 } else { content })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_is_read_from_the_frame_header() {
        let magic = [0x28, 0xb5, 0x2f, 0xfd];
        let frame = |fields: &[u8]| [&magic[..], fields].concat();
        assert_eq!(window_size(&frame(&[0, 17 << 3])), Some(128 << 20));
        assert_eq!(window_size(&frame(&[0, (17 << 3) + 1])), Some(144 << 20));
        assert_eq!(window_size(&frame(&[0x20, 200])), Some(200));
        assert_eq!(window_size(&frame(&[0x60, 0, 1])), Some(512));
        assert_eq!(window_size(&frame(&[0xa1, 9, 0, 0, 0, 16])), Some(256 << 20));
        assert_eq!(window_size(&frame(&[0x20])), None);
    }

    #[test]
    fn a_window_of_128_mib_is_unpacked_and_a_larger_one_named() {
        for (log, refused) in [(27, false), (28, true)] {
            let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
            encoder.window_log(log).unwrap();
            std::io::Write::write_all(&mut encoder, b"packets").unwrap();
            // Without the size of the content, the window is not cut down to it.
            let packed = encoder.finish().unwrap();
            let unpacked =
                Compression::Zstd.unpack(packed[..4].to_vec(), Box::new(Cursor::new(packed[4..].to_vec())));
            match unpacked.map_err(|error| error.to_string()) {
                Ok(mut bytes) => {
                    assert!(!refused);
                    let mut text = String::new();
                    bytes.read_to_string(&mut text).unwrap();
                    assert_eq!(text, "packets");
                }
                Err(cause) => {
                    assert!(refused && cause.contains("window of 256 MiB"), "{cause}");
                }
            }
        }
    }
}

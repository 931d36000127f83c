//! Content codings: what was done to a body before it was sent (RFC 9110, 8.4).

use super::head::Fields;

/// Bytes of a decoded body that are read, whatever it was coded from.
#[cfg(feature = "compress")]
const DECODED: u64 = 4 << 20;
/// A short body may become so long.
#[cfg(feature = "compress")]
const SHORT: u64 = 64 << 10;
/// The text of calls shrinks to a thirtieth; what grows by more than this is not text of calls.
#[cfg(feature = "compress")]
const GROWTH: u64 = 128;

/// A coding that is understood.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Coding {
    /// The body is as its type says.
    #[default]
    Identity,
    /// RFC 1952.
    Gzip,
    /// RFC 1950, or RFC 1951 alone, as some servers send it.
    Deflate,
}

/// A body without its coding.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Decoded {
    pub(super) bytes: Vec<u8>,
    /// All of it was decoded.
    pub(super) is_whole: bool,
}

impl Coding {
    /// The coding that a head names; `None` when it is another one, or several.
    pub(super) fn of(fields: Fields<'_>) -> Option<Self> {
        let Some(name) = fields.value("Content-Encoding") else {
            return Some(Coding::Identity);
        };
        let is = |known: &[u8]| name.eq_ignore_ascii_case(known);
        match name {
            _ if name.is_empty() || is(b"identity") => Some(Coding::Identity),
            _ if !cfg!(feature = "compress") => None,
            _ if is(b"gzip") || is(b"x-gzip") => Some(Coding::Gzip),
            _ if is(b"deflate") => Some(Coding::Deflate),
            _ => None,
        }
    }

    /// Undoes the coding, as far as the body goes and the bounds allow; `None` where nothing was done.
    #[cfg(feature = "compress")]
    pub(super) fn decode(self, body: &[u8]) -> Option<Decoded> {
        use flate2::bufread::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};

        let bound = (body.len() as u64).saturating_mul(GROWTH).clamp(SHORT, DECODED);
        Some(match self {
            Coding::Identity => return None,
            Coding::Gzip => inflate(MultiGzDecoder::new(body), bound),
            Coding::Deflate if is_zlib(body) => inflate(ZlibDecoder::new(body), bound),
            Coding::Deflate => inflate(DeflateDecoder::new(body), bound),
        })
    }

    #[cfg(not(feature = "compress"))]
    pub(super) fn decode(self, _: &[u8]) -> Option<Decoded> {
        None
    }
}

#[cfg(feature = "compress")]
fn inflate(mut from: impl std::io::Read, bound: u64) -> Decoded {
    let mut bytes = Vec::new();
    let read = std::io::Read::read_to_end(&mut std::io::Read::take(&mut from, bound), &mut bytes);
    let is_whole = read.is_ok() && (bytes.len() as u64) < bound;
    Decoded { bytes, is_whole }
}

/// Whether a body begins with the header of RFC 1950, 2.2: method 8, and a check of 5 bits.
#[cfg(feature = "compress")]
fn is_zlib(body: &[u8]) -> bool {
    matches!(*body, [method, flags, ..] if method & 15 == 8 && u16::from_be_bytes([method, flags]).is_multiple_of(31))
}

#[cfg(test)]
#[cfg(feature = "compress")]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

    use super::*;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut coder = GzEncoder::new(Vec::new(), Compression::best());
        coder.write_all(text).unwrap();
        coder.finish().unwrap()
    }

    #[test]
    fn each_coding_gives_the_text_back() {
        let text = b"<a>ErrorServerBusy</a>".repeat(9);
        let whole = Some(Decoded { bytes: text.clone(), is_whole: true });
        assert_eq!(Coding::Gzip.decode(&gzip(&text)), whole);
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::fast());
        zlib.write_all(&text).unwrap();
        assert_eq!(Coding::Deflate.decode(&zlib.finish().unwrap()), whole);
        let mut bare = DeflateEncoder::new(Vec::new(), Compression::fast());
        bare.write_all(&text).unwrap();
        assert_eq!(Coding::Deflate.decode(&bare.finish().unwrap()), whole);
        assert_eq!(Coding::Identity.decode(&text), None);
    }

    #[test]
    fn what_breaks_off_or_is_damaged_is_read_as_far_as_it_goes() {
        let text: Vec<u8> = (0..20_000u32).flat_map(|n| n.to_string().into_bytes()).collect();
        let packed = gzip(&text);
        let half = Coding::Gzip.decode(&packed[..packed.len() / 2]).unwrap();
        assert!(!half.is_whole && half.bytes.len() > 1000 && text.starts_with(&half.bytes));
        for coding in [Coding::Gzip, Coding::Deflate] {
            assert_eq!(coding.decode(b"no such thing").map(|read| read.is_whole), Some(false));
        }
    }

    #[test]
    fn a_bomb_goes_off_within_bounds() {
        let packed = gzip(&vec![b' '; 64 << 20]);
        let read = Coding::Gzip.decode(&packed).unwrap();
        assert!(!read.is_whole);
        assert_eq!(read.bytes.len() as u64, DECODED);
        let short = Coding::Gzip.decode(&gzip(&vec![b' '; 400_000])).unwrap();
        assert!(!short.is_whole);
        assert_eq!(short.bytes.len() as u64, SHORT);
    }
}

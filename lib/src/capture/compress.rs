//! Compressed captures: gzip, zstd and lz4, known by their first bytes and unpacked as they are read.

use std::io::{self, Cursor, ErrorKind, Read};

#[cfg(feature = "compress")]
mod lz4;
#[cfg(feature = "compress")]
mod unpack;

/// Bytes in any form.
pub(super) type Bytes = Box<dyn Read + Send>;

/// First bytes of the frames that both zstd and lz4 pass over; the lowest four bits are free.
const SKIPPABLE: u32 = 0x184d_2a50;

/// How a file is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Compression {
    /// RFC 1952.
    Gzip,
    /// RFC 8878.
    Zstd,
    /// The lz4 frame format and the legacy format.
    Lz4,
}

/// Unpacks `stored` if it is compressed, and says how it was.
pub(super) fn open(mut stored: Bytes) -> io::Result<(Option<&'static str>, Bytes)> {
    let mut start = read_up_to(&mut stored, 4)?;
    while let Some(magic) = start.first_chunk().map(|magic| u32::from_le_bytes(*magic))
        && magic & !0xf == SKIPPABLE
    {
        skip_frame(&mut stored)?;
        start = read_up_to(&mut stored, 4)?;
    }
    let Some(compression) = Compression::of(&start) else {
        return Ok((None, Box::new(Cursor::new(start).chain(stored))));
    };
    Ok((Some(compression.name()), compression.unpack(start, stored)?))
}

/// Why data could not be unpacked, in words.
pub(super) fn cause(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::UnexpectedEof => "the compressed data ends early".to_owned(),
        _ => error.to_string(),
    }
}

/// Passes over the length and the content of a skippable frame.
fn skip_frame(stored: &mut impl Read) -> io::Result<()> {
    let mut length = [0; 4];
    stored.read_exact(&mut length)?;
    io::copy(&mut stored.take(u64::from(u32::from_le_bytes(length))), &mut io::sink())?;
    Ok(())
}

fn read_up_to(stored: &mut impl Read, length: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    stored.take(length).read_to_end(&mut bytes)?;
    Ok(bytes)
}

impl Compression {
    fn of(start: &[u8]) -> Option<Self> {
        match start {
            [0x1f, 0x8b, ..] => Some(Compression::Gzip),
            [0x28, 0xb5, 0x2f, 0xfd] => Some(Compression::Zstd),
            [0x04, 0x22, 0x4d, 0x18] | [0x02, 0x21, 0x4c, 0x18] => Some(Compression::Lz4),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Compression::Gzip => "gzip",
            Compression::Zstd => "zstd",
            Compression::Lz4 => "lz4",
        }
    }

    #[cfg(not(feature = "compress"))]
    fn unpack(self, _: Vec<u8>, _: Bytes) -> io::Result<Bytes> {
        let cause = format!("{} is not built in (feature `compress`)", self.name());
        Err(io::Error::new(ErrorKind::Unsupported, cause))
    }
}

//! lz4 files: frames one after the other, of the frame format, of the legacy format, or skippable.
//!
//! <https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md>. The crate's decoder unpacks frames of the frame
//! format; it takes an end in mid-frame for the end of the data, does not pass over skippable frames, and
//! refuses legacy blocks that did not shrink.

use std::io::{self, Cursor, ErrorKind, Read};

use lz4_flex::block::{decompress_into, get_maximum_output_size};
use lz4_flex::frame::FrameDecoder;

use super::{SKIPPABLE, skip_frame};

const FRAME: u32 = 0x184d_2204;
const LEGACY: u32 = 0x184c_2102;

/// Uncompressed size of all blocks of a legacy frame but the last.
const LEGACY_BLOCK: usize = 8 << 20;

/// Unpacks an lz4 file.
pub(super) struct Lz4Decoder<R: Read> {
    frames: FrameDecoder<Source<R>>,
    state: State,
    /// The unpacked legacy block, and what of it has not been read yet.
    block: Cursor<Vec<u8>>,
    packed: Vec<u8>,
}

enum State {
    BetweenFrames,
    InFrame,
    InLegacyFrame,
}

impl<R: Read> Lz4Decoder<R> {
    pub(super) fn new(stored: R) -> Self {
        Lz4Decoder {
            frames: FrameDecoder::new(Source { stored, put_back: Cursor::default(), ended: false }),
            state: State::BetweenFrames,
            block: Cursor::default(),
            packed: Vec::new(),
        }
    }

    /// Looks at the next frame's magic number. There may be none.
    fn begin_frame(&mut self) -> io::Result<bool> {
        let source = self.frames.get_mut();
        let Some(magic) = source.number()? else {
            return Ok(false);
        };
        match magic {
            FRAME => {
                source.put_back(magic);
                self.state = State::InFrame;
            }
            LEGACY => self.state = State::InLegacyFrame,
            _ if magic & !0xf == SKIPPABLE => skip_frame(source)?,
            _ => {
                return Err(io::Error::new(ErrorKind::InvalidData, "no lz4 frame follows the last one"));
            }
        }
        Ok(true)
    }

    /// Unpacks the next block of a legacy frame, which ends with the file or where another frame begins.
    fn legacy_block(&mut self) -> io::Result<()> {
        let source = self.frames.get_mut();
        let Some(size) = source.number()? else {
            self.state = State::BetweenFrames;
            return Ok(());
        };
        if size as usize > get_maximum_output_size(LEGACY_BLOCK) {
            source.put_back(size);
            self.state = State::BetweenFrames;
            return Ok(());
        }
        self.packed.resize(size as usize, 0);
        source.read_exact(&mut self.packed)?;
        let block = self.block.get_mut();
        block.resize(LEGACY_BLOCK, 0);
        let unpacked = decompress_into(&self.packed, block)
            .map_err(|error| io::Error::new(ErrorKind::InvalidData, error))?;
        block.truncate(unpacked);
        self.block.set_position(0);
        Ok(())
    }
}

impl<R: Read> Read for Lz4Decoder<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            match self.state {
                State::BetweenFrames => {
                    if !self.begin_frame()? {
                        return Ok(0);
                    }
                }
                State::InFrame => match self.frames.read(buffer)? {
                    0 if self.frames.get_ref().ended => return Err(ErrorKind::UnexpectedEof.into()),
                    0 => self.state = State::BetweenFrames,
                    read => return Ok(read),
                },
                State::InLegacyFrame => match self.block.read(buffer)? {
                    0 => self.legacy_block()?,
                    read => return Ok(read),
                },
            }
        }
    }
}

/// The compressed bytes, and whether anybody has asked for more than there are.
struct Source<R> {
    stored: R,
    put_back: Cursor<Vec<u8>>,
    ended: bool,
}

impl<R: Read> Source<R> {
    /// A 32-bit number; `None` at the end.
    fn number(&mut self) -> io::Result<Option<u32>> {
        let bytes = super::read_up_to(self, 4)?;
        match bytes.first_chunk() {
            Some(bytes) => Ok(Some(u32::from_le_bytes(*bytes))),
            None if bytes.is_empty() => Ok(None),
            None => Err(ErrorKind::UnexpectedEof.into()),
        }
    }

    fn put_back(&mut self, number: u32) {
        self.put_back = Cursor::new(number.to_le_bytes().to_vec());
    }
}

impl<R: Read> Read for Source<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = match self.put_back.read(buffer)? {
            0 => self.stored.read(buffer)?,
            read => read,
        };
        self.ended |= read == 0 && !buffer.is_empty();
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn unpack(packed: &[u8]) -> (Vec<u8>, io::Result<usize>) {
        let mut unpacked = Vec::new();
        let result = Lz4Decoder::new(packed).read_to_end(&mut unpacked);
        (unpacked, result)
    }

    fn frame(content: &[u8]) -> Vec<u8> {
        let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    fn legacy(blocks: &[&[u8]]) -> Vec<u8> {
        let mut packed = LEGACY.to_le_bytes().to_vec();
        for block in blocks {
            let block = lz4_flex::block::compress(block);
            packed.extend((block.len() as u32).to_le_bytes());
            packed.extend(block);
        }
        packed
    }

    fn skippable(content: &[u8]) -> Vec<u8> {
        [&(SKIPPABLE + 7).to_le_bytes(), &(content.len() as u32).to_le_bytes(), content].concat()
    }

    #[test]
    fn frames_of_all_kinds_are_read_one_after_the_other() {
        let packed =
            [frame(b"one "), skippable(b"no"), legacy(&[b"two ", b"three "]), skippable(b""), frame(b"four")];
        let (unpacked, result) = unpack(&packed.concat());
        assert!(result.is_ok(), "{result:?}");
        assert_eq!(unpacked, b"one two three four");
    }

    #[test]
    fn legacy_blocks_that_did_not_shrink_are_read() {
        let mut noise: u64 = 1;
        let block: Vec<u8> = std::iter::repeat_with(|| {
            noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (noise >> 56) as u8
        })
        .take(LEGACY_BLOCK)
        .collect();
        let packed = legacy(&[&block, b"end"]);
        assert!(packed.len() > LEGACY_BLOCK + 11, "the block shrank");
        let (unpacked, result) = unpack(&packed);
        assert!(result.is_ok(), "{result:?}");
        assert!(unpacked == [&block[..], b"end"].concat());
    }

    #[test]
    fn an_end_in_mid_frame_is_told_from_the_end_of_the_data() {
        for packed in [frame(b"packets"), legacy(&[b"packets"]), skippable(b"packets")] {
            for length in 1..packed.len() {
                let (unpacked, result) = unpack(&packed[..length]);
                assert!(b"packets".starts_with(&unpacked));
                // A legacy frame has no end of its own.
                let whole = unpacked == b"packets" && packed.starts_with(&LEGACY.to_le_bytes());
                let no_block = packed.starts_with(&LEGACY.to_le_bytes()) && length == 4;
                let skipped = length >= 8 && packed[1] == 0x2a;
                assert!(result.is_err() || whole || no_block || skipped, "cut at {length}");
            }
        }
    }
}

//! Who watches while captures are read, and may stop it.

/// What a caller may watch while captures are read.
pub trait Sink {
    /// Called a few times per megabyte: bytes read so far, and the size of all inputs where it is known. Returns
    /// whether to go on.
    fn progress(&mut self, read: u64, total: Option<u64>) -> bool {
        let _ = (read, total);
        true
    }
}

impl Sink for () {}

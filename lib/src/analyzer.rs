//! The roof: reader, shards, merge and rules put together.

use crate::capture::Capture;
use crate::config::Config;
use crate::error::Result;
use crate::facts::Facts;
use crate::report::Report;

/// Reads captures and judges them.
#[derive(Clone, Debug)]
pub struct Analyzer {
    config: Config,
}

/// What a caller may watch while captures are read. Every method returns whether to go on.
pub trait Sink {
    /// Called about once per megabyte: bytes read so far, and the size of all inputs where it is known.
    fn progress(&mut self, read: u64, total: Option<u64>) -> bool {
        let _ = (read, total);
        true
    }
}

impl Sink for () {}

impl Analyzer {
    /// An analyzer with these settings. Fails when a rule that is selected or ignored does not exist.
    pub fn new(config: Config) -> Result<Self> {
        Ok(Analyzer { config })
    }

    /// Reads the captures, one per vantage point, the Exchange side first. When reading fails part-way, the facts
    /// up to there come with the error.
    pub fn facts(
        &self,
        captures: impl IntoIterator<Item = Capture>,
        sink: &mut dyn Sink,
    ) -> (Facts, Option<crate::Error>) {
        let _ = (captures.into_iter().count(), sink);
        (Facts::default(), None)
    }

    /// Judges facts; may be called again with another analyzer's settings without reading again.
    pub fn judge(&self, facts: &Facts) -> Report {
        let _ = (facts, &self.config);
        unimplemented!()
    }

    /// Reads and judges.
    pub fn run(&self, captures: impl IntoIterator<Item = Capture>) -> Result<Report> {
        match self.facts(captures, &mut ()) {
            (_, Some(error)) => Err(error),
            (facts, None) => Ok(self.judge(&facts)),
        }
    }
}

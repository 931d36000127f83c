//! The part of the work that all commands share that analyze: read captures into facts.

use sibtrace::time::Timestamp;
use sibtrace::{Analyzer, Capture, Config, Facts};

use crate::args::Privacy;
use crate::exit::{Exit, Result};
use crate::output::clean;
use crate::output::redact::Redactor;
use crate::progress::{self, Watch};

/// Captures that were read.
pub(crate) struct Reading {
    /// The settings they were read with.
    pub(crate) config: Config,
    /// What judges the facts.
    pub(crate) analyzer: Analyzer,
    /// What was seen.
    pub(crate) facts: Facts,
    /// How reading went: success, something was unreadable, or the user interrupted.
    pub(crate) exit: Exit,
}

impl Reading {
    /// Reads `captures`, one per vantage point. What cannot be read on is said; what was read so far is kept.
    pub(crate) fn of(captures: Vec<Capture>, incomplete: bool, config: Config, quiet: bool) -> Result<Self> {
        let analyzer = Analyzer::new(config.clone())?;
        let mut watch = Watch::start(quiet);
        let (mut facts, error) = analyzer.facts(captures, &mut watch);
        watch.finish();
        // Standard input ends where the user interrupts, which nobody notices who only reads it.
        facts.partial |= progress::is_interrupted();
        let nothing_read = facts.vantages.iter().all(|vantage| vantage.files.is_empty());
        let failed = match error {
            // A report about nothing is worse than none.
            Some(error) if nothing_read => return Err(error.into()),
            Some(error) => {
                progress::say("error", &clean::text(&error.to_string()));
                true
            }
            None => false,
        };
        let exit = match (facts.partial, failed || incomplete) {
            (true, _) => Exit::Interrupted,
            (false, true) => Exit::Unusable,
            (false, false) => Exit::Success,
        };
        Ok(Reading { config, analyzer, facts, exit })
    }

    /// What gives pseudonyms to the names of these captures, if that is asked for.
    pub(crate) fn redactor(&self, privacy: &Privacy) -> Option<Redactor> {
        privacy.redact.then(|| Redactor::new(&self.facts, &self.config))
    }

    /// The time of the first packet.
    pub(crate) fn start(&self) -> Option<Timestamp> {
        let firsts = self.facts.vantages.iter().filter_map(|vantage| vantage.coverage.first);
        firsts.map(|first| first.time).min()
    }
}

//! The roof: reader, shards, merge and rules put together.

use crate::capture::Capture;
use crate::config::Config;
use crate::crew;
use crate::error::{Error, Result};
use crate::facts::{Facts, VantageFacts};
use crate::parallel;
use crate::report::{Report, Summary};
use crate::rules::{self, Context, Findings, RULES, Rule};
use crate::sink::Sink;

/// Reads captures and judges them.
pub struct Analyzer {
    config: Config,
    rules: Vec<Box<dyn Rule>>,
}

impl Analyzer {
    /// An analyzer with these settings. Fails when a rule that is selected or ignored does not exist.
    pub fn new(config: Config) -> Result<Self> {
        for (setting, names) in [("--select", &config.select), ("--ignore", &config.ignore)] {
            let known =
                |name: &String| rules::all().iter().any(|meta| meta.id == name || meta.family() == name);
            if let Some(name) = names.iter().find(|name| !known(name)) {
                let cause = format!("there is no rule or family {name:?}; `sibtrace rule` lists them");
                return Err(Error::Config { setting: setting.to_owned(), cause });
            }
        }
        Ok(Analyzer { config, rules: Vec::new() })
    }

    /// Adds a rule of the caller's own. It runs after the rules that come with the library.
    pub fn rule(&mut self, rule: Box<dyn Rule>) -> &mut Self {
        self.rules.push(rule);
        self
    }

    /// The settings.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Reads the captures, one per vantage point, the Exchange side first. When reading fails part-way, the facts
    /// up to there come with the error.
    pub fn facts(
        &self,
        captures: impl IntoIterator<Item = Capture>,
        sink: &mut dyn Sink,
    ) -> (Facts, Option<Error>) {
        let mut facts = Facts::default();
        for capture in captures {
            let vantage = capture.vantage();
            let mut reader = capture.into_reader();
            let (gathered, end) = crew::gather(&mut reader, &self.config, sink);
            let mut learnt = VantageFacts::new(&self.config, gathered);
            learnt.vantage = vantage.or(learnt.vantage);
            facts.vantages.push(learnt);
            match end {
                Ok(true) => {}
                Ok(false) => {
                    facts.partial = true;
                    break;
                }
                Err(error) => return (facts, Some(error)),
            }
        }
        (facts, None)
    }

    /// Judges facts. May be called again, also with another analyzer's settings, without reading again.
    pub fn judge(&self, facts: &Facts) -> Report {
        let cx = Context::new(facts, &self.config);
        let own = self.rules.iter().map(|rule| &**rule);
        let rules: Vec<_> = RULES.iter().copied().chain(own).collect();
        let threads = facts.vantages.iter().map(|vantage| vantage.threads(&self.config)).max().unwrap_or(1);
        let check = |rule: &&dyn Rule| {
            let meta = rule.meta();
            let mut out = Findings::new(&meta);
            if cx.wants(&meta) {
                rule.check(&cx, &mut out);
            }
            out.finish()
        };
        let (summary, findings) =
            parallel::join(threads, || Summary::new(facts), || parallel::map(threads, &rules, check));
        Report::new(facts, &cx, summary, findings.into_iter().flatten().collect())
    }

    /// Reads and judges.
    pub fn run(&self, captures: impl IntoIterator<Item = Capture>) -> Result<Report> {
        match self.facts(captures, &mut ()) {
            (_, Some(error)) => Err(error),
            (facts, None) => Ok(self.judge(&facts)),
        }
    }
}

//! `sibtrace annotate`: the evidence written back into the capture, as comments on its frames.

use std::collections::BTreeSet;
use std::io::{self, IsTerminal};

use sibtrace::capture::{Editor, Original};
use sibtrace::excerpt::Excerpt;
use sibtrace::{Config, Error, Facts, Report};

use super::analyze::exit;
use super::reading::Reading;
use crate::args::{Annotate, Look};
use crate::exit::{Exit, Failure, Result};
use crate::inputs::{self, Inputs};
use crate::output::comments::{self, Comments};
use crate::output::{self, is_stdout};
use crate::progress::{say, warn};
use crate::settings::{self, Known};

pub(crate) fn run(args: &Annotate, look: &Look, known: &[Known]) -> Result<Exit> {
    if is_stdout(&args.output) && io::stdout().is_terminal() {
        return Err(Failure::Usage("a capture is nothing for a terminal: name a file with -o".to_owned()));
    }
    let mut config = Config::default();
    args.site.configure(&mut config);
    args.judgement.configure(&mut config);
    args.running.configure(&mut config);

    let (Inputs { capture, incomplete, .. }, again) = inputs::open_twice(&args.files.files)?;
    let capture = match args.site.vantage.given() {
        Some(vantage) => capture.at(vantage),
        None => capture,
    };
    let reading = Reading::of(vec![capture], incomplete, config, look.quiet)?;
    let mut report = reading.analyzer.judge(&reading.facts);
    settings::set_aside(&mut report, known);
    let exit = exit(&report, args.judgement.fail_on, reading.exit);
    report.findings.retain(|finding| finding.severity >= args.judgement.min_severity.into());

    if let Some(mut redactor) = reading.redactor(&args.privacy) {
        report = redactor.report(&report).map_err(Failure::stdout)?;
        warn("only the comments are redacted: the packets still hold names and addresses");
    }
    let mut marker = Marker::new(&report, &reading.facts, args.only_evidence);
    let mut failure = None;
    let again = again.open()?;
    output::write(&args.output, |out| match again.copy_to(out, &comments::verdict(&report), &mut marker) {
        Err(Error::Write { source }) => Err(source),
        Err(error) => {
            // What was copied so far is kept, as the analysis keeps what was read.
            failure = Some(error);
            Ok(())
        }
        Ok(()) => Ok(()),
    })?;
    if !look.quiet {
        say("note", &marker.summary());
    }
    match failure {
        Some(error) => Err(error.into()),
        None => Ok(exit),
    }
}

/// Writes the comments on the packets.
struct Marker {
    comments: Comments,
    /// What is kept, unless it is everything.
    excerpt: Option<Excerpt>,
    /// The names of the files, where there are several.
    names: Vec<String>,
    packets: u64,
    marked: BTreeSet<(usize, u64)>,
}

impl Marker {
    fn new(report: &Report, facts: &Facts, only_evidence: bool) -> Self {
        let evidence = report.findings.iter().flat_map(|finding| &finding.evidence);
        let excerpt = facts.vantages.first().filter(|_| only_evidence);
        let names: Vec<String> = report.captures.iter().map(|capture| capture.path.clone()).collect();
        Marker {
            comments: comments::of(report),
            excerpt: excerpt.map(|facts| Excerpt::new(facts, 0, evidence)),
            names: if names.len() > 1 { names } else { Vec::new() },
            packets: 0,
            marked: BTreeSet::new(),
        }
    }

    fn summary(&self) -> String {
        format!("{} packets, {} of them with comments", self.packets, self.marked.len())
    }
}

impl Editor for Marker {
    fn packet(&mut self, packet: &Original<'_>) -> Option<Vec<String>> {
        if self.excerpt.as_ref().is_some_and(|excerpt| !excerpt.holds(packet)) {
            return None;
        }
        self.packets += 1;
        let place = (packet.file, packet.frame);
        let mut comments = self.comments.get(&place).cloned().unwrap_or_default();
        if !comments.is_empty() {
            self.marked.insert(place);
        }
        if self.excerpt.is_some() {
            comments.push(comments::origin(packet.frame, self.names.get(packet.file).map(String::as_str)));
        }
        Some(comments)
    }
}

//! `sibtrace analyze`: the diagnosis of one vantage point.

use std::io::Write;

use sibtrace::{Config, Report};

use super::reading::Reading;
use crate::args::{Analyze, Destination, FailOn, Format, Judgement, Look, Privacy};
use crate::exit::{Exit, Failure, Result};
use crate::inputs::{self, Inputs};
use crate::output::text::{self, Style};
use crate::output::{html, json, rows, sarif};
use crate::settings::{self, Known};

/// The forms of a report.
pub(super) const FORMATS: [Format; 5] =
    [Format::Text, Format::Json, Format::Ndjson, Format::Sarif, Format::Html];

pub(crate) fn run(args: &Analyze, look: &Look, known: &[Known]) -> Result<Exit> {
    let mut config = Config::default();
    args.site.configure(&mut config);
    args.judgement.configure(&mut config);
    args.running.configure(&mut config);
    let format = args.destination.format(&FORMATS)?;

    let Inputs { capture, incomplete, .. } = inputs::open(&args.files.files)?;
    let capture = match args.site.vantage.given() {
        Some(vantage) => capture.at(vantage),
        None => capture,
    };
    let reading = Reading::of(vec![capture], incomplete, config, look.quiet)?;
    present(reading, format, &args.judgement, (&args.privacy, &args.destination), look, known)
}

/// Judges what was read and writes the report.
pub(super) fn present(
    reading: Reading,
    format: Format,
    judgement: &Judgement,
    (privacy, destination): (&Privacy, &Destination),
    look: &Look,
    known: &[Known],
) -> Result<Exit> {
    let mut report = reading.analyzer.judge(&reading.facts);
    settings::set_aside(&mut report, known);
    let exit = exit(&report, judgement.fail_on, reading.exit);
    report.findings.retain(|finding| finding.severity >= judgement.min_severity.into());

    let mut redactor = reading.redactor(privacy);
    if let Some(redactor) = &mut redactor {
        report = redactor.report(&report).map_err(Failure::stdout)?;
    }
    destination.write(|output| match format {
        Format::Json => json::report(output, &report),
        Format::Ndjson => rows::ndjson(output, &report.findings),
        Format::Sarif => sarif::report(output, &report),
        Format::Html => {
            let page = html::report(&report, &reading.facts, &reading.config, redactor);
            output.write_all(page.as_bytes())
        }
        _ => {
            let style = Style::new(look, destination, reading.start());
            let page = text::report(&report, &reading.facts, &reading.config, &style);
            let page = redactor.map(|mut redactor| redactor.page(&page)).unwrap_or(page);
            output.text(&page, look.color)
        }
    })?;
    // The process ends here. Freeing the rows one by one took 4 % of the time of a capture full of them.
    std::mem::forget(reading);
    Ok(exit)
}

/// The exit code: trouble with reading goes before what was found.
pub(super) fn exit(report: &Report, fail_on: FailOn, reading: Exit) -> Exit {
    let severe = fail_on
        .severity()
        .is_some_and(|least| report.findings.iter().any(|finding| finding.severity >= least));
    match (reading, severe) {
        (Exit::Success, true) => Exit::Findings,
        (reading, _) => reading,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::text::samples;

    #[test]
    fn the_exit_code_tells_of_reading_first_and_findings_then() {
        let report = samples::report();
        assert_eq!(exit(&report, FailOn::Never, Exit::Success), Exit::Success);
        assert_eq!(exit(&report, FailOn::Error, Exit::Success), Exit::Findings);
        assert_eq!(exit(&report, FailOn::Error, Exit::Unusable), Exit::Unusable);
        assert_eq!(exit(&report, FailOn::Error, Exit::Interrupted), Exit::Interrupted);
        let mut mild = report;
        mild.findings.retain(|finding| finding.severity < sibtrace::rules::Severity::Error);
        assert_eq!(exit(&mild, FailOn::Error, Exit::Success), Exit::Success);
        assert_eq!(exit(&mild, FailOn::Warning, Exit::Success), Exit::Findings);
    }
}

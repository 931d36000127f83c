//! `sibtrace extract`: the records behind the report, one kind at a time.

use sibtrace::Config;
use sibtrace::records::{Kind, records};

use super::reading::Reading;
use crate::args::{Extract, Format, Look};
use crate::exit::{Exit, Failure, Result};
use crate::inputs::{self, Inputs};
use crate::output::rows;

pub(crate) fn run(args: &Extract, look: &Look) -> Result<Exit> {
    if args.payload_digest && args.kind != Kind::Connections {
        return Err(Failure::Usage("--payload-digest is for `extract connections`".to_owned()));
    }
    let mut config = Config::default();
    args.site.configure(&mut config);
    args.running.configure(&mut config);
    config.payload_digest = args.payload_digest;
    let format = args.destination.format(&[Format::Text, Format::Json, Format::Ndjson, Format::Csv])?;

    let Inputs { capture, incomplete, .. } = inputs::open(&args.files.files)?;
    let capture = match args.site.vantage.given() {
        Some(vantage) => capture.at(vantage),
        None => capture,
    };
    let reading = Reading::of(vec![capture], incomplete, config, look.quiet)?;
    let records = records(args.kind, &reading.facts, &reading.config);
    args.destination.write(|output| match format {
        Format::Csv => rows::csv(output, records),
        Format::Json => rows::json(output, records),
        Format::Ndjson => rows::ndjson(output, records),
        _ => rows::text(output, records),
    })?;
    Ok(reading.exit)
}

//! `sibtrace extract`: the records behind the report, one kind at a time.

use sibtrace::records::{Kind, records};
use sibtrace::{Config, schema};

use super::compare;
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

    let reading = match (args.kind, args.exchange.is_empty()) {
        (Kind::Pairs, true) => {
            return Err(Failure::Usage("`extract pairs` needs --exchange FILE... --cuc FILE...".to_owned()));
        }
        (Kind::Pairs, false) => compare::both(&args.exchange, &args.cuc, config, look)?,
        (_, false) => {
            return Err(Failure::Usage("--exchange and --cuc are for `extract pairs`".to_owned()));
        }
        (_, true) => {
            let Inputs { capture, incomplete, .. } = inputs::open(&args.files)?;
            let capture = match args.site.vantage.given() {
                Some(vantage) => capture.at(vantage),
                None => capture,
            };
            Reading::of(vec![capture], incomplete, config, look.quiet)?
        }
    };
    let records = records(args.kind, &reading.facts, &reading.config);
    let mut head = schema::fields(args.kind);
    if args.payload_digest {
        head.extend(["orig_sha256".to_owned(), "resp_sha256".to_owned()]);
    }
    let redactor = reading.redactor(&args.privacy);
    args.destination.write(|output| match redactor {
        Some(mut redactor) => {
            let values =
                records.map(|record| serde_json::to_value(record).map(|value| redactor.value(value)));
            rows::write(output, format, &head, values.map_while(serde_json::Result::ok))
        }
        None => rows::write(output, format, &head, records),
    })?;
    Ok(reading.exit)
}

//! `sibtrace compare`: the diagnosis of two vantage points of the same traffic.

use std::path::{Path, PathBuf};

use sibtrace::{Config, Vantage};

use super::analyze;
use super::reading::Reading;
use crate::args::{Compare, Look};
use crate::exit::{Exit, Failure, Result};
use crate::inputs::{self, Inputs};
use crate::settings::Known;

pub(crate) fn run(args: &Compare, look: &Look, known: &[Known]) -> Result<Exit> {
    let mut config = Config::default();
    args.site.configure(&mut config);
    args.judgement.configure(&mut config);
    args.running.configure(&mut config);
    let format = args.destination.format(&analyze::FORMATS)?;
    let reading = both(&args.exchange, &args.cuc, config, look)?;
    analyze::present(reading, format, &args.judgement, (&args.privacy, &args.destination), look, known)
}

/// Reads both ends, the Exchange side first.
pub(super) fn both(exchange: &[PathBuf], cuc: &[PathBuf], config: Config, look: &Look) -> Result<Reading> {
    let is_stdin = |paths: &[PathBuf]| paths.iter().any(|path| path == Path::new("-"));
    if is_stdin(exchange) && is_stdin(cuc) {
        return Err(Failure::Usage("standard input is one capture: - can be one of both ends".to_owned()));
    }
    let Inputs { capture: sent, incomplete, .. } = inputs::open(exchange)?;
    let Inputs { capture: received, incomplete: also, .. } = inputs::open(cuc)?;
    let captures = vec![sent.at(Vantage::Exchange), received.at(Vantage::Cuc)];
    Reading::of(captures, incomplete || also, config, look.quiet)
}

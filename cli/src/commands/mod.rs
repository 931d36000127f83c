//! One file per command.

mod analyze;
mod annotate;
mod compare;
mod config;
mod extract;
mod follow;
mod generate;
mod reading;
mod rule;

use crate::args::{Args, Command};
use crate::exit::{Exit, Result};
use crate::settings::Known;

/// Does what the command line asks for. `known` are the findings that are expected.
pub(crate) fn run(args: &Args, known: &[Known]) -> Result<Exit> {
    match &args.command {
        Command::Analyze(analyze) => analyze::run(analyze, &args.look, known),
        Command::Compare(compare) => compare::run(compare, &args.look, known),
        Command::Extract(extract) => extract::run(extract, &args.look),
        Command::Rule(rule) => rule::run(rule, &args.look),
        Command::Annotate(annotate) => annotate::run(annotate, &args.look, known),
        Command::Follow(follow) => follow::run(follow, &args.look),
        Command::Config => config::run(),
        Command::Completions { shell } => generate::completions(*shell),
        Command::Man { command } => generate::manual(command.as_deref()),
    }
}

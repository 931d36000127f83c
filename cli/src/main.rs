//! The program `sibtrace`: parse, run, map to an exit code.

mod args;
mod commands;
mod exit;
mod inputs;
mod output;
mod patience;
mod progress;
mod settings;

use std::process::ExitCode;

use exit::{Exit, Result};

fn main() -> ExitCode {
    run().unwrap_or_else(|failure| failure.report()).into()
}

fn run() -> Result<Exit> {
    let (args, known) = settings::load(std::env::args_os())?;
    commands::run(&args, &known)
}

//! The program `sibtrace`: parse, run, map to an exit code.

mod args;
mod commands;
mod exit;
mod inputs;
mod output;
mod patience;
mod progress;
mod settings;

use std::io::ErrorKind;
use std::process::ExitCode;

use exit::{Exit, Failure, Result};
use output::clean;

fn main() -> ExitCode {
    run().unwrap_or_else(|failure| report(&failure)).into()
}

fn run() -> Result<Exit> {
    let (args, known) = settings::load(std::env::args_os())?;
    commands::run(&args, &known)
}

/// Says what is wrong on standard error, and gives the exit code for it.
fn report(failure: &Failure) -> Exit {
    match failure {
        Failure::Arguments(error) => {
            // There is nobody left to tell when standard error is closed.
            let _ = error.print();
            match error.use_stderr() {
                true => Exit::Unusable,
                false => Exit::Success,
            }
        }
        // The reader has seen enough, as `head` does.
        Failure::Write { source, .. } if source.kind() == ErrorKind::BrokenPipe => Exit::Success,
        other => {
            progress::say("error", &clean::lines(&other.to_string()));
            Exit::Unusable
        }
    }
}

//! How the program ends: the exit codes, and what keeps a command from doing its work.

use std::io;
use std::process::ExitCode;

/// The exit codes; scripts rely on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Exit {
    /// The analysis ran, whatever it found.
    Success = 0,
    /// A finding of the severity that `--fail-on` names exists.
    Findings = 1,
    /// Wrong usage, or an input that cannot be read at all.
    Unusable = 2,
    /// Interrupted; what was found so far was printed. 128 + SIGINT, as shells have it.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit as u8)
    }
}

/// What a command gives back.
pub(crate) type Result<T> = std::result::Result<T, Failure>;

/// Why a command could not do its work.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// Arguments that clap refuses; also its way to say `--help` and `--version`.
    #[error("{0}")]
    Arguments(#[from] clap::Error),
    /// A request that cannot be met, with what would be right.
    #[error("{0}")]
    Usage(String),
    /// The library cannot analyze.
    #[error("{0}")]
    Analysis(#[from] sibtrace::Error),
    /// The report cannot be written.
    #[error("cannot write {destination}: {source}")]
    Write {
        /// Where to.
        destination: String,
        /// What the operating system said.
        source: io::Error,
    },
}

impl Failure {
    /// A failure to write to standard output.
    pub(crate) fn stdout(source: io::Error) -> Self {
        Failure::Write { destination: "standard output".to_owned(), source }
    }
}

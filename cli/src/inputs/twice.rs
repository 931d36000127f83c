//! Input that is read twice: first to be understood, then to be shown or copied.

use std::fs::File;
use std::io::{self, Seek};
use std::path::{Path, PathBuf};

use sibtrace::{Capture, Error};

use super::{Inputs, complete, open};
use crate::exit::{Failure, Result};

/// Where the input is read a second time.
#[derive(Debug)]
pub(crate) enum Again {
    /// In the same files.
    Files(Vec<PathBuf>),
    /// Standard input, kept in a file meanwhile.
    Kept(File),
}

/// Opens what the user named as one capture that can be read twice.
pub(crate) fn open_twice(paths: &[PathBuf]) -> Result<(Inputs, Again)> {
    if let [path] = paths
        && path == Path::new("-")
    {
        let (first, again) = keep().map_err(|error| {
            Failure::Usage(format!("standard input cannot be kept for a second reading: {error}"))
        })?;
        return Ok((complete(Capture::from_reader("-", first)?, Vec::new()), Again::Kept(again)));
    }
    let is_pipe = |path: &&PathBuf| path.metadata().is_ok_and(|there| !there.is_file() && !there.is_dir());
    if let Some(pipe) = paths.iter().find(is_pipe) {
        let message = "is a pipe, and the input is read twice: redirect it to standard input and name -";
        return Err(Failure::Usage(format!("{} {message}", pipe.display())));
    }
    let first = open(paths)?;
    let again = Again::Files(first.files.clone());
    Ok((first, again))
}

impl Again {
    pub(crate) fn open(self) -> Result<Capture> {
        Ok(match self {
            Again::Files(files) => Capture::open_set(files)?,
            Again::Kept(mut file) => {
                file.rewind().map_err(|source| Error::Read { path: "-".into(), offset: 0, source })?;
                Capture::from_reader("-", file)?
            }
        })
    }
}

/// Copies standard input into a file without a name, which is gone when the program is. Both handles share one place
/// in it: the second is for when the first has been read.
fn keep() -> io::Result<(File, File)> {
    let mut kept = tempfile::tempfile()?;
    io::copy(&mut io::stdin().lock(), &mut kept)?;
    kept.rewind()?;
    Ok((kept.try_clone()?, kept))
}

//! What the user named, as captures: files, folders, standard input.

mod twice;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use sibtrace::{Capture, Error};

use crate::exit::{Failure, Result};
use crate::output::clean;
use crate::patience::UntilInterrupted;
use crate::progress::{say, warn};
pub(crate) use twice::open_twice;

/// What is to be read.
#[derive(Debug)]
pub(crate) struct Inputs {
    /// Everything that can be read, as one capture.
    pub(crate) capture: Capture,
    /// The files that it consists of; none for standard input.
    pub(crate) files: Vec<PathBuf>,
    /// Something that was named cannot be read.
    pub(crate) incomplete: bool,
}

/// A file that is to be read.
struct Candidate {
    path: PathBuf,
    /// It was named, and not just found in a folder.
    named: bool,
}

/// Opens what the user named as one capture. What cannot be read is said and left out; when nothing is left, that
/// is a failure.
pub(crate) fn open(paths: &[PathBuf]) -> Result<Inputs> {
    if paths.iter().any(|path| path == Path::new("-")) {
        return match paths.len() {
            1 => Ok(complete(Capture::from_reader("-", UntilInterrupted::new(io::stdin()))?, Vec::new())),
            _ => Err(Failure::Usage("standard input is one capture: - goes with no other file".to_owned())),
        };
    }
    let candidates = expand(paths)?;
    if let [Candidate { path, named: true }] = candidates.as_slice() {
        return Ok(complete(capture_at(path)?, vec![path.clone()]));
    }
    let mut incomplete = false;
    let (mut captures, mut files) = (Vec::new(), Vec::new());
    for Candidate { path, named } in candidates {
        match capture_at(&path) {
            Ok(capture) => {
                captures.push(capture);
                files.push(path);
            }
            Err(error) if named => {
                incomplete = true;
                say("error", &clean::text(&error.to_string()));
            }
            Err(error) => warn(&format!("skipped {error}")),
        }
    }
    if captures.is_empty() {
        return Err(Failure::Usage("none of the files can be read".to_owned()));
    }
    Ok(Inputs { capture: Capture::join(captures)?, files, incomplete })
}

/// Opens one capture. From a pipe with a name it comes as from standard input.
fn capture_at(path: &Path) -> sibtrace::error::Result<Capture> {
    if path.metadata().is_ok_and(|there| there.is_file()) {
        return Capture::open(path);
    }
    let pipe = File::open(path).map_err(|source| Error::Open { path: path.to_owned(), source })?;
    Capture::from_reader(path, UntilInterrupted::new(pipe))
}

fn complete(capture: Capture, files: Vec<PathBuf>) -> Inputs {
    Inputs { capture, files, incomplete: false }
}

/// Folders replaced by the files in them, in the order of their names.
fn expand(paths: &[PathBuf]) -> Result<Vec<Candidate>> {
    let mut candidates = Vec::new();
    for path in paths {
        if !path.is_dir() {
            candidates.push(Candidate { path: path.clone(), named: true });
            continue;
        }
        let mut files = files_in(path).map_err(|error| {
            Failure::Usage(format!("{}: cannot read the folder: {error}", path.display()))
        })?;
        if files.is_empty() {
            return Err(Failure::Usage(format!("{}: the folder holds no file", path.display())));
        }
        files.sort();
        candidates.extend(files.into_iter().map(|path| Candidate { path, named: false }));
    }
    Ok(candidates)
}

fn files_in(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_file() {
            files.push(path);
        }
    }
    Ok(files)
}

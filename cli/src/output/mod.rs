//! Where the output goes, and in which form.

pub(crate) mod clean;
pub(crate) mod comments;
pub(crate) mod html;
pub(crate) mod json;
pub(crate) mod redact;
pub(crate) mod rows;
pub(crate) mod sarif;
pub(crate) mod text;

use std::fs::File;
use std::io::{self, BufWriter, Stdout, Write};
use std::path::{Path, PathBuf};

use anstream::AutoStream;
use tempfile::NamedTempFile;

use crate::args::{ColorChoice, Destination, Format};
use crate::exit::{Failure, Result};

impl Destination {
    /// The form of the output, if it is one of those `offered`.
    pub(crate) fn format(&self, offered: &[Format]) -> Result<Format> {
        let format = match self.format {
            Format::Auto => by_suffix(&self.output),
            format => format,
        };
        if offered.contains(&format) {
            return Ok(format);
        }
        let names: Vec<String> = offered.iter().map(|format| format!("{format:?}").to_lowercase()).collect();
        Err(Failure::Usage(format!(
            "this command does not write {}; it writes {}",
            format!("{format:?}").to_lowercase(),
            names.join(", ")
        )))
    }

    /// Lets `body` write the output.
    pub(crate) fn write(&self, body: impl FnOnce(&mut Output) -> io::Result<()>) -> Result<()> {
        write(&self.output, body)
    }

    /// Whether the output goes to standard output.
    pub(crate) fn is_stdout(&self) -> bool {
        is_stdout(&self.output)
    }
}

/// Lets `body` write what goes to `path`.
pub(crate) fn write(path: &Path, body: impl FnOnce(&mut Output) -> io::Result<()>) -> Result<()> {
    let write = || {
        let mut output = Output::open(path)?;
        body(&mut output)?;
        output.finish()
    };
    write().map_err(|source| match is_stdout(path) {
        true => Failure::stdout(source),
        false => Failure::Write { destination: path.display().to_string(), source },
    })
}

/// Whether a path stands for standard output.
pub(crate) fn is_stdout(path: &Path) -> bool {
    path == Path::new("-")
}

fn by_suffix(path: &Path) -> Format {
    match path.extension().and_then(|suffix| suffix.to_str()) {
        Some("json") => Format::Json,
        Some("ndjson" | "jsonl") => Format::Ndjson,
        Some("csv") => Format::Csv,
        Some("sarif") => Format::Sarif,
        Some("html" | "htm") => Format::Html,
        _ => Format::Text,
    }
}

/// An open output.
pub(crate) enum Output {
    /// Standard output.
    Standard(BufWriter<Stdout>),
    /// A device or a pipe, which cannot be replaced.
    Device(BufWriter<File>),
    /// A file that is written beside its place and moved there when it is complete.
    Beside(BufWriter<NamedTempFile>, PathBuf),
}

impl Output {
    fn open(path: &Path) -> io::Result<Self> {
        if path == Path::new("-") {
            return Ok(Output::Standard(BufWriter::new(io::stdout())));
        }
        if path.metadata().is_ok_and(|there| !there.is_file() && !there.is_dir()) {
            return Ok(Output::Device(BufWriter::new(File::create(path)?)));
        }
        let folder = match path.parent() {
            Some(folder) if folder != Path::new("") => folder,
            _ => Path::new("."),
        };
        folder.metadata()?;
        // The error would name the temporary file, which tells nobody anything.
        let file = beside().tempfile_in(folder).map_err(|error| io::Error::from(error.kind()))?;
        Ok(Output::Beside(BufWriter::new(file), path.to_owned()))
    }

    /// Writes text that may be coloured, in colours where they are wanted and can be shown.
    pub(crate) fn text(&mut self, text: &str, color: ColorChoice) -> io::Result<()> {
        match self.shows_style(color) {
            true => self.write_all(text.as_bytes()),
            false => write!(self, "{}", anstream::adapter::strip_str(text)),
        }
    }

    /// Whether text is shown in bold and colours.
    pub(crate) fn shows_style(&self, color: ColorChoice) -> bool {
        match (color, self) {
            (ColorChoice::Always, _) => true,
            (ColorChoice::Never, _) => false,
            (ColorChoice::Auto, Output::Standard(_)) => {
                AutoStream::choice(&io::stdout()) != anstream::ColorChoice::Never
            }
            (ColorChoice::Auto, _) => false,
        }
    }

    fn finish(mut self) -> io::Result<()> {
        self.flush()?;
        if let Output::Beside(file, path) = self {
            let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
            file.persist(path).map_err(|error| error.error)?;
        }
        Ok(())
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Output::Standard(output) => output.write(bytes),
            Output::Device(output) => output.write(bytes),
            Output::Beside(output, _) => output.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Output::Standard(output) => output.flush(),
            Output::Device(output) => output.flush(),
            Output::Beside(output, _) => output.flush(),
        }
    }
}

/// A temporary file that will be an ordinary one: readable as far as the umask allows.
fn beside() -> tempfile::Builder<'static, 'static> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".sibtrace-");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_appears_when_it_is_complete_and_not_before() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report.json");
        let mut output = Output::open(&path).unwrap();
        output.write_all(b"{}").unwrap();
        assert!(!path.exists());
        output.finish().unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"{}");

        let mut abandoned = Output::open(&path).unwrap();
        abandoned.write_all(b"half").unwrap();
        drop(abandoned);
        assert_eq!(std::fs::read(&path).unwrap(), b"{}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn an_error_does_not_name_the_temporary_file() {
        let folder = tempfile::tempdir().unwrap();
        let error = Output::open(&folder.path().join("missing/report.json")).err().unwrap();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        assert!(!error.to_string().contains(".sibtrace-"), "{error}");
    }

    #[test]
    fn the_suffix_names_the_form() {
        assert_eq!(by_suffix(Path::new("a.csv")), Format::Csv);
        assert_eq!(by_suffix(Path::new("a.b.json")), Format::Json);
        assert_eq!(by_suffix(Path::new("report")), Format::Text);
    }
}

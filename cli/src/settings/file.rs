//! The settings file: its keys are the long names of the options, and `[[known]]` lists expected findings.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use clap::builder::OsStr;
use toml::{Table, Value};

use super::Known;
use crate::args;
use crate::exit::{Failure, Result};

/// Where the settings are looked for unless `--config` says otherwise.
const DEFAULT: &str = "sibtrace.toml";

/// A settings file that was read.
#[derive(Debug)]
pub(crate) struct File {
    path: PathBuf,
    /// Values by long option name, as they would stand on the command line.
    values: HashMap<String, Vec<String>>,
    /// The findings that are expected.
    pub(crate) known: Vec<Known>,
}

impl File {
    /// The file at `path`; without one, the file of the working folder, if there is one.
    pub(crate) fn find(path: Option<&Path>) -> Result<Option<Self>> {
        let (path, optional) = path.map_or((Path::new(DEFAULT), true), |path| (path, false));
        match std::fs::read_to_string(path) {
            Ok(text) => File::parse(path.to_owned(), &text).map(Some),
            Err(error) if optional && error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Failure::Usage(format!("{}: cannot read: {error}", path.display()))),
        }
    }

    /// Reads the text of the file that is named `path`.
    pub(crate) fn parse(path: PathBuf, text: &str) -> Result<Self> {
        let wrong = |cause: String| Failure::Usage(format!("{}: {cause}", path.display()));
        let mut table: Table = text.parse().map_err(|error| wrong(format!("{error}")))?;
        let known = match table.remove("known") {
            Some(known) => known.try_into().map_err(|error| wrong(format!("known: {error}")))?,
            None => Vec::new(),
        };
        let settings = args::settings();
        let names: Vec<&str> = settings.iter().filter_map(|setting| setting.get_long()).collect();
        let mut values = HashMap::new();
        for (key, value) in table {
            if !names.contains(&key.as_str()) {
                let near = args::nearest(&key, names.iter().copied().chain(["known"]));
                let hint = near.map_or("`sibtrace config` lists them all".to_owned(), |near| {
                    format!("did you mean {near}?")
                });
                return Err(wrong(format!("unknown key {key}; {hint}")));
            }
            let words =
                words(value).ok_or_else(|| wrong(format!("{key}: write a value or a list of values")))?;
            values.insert(key, words);
        }
        Ok(File { path, values, known })
    }

    /// `command` with the values of the file as the defaults of its options.
    pub(crate) fn apply(&self, command: clap::Command) -> clap::Command {
        args::on_settings(command, &|arg| {
            let values = arg.get_long().and_then(|long| self.values.get(long));
            match values {
                Some(values) => arg.default_values(values.iter().map(OsStr::from)),
                None => arg,
            }
        })
    }

    /// What to say when clap refuses a value of the file.
    pub(crate) fn refused(&self, error: &clap::Error) -> Failure {
        let text = error.to_string();
        let cause = text.split("\n\n").next().unwrap_or_default();
        let cause = cause.strip_prefix("error: ").unwrap_or(cause);
        Failure::Usage(format!("{}: {cause}", self.path.display()))
    }
}

/// A value as the words that would stand on the command line.
fn words(value: Value) -> Option<Vec<String>> {
    match value {
        Value::Array(values) => values.into_iter().map(word).collect(),
        value => word(value).map(|word| vec![word]),
    }
}

fn word(value: Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text),
        Value::Integer(number) => Some(number.to_string()),
        Value::Float(number) => Some(number.to_string()),
        Value::Boolean(flag) => Some(flag.to_string()),
        Value::Datetime(_) | Value::Array(_) | Value::Table(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_may_stand_alone_or_in_a_list() {
        let file =
            File::parse("x.toml".into(), "notify-port = 7080\nimap-port = [143, 993]\nquiet = true").unwrap();
        assert_eq!(file.values["notify-port"], ["7080"]);
        assert_eq!(file.values["imap-port"], ["143", "993"]);
        assert_eq!(file.values["quiet"], ["true"]);
    }

    #[test]
    fn tables_and_lists_of_lists_are_refused() {
        for text in ["notify-port = [[1]]", "slow-reply = { a = 1 }", "[threads]\nn = 1"] {
            assert!(File::parse("x.toml".into(), text).is_err(), "{text}");
        }
    }
}

//! `sibtrace config`: every setting with its default, as a commented `sibtrace.toml`.

use std::fmt::Write as _;
use std::io::Write as _;

use clap::{Arg, ArgAction};

use crate::args;
use crate::exit::{Exit, Failure, Result};

const HEAD: &str = "\
# Settings of sibtrace. It reads sibtrace.toml in the working folder, or the file that --config names.
# A setting may also stand in the environment, as written beside it, or on the command line; the command line
# wins over the environment, and the environment over this file.
";

const KNOWN: &str = "
# Findings that are expected here: they are counted, not shown, and do not count for --fail-on.
# [[known]]
# rule = \"notify-source-nat\"
# subject = \"10.1.2.3\"       # any name of the subject; left out: every subject
# reason = \"static NAT in the DMZ, change 4711\"
# until = 2030-12-31         # a time of the capture; left out: for ever
";

pub(crate) fn run() -> Result<Exit> {
    std::io::stdout().lock().write_all(file().as_bytes()).map_err(Failure::stdout)?;
    Ok(Exit::Success)
}

/// The text of the file. Every setting is commented out, and stands as it is without a word.
fn file() -> String {
    let mut text = HEAD.to_owned();
    let mut group = None;
    for setting in args::settings() {
        let Some(key) = setting.get_long() else { continue };
        if group.as_deref() != setting.get_help_heading() {
            group = setting.get_help_heading().map(str::to_owned);
            let _ = write!(text, "\n## {}\n", group.as_deref().unwrap_or_default());
        }
        let help = setting.get_help().map(ToString::to_string).unwrap_or_default();
        let _ = write!(text, "\n# {help}. {}{}\n", choices(&setting), args::variable(key));
        let _ = writeln!(text, "# {key} = {}", value(&setting));
    }
    text + KNOWN
}

fn choices(setting: &Arg) -> String {
    let flag = matches!(setting.get_action(), ArgAction::SetTrue);
    let values = setting.get_possible_values();
    if flag || values.is_empty() || setting.is_hide_possible_values_set() {
        return String::new();
    }
    let names: Vec<&str> = values.iter().map(|value| value.get_name()).collect();
    format!("One of {}. ", names.join(", "))
}

fn value(setting: &Arg) -> String {
    let defaults = setting.get_default_values().iter().map(|value| value.to_string_lossy());
    let mut words = defaults.map(|value| match value.parse::<u64>() {
        Ok(number) => number.to_string(),
        Err(_) => toml::Value::String(value.into_owned()).to_string(),
    });
    match setting.get_action() {
        ArgAction::SetTrue => "false".to_owned(),
        ArgAction::Append => format!("[{}]", words.collect::<Vec<_>>().join(", ")),
        _ => words.next().unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::File;
    use clap::FromArgMatches;

    /// The file with every setting (but no known finding) put in force.
    fn in_force() -> String {
        let settings = file().split("\n[[known]]").next().unwrap().to_owned();
        let settings = settings.split("# [[known]]").next().unwrap().to_owned();
        let keys: Vec<String> =
            args::settings().iter().map(|setting| format!("# {} = ", setting.get_long().unwrap())).collect();
        settings
            .lines()
            .map(|line| match keys.iter().any(|key| line.starts_with(key.as_str())) {
                true => line.trim_start_matches("# "),
                false => line,
            })
            .fold(String::new(), |text, line| text + line + "\n")
    }

    #[test]
    fn uncommented_it_changes_nothing() {
        let file = File::parse("sibtrace.toml".into(), &in_force()).unwrap();
        for argv in
            [vec!["sibtrace", "analyze", "a.pcap"], vec!["sibtrace", "extract", "connections", "a.pcap"]]
        {
            let read = |command: clap::Command| {
                let matches = command.try_get_matches_from(&argv).unwrap();
                format!("{:?}", args::Args::from_arg_matches(&matches).unwrap())
            };
            assert_eq!(read(file.apply(args::command())), read(args::command()));
        }
    }

    #[test]
    fn every_setting_stands_in_it() {
        let table: toml::Table = in_force().parse().unwrap();
        for setting in args::settings() {
            assert!(table.contains_key(setting.get_long().unwrap()), "{:?}", setting.get_id());
        }
    }

    #[test]
    fn the_example_of_a_known_finding_is_a_known_finding() {
        let example = file().split("# [[known]]").nth(1).unwrap().replace("\n# ", "\n");
        let table: toml::Table = format!("[[known]]{example}").parse().unwrap();
        let keys: Vec<&String> = table["known"][0].as_table().unwrap().keys().collect();
        assert_eq!(keys, ["reason", "rule", "subject", "until"]);
    }
}

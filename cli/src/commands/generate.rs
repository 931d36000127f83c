//! `sibtrace completions` and `sibtrace man`: made from the command line's own description.

use std::io::Write;

use clap_complete::Shell;
use clap_mangen::Man;

use crate::args;
use crate::exit::{Exit, Failure, Result};

/// Prints the completion script of a shell.
pub(crate) fn completions(shell: Shell) -> Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut args::command(), "sibtrace", &mut script);
    print(&script)
}

/// Prints the manual page of the program or of one command.
pub(crate) fn manual(name: Option<&str>) -> Result<Exit> {
    let mut command = args::command();
    command.build();
    let command = match name {
        None => command,
        Some(name) => subcommand(&command, name)?,
    };
    let mut page = Vec::new();
    Man::new(command).render(&mut page).map_err(Failure::stdout)?;
    print(&page)
}

fn subcommand(command: &clap::Command, name: &str) -> Result<clap::Command> {
    let found = command.find_subcommand(name).cloned();
    found.ok_or_else(|| {
        let names = command.get_subcommands().map(clap::Command::get_name);
        let hint = args::nearest(name, names).map_or(String::new(), |near| format!("; did you mean {near}?"));
        Failure::Usage(format!("no such command: {name}{hint}"))
    })
}

fn print(bytes: &[u8]) -> Result<Exit> {
    std::io::stdout().lock().write_all(bytes).map_err(Failure::stdout)?;
    Ok(Exit::Success)
}

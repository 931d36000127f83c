//! Whole-program runs: what is written where, and the exit code.
#![allow(clippy::unwrap_used)] // Helpers outside of test functions may fail as tests do.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use expect_test::{Expect, expect};

/// The program in a folder of its own, without settings from outside.
struct Program {
    folder: tempfile::TempDir,
}

impl Program {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("empty.pcap"), EMPTY_PCAP).unwrap();
        std::fs::write(folder.path().join("notes.txt"), "no capture").unwrap();
        Program { folder }
    }

    fn with(self, file: &str, text: &str) -> Self {
        std::fs::write(self.folder.path().join(file), text).unwrap();
        self
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sibtrace"));
        command.args(args).current_dir(self.folder.path()).env_remove("COLUMNS");
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("SIBTRACE_")) {
            command.env_remove(name);
        }
        command
    }

    fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// A classic pcap header (little-endian, microseconds, Ethernet) without a record.
const EMPTY_PCAP: [u8; 24] =
    [0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 1, 0, 0, 0];

fn refused(program: &Program, args: &[&str], message: &Expect) {
    let output = program.run(args);
    assert_eq!(output.status.code(), Some(2), "{args:?}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "", "{args:?}");
    message.assert_eq(&String::from_utf8_lossy(&output.stderr));
}

#[test]
fn an_unknown_command_suggests_the_nearest() {
    refused(
        &Program::new(),
        &["analyse", "a.pcap"],
        &expect![[r#"
        error: unrecognized subcommand 'analyse'

          tip: a similar subcommand exists: 'analyze'

        Usage: sibtrace [OPTIONS] <COMMAND>

        For more information, try '--help'.
    "#]],
    );
}

#[test]
fn an_unknown_kind_of_records_suggests_the_nearest() {
    refused(
        &Program::new(),
        &["extract", "notification", "a.pcap"],
        &expect![[r#"
            error: invalid value 'notification' for '<KIND>'
              [possible values: notifications, subscriptions, imap, smtp, mapi, tls, ews, connections, reachability, pairs]

              tip: a similar value exists: 'notifications'

            For more information, try '--help'.
        "#]],
    );
}

#[test]
fn an_unknown_rule_is_refused() {
    for args in [["analyze", "--select", "no-such-rule", "empty.pcap"].as_slice(), &["rule", "no-such-rule"]]
    {
        let output = Program::new().run(args);
        assert_eq!(output.status.code(), Some(2));
        assert!(String::from_utf8_lossy(&output.stderr).contains("no such rule"));
    }
}

#[test]
fn an_unknown_key_of_the_settings_file_suggests_the_nearest() {
    let program = Program::new().with("sibtrace.toml", "notify-prot = 7080\n");
    refused(
        &program,
        &["analyze", "empty.pcap"],
        &expect![[r#"
        error: sibtrace.toml: unknown key notify-prot; did you mean notify-port?
    "#]],
    );
}

#[test]
fn a_settings_file_that_is_named_must_be_there() {
    refused(
        &Program::new(),
        &["analyze", "--config", "gone.toml", "empty.pcap"],
        &expect![[r#"
            error: gone.toml: cannot read: No such file or directory (os error 2)
        "#]],
    );
}

#[test]
fn a_form_that_a_command_does_not_write_is_refused() {
    refused(
        &Program::new(),
        &["analyze", "--format", "csv", "empty.pcap"],
        &expect![[r#"
            error: this command does not write csv; it writes text, json, ndjson, sarif, html
        "#]],
    );
}

#[test]
fn a_flag_wins_over_the_environment_and_that_over_the_file() {
    let program = Program::new().with("sibtrace.toml", "format = \"json\"\n");
    let first = |command: &mut Command| command.output().unwrap().stdout.first().copied();
    let json = first(&mut program.command(&["extract", "connections", "empty.pcap"]));
    assert_eq!(json, Some(b'['));
    let variable =
        first(program.command(&["extract", "connections", "empty.pcap"]).env("SIBTRACE_FORMAT", "ndjson"));
    assert_eq!(variable, None);
    let flag = first(
        program
            .command(&["extract", "connections", "--format", "json", "empty.pcap"])
            .env("SIBTRACE_FORMAT", "ndjson"),
    );
    assert_eq!(flag, Some(b'['));
}

#[test]
fn the_printed_settings_are_settings() {
    let program = Program::new();
    let printed = program.run(&["config"]);
    assert_eq!(printed.status.code(), Some(0));
    let program = program.with("sibtrace.toml", &String::from_utf8(printed.stdout).unwrap());
    assert_eq!(program.run(&["analyze", "empty.pcap"]).status.code(), Some(0));
}

#[test]
fn what_cannot_be_read_is_said_and_the_rest_is_analyzed() {
    let program = Program::new();
    let output = program.run(&["analyze", "--format", "json", "empty.pcap", "gone.pcap"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("gone.pcap: cannot open"));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["schema"], "sibtrace.report/1");
}

#[test]
fn other_files_of_a_folder_are_skipped_with_a_warning() {
    let program = Program::new();
    let output = program.run(&["analyze", "."]);
    assert_eq!(output.status.code(), Some(0));
    let warning = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(warning.contains("skipped ./notes.txt") && !warning.contains("empty.pcap"), "{warning}");
}

#[test]
fn standard_input_goes_alone() {
    refused(
        &Program::new(),
        &["analyze", "-", "empty.pcap"],
        &expect![[r#"
        error: standard input is one capture: - goes with no other file
    "#]],
    );
}

#[test]
fn a_report_goes_into_the_file_that_is_named() {
    let program = Program::new();
    let output = program.run(&["analyze", "empty.pcap", "-o", "report.json"]);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(0), 0));
    let report = std::fs::read(program.path().join("report.json")).unwrap();
    assert!(serde_json::from_slice::<serde_json::Value>(&report).is_ok());
    let names = std::fs::read_dir(program.path()).unwrap().count();
    assert_eq!(names, 3, "nothing is left beside it");
}

#[test]
fn text_into_a_pipe_has_no_colour_unless_it_is_asked_for() {
    let program = Program::new();
    let plain = program.run(&["analyze", "empty.pcap"]).stdout;
    let coloured = program.run(&["analyze", "--color", "always", "empty.pcap"]).stdout;
    assert!(!plain.contains(&0x1b) && coloured.contains(&0x1b));
}

#[test]
fn a_closed_pipe_is_success() {
    let program = Program::new();
    for args in [
        ["config"].as_slice(),
        &["completions", "bash"],
        &["man"],
        &["--help"],
        &["analyze", "empty.pcap"],
        &["analyze", "--format", "json", "empty.pcap"],
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut child = program.command(args);
        let output = child.stdout(writer).stderr(Stdio::piped()).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{args:?}");
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{args:?}");
    }
}

#[test]
fn completions_and_manual_pages_name_every_command() {
    let program = Program::new();
    let pages = [["completions", "bash"], ["completions", "zsh"], ["completions", "fish"]];
    for args in pages.iter().map(|args| args.as_slice()).chain([["man"].as_slice()]) {
        let text = String::from_utf8(program.run(args).stdout).unwrap();
        for command in ["analyze", "extract", "rule", "follow", "config", "completions", "man"] {
            assert!(text.contains(command), "{args:?}: {command}");
        }
    }
    let page = String::from_utf8(program.run(&["man", "analyze"]).stdout).unwrap();
    assert!(page.contains(r"exchange\-addr"));
    refused(
        &program,
        &["man", "analyse"],
        &expect![[r#"
        error: no such command: analyse; did you mean analyze?
    "#]],
    );
}

#[test]
fn help_says_what_a_stranger_needs_first() {
    let output = Program::new().run(&["--help"]);
    assert_eq!(output.status.code(), Some(0));
    expect_test::expect_file!["help.txt"].assert_eq(&String::from_utf8(output.stdout).unwrap());
}

/// The report of every capture that a rule hits. They are compared with `reports/`; `UPDATE_EXPECT=1` writes them.
#[test]
fn reports_of_the_labelled_captures() {
    let testdata = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata");
    let Ok(rules) = std::fs::read_dir(&testdata) else {
        return; // The published crate has no captures.
    };
    for rule in rules.map(|rule| rule.unwrap().file_name().into_string().unwrap()) {
        for name in ["hit.pcap", "hit.pcapng"] {
            if !testdata.join(&rule).join(name).exists() {
                continue;
            }
            let mut command = Program::new().command(&["analyze", name]);
            let output = command.current_dir(testdata.join(&rule)).output().unwrap();
            assert_eq!(output.status.code(), Some(0), "{rule}/{name}");
            let expected = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/reports/{rule}.txt"));
            expect_test::expect_file![expected].assert_eq(&String::from_utf8(output.stdout).unwrap());
        }
    }
}

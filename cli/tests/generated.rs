//! Manual pages and completions: they load where the shell, or the formatter, is to be had.
#![allow(clippy::unwrap_used)] // Helpers outside of test functions may fail as tests do.

use std::io::Write;
use std::process::{Command, Output, Stdio};

const COMMANDS: [&str; 9] =
    ["analyze", "extract", "rule", "follow", "annotate", "compare", "config", "completions", "man"];

fn sibtrace(args: &[&str]) -> Vec<u8> {
    let output = Command::new(env!("CARGO_BIN_EXE_sibtrace")).args(args).output().unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// What a program says of its input; `None` where there is no such program.
fn fed(program: &str, args: &[&str], input: &[u8]) -> Option<Output> {
    let mut child = Command::new(program)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .ok()?;
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    Some(output)
}

#[test]
fn every_command_has_a_manual_page() {
    let top = String::from_utf8(sibtrace(&["man"])).unwrap();
    for command in COMMANDS {
        assert!(top.contains(&format!("sibtrace\\-{command}")), "{command} in the page of the program");
        let page = sibtrace(&["man", command]);
        let text = String::from_utf8_lossy(&page);
        assert!(text.contains(&format!(".TH sibtrace-{command} 1")), "{command}: {text:.300}");
        if let Some(output) = fed("groff", &["-K", "utf8", "-man", "-Tutf8", "-ww"], &page) {
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success() && said.is_empty(), "{command}: {said}");
        }
    }
}

#[test]
fn completions_load_in_their_shells() {
    let checks: [(&str, &str, &[&str], &str); 4] = [
        ("bash", "bash", &["--noprofile", "--norc"], "\ncomplete -p sibtrace\n"),
        ("zsh", "zsh", &["-f"], "\nautoload -U compinit && compinit -D && compdef _sibtrace sibtrace\n"),
        ("fish", "fish", &["--no-config"], "\ncomplete -C 'sibtrace analy'\n"),
        ("powershell", "pwsh", &["-NoProfile", "-Command", "-"], "\n"),
    ];
    for (shell, program, args, after) in checks {
        let mut script = sibtrace(&["completions", shell]);
        let text = String::from_utf8_lossy(&script);
        for word in ["annotate", "only-evidence", "fail-on", "redact"] {
            assert!(text.contains(word), "{word} in the completions of {shell}");
        }
        script.extend(after.as_bytes());
        if let Some(output) = fed(program, args, &script) {
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success() && said.is_empty(), "{shell}: {said}");
        }
    }
}

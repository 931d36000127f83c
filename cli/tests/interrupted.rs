//! What is left when the program cannot do its work to the end: a partial report, or none that looks complete.
#![cfg(unix)]
#![allow(clippy::unwrap_used)] // Helpers outside of test functions may fail as tests do.

use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use sibtrace_lab::bulk::{self, Kind};

const PROGRAM: &str = env!("CARGO_BIN_EXE_sibtrace");

fn traffic(bytes: u64) -> Vec<u8> {
    let mut capture = Vec::new();
    bulk::write(Kind::Dense, bytes, 1, &mut capture).unwrap();
    capture
}

fn interrupt(child: &Child) {
    let status = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(status.success());
}

/// Starts an analysis that an interrupt ends, also where these tests run in the background of a shell, which has its
/// children ignore interrupts.
fn analyze(inputs: &[&Path], stdin: Stdio) -> Child {
    Command::new("perl")
        .args(["-e", "$SIG{INT} = 'DEFAULT'; exec @ARGV", PROGRAM])
        .args(["analyze", "--format", "json"])
        .args(inputs)
        .stdin(stdin)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Interrupts an analysis whose input comes by `pipe`, which stays open, and gives its report.
fn interrupted(mut child: Child, mut pipe: impl Write) -> serde_json::Value {
    // More than pipe and program hold before the analysis begins: when all is written, it is under way.
    pipe.write_all(&traffic(4 << 20)).unwrap();
    interrupt(&child);
    let mut text = String::new();
    child.stdout.take().unwrap().read_to_string(&mut text).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    drop(pipe);
    let report: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(report["partial"], true);
    report
}

#[test]
fn an_interrupt_while_a_pipe_stays_open_gives_what_was_found_so_far() {
    let mut child = analyze(&[Path::new("-")], Stdio::piped());
    let pipe = child.stdin.take().unwrap();
    let report = interrupted(child, pipe);
    assert!(report["summary"]["notifications"]["total"].as_u64().unwrap() > 100);
}

#[test]
fn an_interrupt_while_a_named_pipe_stays_open_gives_what_was_found_so_far() {
    let folder = tempfile::tempdir().unwrap();
    let (pipe, file) = (folder.path().join("pipe"), folder.path().join("file.pcap"));
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    std::fs::write(&file, traffic(20_000)).unwrap();
    for inputs in [&[pipe.as_path()][..], &[&file, &pipe]] {
        let child = analyze(inputs, Stdio::null());
        let report = interrupted(child, std::fs::File::create(&pipe).unwrap());
        assert!(report["summary"]["notifications"]["total"].as_u64().unwrap() > 100);
        assert_eq!(report["captures"].as_array().unwrap().len(), inputs.len());
    }
}

#[test]
fn an_interrupt_before_a_named_pipe_says_anything_ends_the_program_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let mut child = analyze(&[&pipe], Stdio::null());
    // Opening a pipe waits for the other end: the program waits for the first byte from here on.
    let open = std::fs::File::create(&pipe).unwrap();
    interrupt(&child);
    assert!(!child.wait().unwrap().success());
    drop(open);
}

/// Analyzes a capture where no file may be longer than half a kilobyte.
fn with_full_disk(folder: &Path, output: &str) -> Output {
    // POSIX: `ulimit -f` counts blocks of 512 bytes. Without the signal, writing fails with an error.
    let script = "trap '' XFSZ; ulimit -f 1; exec \"$0\" analyze capture.pcap -o \"$1\"";
    Command::new("sh").args(["-c", script, PROGRAM, output]).current_dir(folder).output().unwrap()
}

#[test]
fn a_full_disk_leaves_what_was_there_and_nothing_else() {
    for output in ["report.json", "report.html", "report.txt"] {
        for before in [None, Some("yesterday's report")] {
            let folder = tempfile::tempdir().unwrap();
            std::fs::write(folder.path().join("capture.pcap"), traffic(200_000)).unwrap();
            let path = folder.path().join(output);
            if let Some(before) = before {
                std::fs::write(&path, before).unwrap();
            }
            let run = with_full_disk(folder.path(), output);
            assert_eq!(run.status.code(), Some(2), "{output}");
            let said = String::from_utf8(run.stderr).unwrap();
            assert!(said.contains(&format!("error: cannot write {output}: ")), "{said}");
            assert_eq!(std::fs::read_to_string(&path).ok().as_deref(), before, "{output}");
            let left = std::fs::read_dir(folder.path()).unwrap().count();
            assert_eq!(left, 1 + usize::from(before.is_some()), "{output}");
        }
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_device_and_a_full_standard_output_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("capture.pcap");
    std::fs::write(&path, traffic(20_000)).unwrap();
    let full = || std::fs::File::create("/dev/full").unwrap();
    for (output, named) in [("/dev/full", "/dev/full"), ("-", "standard output")] {
        let run = Command::new(PROGRAM)
            .args(["analyze", path.to_str().unwrap(), "--format", "json", "-o", output])
            .stdout(full())
            .stderr(Stdio::piped())
            .output()
            .unwrap();
        assert_eq!(run.status.code(), Some(2), "{output}");
        let said = String::from_utf8(run.stderr).unwrap();
        assert!(said.contains(&format!("error: cannot write {named}: No space left")), "{said}");
    }
}

//! `sibtrace-lab`: writes the testdata, or large captures for benchmarks.

use clap::{Parser, Subcommand, ValueEnum};
use sibtrace_lab::adversary::Attack;
use sibtrace_lab::{bulk, scenarios};
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

#[derive(Parser)]
#[command(version, about)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Write every capture and its label below a folder
    Write {
        /// The folder, usually `testdata`
        folder: PathBuf,
    },
    /// Write one large capture
    Bulk {
        /// What it is full of
        kind: bulk::Kind,
        /// How large it gets, such as `300MB` or `1GiB`
        #[arg(long, value_parser = size)]
        bytes: u64,
        /// The same seed gives the same bytes
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Where to; `-` is standard output
        #[arg(long, short)]
        output: PathBuf,
    },
    /// Write captures that try to make their reader remember without end
    Attacks {
        /// The folder
        folder: PathBuf,
        /// How many times as large as what fills a store of an analysis with 16 MiB of memory
        #[arg(long, default_value_t = 1)]
        times: usize,
    },
}

fn main() -> io::Result<()> {
    match Args::parse().command {
        Command::Write { folder } => write(&folder),
        Command::Bulk { kind, bytes, seed, output } => {
            let mut out: Box<dyn Write> = if output.as_os_str() == "-" {
                Box::new(io::stdout().lock())
            } else {
                Box::new(File::create(output)?)
            };
            bulk::write(kind, bytes, seed, &mut BufWriter::with_capacity(1 << 20, &mut out))
        }
        Command::Attacks { folder, times } => attack(&folder, times),
    }
}

fn write(folder: &Path) -> io::Result<()> {
    for (path, bytes) in scenarios::files() {
        let path = folder.join(path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(path, bytes)?;
    }
    Ok(())
}

fn attack(folder: &Path, times: usize) -> io::Result<()> {
    for attack in Attack::value_variants() {
        fs::write(folder.join(format!("{attack:?}.pcap").to_lowercase()), attack.capture(times))?;
    }
    Ok(())
}

fn size(text: &str) -> Result<u64, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit: u64 = match unit {
        "" | "B" => 1,
        "kB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return Err("a size is a number and one of kB MB GB KiB MiB GiB".into()),
    };
    let number: u64 = number.parse().map_err(|_| "a size begins with a number")?;
    number.checked_mul(unit).ok_or_else(|| "this is too large".into())
}

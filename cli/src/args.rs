//! Every flag, its help, its environment variable; nothing else reads the command line.
//!
//! A *setting* is an option that is also a key of `sibtrace.toml` and a variable `SIBTRACE_…`: every option of
//! [`Site`], [`Judgement`], [`Running`], [`Destination`], [`Privacy`] and [`Look`]. [`settings`] lists them, and what is said about
//! them elsewhere (`sibtrace config`, the reader of the file) comes from that list.

mod names;
mod trust;
mod values;

use std::path::PathBuf;

use clap::builder::BoolishValueParser;
use clap::{Arg, ArgAction, Args as _, CommandFactory, Parser, Subcommand};
use clap_complete::Shell;
use sibtrace::config::{Config, ImapLimits, Network, Ports};
use sibtrace::records::Kind;
use sibtrace::time::Timestamp;

pub(crate) use names::{nearest, rule};
pub(crate) use trust::TrustFile;
pub(crate) use values::{Auto, ColorChoice, FailOn, Format, Interval, Length, Level, Place, Size, Times};

const EXAMPLES: &str = "\
Examples:
  sibtrace analyze SIBTrace.cap                 what is wrong, in words
  sibtrace analyze --exchange-addr 10.1.2.0/24 ring/*.cap*
  sibtrace compare --exchange exchange.pcapng --cuc SIBTrace.cap
  sibtrace annotate -o marked.pcapng SIBTrace.cap
  sibtrace extract notifications --format csv -o notifications.csv SIBTrace.cap
  sibtrace rule keepalive-missing               what a finding means and what to do

Options may also stand in sibtrace.toml or in the environment (SIBTRACE_EXCHANGE_ADDR=…): see `sibtrace config`.";

/// Diagnose what is wrong between a Cisco voice server and Microsoft Exchange, from packet captures
#[derive(Debug, Parser)]
#[command(name = "sibtrace", version, after_help = EXAMPLES, max_term_width = 100)]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) look: Look,
    /// Settings file [default: sibtrace.toml in the working folder, if there]
    #[arg(long, global = true, value_name = "FILE", help_heading = "Global options")]
    #[arg(env = "SIBTRACE_CONFIG", hide_env = true)]
    pub(crate) config: Option<PathBuf>,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Diagnose the captures of one vantage point and print the report
    Analyze(Analyze),
    /// Match two captures of the same traffic, taken at both ends, and diagnose both
    Compare(Compare),
    /// Print the records behind the report, one per row
    Extract(Extract),
    /// List the rules, or explain one
    Rule(Rule),
    /// Show both sides of one TCP connection
    Follow(Follow),
    /// Write the captures as pcapng, with each finding as a comment on its frames, to open in Wireshark
    Annotate(Annotate),
    /// Print every setting with its default, as a commented sibtrace.toml
    Config,
    /// Print the completion script of a shell
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print the manual page of the program, or of one command
    Man {
        /// The command
        command: Option<String>,
    },
}

/// Arguments of `analyze`.
#[derive(Debug, clap::Args)]
pub(crate) struct Analyze {
    #[command(flatten)]
    pub(crate) files: Files,
    #[command(flatten)]
    pub(crate) site: Site,
    #[command(flatten)]
    pub(crate) judgement: Judgement,
    #[command(flatten)]
    pub(crate) running: Running,
    #[command(flatten)]
    pub(crate) privacy: Privacy,
    #[command(flatten)]
    pub(crate) destination: Destination,
}

/// Arguments of `compare`.
#[derive(Debug, clap::Args)]
pub(crate) struct Compare {
    /// Captures taken at the Exchange side (folders and rotated sets as for analyze)
    #[arg(long, required = true, value_name = "FILE", num_args = 1..)]
    pub(crate) exchange: Vec<PathBuf>,
    /// Captures taken at the Cisco side
    #[arg(long, required = true, value_name = "FILE", num_args = 1..)]
    pub(crate) cuc: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) site: Site,
    #[command(flatten)]
    pub(crate) judgement: Judgement,
    #[command(flatten)]
    pub(crate) running: Running,
    #[command(flatten)]
    pub(crate) privacy: Privacy,
    #[command(flatten)]
    pub(crate) destination: Destination,
}

/// Arguments of `extract`.
#[derive(Debug, clap::Args)]
pub(crate) struct Extract {
    /// What the rows are about
    #[arg(value_name = "KIND", value_parser = values::kind())]
    pub(crate) kind: Kind,
    /// Captures, as for analyze
    #[arg(value_name = "FILE", required_unless_present = "exchange", conflicts_with_all = ["exchange", "cuc"])]
    pub(crate) files: Vec<PathBuf>,
    /// For pairs: captures taken at the Exchange side
    #[arg(long, value_name = "FILE", num_args = 1.., requires = "cuc")]
    pub(crate) exchange: Vec<PathBuf>,
    /// For pairs: captures taken at the Cisco side
    #[arg(long, value_name = "FILE", num_args = 1.., requires = "exchange")]
    pub(crate) cuc: Vec<PathBuf>,
    /// Add SHA-256 digests of the reassembled payload to every connection
    #[arg(long)]
    pub(crate) payload_digest: bool,
    #[command(flatten)]
    pub(crate) site: Site,
    #[command(flatten)]
    pub(crate) running: Running,
    #[command(flatten)]
    pub(crate) privacy: Privacy,
    #[command(flatten)]
    pub(crate) destination: Destination,
}

/// Arguments of `rule`.
#[derive(Debug, clap::Args)]
pub(crate) struct Rule {
    /// Id of the rule to explain; all are listed without it
    #[arg(value_parser = names::rule, hide_possible_values = true)]
    pub(crate) id: Option<String>,
    #[command(flatten)]
    pub(crate) destination: Destination,
}

/// Arguments of `follow`.
#[derive(Debug, clap::Args)]
pub(crate) struct Follow {
    #[command(flatten)]
    pub(crate) files: Files,
    /// Number of the connection: Wireshark's tcp.stream, `stream` in records and evidence
    #[arg(long, value_name = "N")]
    pub(crate) stream: u64,
    /// Write the bytes as they are, credentials included
    #[arg(long)]
    pub(crate) raw: bool,
    #[command(flatten)]
    pub(crate) privacy: Privacy,
    #[command(flatten)]
    pub(crate) destination: Destination,
}

/// Arguments of `annotate`.
#[derive(Debug, clap::Args)]
pub(crate) struct Annotate {
    #[command(flatten)]
    pub(crate) files: Files,
    /// Write to this file, which appears when it is complete; - is standard output
    #[arg(long, short, value_name = "OUT.pcapng", required = true)]
    pub(crate) output: PathBuf,
    /// Keep only the connections that the findings need, and the ICMP errors about them
    #[arg(long)]
    pub(crate) only_evidence: bool,
    #[command(flatten)]
    pub(crate) site: Site,
    #[command(flatten)]
    pub(crate) judgement: Judgement,
    #[command(flatten)]
    pub(crate) running: Running,
    #[command(flatten)]
    pub(crate) privacy: Privacy,
}

/// What to read.
#[derive(Debug, clap::Args)]
pub(crate) struct Files {
    /// Captures (pcap or pcapng, also as gzip, zstd or lz4), folders of them, or - for standard input.
    /// Several are read as one rotated set, ordered by time
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
}

/// Who is who, and how the servers are configured.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "The site")]
pub(crate) struct Site {
    /// Where notifications are expected from; nothing is unexpected without it
    #[arg(long, value_name = "ADDR[/LEN]", value_delimiter = ',')]
    pub(crate) exchange_addr: Vec<Network>,
    /// Addresses of the Cisco side
    #[arg(long, value_name = "ADDR[/LEN]", value_delimiter = ',')]
    pub(crate) cuc_addr: Vec<Network>,
    /// Addresses known to be proxies or load balancers
    #[arg(long, value_name = "ADDR[/LEN]", value_delimiter = ',')]
    pub(crate) proxy_addr: Vec<Network>,
    /// Ports of push notifications (for reachability; protocols are recognised on any port)
    #[arg(long, value_name = "PORT", value_delimiter = ',', default_values_t = Ports::default().notify)]
    pub(crate) notify_port: Vec<u16>,
    /// Ports of IMAP
    #[arg(long, value_name = "PORT", value_delimiter = ',', default_values_t = Ports::default().imap)]
    pub(crate) imap_port: Vec<u16>,
    /// Ports of SMTP
    #[arg(long, value_name = "PORT", value_delimiter = ',', default_values_t = Ports::default().smtp)]
    pub(crate) smtp_port: Vec<u16>,
    /// Ports of the RPC endpoint mapper
    #[arg(long, value_name = "PORT", value_delimiter = ',', default_values_t = Ports::default().epm)]
    pub(crate) epm_port: Vec<u16>,
    /// Ports of EWS over TLS
    #[arg(long, value_name = "PORT", value_delimiter = ',', default_values_t = Ports::default().tls)]
    pub(crate) tls_port: Vec<u16>,
    /// Where the capture was taken; auto: whose packets leave with an untouched TTL
    #[arg(long, value_name = "WHERE", default_value = "auto")]
    pub(crate) vantage: Place,
    /// Exchange's StatusFrequency, for all ports or for one
    #[arg(long, value_name = "[PORT=]DUR", value_delimiter = ',', default_values_t = values::intervals())]
    pub(crate) keepalive_interval: Vec<Interval>,
    /// How much later is still in time; auto: the larger of 1m and 20 % of the interval
    #[arg(long, value_name = "DUR", default_value = "auto")]
    pub(crate) keepalive_tolerance: Auto<Length>,
    /// When Unity Connection calls a subscription stale
    #[arg(long, value_name = "DUR", default_value_t = Length(Config::default().stale_after))]
    pub(crate) stale_after: Length,
    /// Reply latency that is worth a finding
    #[arg(long, value_name = "DUR", default_value_t = Length(Config::default().slow_reply))]
    pub(crate) slow_reply: Length,
    /// Configured limits of the IMAP server; auto: the defaults of the Exchange version that shows itself
    #[arg(long, value_name = "user=N,ip=N,total=N,command=N", default_value = "auto")]
    pub(crate) imap_limit: Auto<ImapLimits>,
    /// Name configured as the Presence Gateway, to hold certificates against; auto: the name that the client asks for
    #[arg(long, value_name = "NAME", default_value = "auto")]
    pub(crate) gateway_name: Auto<String>,
    /// Certificates that the Cisco side trusts
    #[arg(long, value_name = "FILE.pem")]
    pub(crate) trust: Vec<TrustFile>,
    /// When the validity of certificates is judged (2026-11-21T14:00:00Z); auto: at the time of the handshake
    #[arg(long, value_name = "TIME", default_value = "auto")]
    pub(crate) now: Auto<Timestamp>,
}

/// Which rules run, and what becomes of their findings.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Rules")]
pub(crate) struct Judgement {
    /// Run only these rules or families (imap, tls, capture …)
    #[arg(long, value_name = "RULE", value_delimiter = ',', value_parser = names::rule_or_family)]
    pub(crate) select: Vec<String>,
    /// Do not run these rules or families
    #[arg(long, value_name = "RULE", value_delimiter = ',', value_parser = names::rule_or_family)]
    pub(crate) ignore: Vec<String>,
    /// Show findings of at least this severity; the exit status is not affected
    #[arg(long, value_name = "LEVEL", default_value = "info")]
    pub(crate) min_severity: Level,
    /// Exit with status 1 when a finding of at least this severity exists
    #[arg(long, value_name = "LEVEL", default_value = "never")]
    pub(crate) fail_on: FailOn,
}

/// How the machine is used.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Running")]
pub(crate) struct Running {
    /// Worker threads; auto: the machine's cores
    #[arg(long, value_name = "N", default_value = "auto")]
    pub(crate) threads: Auto<std::num::NonZeroUsize>,
    /// Bound on what is remembered, from which every store's limit follows
    #[arg(long, value_name = "SIZE", default_value_t = Size(Config::default().memory))]
    pub(crate) memory: Size,
}

/// Where the output goes, and in which form.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct Destination {
    /// Form of the output; auto: by the suffix of --output, else text
    #[arg(long, value_name = "FORMAT", default_value = "auto")]
    pub(crate) format: Format,
    /// Write to this file, which appears when it is complete; - is standard output
    #[arg(long, short, value_name = "FILE", default_value = "-")]
    pub(crate) output: PathBuf,
    /// How times are written in text
    #[arg(long, value_name = "HOW", default_value = "utc")]
    pub(crate) times: Times,
}

/// What is kept from the reader.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct Privacy {
    /// Write stable pseudonyms for names and addresses
    #[arg(long)]
    pub(crate) redact: bool,
}

/// How much is said, and in which colours.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Look {
    /// Colours in text
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub(crate) color: ColorChoice,
    /// Findings only, one line each; no progress
    #[arg(long, short, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// All evidence, and the reasons behind what is said
    #[arg(long, short, global = true)]
    pub(crate) verbose: bool,
}

/// The command line as clap knows it, environment variables included.
pub(crate) fn command() -> clap::Command {
    let settings = settings();
    on_settings(Args::command(), &|arg| match settings.iter().any(|setting| setting.get_id() == arg.get_id())
    {
        true => from_environment(arg),
        false => arg,
    })
}

/// Every setting, grouped by help heading.
pub(crate) fn settings() -> Vec<Arg> {
    let groups = [
        Site::augment_args,
        Judgement::augment_args,
        Running::augment_args,
        Destination::augment_args,
        Privacy::augment_args,
        Look::augment_args,
    ];
    let all = groups.into_iter().fold(clap::Command::new("settings"), |all, add| add(all));
    all.get_arguments().cloned().collect()
}

/// `command` with `change` made to every option of it and of its subcommands.
pub(crate) fn on_settings(command: clap::Command, change: &dyn Fn(Arg) -> Arg) -> clap::Command {
    command.mut_args(change).mut_subcommands(|subcommand| on_settings(subcommand, change))
}

/// The environment variable of a setting.
pub(crate) fn variable(long: &str) -> String {
    format!("SIBTRACE_{}", long.replace('-', "_").to_uppercase())
}

fn from_environment(arg: Arg) -> Arg {
    let Some(variable) = arg.get_long().map(variable) else {
        return arg;
    };
    let arg = match arg.get_action() {
        // `SIBTRACE_QUIET=1` is what people write.
        ArgAction::SetTrue => arg.value_parser(BoolishValueParser::new()),
        _ => arg,
    };
    arg.env(variable).hide_env(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        command().debug_assert();
    }

    #[test]
    fn every_setting_has_a_long_name_a_help_and_a_default_or_a_list() {
        for setting in settings() {
            assert!(setting.get_long().is_some(), "{:?}", setting.get_id());
            assert!(setting.get_help().is_some(), "{:?}", setting.get_id());
            let list = matches!(setting.get_action(), ArgAction::Append | ArgAction::SetTrue);
            assert!(list || !setting.get_default_values().is_empty(), "{:?}", setting.get_id());
        }
    }
}

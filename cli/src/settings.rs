//! Defaults < `sibtrace.toml` < environment < flags.
//!
//! The file's values become defaults of the command line, so that clap alone decides which of the four counts, and
//! a value is read in the same way wherever it stands.

mod file;
mod known;

use std::ffi::OsString;

use clap::FromArgMatches;
use sibtrace::Config;

use crate::args::{self, Args, Command, Judgement, Running, Site};
use crate::exit::Result;

pub(crate) use file::File;
pub(crate) use known::{Known, set_aside};

/// Reads the command line, the environment and the settings file. The findings that the file expects come beside.
pub(crate) fn load(argv: impl Iterator<Item = OsString>) -> Result<(Args, Vec<Known>)> {
    let argv: Vec<OsString> = argv.collect();
    let args = Args::from_arg_matches(&args::command().try_get_matches_from(&argv)?)?;
    let about_itself =
        matches!(args.command, Command::Config | Command::Completions { .. } | Command::Man { .. });
    if about_itself {
        return Ok((args, Vec::new()));
    }
    let Some(file) = File::find(args.config.as_deref())? else {
        return Ok((args, Vec::new()));
    };
    // These arguments have just been read without the file, so what is refused now stands in the file.
    let matches =
        file.apply(args::command()).try_get_matches_from(&argv).map_err(|error| file.refused(&error))?;
    Ok((Args::from_arg_matches(&matches)?, file.known))
}

impl Site {
    /// Puts these settings into `config`.
    pub(crate) fn configure(&self, config: &mut Config) {
        config.exchange_addrs = self.exchange_addr.clone();
        config.cuc_addrs = self.cuc_addr.clone();
        config.proxy_addrs = self.proxy_addr.clone();
        config.ports.notify = self.notify_port.clone();
        config.ports.imap = self.imap_port.clone();
        config.ports.smtp = self.smtp_port.clone();
        config.ports.epm = self.epm_port.clone();
        config.ports.tls = self.tls_port.clone();
        // As everywhere on a command line, the last one given counts.
        let for_all = self.keepalive_interval.iter().rfind(|interval| interval.port.is_none());
        config.keepalive_interval = for_all.map(|interval| interval.length);
        config.keepalive_interval_by_port = self
            .keepalive_interval
            .iter()
            .filter_map(|interval| Some((interval.port?, interval.length)))
            .collect();
        config.keepalive_tolerance = self.keepalive_tolerance.given().map(|length| length.0);
        config.stale_after = self.stale_after.0;
        config.slow_reply = self.slow_reply.0;
        config.imap_limits = self.imap_limit.given().unwrap_or_default();
        config.gateway_name = self.gateway_name.clone().given();
        config.trust = self.trust.iter().flat_map(|file| file.0.iter().cloned()).collect();
        config.now = self.now.given();
    }
}

impl Judgement {
    /// Puts these settings into `config`.
    pub(crate) fn configure(&self, config: &mut Config) {
        config.select = self.select.clone();
        config.ignore = self.ignore.clone();
    }
}

impl Running {
    /// Puts these settings into `config`.
    pub(crate) fn configure(&self, config: &mut Config) {
        config.threads = self.threads.given().map_or(0, std::num::NonZeroUsize::get);
        config.memory = self.memory.0;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::args::Analyze;

    fn analyze(file: &str, flags: &[&str]) -> Result<Analyze> {
        let file = File::parse("sibtrace.toml".into(), file)?;
        let argv = ["sibtrace", "analyze", "a.pcap"].iter().chain(flags);
        let matches =
            file.apply(args::command()).try_get_matches_from(argv).map_err(|error| file.refused(&error))?;
        match Args::from_arg_matches(&matches)?.command {
            Command::Analyze(analyze) => Ok(analyze),
            other => panic!("{other:?}"),
        }
    }

    fn config(analyze: &Analyze) -> Config {
        let mut config = Config::default();
        analyze.site.configure(&mut config);
        analyze.judgement.configure(&mut config);
        analyze.running.configure(&mut config);
        config
    }

    #[test]
    fn without_a_word_the_librarys_defaults_hold() {
        let analyze = analyze("", &[]).unwrap();
        let (ours, library) = (config(&analyze), Config::default());
        for port in [7080, 50020, 8080] {
            assert_eq!(ours.interval_on(port), library.interval_on(port));
        }
        let mut ours = ours;
        ours.keepalive_interval = None;
        ours.keepalive_interval_by_port.clear();
        assert_eq!(format!("{ours:?}"), format!("{library:?}"));
    }

    #[test]
    fn a_flag_wins_over_the_file() {
        let file = "slow-reply = \"2s\"\nstale-after = \"20m\"\nexchange-addr = [\"10.0.0.1\", \"10.0.0.2\"]";
        let analyze = analyze(file, &["--slow-reply", "3s"]).unwrap();
        let config = config(&analyze);
        assert_eq!(config.slow_reply, Duration::from_secs(3));
        assert_eq!(config.stale_after, Duration::from_secs(1200));
        assert_eq!(config.exchange_addrs.len(), 2);
    }

    #[test]
    fn a_list_on_the_command_line_replaces_the_files() {
        let analyze =
            analyze("notify-port = [1, 2]", &["--notify-port", "3", "--notify-port", "4,5"]).unwrap();
        assert_eq!(config(&analyze).ports.notify, [3, 4, 5]);
    }

    #[test]
    fn an_interval_for_all_ports_holds_for_im_and_presence_too() {
        let config = config(&analyze("", &["--keepalive-interval", "10m"]).unwrap());
        assert_eq!(config.interval_on(50020), Duration::from_secs(600));
        let config = self::config(&analyze("", &["--keepalive-interval", "7080=10m"]).unwrap());
        assert_eq!(config.interval_on(7080), Duration::from_secs(600));
        assert_eq!(config.interval_on(50020), Duration::from_secs(3600));
    }

    #[test]
    fn what_is_wrong_in_the_file_is_said_with_its_name() {
        for (file, message) in [
            ("exchange-adr = []", "sibtrace.toml: unknown key exchange-adr; did you mean exchange-addr?"),
            (
                "slow-reply = \"soon\"",
                "sibtrace.toml: invalid value 'soon' for '--slow-reply <DUR>': \
                 not a length of time: \"soon\": write it like 90s, 5m or 1h30m",
            ),
        ] {
            let error = analyze(file, &[]).expect_err(file);
            assert_eq!(error.to_string(), message);
        }
    }
}

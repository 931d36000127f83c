//! What is said while work goes on: warnings, and a progress bar. Standard error only.

use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use sibtrace::Sink;

use crate::exit::Exit;

/// Set by the first interrupt; the analysis stops at the next step.
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Writes one message. That nobody listens is no reason to stop, so a closed standard error is ignored.
pub(crate) fn say(level: &str, message: &str) {
    let _ = writeln!(std::io::stderr(), "{level}: {message}");
}

/// A warning; the work goes on.
pub(crate) fn warn(message: &str) {
    say("warning", &crate::output::clean::text(message));
}

/// Whether the user has interrupted.
pub(crate) fn is_interrupted() -> bool {
    INTERRUPTED.load(Ordering::Relaxed)
}

/// Watches an analysis: draws how far it is, and stops it when the user interrupts.
pub(crate) struct Watch {
    bar: ProgressBar,
}

impl Watch {
    /// Starts to watch. The bar is drawn when standard error is a terminal and `quiet` is false.
    pub(crate) fn start(quiet: bool) -> Self {
        // The second interrupt does not wait for the report either.
        // Where the handler cannot be set, an interrupt ends the program at once, as it would have anyway.
        let _ = ctrlc::set_handler(|| {
            if INTERRUPTED.swap(true, Ordering::Relaxed) {
                std::process::exit(Exit::Interrupted as i32);
            }
        });
        let target = match quiet || !std::io::stderr().is_terminal() {
            true => ProgressDrawTarget::hidden(),
            false => ProgressDrawTarget::stderr(),
        };
        let bar = ProgressBar::with_draw_target(None, target);
        bar.set_style(style("{spinner} {binary_bytes} read, {binary_bytes_per_sec}"));
        Watch { bar }
    }

    /// Wipes the bar, so that the report begins on a clean line.
    pub(crate) fn finish(self) {
        self.bar.finish_and_clear();
    }
}

impl Sink for Watch {
    fn progress(&mut self, read: u64, total: Option<u64>) -> bool {
        if total != self.bar.length() {
            self.bar.set_style(style(
                "{wide_bar} {binary_bytes} of {binary_total_bytes}, {binary_bytes_per_sec}, {eta} left",
            ));
            if let Some(total) = total {
                self.bar.set_length(total);
            }
        }
        self.bar.set_position(read);
        !is_interrupted()
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

//! `capture-clock-step`.

use std::collections::BTreeMap;

use crate::facts::ClockStep;
use crate::rules::draft::shown;
use crate::rules::{Confidence, Context, Draft, Findings, View};
use crate::time::spoken;

rule! {
    /// The clock of the capturing host jumped while it captured.
    ///
    /// ## Meaning
    /// Time goes back from one packet to the next, or goes forward while TCP did not live through it. The clock was
    /// set by hand or by NTP, or a virtual machine was suspended or moved. Lengths of time across the jump are wrong;
    /// gaps between notifications are not judged across it.
    ///
    /// ## Evidence
    /// Two neighbouring frames of which the second is more than a second older; or more than 20 seconds without any
    /// packet in the middle of a handshake, or between a POST and its reply, although nothing was sent again; or such a
    /// silence of which another clock says that most of it did not pass: a sender's TCP timestamps, or the `Date` of
    /// the replies before and after it.
    ///
    /// ## Traps
    /// Frames that are out of order by milliseconds come from several capture queues and are no jump. Files that were
    /// joined without regard to time (`mergecap -a`) look the same. Without such a
    /// clock a jump forward in an idle moment cannot be told from silence.
    ///
    /// ## Remedy
    /// On Unity Connection and IM and Presence look at `utils ntp status` and `utils ntp config`; on Windows at
    /// `w32tm /query /status`. Switch off time synchronisation by the hypervisor where NTP runs. Do not suspend or
    /// move the machine while it captures, and capture again.
    ///
    /// ## References
    /// RFC 6298, 2.1; RFC 9293, 3.8.6.3.
    pub(crate) struct CaptureClockStep;
    id = "capture-clock-step";
    severity = Warning;
    check = check;
}

fn check(cx: &Context<'_>, out: &mut Findings<'_>) {
    for view in &cx.views {
        let mut by_file: BTreeMap<usize, Vec<&ClockStep>> = BTreeMap::new();
        for step in view.sight.steps() {
            by_file.entry(step.after.frame.file()).or_default().push(step);
        }
        for (file, steps) in by_file {
            if let Some(draft) = state(view, file, &steps) {
                out.push(draft);
            }
        }
    }
}

fn state(view: &View<'_>, file: usize, steps: &[&ClockStep]) -> Option<Draft> {
    let largest = steps.iter().max_by(|a, b| size(a).abs().total_cmp(&size(b).abs()))?;
    let seconds = size(largest);
    let way = if seconds < 0.0 { "back" } else { "forward" };
    let title = format!("The capture's clock jumped {way} by {}", spoken(seconds.abs()));
    let mut detail = format!(
        "Frame {} was captured at {}, frame {} after it at {}.",
        largest.before.frame.number(),
        largest.before.time.in_words(),
        largest.after.frame.number(),
        largest.after.time.in_words(),
    );
    if seconds > 0.0 {
        detail += " An answer that TCP gives at once lies on the other side of that silence, and nothing was sent \
                    again; or the clocks of others, in TCP timestamps or in the Date of replies, went on by much less.";
    }
    if steps.len() > 1 {
        detail += &format!(" There are {} such jumps; this is the largest.", steps.len());
    }
    let mut draft = super::about(view, file, title)
        .detail(detail + " Gaps between notifications across it are not judged.")
        .count(steps.len())
        .value("step_s", seconds)
        .value("steps", steps.len());
    if steps.iter().all(|step| size(step) > 0.0) {
        draft = draft
            .confidence(Confidence::Likely)
            .caveat("The capture, or the machine that took it, may have stood still for that time instead.");
    }
    for step in shown(steps, 2) {
        draft = draft.evidence(view, None, step.before, "last frame before the jump").evidence(
            view,
            None,
            step.after,
            "first frame after the jump",
        );
    }
    Some(draft)
}

/// Seconds by which the clock jumped; below zero when it went back.
fn size(step: &ClockStep) -> f64 {
    step.after.time.seconds_since(step.before.time)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::facts::Silence;
    use crate::facts::testing::{connection, moment};
    use crate::flow::Handshake;
    use crate::rules::testing::{capture, findings};

    #[test]
    fn time_that_goes_back_is_proven() {
        let mut facts = capture(600, Vec::new());
        assert_eq!(findings(&CaptureClockStep, facts.clone(), &Config::default()), []);
        facts.coverage.steps.push(ClockStep { before: moment(9, 500), after: moment(10, 380) });
        let found = findings(&CaptureClockStep, facts, &Config::default());
        assert_eq!(found[0].confidence, Confidence::Proven);
        assert_eq!(found[0].values["step_s"], (-120.0).into());
        let frames: Vec<u64> = found[0].evidence.iter().map(|item| item.frame).collect();
        assert_eq!(frames, [9, 10]);
    }

    #[test]
    fn a_jump_forward_must_split_a_handshake() {
        let mut opened = connection(9, "10.0.0.1:5001", "10.0.0.9:7080", Handshake::Full);
        let silence = Silence { from: moment(9, 9), to: moment(10, 3609) };
        let mut idle = capture(4000, vec![opened.clone()]);
        idle.coverage.silences.push(silence);
        assert_eq!(findings(&CaptureClockStep, idle.clone(), &Config::default()), []);
        if let Some(answer) = &mut opened.syn_ack {
            answer.at = moment(10, 3609);
        }
        idle.connections = vec![opened].into();
        let found = findings(&CaptureClockStep, idle, &Config::default());
        assert_eq!(found[0].confidence, Confidence::Likely);
        assert_eq!(found[0].values["step_s"], 3600.0.into());
    }
}

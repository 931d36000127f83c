//! TLS with Exchange: certificates, alerts and silence. The handshakes are recordings of real programs.

macro_rules! recording {
    ($name:literal) => {
        $crate::recorded::Recording::parse(include_str!(concat!("../../../record/tls/", $name, ".txt")))
    };
}

mod certificates;
mod failures;

use crate::cuc::{Lab, at};
use crate::recorded::Recording;
use crate::scenario::Scenario;
use crate::site::{EXCHANGE, PRESENCE, far, near};
use crate::tcp::{Host, Stack};
use crate::time::SECOND;

const ROOT: &[u8] = include_bytes!("../../../record/tls/root.pem");

pub(super) fn scenarios() -> Vec<Scenario> {
    [certificates::scenarios(), failures::scenarios()].concat()
}

/// A scenario with one handshake, captured at IM and Presence.
fn one(path: &str, text: &str, recording: &Recording) -> Scenario {
    several(path, text, &[recording])
}

fn several(path: &str, text: &str, recordings: &[&Recording]) -> Scenario {
    let mut lab = Lab::new(path);
    for (number, recording) in (0..).zip(recordings) {
        recording.visit(&mut lab, at(0, 20 + number * 15), presence(), (exchange(), 443));
    }
    told(path, text, lab)
}

fn told(path: &str, text: &str, mut lab: Lab) -> Scenario {
    lab.background(presence(), at(0, 0), at(2, 0), 25 * SECOND);
    Scenario::new(path, text, lab).told(&[], &[], &[])
}

fn presence() -> Host {
    near(PRESENCE, Stack::Linux)
}

fn exchange() -> Host {
    far(EXCHANGE, Stack::Windows)
}

//! The stories behind the captures: for every rule one that it must tell and one that it must not.

mod calls;
mod capture;
mod continuity;
mod healthy;
mod imap;
mod mapi;
mod paths;
mod reach;
mod replies;
mod smtp;
mod sources;
mod storage;
mod tls;
mod vanishing;

use crate::cuc::{Lab, at};
use crate::scenario::{File, Scenario};
use crate::site::{CUC, Delivery, Subscription, near};
use crate::tcp::Stack;
use crate::time::SECOND;
use crate::two_ends::Pair;

/// All scenarios.
pub fn all() -> Vec<Scenario> {
    [
        healthy::scenarios(),
        mapi::scenarios(),
        reach::scenarios(),
        sources::scenarios(),
        continuity::scenarios(),
        vanishing::scenarios(),
        replies::scenarios(),
        smtp::scenarios(),
        calls::scenarios(),
        tls::scenarios(),
        capture::scenarios(),
        storage::scenarios(),
        imap::scenarios(),
    ]
    .concat()
}

/// All captures and labels, as paths below `testdata` and bytes.
pub fn files() -> Vec<File> {
    let pairs = paths::pairs().into_iter().flat_map(Pair::files);
    all().into_iter().flat_map(Scenario::files).chain(pairs).collect()
}

/// A lab with Unity Connection at work for so many minutes, and nothing of Exchange yet.
fn cuc_at_work(name: &str, minutes: u64) -> Lab {
    let mut lab = Lab::new(name);
    lab.background(near(CUC, Stack::Linux), at(0, 0), at(minutes, 0), 25 * SECOND);
    lab
}

/// A subscription made long before the capture.
fn subscribed(lab: &mut Lab) -> Subscription {
    let age = lab.trace.rng.between(3 * 3600, 40 * 3600);
    lab.subscribe(at(0, 0) - age * SECOND, &Delivery::to_cuc())
}

/// A healthy neighbour for the subscription that the story is about.
fn neighbour(lab: &mut Lab, minutes: u64) -> Subscription {
    let mut other = subscribed(lab);
    lab.beat(&mut other, at(1, 17), at(minutes, 0));
    other
}

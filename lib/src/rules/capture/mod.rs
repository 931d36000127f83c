//! Rules about the capture itself. Their findings qualify all others: what the capture could not see is no fault.

pub(super) mod clock_step;
pub(super) mod damaged;
pub(super) mod drops;
pub(super) mod duplicates;
pub(super) mod limit_reached;
pub(super) mod one_way;
pub(super) mod short;
pub(super) mod snaplen;
pub(super) mod truncated;

use std::collections::BTreeMap;

use super::{Draft, SubjectKind, View};
use crate::flow::{Connection, FrameId, Moment};
use crate::time::Timestamp;

/// A finding about one file of a capture.
fn about(view: &View<'_>, file: usize, title: impl Into<String>) -> Draft {
    let info = view.facts.files.get(file);
    let path = info.map(|info| info.path.display().to_string());
    let draft = Draft::new(SubjectKind::Capture, path.unwrap_or_default(), title);
    match info.and_then(|info| info.first.zip(info.last)) {
        Some((first, last)) => draft.span(first, last),
        None => draft,
    }
}

/// A finding about a capture as a whole, under the name of its first file.
fn about_all(view: &View<'_>, title: impl Into<String>) -> Draft {
    let others = view.facts.files.iter().skip(1);
    let draft = about(view, 0, title).also_all(others.map(|info| info.path.display()));
    match (view.facts.coverage.first, view.end()) {
        (Some(first), Some(last)) => draft.span(first.time, last.time),
        _ => draft,
    }
}

/// A frame whose own time is not known, at the time that is known of its file; `None` for the number 0.
fn frame(file: usize, number: u64, time: Option<Timestamp>) -> Option<Moment> {
    let file = u16::try_from(file).ok()?;
    (number > 0).then(|| Moment { frame: FrameId::new(file, number), time: time.unwrap_or_default() })
}

/// Connections by the file in which they begin.
fn by_file<'a>(connections: impl Iterator<Item = &'a Connection>) -> BTreeMap<usize, Vec<&'a Connection>> {
    let mut files: BTreeMap<usize, Vec<&Connection>> = BTreeMap::new();
    for connection in connections {
        let file = connection.first().frame.file();
        files.entry(file).or_default().push(connection);
    }
    files
}

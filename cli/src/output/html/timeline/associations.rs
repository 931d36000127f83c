//! MAPI associations over time: a lane each, with a bar per connection in the look of the server that answered.

use std::collections::BTreeSet;

use sibtrace::facts::VantageFacts;
use sibtrace::facts::mapi::{Answer, Association, RpcConnection};

use super::axis::Axis;
use super::lanes::{self, Bar, Lane, Marks};
use crate::output::html::Story;
use crate::output::html::associations::class;
use crate::output::html::markup::Markup;
use crate::output::text::associations::{Seen, verdict};
use crate::output::text::header::grouped;

/// Associations that are drawn.
const DRAWN: usize = 100;
/// Looks of the servers of one association; a session should need only the first.
const LOOKS: [&str; 4] = ["s0", "s1", "s2", "s3"];

/// Writes the lanes of the Cisco side, or of the only side, those in trouble first.
pub(super) fn write(html: &mut Markup, story: &Story<'_>) {
    let (Some(vantage), Some(axis)) = (story.facts.vantages.last(), Axis::of(story)) else {
        return;
    };
    let mut lanes: Vec<Lane> =
        vantage.mapi.associations.iter().map(|association| lane(story, vantage, association)).collect();
    if lanes.is_empty() {
        return;
    }
    lanes.sort_by_key(|lane| lane.state.0 == "ok");
    let more = lanes.len().saturating_sub(DRAWN);
    lanes.truncate(DRAWN);
    html.leaf("h3", &[], "MAPI associations by server");
    html.leaf(
        "p",
        &[("class", "dim")],
        "A bar is a connection; a second colour is a second server, a red line a fault.",
    );
    lanes::write(html, &axis, &story.clock, &lanes);
    if more > 0 {
        let more = format!("{} more stand in the table of associations.", grouped(more as u64));
        html.leaf("p", &[("class", "dim")], &more);
    }
}

fn lane(story: &Story<'_>, vantage: &VantageFacts, association: &Association) -> Lane {
    let mapi = &vantage.mapi;
    let seen = Seen::new(mapi, association);
    let state = verdict(story.report, association, &seen);
    let numbers = association.members.iter().chain(&association.strangers);
    let connections: Vec<&RpcConnection> =
        numbers.filter_map(|number| mapi.connections.get(*number)).collect();
    // In the order of their first connections, so that the first look is that of the server that was first.
    let mut order: Vec<String> = Vec::new();
    let bars = connections.iter().filter_map(|connection| {
        let name = connection.identity.name();
        let place = order.iter().position(|server| *server == name).unwrap_or_else(|| {
            order.push(name);
            order.len() - 1
        });
        let seen = vantage.connection(connection.flow)?;
        Some(Bar { class: LOOKS[place.min(LOOKS.len() - 1)], from: seen.first().time, to: seen.last().time })
    });
    let bars = bars.collect();
    let rows = connections.iter().flat_map(|connection| mapi.rows_of(connection));
    let faults = rows.filter(|row| matches!(row.answer, Answer::Fault(_)));
    let at = faults.filter_map(|row| row.reply.or(row.request)).map(|span| span.last.time).collect();
    let servers: BTreeSet<String> = seen.servers;
    Lane {
        name: association.group.map_or_else(|| "?".to_owned(), |group| format!("{group:08x}")),
        anchor: None,
        state: (state, class(state)),
        said: format!(
            "{} with {}: {state}, {} calls, {} faults",
            association.client,
            servers.into_iter().collect::<Vec<_>>().join(" and "),
            seen.calls,
            seen.faults
        ),
        bars,
        marks: vec![Marks { class: "bad", reach: (0, 20), at }],
    }
}

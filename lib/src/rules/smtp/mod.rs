//! Rules about what an SMTP server refuses. Exchange gives one code several meanings: the text decides.

mod class;

mod backpressure;
mod connection_limit;
mod rate_limit;
mod rejected;

pub(super) use backpressure::SmtpBackpressure;
pub(super) use connection_limit::SmtpConnectionLimit;
pub(super) use rate_limit::SmtpRateLimit;
pub(super) use rejected::SmtpRejected;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use self::class::{Class, class};
use super::draft::shown;
use super::words::counted;
use super::{Confidence, Context, Draft, Findings, SubjectKind, View};
use crate::facts::SmtpRow;

/// Names that a finding lists of each kind.
const NAMED: usize = 64;

/// States, for every client, the refusals of one class. `complete` adds what only that rule knows.
fn state(
    cx: &Context<'_>,
    out: &mut Findings<'_>,
    wanted: Class,
    what: &str,
    complete: impl Fn(Draft, &View<'_>, &[&SmtpRow]) -> Draft,
) {
    for view in &cx.views {
        let mut by_client: BTreeMap<IpAddr, Vec<&SmtpRow>> = BTreeMap::new();
        for row in &view.facts.smtp {
            if class(row).is_some_and(|(class, _)| class == wanted) {
                by_client.entry(row.client.ip).or_default().push(row);
            }
        }
        for (client, rows) in by_client {
            let title = format!("{what} {client} ({})", counted(rows.len(), "time"));
            let mut draft = about(view, client, &rows, title);
            let surest = rows.iter().filter_map(|row| class(row)).map(|(_, confidence)| confidence).max();
            draft = draft.confidence(surest.unwrap_or(Confidence::Possible));
            out.push(complete(draft, view, &rows));
        }
    }
}

/// Texts that a sentence quotes.
const QUOTED: usize = 8;

/// A finding about refused requests of one client.
fn about(view: &View<'_>, client: IpAddr, rows: &[&SmtpRow], title: String) -> Draft {
    let servers: BTreeSet<_> = rows.iter().map(|row| row.server).collect();
    let accounts: BTreeSet<String> = rows.iter().filter_map(|row| row.account()).collect();
    let mut replies: BTreeMap<String, usize> = BTreeMap::new();
    rows.iter().for_each(|row| *replies.entry(row.said()).or_default() += 1);
    let listed: Vec<String> = replies.iter().map(|(text, count)| times(*count, text)).take(QUOTED).collect();
    let from: BTreeSet<String> = servers.iter().map(|server| server.to_string()).collect();
    let draft = Draft::new(SubjectKind::Client, client.to_string(), title)
        .also_all(servers.iter().map(|server| server.ip).take(NAMED))
        .also_all(servers.iter().take(NAMED))
        .also_all(accounts.iter().take(NAMED))
        .count(rows.len())
        .value("replies", rows.len())
        .value("texts", replies.into_keys().take(NAMED).collect::<Vec<_>>())
        .detail(format!("{} answered {client} with {}.", joined(&from), joined(&listed)));
    shown(rows, 2).fold(draft, |draft, row| show(draft, view, row))
}

/// The command and its refusal.
fn show(draft: Draft, view: &View<'_>, row: &SmtpRow) -> Draft {
    let flow = Some(row.flow);
    let draft = match (row.asked, row.asked_for()) {
        (Some(asked), Some(command)) if asked.frame != row.last.frame => {
            draft.evidence(view, flow, asked, command)
        }
        _ => draft,
    };
    let place = if row.is_greeting { "instead of a greeting: " } else { "" };
    draft.evidence(view, flow, row.last, format!("{place}{}", row.said()))
}

fn times(count: usize, text: &str) -> String {
    if count == 1 { format!("\"{text}\"") } else { format!("\"{text}\" ({count} times)") }
}

fn joined<'a>(words: impl IntoIterator<Item = &'a String>) -> String {
    words.into_iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;

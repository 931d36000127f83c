//! Rules about TLS and certificates, in the product's own words: what its troubleshooter says of the Exchange server.

mod chain;
mod mismatch;
mod names;
mod verdict;

pub(super) mod cert_bad_signature;
pub(super) mod cert_expired;
pub(super) mod cert_weak;
pub(super) mod chain_incomplete;
pub(super) mod cn_mismatch;
pub(super) mod handshake_failed;
pub(super) mod network_error;
pub(super) mod san_mismatch;

pub(crate) use chain::Chains;
pub use verdict::Verdict;
pub(crate) use verdict::verdict;

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::draft::shown;
use super::{Draft, SubjectKind, View};
use crate::facts::HandshakeRow;
use crate::flow::Moment;
use crate::time::Timestamp;
use chain::Chain;

/// Names that a finding lists of each kind.
const NAMED: usize = 64;

/// One chain as one server showed it.
struct Shown<'v> {
    server: IpAddr,
    chain: &'v Chain,
    /// The handshakes in which it did.
    rows: Vec<&'v HandshakeRow>,
}

/// The chains by server, in the order in which they were first shown.
fn chains<'v>(view: &'v View<'_>) -> Vec<Shown<'v>> {
    let mut all: Vec<Shown<'v>> = Vec::new();
    let mut places = std::collections::HashMap::new();
    for (number, row) in view.facts.handshakes.iter().enumerate() {
        let Some((place, chain)) = view.chains().of(number) else {
            continue;
        };
        let known = *places.entry((row.server.ip, place)).or_insert_with(|| {
            all.push(Shown { server: row.server.ip, chain, rows: Vec::new() });
            all.len() - 1
        });
        all[known].rows.push(row);
    }
    all
}

/// When the validity of the certificates of a handshake is judged.
fn judged_at(view: &View<'_>, row: &HandshakeRow) -> Timestamp {
    let shown = row.certificates.as_ref().map_or(row.last.time, |(at, _)| at.time);
    view.config.now.unwrap_or(shown)
}

/// A finding about a server, with the names of both ends.
fn about<'v>(
    view: &View<'_>,
    server: IpAddr,
    rows: impl IntoIterator<Item = &'v HandshakeRow>,
    title: String,
) -> Draft {
    let (mut also, mut versions) = (BTreeSet::new(), BTreeSet::new());
    let mut clients = BTreeSet::new();
    let mut count = 0;
    for row in rows {
        count += 1;
        also.insert(row.server.to_string());
        also.extend(row.sni.as_ref().map(|sni| sni.to_string()));
        let leaf = row.chain().first().and_then(|leaf| leaf.fields.as_ref());
        also.extend(leaf.and_then(|leaf| leaf.subject_cn.clone()));
        versions.extend(row.version.map(|version| version.to_string()));
        clients.insert(row.client.ip);
    }
    let clients: Vec<String> = clients.iter().take(NAMED).map(IpAddr::to_string).collect();
    let draft = Draft::new(SubjectKind::Server, server.to_string(), title)
        .also_all(&clients)
        .also_all(also.into_iter().take(NAMED))
        .count(count)
        .value("clients", clients)
        .value("versions", versions.into_iter().collect::<Vec<_>>());
    match &view.config.gateway_name {
        Some(name) => draft.value("gateway_name", name.as_str()),
        None => draft,
    }
}

/// The frames in which the server showed its certificates.
fn show_certificates(draft: Draft, view: &View<'_>, rows: &[&HandshakeRow]) -> Draft {
    shown(rows, 1).fold(draft, |draft, row| {
        let at: Moment = row.certificates.as_ref().map_or(row.last, |(at, _)| *at);
        draft.evidence(view, Some(row.flow), at, "Certificate message of the server")
    })
}

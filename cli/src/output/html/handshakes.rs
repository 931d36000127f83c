//! The table of TLS handshakes, with the certificates that were shown.

use std::collections::BTreeMap;

use sibtrace::records::{Kind, Record, TlsRecord, records};

use super::Story;
use super::markup::Markup;
use super::table::{Cell, Column, Table};

/// What makes handshakes alike. Those with a fault come first.
type Alike = (bool, String, String, String, String, String);

/// Writes a row per handshakes that are alike.
pub(super) fn section(html: &mut Markup, story: &Story<'_>) {
    let mut counts: BTreeMap<Alike, (u64, u64)> = BTreeMap::new();
    for record in records(Kind::Tls, story.facts, story.config) {
        if let Record::Tls(record) = record {
            counts.entry(alike(&record)).or_insert((0, record.origin.frame)).0 += 1;
        }
    }
    let mut table = Table::new(
        "TLS handshakes",
        vec![
            Column::text("server"),
            Column::text("name asked"),
            Column::text("version"),
            Column::text("certificates as sent"),
            Column::text("verdict"),
            Column::number("count"),
            Column::number("frame"),
        ],
    );
    for ((is_good, server, name, version, chain, verdict), (count, frame)) in counts {
        table.row(vec![
            Cell::text(server),
            Cell::words(name),
            Cell::text(version),
            Cell::words(chain),
            Cell::text(verdict).class(if is_good { "good" } else { "error" }),
            Cell::number(count as f64, count.to_string()),
            Cell::number(frame as f64, frame.to_string()),
        ]);
    }
    if !table.is_empty() {
        table.write(html);
    }
}

fn alike(record: &TlsRecord) -> Alike {
    let certificates = record.certificates.iter().map(|one| {
        let name = one.subject_cn.as_deref().unwrap_or("?");
        let until = one.not_after.map(|until| format!(" (until {})", &until.to_string()[..10]));
        format!("{name}{}", until.unwrap_or_default())
    });
    let is_good = matches!(record.verdict, None | Some("Verified"));
    (
        is_good,
        std::net::SocketAddr::new(record.server_ip, record.server_port).to_string(),
        record.sni.clone().unwrap_or_default(),
        record.version.clone().unwrap_or_default(),
        certificates.collect::<Vec<_>>().join(", issued by "),
        record.verdict.map_or_else(|| format!("none ({})", record.outcome), str::to_owned),
    )
}

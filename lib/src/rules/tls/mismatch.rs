//! Certificates for other names, which two rules report: one check for both.

use std::collections::BTreeMap;

use super::names::{self, Fit, Origin};
use super::{about, chains, show_certificates};
use crate::facts::HandshakeRow;
use crate::proto::x509::Fields;
use crate::rules::{Confidence, Context, Findings, Severity};

/// Names of a certificate that a sentence can hold.
const HELD: usize = 12;

/// States each server whose certificate fits the name in a way that is `wanted`.
pub(super) fn check(cx: &Context<'_>, wanted: fn(Fit) -> bool, out: &mut Findings<'_>) {
    for view in &cx.views {
        for shown in chains(view) {
            let Some(fields) = shown.chain.leaf().and_then(|leaf| leaf.fields.as_ref()) else {
                continue;
            };
            let mut by_name: BTreeMap<String, (Fit, Origin, Vec<&HandshakeRow>)> = BTreeMap::new();
            for row in &shown.rows {
                let Some((name, origin)) = names::reference(view, row) else {
                    continue;
                };
                let fit = names::fit(&name, fields);
                if wanted(fit) {
                    by_name.entry(name.to_string()).or_insert((fit, origin, Vec::new())).2.push(row);
                }
            }
            for (name, (fit, origin, rows)) in by_name {
                let title = format!("The certificate of {} is not for {name}", shown.server);
                let mut draft = about(view, shown.server, rows.iter().copied(), title)
                    .also(&name)
                    .detail(detail(fields, fit, origin, &name))
                    .value("name", name.as_str())
                    .value("certificate_names", listed(fields));
                if fit == Fit::AddressAsDnsName {
                    draft = draft
                        .severity(Severity::Warning)
                        .confidence(Confidence::Possible)
                        .caveat("Some clients accept an address that stands among the DNS names.");
                }
                out.push(show_certificates(draft, view, &rows));
            }
        }
    }
}

fn detail(fields: &Fields, fit: Fit, origin: Origin, name: &str) -> String {
    let whence = match origin {
        Origin::Gateway => "the name of the gateway",
        Origin::Sni => "the name that the client asked for",
    };
    let names = listed(fields).into_iter().take(HELD).collect::<Vec<_>>().join(", ");
    match fit {
        Fit::NotCommonName => format!(
            "Subject CN Mismatch: {name} is {whence}; the certificate has no alternative names, and its common name is \
             {}.",
            fields.subject_cn.as_deref().unwrap_or("missing")
        ),
        _ if names.is_empty() => format!(
            "SAN Mismatch: {name} is {whence}; the certificate has alternative names, but none of a server."
        ),
        _ => format!("SAN Mismatch: {name} is {whence}; the certificate is for {names}."),
    }
}

fn listed(fields: &Fields) -> Vec<String> {
    match &fields.san {
        Some(names) => names.list(),
        None => fields.subject_cn.clone().into_iter().collect(),
    }
}

//! The report as one self-contained page: readable without script and without network, in light and dark, on paper.
//!
//! A section is a file with a function that writes it, and a line in [`SECTIONS`]; a timeline is a file under
//! `timeline/` and a line in its list. All text passes through [`markup`].

mod accounts;
mod associations;
mod captures;
mod connections;
mod counts;
mod evidence;
mod findings;
mod handshakes;
mod markup;
mod path;
mod subscriptions;
mod support;
mod table;
mod timeline;
mod untold;
mod verdict;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest, Sha256};
use sibtrace::rules::Context;
use sibtrace::{Config, Facts, Report};

use super::redact::Redactor;
use super::text::Clock;
use super::text::fold::{self, Block};
use crate::args::Times;
use markup::Markup;

const STYLE: &str = include_str!("html/page.css");
const SCRIPT: &str = include_str!("html/page.js");

/// What stands below the verdict: the anchor and heading of each section, and what writes it. A section that writes
/// nothing is left out with its heading.
const SECTIONS: [Section; 11] = [
    Section { id: "captures", heading: "Captures", write: captures::section },
    Section { id: "path", heading: "The path", write: path::section },
    Section { id: "timelines", heading: "Over time", write: timeline::section },
    Section { id: "findings", heading: "Findings", write: findings::section },
    Section { id: "subscriptions", heading: "Subscriptions", write: subscriptions::section },
    Section { id: "accounts", heading: "E-mail accounts", write: accounts::section },
    Section { id: "associations", heading: "MAPI associations", write: associations::section },
    Section { id: "handshakes", heading: "TLS handshakes", write: handshakes::section },
    Section { id: "connections", heading: "Connections of the findings", write: connections::section },
    Section { id: "untold", heading: "What this capture cannot tell", write: untold::section },
    Section { id: "support", heading: "For a support case", write: support::section },
];

/// A part of the page.
struct Section {
    id: &'static str,
    heading: &'static str,
    write: fn(&mut Markup, &Story<'_>),
}

/// What the page tells.
struct Story<'a> {
    report: &'a Report,
    facts: &'a Facts,
    config: &'a Config,
    context: Context<'a>,
    /// The findings; those that are one trouble are in one block.
    blocks: Vec<Block<'a>>,
    clock: Clock,
}

/// The verdict in one sentence.
pub(crate) fn verdict(report: &Report) -> String {
    verdict::sentence(report)
}

/// The report as a page. What stands in no report, but in the facts, is redacted here.
pub(crate) fn report(report: &Report, facts: &Facts, config: &Config, redactor: Option<Redactor>) -> String {
    let story = Story {
        report,
        facts,
        config,
        context: Context::new(facts, config),
        blocks: fold::blocks(&report.findings, facts, config),
        clock: Clock::new(Times::Utc, None),
    };
    let mut html = Markup::new(redactor);
    html.literal("<!DOCTYPE html>\n");
    html.element("html", &[("lang", "en")], |html| {
        html.element("head", &[], |html| head(html, &story));
        html.line();
        html.element("body", &[], |html| body(html, &story));
    });
    html.line();
    html.into_text()
}

fn head(html: &mut Markup, story: &Story<'_>) {
    // Nothing is fetched and nothing runs but this very style and script, whatever a captured string may hold.
    let policy = format!(
        "default-src 'none'; style-src '{}'; script-src '{}'; base-uri 'none'; form-action 'none'",
        digest(STYLE),
        digest(SCRIPT)
    );
    html.empty("meta", &[("charset", "utf-8")]);
    html.empty("meta", &[("http-equiv", "Content-Security-Policy"), ("content", &policy)]);
    html.empty("meta", &[("name", "viewport"), ("content", "width=device-width, initial-scale=1")]);
    html.empty("meta", &[("name", "color-scheme"), ("content", "light dark")]);
    html.empty("meta", &[("name", "referrer"), ("content", "no-referrer")]);
    let name = story.report.captures.first().map_or("no capture", |capture| evidence::name(&capture.path));
    html.leaf("title", &[], &format!("sibtrace: {name}"));
    html.element("style", &[], |html| html.literal(STYLE));
}

/// The hash of an element's text as a content policy names it.
fn digest(text: &str) -> String {
    format!("sha256-{}", BASE64_STANDARD.encode(Sha256::digest(text)))
}

fn body(html: &mut Markup, story: &Story<'_>) {
    html.element("header", &[], |html| {
        verdict::write(html, story);
        counts::write(html, story);
    });
    let written: Vec<(&Section, Markup)> = SECTIONS
        .iter()
        .map(|section| {
            let mut part = html.part();
            (section.write)(&mut part, story);
            (section, part)
        })
        .filter(|(_, part)| !part.is_empty())
        .collect();
    html.element("nav", &[("aria-label", "Sections")], |html| {
        for (section, _) in &written {
            html.leaf("a", &[("href", &format!("#{}", section.id))], section.heading);
        }
    });
    html.line();
    html.element("main", &[], |html| {
        for (section, part) in &written {
            let heading = format!("{}-heading", section.id);
            html.element("section", &[("id", section.id), ("aria-labelledby", &heading)], |html| {
                html.leaf("h2", &[("id", &heading)], section.heading);
                html.line();
                html.append(part);
            });
            html.line();
        }
    });
    html.element("footer", &[], |html| {
        html.text(&format!("Written by sibtrace {}. Times are UTC.", story.report.sibtrace));
    });
    html.element("script", &[], |html| html.literal(SCRIPT));
}

#[cfg(test)]
mod tests;

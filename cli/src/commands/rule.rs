//! `sibtrace rule`: the list of rules, or the text of one.

use std::fmt::Write as _;
use std::io::{self, Write as _};

use serde::Serialize;
use sibtrace::rules::{self, Meta, Severity};

use crate::args::{Format, Look, Rule};
use crate::exit::{Exit, Result};
use crate::output::text::{Page, Style, markdown, severity_style};
use crate::output::{Output, clean};

/// A rule in JSON.
#[derive(Serialize)]
struct Row {
    id: &'static str,
    family: &'static str,
    severity: Severity,
    summary: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'static str>,
}

pub(crate) fn run(args: &Rule, look: &Look) -> Result<Exit> {
    let format = args.destination.format(&[Format::Text, Format::Json])?;
    let rules = rules::all();
    let explained = args.id.as_ref().and_then(|id| rules.iter().find(|rule| rule.id == id));
    let style = Style::new(look, &args.destination, None);
    args.destination.write(|output| match (format, explained) {
        (Format::Json, Some(rule)) => json(output, &row(rule, true)),
        (Format::Json, None) => json(output, &rules.iter().map(|rule| row(rule, false)).collect::<Vec<_>>()),
        (_, Some(rule)) if output.shows_style(look.color) => {
            output.text(&markdown::page(&text(rule), &style), look.color)
        }
        (_, Some(rule)) => output.write_all(text(rule).as_bytes()),
        (_, None) => output.text(&list(rules, &style), look.color),
    })?;
    Ok(Exit::Success)
}

fn json(output: &mut Output, value: &impl Serialize) -> io::Result<()> {
    let text = serde_json::to_string_pretty(value)?;
    writeln!(output, "{}", clean::json(&text))
}

fn row(rule: &'static Meta, whole: bool) -> Row {
    Row {
        id: rule.id,
        family: rule.family(),
        severity: rule.severity,
        summary: rule.summary(),
        text: whole.then_some(rule.text.as_str()),
    }
}

/// The rule as a Markdown document.
fn text(rule: &Meta) -> String {
    format!("# {} ({})\n\n{}\n", rule.id, rule.severity, rule.text.trim())
}

fn list(rules: &[Meta], style: &Style) -> String {
    let longest = rules.iter().map(|rule| rule.id.len()).max().unwrap_or(0);
    let mut page = Page::new(style.width);
    let mut family = "";
    for rule in rules {
        if rule.family() != family {
            family = rule.family();
            page.heading(family);
        }
        let severity = severity_style(rule.severity);
        let mut label = String::new();
        let _ = write!(label, "  {:longest$}  {severity}{:7}{severity:#}  ", rule.id, rule.severity);
        page.hanging(&label, longest + 13, &rule.summary().replace('\n', " "));
    }
    page.into_text()
}

#[cfg(test)]
mod tests {
    use expect_test::expect_file;

    use super::*;

    /// All rules on one page, under the headings of their families.
    fn page() -> String {
        let mut page = "# The rules of sibtrace\n\n\
             What each one means, what proves it, what is easily taken for it, and what to do: the text of\n\
             `sibtrace rule ID`. A test writes this page from the rules (`UPDATE_EXPECT=1 cargo test -p sibtrace-cli rule`).\n\n"
            .to_owned();
        page += "| rule | severity | |\n|---|---|---|\n";
        for rule in rules::all() {
            let summary = rule.summary().replace('\n', " ").replace('|', "\\|");
            let _ = writeln!(page, "| [{0}](#{0}) | {1} | {summary} |", rule.id, rule.severity);
        }
        for rule in rules::all() {
            let body = rule.text.trim().replace("\n## ", "\n### ");
            let _ = write!(page, "\n## {}\n\n*{}*\n\n{body}\n", rule.id, rule.severity);
        }
        page
    }

    #[test]
    fn the_page_of_all_rules_is_what_the_rules_say() {
        expect_file!["../../docs/rules.md"].assert_eq(&page());
    }
}

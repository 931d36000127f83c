//! Rules judge and never remember: facts and configuration in, findings out. One file per rule.

mod finding;

pub use finding::{Confidence, Evidence, Finding, Severity, Subject, SubjectKind, Value};

/// A rule's identity and its text.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Meta {
    /// Kebab-case id, never reused.
    pub id: &'static str,
    /// Default severity.
    pub severity: Severity,
    /// The rule's text in Markdown: a sentence, then the headings Meaning, Evidence, Traps, Remedy, References.
    pub text: &'static str,
}

impl Meta {
    /// The family: the id's first word.
    pub fn family(&self) -> &'static str {
        self.id.split('-').next().unwrap_or(self.id)
    }

    /// The first sentence of the text.
    pub fn summary(&self) -> &'static str {
        self.text.split("\n\n").next().unwrap_or_default().trim()
    }

    /// The text under one heading.
    pub fn section(&self, heading: &str) -> Option<&'static str> {
        let mut sections = self.text.split("\n## ");
        sections.next();
        sections
            .find_map(|section| section.strip_prefix(heading)?.strip_prefix('\n'))
            .map(str::trim)
    }
}

/// All rules, by family and then in the order in which they are explained.
pub fn all() -> Vec<Meta> {
    Vec::new()
}

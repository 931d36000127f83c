//! A rule's identity and its text, which stands once: in the doc comment of the rule.

use super::Severity;

/// A rule's identity and its text.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Meta {
    /// Kebab-case id, never reused.
    pub id: &'static str,
    /// Default severity.
    pub severity: Severity,
    /// The rule's text in Markdown: a sentence, then the headings Meaning, Evidence, Traps, Remedy, References.
    pub text: String,
}

impl Meta {
    /// From a doc comment, whose lines begin with the space after the slashes.
    pub(crate) fn new(id: &'static str, severity: Severity, doc: &str) -> Self {
        let lines: Vec<&str> = doc.lines().map(|line| line.strip_prefix(' ').unwrap_or(line)).collect();
        Meta { id, severity, text: lines.join("\n") }
    }

    /// The family: the id's first word.
    pub fn family(&self) -> &'static str {
        self.id.split('-').next().unwrap_or(self.id)
    }

    /// The first sentence of the text.
    pub fn summary(&self) -> &str {
        self.text.split("\n\n").next().unwrap_or_default().trim()
    }

    /// The text under one heading.
    pub fn section(&self, heading: &str) -> Option<&str> {
        let mut sections = self.text.split("\n## ").skip(1);
        sections.find_map(|section| section.strip_prefix(heading)?.strip_prefix('\n')).map(str::trim)
    }

    /// The remedy as one paragraph, for a finding.
    pub fn remedy(&self) -> String {
        self.section("Remedy").unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

/// Declares a rule. Its doc comment is the rustdoc, the text of `sibtrace rule`, and the remedy of its findings.
macro_rules! rule {
    ($(#[doc = $doc:expr])* $vis:vis struct $name:ident; id = $id:literal; severity = $severity:ident;
     check = $check:path;) => {
        $(#[doc = $doc])*
        #[derive(Clone, Copy, Debug)]
        $vis struct $name;

        impl $crate::rules::Rule for $name {
            fn meta(&self) -> $crate::rules::Meta {
                $crate::rules::Meta::new($id, $crate::rules::Severity::$severity, concat!($($doc, "\n"),*))
            }

            fn check(&self, cx: &$crate::rules::Context<'_>, out: &mut $crate::rules::Findings<'_>) {
                $check(cx, out)
            }
        }
    };
}

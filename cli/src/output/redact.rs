//! Stable pseudonyms for names and addresses.
//!
//! What a name is, is known in two ways: by the fields of the records that hold nothing but a name, and by its form
//! (addresses, GUIDs, mail addresses, long base64). All records of a capture are gone through first, always in the
//! same order, so that a name has the same pseudonym in every output of that capture. Pseudonyms are counted, not
//! computed: an address that was hashed could be found by trying all of them.

mod forms;
mod smtp;

use std::collections::{HashMap, HashSet};
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};

use aho_corasick::{AhoCorasick, MatchKind};
use serde_json::Value;
use sibtrace::records::{Kind, records};
use sibtrace::rules::SubjectKind;
use sibtrace::{Config, Facts, Report};

use super::clean;
use forms::Form;

/// Fields that hold a name and nothing else, and what it names.
const NAMES: [(&str, Noun); 18] = [
    ("user", Noun::User),
    ("mailbox", Noun::User),
    ("domain", Noun::Domain),
    ("workstation", Noun::Host),
    ("host", Noun::Host),
    ("subscription_server", Noun::Host),
    ("servers", Noun::Host),
    ("server_name", Noun::Host),
    ("frontend", Noun::Host),
    ("sni", Noun::Host),
    ("subject", Noun::Host),
    ("subject_cn", Noun::Host),
    ("issuer_cn", Noun::Host),
    ("san", Noun::Host),
    ("pid", Noun::Process),
    ("request_id", Noun::Guid),
    ("subscription_id", Noun::Blob),
    ("subscription_ids", Noun::Blob),
];
/// Keys whose values are words of sibtrace, not of the capture.
const OURS: [&str; 26] = [
    "schema",
    "sibtrace",
    "rule",
    "severity",
    "confidence",
    "kind",
    "format",
    "link_types",
    "vantage",
    "store",
    "remedy",
    "protocol",
    "handshake",
    "close",
    "state",
    "service",
    "verdict",
    "outcome",
    "cipher",
    "version",
    "level",
    "signature_algorithm",
    "key_type",
    "operation",
    "interface",
    "response_code",
];
/// Shorter names are replaced where they stand alone in their field, not within sentences.
const IN_SENTENCES: usize = 3;
/// Characters of an id that tables show.
const SHORT_ID: usize = 8;

/// What a name names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Noun {
    User,
    Domain,
    Host,
    Process,
    Ipv4,
    Ipv6,
    Guid,
    Community,
    Blob,
    Capture,
}

impl Noun {
    /// The pseudonym of the `number`th of its kind, of the same form where others read it.
    fn pseudonym(self, number: u32) -> String {
        match self {
            Noun::User => format!("user-{number}"),
            Noun::Domain => format!("domain-{number}"),
            Noun::Host => format!("host-{number}.example"),
            Noun::Process => format!("process-{number}"),
            // Class E, which no host has, and the prefix for documentation (RFC 3849).
            Noun::Ipv4 => Ipv4Addr::from(0xf000_0000 | number).to_string(),
            Noun::Ipv6 => Ipv6Addr::from(0x2001_0db8_u128 << 96 | u128::from(number)).to_string(),
            Noun::Guid => format!("{number:08x}-0000-4000-8000-000000000000"),
            Noun::Community => format!("1:{number:027}="),
            Noun::Blob => format!("id-{number}"),
            Noun::Capture => format!("capture-{number}"),
        }
    }
}

/// Replaces names and addresses.
#[derive(Debug, Default)]
pub(crate) struct Redactor {
    /// Pseudonyms by lower-case name.
    known: HashMap<String, String>,
    counts: HashMap<Noun, u32>,
    /// Pseudonyms stand for themselves: a report that has them may stand on a page that is gone through again.
    given: HashSet<String>,
    /// Names that are looked for within sentences, and what finds them.
    words: Vec<(String, String)>,
    finder: Option<AhoCorasick>,
}

impl Redactor {
    /// Knows the names of these captures.
    pub(crate) fn new(facts: &Facts, config: &Config) -> Self {
        let mut redactor = Redactor::default();
        for file in facts.vantages.iter().flat_map(|vantage| &vantage.files) {
            let path = file.path.display().to_string();
            let pseudonym = redactor.name(&path, Noun::Capture);
            if let Some(name) = file.path.file_name() {
                redactor.also(&name.to_string_lossy(), &pseudonym);
            }
        }
        for record in Kind::ALL.into_iter().flat_map(|kind| records(kind, facts, config)) {
            if let Ok(record) = serde_json::to_value(record) {
                redactor.learn(None, &record);
            }
        }
        redactor
    }

    /// The report with pseudonyms.
    pub(crate) fn report(&mut self, report: &Report) -> io::Result<Report> {
        for finding in &report.findings {
            let noun = match finding.subject.kind {
                SubjectKind::User => Noun::User,
                _ => continue,
            };
            self.name(&finding.subject.id, noun);
        }
        Ok(serde_json::from_value(self.value(serde_json::to_value(report)?))?)
    }

    /// Any output as JSON with pseudonyms.
    pub(crate) fn value(&mut self, value: Value) -> Value {
        self.replaced(None, value)
    }

    /// Text with pseudonyms.
    pub(crate) fn text(&mut self, text: &str) -> String {
        let formed = forms::replace(text, |form, found| match form {
            Form::Name(noun) => self.name(found, noun),
            Form::Mail => match found.split_once('@') {
                Some((user, domain)) => {
                    format!("{}@{}", self.name(user, Noun::User), self.name(domain, Noun::Host))
                }
                None => found.to_owned(),
            },
        });
        self.named(&formed)
    }

    /// A page of styled text with pseudonyms. Columns keep their places where there is room.
    pub(crate) fn page(&mut self, page: &str) -> String {
        let mut out = String::with_capacity(page.len());
        for (index, stretch) in page.split('\x1b').enumerate() {
            // What was captured holds no escape character any more: those of a page begin the styles.
            let (style, plain) = match stretch.find('m').filter(|_| index > 0) {
                Some(end) => stretch.split_at(end + 1),
                None => ("", stretch),
            };
            if index > 0 {
                out.push('\x1b');
            }
            out.push_str(style);
            for part in plain.split_inclusive("  ") {
                let new = self.text(part);
                let room = part.chars().count().saturating_sub(new.chars().count());
                out.push_str(&new);
                if part.ends_with("  ") {
                    out.extend(std::iter::repeat_n(' ', room));
                }
            }
        }
        out
    }

    fn learn(&mut self, key: Option<&str>, value: &Value) {
        match value {
            Value::Object(fields) => {
                if let Some(host) = smtp::server(fields) {
                    self.name(host, Noun::Host);
                }
                fields.iter().for_each(|(key, value)| self.learn(Some(key), value));
            }
            Value::Array(list) => list.iter().for_each(|value| self.learn(key, value)),
            Value::String(text) => match noun(key) {
                Some(noun) => drop(self.name(text, noun)),
                None if key == Some("command") => drop(self.command(text)),
                None if ours(key) => {}
                None => drop(self.text(text)),
            },
            _ => {}
        }
    }

    fn replaced(&mut self, key: Option<&str>, value: Value) -> Value {
        match value {
            Value::Object(fields) => {
                let fields = fields.into_iter().map(|(key, value)| {
                    let value = self.replaced(Some(&key), value);
                    (key, value)
                });
                Value::Object(fields.collect())
            }
            Value::Array(list) => list.into_iter().map(|value| self.replaced(key, value)).collect(),
            Value::String(text) => Value::String(match noun(key) {
                Some(noun) => self.name(&text, noun),
                None if key == Some("command") => self.command(&text),
                None if ours(key) => text,
                None => self.text(&text),
            }),
            other => other,
        }
    }

    /// A command with a pseudonym for what it names.
    fn command(&mut self, text: &str) -> String {
        match smtp::named(text) {
            Some((place, noun)) => {
                let (before, after) = (&text[..place.start], &text[place.end..]);
                format!("{before}{}{}", self.name(&text[place], noun), self.text(after))
            }
            None => self.text(text),
        }
    }

    /// The pseudonym of a name.
    fn name(&mut self, name: &str, noun: Noun) -> String {
        let key = name.to_lowercase();
        if key.is_empty() || self.given.contains(&key) {
            return name.to_owned();
        }
        if let Some(known) = self.known.get(&key) {
            return known.clone();
        }
        // A field for a name may hold an address.
        if let Some((Form::Name(formed), all)) =
            forms::whole(name).filter(|(form, _)| *form != Form::Name(noun))
        {
            return self.name(all, formed);
        }
        // An account may be written with what it belongs to.
        if let Some((domain, user)) = name.split_once('\\').filter(|_| noun == Noun::User) {
            return format!("{}\\{}", self.name(domain, Noun::Domain), self.name(user, Noun::User));
        }
        if let Some((user, host)) = name.rsplit_once('@').filter(|_| noun == Noun::User) {
            return format!("{}@{}", self.name(user, Noun::User), self.name(host, Noun::Host));
        }
        let count = self.counts.entry(noun).or_default();
        *count += 1;
        let pseudonym = noun.pseudonym(*count);
        self.known.insert(key, pseudonym.clone());
        self.given.insert(pseudonym.to_lowercase());
        match noun {
            Noun::User | Noun::Domain | Noun::Host | Noun::Process | Noun::Capture => {
                self.also(name, &pseudonym)
            }
            Noun::Guid if forms::whole(name).is_none() => self.also(name, &pseudonym),
            Noun::Guid => {
                let short = |id: &str| id.chars().take(SHORT_ID).collect::<String>();
                self.also(&short(name), &short(&pseudonym));
            }
            _ => {}
        }
        pseudonym
    }

    /// Looks for `name` within sentences, also as it is written on a terminal.
    fn also(&mut self, name: &str, pseudonym: &str) {
        if name.len() < IN_SENTENCES {
            return;
        }
        self.known.entry(name.to_lowercase()).or_insert_with(|| pseudonym.to_owned());
        for written in [name, &clean::text(name)] {
            self.words.push((written.to_owned(), pseudonym.to_owned()));
        }
        self.finder = None;
    }

    fn named(&mut self, text: &str) -> String {
        if self.words.is_empty() {
            return text.to_owned();
        }
        if self.finder.is_none() {
            let names = self.words.iter().map(|(name, _)| name);
            let mut builder = AhoCorasick::builder();
            builder.ascii_case_insensitive(true).match_kind(MatchKind::LeftmostLongest);
            self.finder = builder.build(names).ok();
        }
        let Some(finder) = &self.finder else { return text.to_owned() };
        let mut out = String::with_capacity(text.len());
        let mut done = 0;
        for found in finder.find_iter(text) {
            let (before, after) = (&text[..found.start()], &text[found.end()..]);
            let within = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
            if within(before.chars().next_back()) || within(after.chars().next()) {
                continue;
            }
            out.push_str(&text[done..found.start()]);
            out.push_str(&self.words[found.pattern().as_usize()].1);
            done = found.end();
        }
        out.push_str(&text[done..]);
        out
    }
}

fn noun(key: Option<&str>) -> Option<Noun> {
    NAMES.iter().find(|(name, _)| Some(*name) == key).map(|(_, noun)| *noun)
}

fn ours(key: Option<&str>) -> bool {
    key.is_some_and(|key| OURS.contains(&key))
}

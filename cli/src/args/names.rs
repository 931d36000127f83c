//! Names of rules on the command line, and the nearest name for one that does not exist.

use std::collections::BTreeSet;

use sibtrace::rules;

/// How alike two names must be (Jaro-Winkler, 0 to 1) for one to be suggested for the other.
const ALIKE: f64 = 0.75;

/// The candidate that is most like `name`, if any is like it.
pub(crate) fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(name, candidate), candidate))
        .filter(|(likeness, _)| *likeness > ALIKE)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, candidate)| candidate)
}

/// The id of a rule that exists.
pub(crate) fn rule(name: &str) -> Result<String, String> {
    one_of(name, "rule", rules::all().iter().map(|rule| rule.id).collect())
}

/// The id of a rule, or the family of some.
pub(crate) fn rule_or_family(name: &str) -> Result<String, String> {
    let rules = rules::all();
    let names = rules.iter().flat_map(|rule| [rule.id, rule.family()]).collect();
    one_of(name, "rule or family", names)
}

fn one_of(name: &str, what: &str, names: BTreeSet<&str>) -> Result<String, String> {
    if names.contains(name) {
        return Ok(name.to_owned());
    }
    Err(match nearest(name, names) {
        Some(near) => format!("no such {what}; did you mean {near}?"),
        None => format!("no such {what}; `sibtrace rule` lists them"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_finds_its_name() {
        let names = || BTreeSet::from(["keepalive-missing", "notify-slow", "imap"]);
        assert_eq!(one_of("imap", "rule", names()), Ok("imap".to_owned()));
        assert_eq!(
            one_of("keepalive-mising", "rule", names()),
            Err("no such rule; did you mean keepalive-missing?".to_owned())
        );
        assert_eq!(
            one_of("zzz", "rule", names()),
            Err("no such rule; `sibtrace rule` lists them".to_owned())
        );
    }
}

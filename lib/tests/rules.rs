//! Every rule has one id, a whole text, and captures that it hits and misses.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use sibtrace::rules;

#[test]
fn ids_are_unique_and_kebab_case() {
    let mut seen = HashSet::new();
    for rule in rules::all() {
        assert!(seen.insert(rule.id), "{} is there twice", rule.id);
        let kebab =
            rule.id.split('-').all(|word| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase()));
        assert!(kebab && rule.id.contains('-'), "{}", rule.id);
    }
    assert!(seen.len() >= 34, "{} rules", seen.len());
}

#[test]
fn texts_are_whole() {
    for rule in rules::all() {
        assert!(rule.summary().ends_with('.'), "{}: the first paragraph is a sentence", rule.id);
        assert!(rule.summary().len() < 160, "{}: the first sentence fits a table", rule.id);
        for heading in ["Meaning", "Evidence", "Traps", "Remedy", "References"] {
            assert!(
                rule.section(heading).is_some_and(|text| !text.is_empty()),
                "{} lacks {heading}",
                rule.id
            );
        }
    }
}

#[test]
fn every_rule_has_captures_that_it_hits_and_misses() {
    let testdata = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata");
    for rule in rules::all() {
        let folder = testdata.join(rule.id);
        let names: Vec<String> = fs::read_dir(&folder)
            .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .filter(|name| name.ends_with(".label.json") || name.ends_with(".compare.json"))
            .collect();
        for kind in ["hit", "miss"] {
            assert!(names.iter().any(|name| name.starts_with(kind)), "{} has no {kind}", rule.id);
        }
    }
}

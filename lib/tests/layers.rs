//! Data flows one way: no stage imports a later one.

use std::fs;
use std::path::{Path, PathBuf};

/// The stages in the order of the data. `error`, `config`, `sink`, `time` and `parallel` are open to all; what stands in no list is the
/// roof, where the stages are put together.
const STAGES: [&str; 8] = ["capture", "packet", "flow", "proto", "facts", "compare", "rules", "report"];
const GROUND: [&str; 5] = ["error", "config", "sink", "time", "parallel"];
const ROOF: [&str; 10] =
    ["analyzer", "crew", "feed", "worker", "shard", "follow", "excerpt", "records", "schema", "lib"];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("the sources are here") {
        let path = entry.expect("an entry can be read").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The modules that a file names after `crate::`, those in braces included.
fn imports(text: &str) -> Vec<String> {
    let mut names = Vec::new();
    for rest in text.split("crate::").skip(1) {
        let word =
            |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
        match rest.strip_prefix('{') {
            Some(list) => {
                names.extend(list.split('}').next().unwrap_or_default().split(',').map(|n| word(n.trim())))
            }
            None => names.push(word(rest)),
        }
    }
    names
}

#[test]
fn no_stage_imports_a_later_one() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    assert!(files.len() > 30, "the sources were found");
    let mut wrong = Vec::new();
    let mut checked = 0;
    for file in files {
        let inside = file.strip_prefix(&root).expect("files lie in src");
        let module =
            inside.iter().next().and_then(|name| name.to_str()).unwrap_or_default().trim_end_matches(".rs");
        let text = fs::read_to_string(&file).expect("sources are text");
        let stage = STAGES.iter().position(|stage| *stage == module);
        assert!(
            stage.is_some() || GROUND.contains(&module) || ROOF.contains(&module),
            "{module} belongs to no floor: name its place in this test"
        );
        if ROOF.contains(&module) {
            continue;
        }
        for name in imports(&text) {
            checked += 1;
            let later = STAGES
                .iter()
                .position(|other| *other == name)
                .is_some_and(|other| stage.is_none_or(|own| other > own));
            if later || ROOF.contains(&name.as_str()) {
                wrong.push(format!("{} imports {name}", inside.display()));
            }
        }
    }
    assert!(checked > 100, "imports were found");
    assert!(wrong.is_empty(), "{wrong:#?}");
}

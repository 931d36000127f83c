//! The captures that tests damage.

use std::fs;
use std::path::{Path, PathBuf};

/// Larger captures would only take longer.
const LARGEST: u64 = 128 << 10;

/// The captures of the repository.
pub(crate) fn testdata() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata")
}

/// The captures below a folder that are small enough.
pub(crate) fn captures_below(folder: &Path) -> Vec<PathBuf> {
    let mut folders = vec![folder.to_path_buf()];
    let mut paths = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("the folder is there") {
            let entry = entry.expect("an entry can be read");
            let (path, about) = (entry.path(), entry.metadata().expect("an entry can be read"));
            let is_source = path.ends_with("lab");
            if about.is_dir() && !is_source {
                folders.push(path);
            } else if about.is_file() && about.len() <= LARGEST && path.to_string_lossy().contains("cap") {
                paths.push(path);
            }
        }
    }
    paths.sort();
    paths
}

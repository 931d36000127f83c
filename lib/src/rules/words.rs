//! Words that several rules use.

/// A number with its noun: `1 notification`, `3 notifications`.
pub(super) fn counted(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

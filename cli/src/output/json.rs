//! The report as one JSON object.

use std::io::{self, Write};

use sibtrace::Report;

use super::clean;

/// Writes the report.
pub(crate) fn report(output: &mut impl Write, report: &Report) -> io::Result<()> {
    let text = serde_json::to_string_pretty(report)?;
    writeln!(output, "{}", clean::json(&text))
}

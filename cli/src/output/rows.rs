//! Rows of one kind: one JSON object a line, CSV, a JSON array, or text.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::Value;

use super::clean;
use crate::args::Format;

/// Writes rows with the fields `head` in one of the forms that rows have.
pub(crate) fn write(
    output: &mut impl Write,
    format: Format,
    head: &[String],
    rows: impl IntoIterator<Item = impl Serialize>,
) -> io::Result<()> {
    match format {
        Format::Csv => csv(output, head, rows),
        Format::Json => json(output, rows),
        Format::Ndjson => ndjson(output, rows),
        _ => text(output, rows),
    }
}

/// One JSON object a line.
pub(crate) fn ndjson(
    output: &mut impl Write,
    rows: impl IntoIterator<Item = impl Serialize>,
) -> io::Result<()> {
    for row in rows {
        let text = serde_json::to_string(&row)?;
        writeln!(output, "{}", clean::json(&text))?;
    }
    Ok(())
}

/// One JSON array with an object a line.
fn json(output: &mut impl Write, rows: impl IntoIterator<Item = impl Serialize>) -> io::Result<()> {
    let mut before = "[\n";
    for row in rows {
        let text = serde_json::to_string(&row)?;
        write!(output, "{before}{}", clean::json(&text))?;
        before = ",\n";
    }
    match before {
        "[\n" => writeln!(output, "[]"),
        _ => writeln!(output, "\n]"),
    }
}

/// CSV with a header line (RFC 4180, lines end in LF): lists stand as JSON in their cell, `null` is empty. `head` are
/// the fields of every row; without rows it stands alone.
fn csv(
    output: &mut impl Write,
    head: &[String],
    rows: impl IntoIterator<Item = impl Serialize>,
) -> io::Result<()> {
    let mut writer = csv::Writer::from_writer(output);
    writer.write_record(head).map_err(written)?;
    for row in rows {
        writer.write_record(fields(&row)?.values().map(cell)).map_err(written)?;
    }
    writer.flush()
}

/// What went wrong with the output itself: who closed a pipe has seen enough, and only its own error says so.
fn written(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
    }
}

/// A paragraph per row with a line per field that is known.
fn text(output: &mut impl Write, rows: impl IntoIterator<Item = impl Serialize>) -> io::Result<()> {
    let mut between = "";
    for row in rows {
        let fields = fields(&row)?;
        output.write_all(between.as_bytes())?;
        let widest = fields.keys().map(String::len).max().unwrap_or(0);
        for (name, value) in fields.iter().filter(|(_, value)| !is_empty(value)) {
            let value = match value {
                Value::String(text) => clean::text(text).into_owned(),
                Value::Array(list) => list.iter().map(word).collect::<Vec<_>>().join(", "),
                other => clean::text(&other.to_string()).into_owned(),
            };
            writeln!(output, "{name:widest$}  {value}")?;
        }
        between = "\n";
    }
    Ok(())
}

fn fields(row: &impl Serialize) -> io::Result<serde_json::Map<String, Value>> {
    match serde_json::to_value(row)? {
        Value::Object(fields) => Ok(fields),
        other => Err(io::Error::other(format!("a row is an object, not {other}"))),
    }
}

fn is_empty(value: &Value) -> bool {
    value.is_null() || value.as_array().is_some_and(Vec::is_empty)
}

fn word(value: &Value) -> String {
    match value {
        Value::String(text) => clean::text(text).into_owned(),
        other => clean::text(&other.to_string()).into_owned(),
    }
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => clean::cell(text).into_owned(),
        list @ (Value::Array(_) | Value::Object(_)) => clean::json(&list.to_string()).into_owned(),
        number => number.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;
    use serde_json::json;

    fn rows() -> [Value; 2] {
        [
            json!({"frame": 7, "latency_us": -3, "target": "=cmd|' /C calc'!A0", "events": ["StatusEvent"], "host": null}),
            json!({"frame": 9, "latency_us": null, "target": "/a,b\"c\u{1b}[31m", "events": [], "host": "exch"}),
        ]
    }

    fn head() -> Vec<String> {
        rows()[0].as_object().unwrap().keys().cloned().collect()
    }

    fn written(write: impl FnOnce(&mut Vec<u8>) -> io::Result<()>) -> String {
        let mut output = Vec::new();
        write(&mut output).unwrap();
        String::from_utf8(output).unwrap()
    }

    #[test]
    fn csv_guards_formulas_and_keeps_numbers() {
        expect![[r#"
            frame,latency_us,target,events,host
            7,-3,'=cmd|' /C calc'!A0,"[""StatusEvent""]",
            9,,"/a,b""c\x1b[31m",[],exch
        "#]]
        .assert_eq(&written(|output| csv(output, &head(), rows())));
    }

    #[test]
    fn csv_without_rows_has_its_header() {
        assert_eq!(
            written(|output| csv(output, &head(), Vec::<Value>::new())),
            "frame,latency_us,target,events,host\n"
        );
    }

    #[test]
    fn ndjson_is_one_object_a_line_in_the_order_of_the_fields() {
        let text = written(|output| ndjson(output, rows()));
        let back: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(back, rows());
        assert!(text.starts_with(r#"{"frame":7,"latency_us":-3,"#));
    }

    #[test]
    fn an_array_is_json_whatever_its_length() {
        for rows in [vec![], rows().to_vec()] {
            let back: Vec<Value> = serde_json::from_str(&written(|output| json(output, &rows))).unwrap();
            assert_eq!(back, rows);
        }
    }

    #[test]
    fn text_leaves_out_what_is_not_known() {
        expect![[r#"
            frame       7
            latency_us  -3
            target      =cmd|' /C calc'!A0
            events      StatusEvent

            frame       9
            target      /a,b"c\x1b[31m
            host        exch
        "#]]
        .assert_eq(&written(|output| text(output, rows())));
    }
}

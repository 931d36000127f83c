//! Captured text made safe for where it goes. Everything from the wire passes here before it is shown.
//!
//! What could act on the reader's terminal or mislead the reader's eye is written as an escape: control characters
//! (ANSI and OSC sequences begin with one), line breaks, characters that reorder text or take no room.

use std::borrow::Cow;
use std::fmt::Write;

/// One line for a terminal.
pub(crate) fn text(text: &str) -> Cow<'_, str> {
    escaped(text, acts, |out, c| match c {
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        c if c.is_ascii() => drop(write!(out, "\\x{:02x}", c as u32)),
        c => drop(write!(out, "\\u{{{:x}}}", c as u32)),
    })
}

/// Text of several lines for a terminal; only the line breaks stay.
pub(crate) fn lines(block: &str) -> String {
    let cleaned: Vec<Cow<'_, str>> = block.lines().map(text).collect();
    cleaned.join("\n")
}

/// Bytes as one line for a terminal; what is not UTF-8 is written as `\xNN`.
pub(crate) fn bytes(bytes: &[u8]) -> String {
    let mut line = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        line.push_str(&text(chunk.valid()));
        for byte in chunk.invalid() {
            let _ = write!(line, "\\x{byte:02x}");
        }
    }
    line
}

/// Text or an attribute's value in HTML, one line.
pub(crate) fn html(value: &str) -> Cow<'_, str> {
    let clean = text(value);
    if !clean.contains(['&', '<', '>', '"', '\'']) {
        return clean;
    }
    let mut out = String::with_capacity(clean.len() + 16);
    for c in clean.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

/// A cell of a CSV file. A leading apostrophe keeps spreadsheets from taking it for a formula.
pub(crate) fn cell(value: &str) -> Cow<'_, str> {
    // A tab or line break, which would also start a formula, has become an escape.
    match text(value) {
        clean if clean.starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠']) => {
            Cow::Owned(format!("'{clean}"))
        }
        clean => clean,
    }
}

/// JSON text that is safe on a terminal. It stays the same JSON: such characters stand in strings only.
pub(crate) fn json(text: &str) -> Cow<'_, str> {
    let acts_in_json = |c| c != '\n' && acts(c);
    escaped(text, acts_in_json, |out, c| {
        for unit in c.encode_utf16(&mut [0; 2]) {
            let _ = write!(out, "\\u{unit:04x}");
        }
    })
}

fn escaped(text: &str, acts: impl Fn(char) -> bool, escape: impl Fn(&mut String, char)) -> Cow<'_, str> {
    if !text.chars().any(&acts) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match acts(c) {
            true => escape(&mut out, c),
            false => out.push(c),
        }
    }
    Cow::Owned(out)
}

/// Whether a character does something other than to be seen: controls (C0, DEL, C1), separators of lines, and the
/// format characters (Unicode category Cf), among them the bidirectional controls of CVE-2021-42574.
fn acts(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_control();
    }
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{115f}' | '\u{1160}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_acts_is_written_out() {
        // (captured, on a terminal, in a CSV cell)
        for (captured, terminal, csv) in [
            ("plain ünïcode ✓", "plain ünïcode ✓", "plain ünïcode ✓"),
            ("DOMAIN\\user", "DOMAIN\\user", "DOMAIN\\user"),
            ("\x1b[31mred", "\\x1b[31mred", "\\x1b[31mred"),
            ("\x1b]0;title\x07", "\\x1b]0;title\\x07", "\\x1b]0;title\\x07"),
            ("\u{9b}2J", "\\u{9b}2J", "\\u{9b}2J"),
            ("a\r\nb\tc\0", "a\\r\\nb\\tc\\x00", "a\\r\\nb\\tc\\x00"),
            ("\u{7f}", "\\x7f", "\\x7f"),
            ("user\u{202e}gpj.exe", "user\\u{202e}gpj.exe", "user\\u{202e}gpj.exe"),
            ("zero\u{200b}width", "zero\\u{200b}width", "zero\\u{200b}width"),
            ("line\u{2028}sep", "line\\u{2028}sep", "line\\u{2028}sep"),
            ("tag\u{e0041}", "tag\\u{e0041}", "tag\\u{e0041}"),
            ("=1+1", "=1+1", "'=1+1"),
            ("+1", "+1", "'+1"),
            ("-1", "-1", "'-1"),
            ("@SUM(A1)", "@SUM(A1)", "'@SUM(A1)"),
            ("\t=1", "\\t=1", "\\t=1"),
            ("＝1", "＝1", "'＝1"),
            ("", "", ""),
        ] {
            assert_eq!(text(captured), terminal, "{captured:?}");
            assert_eq!(cell(captured), csv, "{captured:?}");
        }
    }

    #[test]
    fn json_stays_the_same_json() {
        for captured in ["a\u{9b}b", "\u{202e}", "tag\u{e0041}", "plain", "\u{7f}\n\x1b"] {
            let written = serde_json::to_string_pretty(&[captured]).unwrap();
            let safe = json(&written);
            assert!(!safe.chars().any(|c| c != '\n' && acts(c)), "{captured:?}");
            assert_eq!(serde_json::from_str::<Vec<String>>(&safe).unwrap(), [captured]);
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_seen() {
        assert_eq!(bytes(b"caf\xc3\xa9 \xff\xfe\r\n"), "café \\xff\\xfe\\r\\n");
    }

    #[test]
    fn lines_stay_lines() {
        assert_eq!(lines("a\nb\x1b\r\n"), "a\nb\\x1b");
    }
}

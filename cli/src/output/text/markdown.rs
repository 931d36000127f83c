//! The text of a rule on a terminal: the few forms of Markdown that rules use.

use super::page::Page;
use super::style::{BOLD, CODE, Style};

/// Markdown as styled text: headings bold, code coloured, paragraphs and lists wrapped, code blocks as they are.
pub(crate) fn page(text: &str, style: &Style) -> String {
    let mut page = Page::new(style.width);
    let mut paragraph = String::new();
    let mut in_code = false;
    for line in text.lines() {
        let trimmed = line.trim();
        if in_code && !trimmed.starts_with("```") {
            page.line(&format!("    {CODE}{line}{CODE:#}"));
            continue;
        }
        let item = list_item(trimmed);
        let heading = trimmed.starts_with('#');
        if trimmed.is_empty() || item || heading || trimmed.starts_with("```") {
            flush(&mut page, &mut paragraph);
        }
        if trimmed.starts_with("```") {
            in_code = !in_code;
        } else if heading {
            let words = trimmed.trim_start_matches('#').trim();
            page.line(&format!("{BOLD}{words}{BOLD:#}"));
        } else if trimmed.is_empty() {
            page.gap();
        } else {
            if !paragraph.is_empty() {
                paragraph.push(' ');
            }
            paragraph.push_str(trimmed);
        }
    }
    flush(&mut page, &mut paragraph);
    page.into_text()
}

fn flush(page: &mut Page, paragraph: &mut String) {
    if paragraph.is_empty() {
        return;
    }
    let text = std::mem::take(paragraph);
    match text.split_once(' ') {
        Some((bullet, rest)) if list_item(&text) => {
            page.hanging(&format!("  {bullet} "), bullet.len() + 3, &spans(rest));
        }
        _ => page.paragraph(0, &spans(&text)),
    }
}

/// Whether a line begins an item of a list: `- `, `* ` or `1. `.
fn list_item(line: &str) -> bool {
    let Some((bullet, _)) = line.split_once(' ') else {
        return false;
    };
    let number = bullet.strip_suffix('.');
    bullet == "-" || bullet == "*" || number.is_some_and(|digits| digits.parse::<u32>().is_ok())
}

/// Code and emphasis within a paragraph.
fn spans(text: &str) -> String {
    let mut out = String::new();
    for (index, part) in text.split('`').enumerate() {
        match index % 2 {
            1 => out += &format!("{CODE}{part}{CODE:#}"),
            _ => out += &emphasis(part),
        }
    }
    out
}

fn emphasis(text: &str) -> String {
    let mut out = String::new();
    for (index, part) in text.split("**").enumerate() {
        match index % 2 {
            1 => out += &format!("{BOLD}{part}{BOLD:#}"),
            _ => out += part,
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::text::samples;
    use expect_test::expect;

    #[test]
    fn the_forms_that_rules_use() {
        let text = "# a-rule (error)\n\nOne sentence\nover two lines.\n\n## Remedy\n\n- do `this`\n- or that, which is a long story that needs a second line\n\n```\nSet-X  -Y\n```\n1. **first**\n";
        let shown = anstream::adapter::strip_str(&page(text, &samples::style(40))).to_string();
        expect![[r#"
            a-rule (error)

            One sentence over two lines.

            Remedy

              - do this
              - or that, which is a long story that
                needs a second line

                Set-X  -Y
              1. first
        "#]]
        .assert_eq(&shown);
    }
}

//! Servers quote what they do not understand, and a client that is out of step sends a password as a command: what a
//! reply repeats of such a line is left out of its text.

use super::event::Verb;
use super::pending::Answered;
use super::reply::Arriving;

/// Shorter words are no secrets worth the harm that leaving them out does to a text.
const WORD: usize = 4;

/// What stands in place of what was left out.
const MASK: &str = "…";

/// The text of a reply.
pub(super) fn echo(reply: &Arriving, answered: Option<&Answered>) -> Box<str> {
    let is_understood = answered.is_some_and(|answered| answered.command.verb != Verb::Other);
    let mut text = match reply.code {
        500..=504 if !is_understood => quotations(&reply.text),
        _ => reply.text.clone(),
    };
    let said = answered.map_or(&[][..], |answered| &answered.said);
    for word in said.split(u8::is_ascii_whitespace).filter(|word| word.len() >= WORD) {
        if let Ok(word) = std::str::from_utf8(word) {
            text = text.replace(word, MASK);
        }
    }
    text.into()
}

/// The text with everything between its first and its last quotation mark left out.
fn quotations(text: &str) -> String {
    let is_mark = |c: char| matches!(c, '\'' | '"' | '`' | '<' | '>');
    match (text.find(is_mark), text.rfind(is_mark)) {
        (Some(begin), Some(end)) if begin < end => {
            format!("{}{MASK}{}", &text[..=begin], &text[end..])
        }
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::quotations;

    #[test]
    fn a_quoted_command_is_left_out() {
        assert_eq!(quotations("Unrecognized command 'U29tbWVy'"), "Unrecognized command '…'");
        assert_eq!(quotations("it's odd"), "it's odd");
        assert_eq!(quotations("\"\""), "\"…\"");
        assert_eq!(quotations("plain"), "plain");
    }
}

//! Names in records of SMTP, where the verb and not the form tells what is a name (RFC 5321).

use std::ops::Range;

use serde_json::{Map, Value};

use super::Noun;

/// Where a command names somebody, and whom.
pub(super) fn named(command: &str) -> Option<(Range<usize>, Noun)> {
    let (verb, rest) = command.split_once(' ')?;
    let is = |name: &str| verb.eq_ignore_ascii_case(name);
    let end = command.len();
    let (place, noun) = if is("EHLO") || is("HELO") {
        // An address in brackets is known by its form.
        let start = verb.len() + 1;
        (if rest.starts_with('[') { end } else { start }..end, Noun::Host)
    } else if is("AUTH") {
        (end - rest.split_once(' ')?.1.len()..end, Noun::User)
    } else if is("MAIL") || is("RCPT") {
        let start = command.find('<')? + 1;
        (start..start + command[start..].find('>')?, Noun::User)
    } else {
        return None;
    };
    (!place.is_empty()).then_some((place, noun))
}

/// The name that a server gives itself: the first word of its greeting and of its answer to EHLO.
pub(super) fn server(record: &Map<String, Value>) -> Option<&str> {
    let text = record.get("text").filter(|_| record.contains_key("enhanced"))?.as_str()?;
    let command = record.get("command")?.as_str().unwrap_or_default().to_ascii_uppercase();
    let code = record.get("code")?.as_u64()?;
    let named = match command.split(' ').next()? {
        "" => code == 220,
        "EHLO" | "HELO" => code == 250,
        _ => false,
    };
    let word = text.split_whitespace().next()?;
    (named && !["SMTP", "ESMTP"].contains(&word)).then_some(word)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_command_names_whom_its_verb_says() {
        for (command, expected) in [
            ("EHLO uccx01", Some(("uccx01", Noun::Host))),
            ("EHLO [10.1.2.3]", None),
            ("AUTH LOGIN CORP\\joe", Some(("CORP\\joe", Noun::User))),
            ("AUTH LOGIN", None),
            ("MAIL FROM:<joe@corp> size=10", Some(("joe@corp", Noun::User))),
            ("MAIL FROM:<>", None),
            ("rcpt TO:<joe>", Some(("joe", Noun::User))),
            ("QUIT", None),
        ] {
            let found = named(command).map(|(place, noun)| (&command[place], noun));
            assert_eq!(found, expected, "{command}");
        }
    }

    #[test]
    fn a_server_names_itself_where_it_greets() {
        let of = |command: Value, code: u16, text: &str| {
            let record = json!({"command": command, "code": code, "enhanced": null, "text": text});
            server(record.as_object().unwrap()).map(str::to_owned)
        };
        assert_eq!(of(Value::Null, 220, "EX01 Microsoft ESMTP").as_deref(), Some("EX01"));
        assert_eq!(of(json!("EHLO a"), 250, "ex01.corp\nSIZE").as_deref(), Some("ex01.corp"));
        assert_eq!(of(json!("RCPT TO:<joe>"), 250, "Ok"), None);
        assert_eq!(of(Value::Null, 220, "ESMTP"), None);
    }
}

//! Names that are known by their form, wherever they stand.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::LazyLock;

use regex::Regex;

use super::Noun;

/// What a stretch of text is by its form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// A name of this kind.
    Name(Noun),
    /// A mail address: a user at a host.
    Mail,
}

/// The forms, those first that others would take for a part of theirs.
static FORMS: LazyLock<Regex> = LazyLock::new(|| {
    let forms = [
        r"(?P<community>1:[A-Za-z0-9+/]{27}=)",
        r"(?P<guid>[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12})",
        r"(?P<mail>[\w.+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+)",
        // Long enough not to be a word, and a multiple of nothing: some programs leave out the padding.
        r"(?P<blob>[A-Za-z0-9+/]{32,}={0,2})",
        // Exchange's IMAP service ends its greeting with the name of the server in base64.
        r"\[(?P<token>[A-Za-z0-9+/]{12,}={0,2})\]",
        r"(?P<ipv6>[0-9A-Fa-f]{0,4}:[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*)",
        r"(?P<ipv4>[0-9]{1,3}(?:\.[0-9]{1,3}){3})",
        // Two dots at least: `frame.number` is no host.
        r"(?P<host>(?:[A-Za-z0-9_-]+\.){2,}[A-Za-z]{2,})",
    ];
    Regex::new(&forms.join("|")).expect("the forms are regular expressions")
});

/// Hosts that name no machine but the vocabularies of SOAP and EWS.
const NAMESPACES: [&str; 3] = ["schemas.microsoft.com", "schemas.xmlsoap.org", "www.w3.org"];

/// The text with what `pseudonym` says for each name that is known by its form.
pub(super) fn replace(text: &str, mut pseudonym: impl FnMut(Form, &str) -> String) -> String {
    let mut out = String::with_capacity(text.len());
    let mut done = 0;
    for found in FORMS.captures_iter(text) {
        let Some((form, start, end)) = form(&found) else { continue };
        // Letters on either side make it a part of another word.
        let within = text[..start].ends_with(|c: char| c.is_alphanumeric() || c == '.')
            || text[end..].starts_with(char::is_alphanumeric);
        if within {
            continue;
        }
        out.push_str(&text[done..start]);
        out.push_str(&pseudonym(form, &text[start..end]));
        done = end;
    }
    out.push_str(&text[done..]);
    out
}

/// The form of a text as a whole.
pub(super) fn whole(text: &str) -> Option<(Form, &str)> {
    let found = FORMS.captures(text)?;
    let (form, start, end) = form(&found)?;
    (start == 0 && end == text.len()).then_some((form, text))
}

fn form(found: &regex::Captures<'_>) -> Option<(Form, usize, usize)> {
    let all = found.name("token").or(found.get(0))?;
    let (mut start, mut end, text) = (all.start(), all.end(), all.as_str());
    let is = |name| found.name(name).is_some();
    let form = if is("community") {
        Form::Name(Noun::Community)
    } else if is("guid") {
        Form::Name(Noun::Guid)
    } else if is("mail") {
        Form::Mail
    } else if is("blob") {
        Form::Name(Noun::Blob)
    } else if is("token") {
        // A response code is in capitals.
        text.contains(|c: char| c.is_ascii_lowercase()).then_some(Form::Name(Noun::Blob))?
    } else if is("ipv4") {
        text.parse::<Ipv4Addr>().ok()?;
        Form::Name(Noun::Ipv4)
    } else if is("ipv6") {
        // A full stop or colon of the sentence may follow.
        let address = text.trim_end_matches('.');
        let address =
            if address.parse::<Ipv6Addr>().is_ok() { address } else { address.trim_end_matches(':') };
        address.parse::<Ipv6Addr>().ok()?;
        end = all.start() + address.len();
        Form::Name(Noun::Ipv6)
    } else {
        let host = after_code(text);
        start = end - host.len();
        (!NAMESPACES.contains(&host)).then_some(Form::Name(Noun::Host))?
    };
    Some((form, start, end))
}

/// A host name without the code of the reply line that it begins (`250-mail.example.com`, RFC 5321 section 4.2.1).
fn after_code(text: &str) -> &str {
    match text.split_at_checked(4) {
        Some((code, host)) if code.ends_with('-') && code[..3].bytes().all(|byte| byte.is_ascii_digit()) => {
            host
        }
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marked(text: &str) -> String {
        replace(text, |form, found| format!("<{form:?} {}>", found.len()))
    }

    #[test]
    fn names_are_found_by_their_form_and_nothing_else_is() {
        for (text, expected) in [
            ("10.1.2.3:7080->10.1.2.4:50020", "<Name(Ipv4) 8>:7080-><Name(Ipv4) 8>:50020"),
            ("from fe80::1.", "from <Name(Ipv6) 7>."),
            ("[2001:db8::7]:7080", "[<Name(Ipv6) 11>]:7080"),
            ("::ffff:10.0.0.1", "<Name(Ipv6) 15>"),
            ("at 15:25:44.298 UTC", "at 15:25:44.298 UTC"),
            ("2014-06-29T15:25:44.298924000Z", "2014-06-29T15:25:44.298924000Z"),
            ("frame.number in {30, 912}", "frame.number in {30, 912}"),
            ("id 2348c723-2466-4fc0-bda0-b9419fb0215e,", "id <Name(Guid) 36>,"),
            ("jane.doe@corp.example.com", "<Mail 25>"),
            ("mbx01.corp.example.com said", "<Name(Host) 22> said"),
            ("250-mbx01.corp.example.com", "250-<Name(Host) 22>"),
            ("http://schemas.xmlsoap.org/soap/", "http://schemas.xmlsoap.org/soap/"),
            ("1:wCb3OG7yAFWelaUydu0D+125CLM=", "<Name(Community) 30>"),
            ("version 15.1.2507.6", "version 15.1.2507.6"),
            ("is ready. [RQBYADAAMQAuAGMAbwByAHAA]", "is ready. [<Name(Blob) 24>]"),
            ("NO [AUTHENTICATIONFAILED] no", "NO [AUTHENTICATIONFAILED] no"),
            ("FgB0AGVzdAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==", "<Name(Blob) 41>"),
        ] {
            assert_eq!(marked(text), expected, "{text}");
        }
    }
}

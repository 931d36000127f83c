//! `notify-malformed`.

use crate::proto::{Malformed, State};
use crate::rules::{Context, Findings};

rule! {
    /// A notification cannot be parsed, although no byte of it is missing.
    ///
    /// ## Meaning
    /// What arrives is not what Exchange sends. Something between rewrites the message, cuts it, or puts a page of
    /// its own in its place; Unity Connection cannot read it either.
    ///
    /// ## Evidence
    /// An HTTP head, a chunked coding, XML or a SOAP message that breaks its own rules on a stream without gaps.
    ///
    /// ## Traps
    /// Missing bytes, a short snapshot length, unknown name-space prefixes, a byte-order mark and extra white space
    /// are no malformation.
    ///
    /// ## Remedy
    /// Keep this capture: the bytes are the evidence (`sibtrace follow FILE --stream N`). Look for an inspecting
    /// firewall, proxy or balancer on the path and exempt TCP 7080 from inspection.
    ///
    /// ## References
    /// RFC 9112; MS-OXWSNTIF 2.2.
    pub(crate) struct NotifyMalformed;
    id = "notify-malformed";
    severity = Warning;
    check = check;
}

fn check(cx: &Context<'_>, out: &mut Findings<'_>) {
    for view in &cx.views {
        for (_, row) in view.census.heard.odd.iter().filter(|(_, row)| row.copy_of.is_none()) {
            let State::Malformed(cause) = row.state else {
                continue;
            };
            let what = describe(cause);
            let draft = super::about_row(
                row,
                format!("A notification of {} cannot be read: {what}", super::name(row)),
            )
            .detail(format!("No byte of the message is missing, but {what}."))
            .value("cause", what)
            .evidence(view, Some(row.flow), row.last, what);
            out.push(draft);
        }
    }
}

/// What is wrong, as the end of a sentence.
fn describe(cause: Malformed) -> &'static str {
    match cause {
        Malformed::Head => "its HTTP head breaks the rules",
        Malformed::Chunk => "its chunked coding is broken",
        Malformed::Xml => "its body is no well-formed XML",
        Malformed::Soap => "its body is no Exchange notification",
        Malformed::TooLong => "it is longer than any notification",
    }
}

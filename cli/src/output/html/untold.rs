//! What this capture cannot tell, and the limits that were met.

use bytesize::ByteSize;

use super::Story;
use super::markup::Markup;
use crate::output::text;

/// Writes an item per reason.
pub(super) fn section(html: &mut Markup, story: &Story<'_>) {
    let mut reasons = text::untold(story.report, story.facts, story.config);
    for limit in story.report.limits.iter().filter(|limit| limit.hits > 0) {
        let bound = match limit.store.contains("bytes") {
            true => ByteSize(limit.limit).to_string(),
            false => limit.limit.to_string(),
        };
        reasons.push(format!(
            "What did not fit into {bound} of {}: the limit was met {} times; --memory raises it",
            limit.store, limit.hits
        ));
    }
    if reasons.is_empty() {
        return;
    }
    html.element("ul", &[], |html| reasons.iter().for_each(|reason| html.leaf("li", &[], reason)));
}

//! What happened when: drawings over the time of the capture, as inline SVG.

mod associations;
mod axis;
mod lanes;
mod notifications;
mod sessions;

use super::Story;
use super::markup::Markup;

/// The drawings, in the order of the page. One that has nothing to show writes nothing.
const ALL: [fn(&mut Markup, &Story<'_>); 3] = [notifications::write, sessions::write, associations::write];

/// Writes all drawings.
pub(super) fn section(html: &mut Markup, story: &Story<'_>) {
    ALL.iter().for_each(|write| write(html, story));
}

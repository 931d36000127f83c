//! Calls of Exchange Web Services and their answers (MS-OXWSCORE, MS-OXWSNTIF 3.1.4): which operation, and how it ended.

use super::{Space, Step, Xml, clip, name};
use crate::proto::event::{Answer, Call, Subscribe};
use crate::proto::query::query;
use crate::proto::xml::Node;

/// Different codes of an answer that are kept.
const CODES: usize = 16;

/// Reads a request whose operation is known; of its content only a push subscription matters.
pub(super) fn call(xml: &mut Xml<'_>, call: &mut Call) -> Step {
    while xml.depth() > 0 {
        let Node::Open(element) = xml.next()? else {
            continue;
        };
        match name(&element) {
            (Space::Messages, "PushSubscriptionRequest") => {
                call.subscribe.get_or_insert_default();
            }
            (Space::Types, "StatusFrequency") => {
                let minutes = xml.text()?.parse().ok();
                if let Some(subscribe) = &mut call.subscribe {
                    subscribe.status_frequency = minutes;
                }
            }
            (Space::Types, "URL") => {
                let url = clip(&xml.text()?);
                if let Some(subscribe) = &mut call.subscribe {
                    subscribe.url = Some(url);
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// Reads the answer to a call, or a SOAP fault.
pub(super) fn answer(xml: &mut Xml<'_>, answer: &mut Answer) -> Step {
    while xml.depth() > 0 {
        let Node::Open(element) = xml.next()? else {
            continue;
        };
        match name(&element) {
            (Space::Messages | Space::Errors, "ResponseCode") => answer.add(&xml.text()?),
            (Space::Messages, "SubscriptionId") => answer.subscription_id = Some(clip(&xml.text()?)),
            (Space::Types, "Value") => match element.attribute("Name") {
                Some("BackOffMilliseconds") => answer.back_off_ms = xml.text()?.parse().ok(),
                Some("InnerErrorResponseCode") => answer.add(&xml.text()?),
                _ => {}
            },
            _ => {}
        }
    }
    Ok(())
}

impl Answer {
    fn add(&mut self, code: &str) {
        let is_known = self.codes.iter().any(|known| **known == *code);
        self.no_error |= code == "NoError";
        if code != "NoError" && !is_known && self.codes.len() < CODES {
            self.codes.push(clip(code));
        }
    }
}

impl Subscribe {
    /// `id=` of the callback's query: the key by which the listener knows the subscription.
    pub fn id(&self) -> Option<&str> {
        query(self.url.as_deref()?, "id")
    }

    /// Host and port of the callback.
    pub fn destination(&self) -> Option<(&str, u16)> {
        let (scheme, rest) = self.url.as_deref()?.split_once("://")?;
        let authority = rest.split(['/', '?']).next().unwrap_or_default();
        let usual = if scheme.eq_ignore_ascii_case("https") { 443 } else { 80 };
        match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => Some((host, port.parse().ok()?)),
            _ => Some((authority, usual)),
        }
    }
}

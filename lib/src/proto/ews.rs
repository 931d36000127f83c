//! SOAP messages of Exchange Web Services: push notifications and the listener's answers (MS-OXWSNTIF).
//!
//! Names are matched by namespace, never by prefix: Exchange, CUC and IM&P use different ones.

mod again;
mod calls;
mod form;

use std::borrow::Cow;

use twox_hash::XxHash3_64;

use super::event::{Answer, Call, EventKind, Ews, Malformed, Notification, NotificationResult, Recurring};
use super::xml::{self, Element, Node, NotXml};
use super::{SubscriptionId, Watermark};

/// Kinds of events that are listed.
const EVENTS: usize = 64;
/// Bytes of a text that are kept; a SubscriptionId has about 150.
const TEXT: usize = 1024;

/// What a body says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Reading {
    /// The message, as far as it could be read; `None` for all others.
    pub(super) ews: Option<Ews>,
    /// What is wrong with it.
    pub(super) malformed: Option<Malformed>,
}

/// What notifications of one form differ in: SubscriptionId, PreviousWatermark and Watermark.
type Texts<'d> = [Option<Cow<'d, str>>; 3];

/// What response messages have, while they are read.
#[derive(Default)]
struct Found<'d> {
    recurring: Recurring,
    texts: Texts<'d>,
    events: Vec<EventKind>,
    events_digest: u64,
}

/// Reads the body of a message. Where it is known not to be `whole`, breaking off is no fault of it. A body with a
/// `digest` may be one that came before.
pub(super) fn read(body: &[u8], whole: bool, digest: Option<u128>) -> Reading {
    if !whole {
        return parse(body, false);
    }
    let read = || form::recognize(body).unwrap_or_else(|| parse(body, true));
    match digest {
        Some(digest) => again::read(body, digest, read),
        None => read(),
    }
}

fn parse(body: &[u8], whole: bool) -> Reading {
    let Ok(text) = xml::decode(body, whole) else {
        return Reading { ews: None, malformed: Some(Malformed::Xml).filter(|_| whole) };
    };
    let (mut ews, mut texts) = (None, Texts::default());
    let result = envelope(&mut Xml::new(&text, Space::of), &mut ews, &mut texts);
    let reading = Reading { ews, malformed: result.err().filter(|_| whole) };
    if whole {
        form::remember(body, &texts, &reading);
    }
    reading
}

type Xml<'d> = xml::Xml<'d, Space>;

/// The namespaces that matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Space {
    Soap,
    Messages,
    Types,
    Errors,
    Other,
}

impl Space {
    fn of(uri: &str) -> Self {
        match uri {
            "http://schemas.xmlsoap.org/soap/envelope/" | "http://www.w3.org/2003/05/soap-envelope" => {
                Space::Soap
            }
            "http://schemas.microsoft.com/exchange/services/2006/messages" => Space::Messages,
            "http://schemas.microsoft.com/exchange/services/2006/types" => Space::Types,
            "http://schemas.microsoft.com/exchange/services/2006/errors" => Space::Errors,
            _ => Space::Other,
        }
    }
}

impl From<NotXml> for Malformed {
    fn from(_: NotXml) -> Self {
        Malformed::Xml
    }
}

type Step = Result<(), Malformed>;

fn name<'e>(element: &'e Element<'_, Space>) -> (Space, &'e str) {
    (element.namespace, element.local_name())
}

/// `out` is filled while reading, so that what was read before a fault is kept.
fn envelope<'d>(xml: &mut Xml<'d>, out: &mut Option<Ews>, texts: &mut Texts<'d>) -> Step {
    let root = xml.child()?.ok_or(Malformed::Xml)?;
    if name(&root) != (Space::Soap, "Envelope") {
        return Err(Malformed::Soap);
    }
    while let Some(element) = xml.child()? {
        if name(&element) != (Space::Soap, "Body") {
            xml.skip()?;
            continue;
        }
        let message = xml.child()?.ok_or(Malformed::Soap)?;
        match name(&message) {
            (Space::Messages, "SendNotification") => {
                let mut found = Found::default();
                let step = send_notification(xml, &mut found);
                *out = Some(Ews::Notification(found.notification()));
                *texts = found.texts;
                step?;
            }
            (Space::Messages, "SendNotificationResult") => *out = Some(Ews::Result(result(xml)?)),
            (Space::Soap, "Fault") => {
                let mut answer = Answer { is_fault: true, ..Answer::default() };
                let step = calls::answer(xml, &mut answer);
                *out = Some(Ews::Answer(answer.into()));
                step?;
            }
            (Space::Messages, local) => match local.strip_suffix("Response") {
                Some(operation) => {
                    let mut answer = Answer { operation: Some(clip(operation)), ..Answer::default() };
                    let step = calls::answer(xml, &mut answer);
                    *out = Some(Ews::Answer(answer.into()));
                    step?;
                }
                None => {
                    let mut call = Call { operation: clip(local), subscribe: None };
                    let step = calls::call(xml, &mut call);
                    *out = Some(Ews::Call(call.into()));
                    step?;
                }
            },
            _ => return Ok(()),
        }
        // The few closing tags that follow show whether the message is whole.
        while xml.depth() > 0 {
            xml.next()?;
        }
        return Ok(());
    }
    Err(Malformed::Soap)
}

fn result(xml: &mut Xml<'_>) -> Result<NotificationResult, Malformed> {
    let mut result = None;
    while let Some(element) = xml.child()? {
        if name(&element) != (Space::Messages, "SubscriptionStatus") {
            xml.skip()?;
            continue;
        }
        result = Some(match &*xml.text()? {
            "OK" => NotificationResult::Ok,
            "Unsubscribe" => NotificationResult::Unsubscribe,
            other => NotificationResult::Other(clip(other)),
        });
    }
    result.ok_or(Malformed::Soap)
}

/// Several response messages in one notification: the first one's ids, the events of all.
fn send_notification<'d>(xml: &mut Xml<'d>, out: &mut Found<'d>) -> Step {
    let mut messages = 0;
    while let Some(element) = xml.child()? {
        if name(&element) != (Space::Messages, "ResponseMessages") {
            xml.skip()?;
            continue;
        }
        while let Some(element) = xml.child()? {
            if name(&element) != (Space::Messages, "SendNotificationResponseMessage") {
                xml.skip()?;
                continue;
            }
            let mut found = Found::default();
            found.recurring.response_class = element.attribute("ResponseClass").map(clip);
            let step = response_message(xml, &mut found);
            if messages == 0 {
                *out = found;
            } else {
                out.append(&found);
            }
            messages += 1;
            step?;
        }
    }
    if messages == 0 { Err(Malformed::Soap) } else { Ok(()) }
}

fn response_message<'d>(xml: &mut Xml<'d>, found: &mut Found<'d>) -> Step {
    let mut has_notification = false;
    while let Some(element) = xml.child()? {
        match name(&element) {
            (Space::Messages, "ResponseCode") => found.recurring.response_code = Some(clip(&xml.text()?)),
            (Space::Messages, "MessageXml") => message_xml(xml, &mut found.texts[0])?,
            (Space::Messages, "Notification") => {
                has_notification = true;
                notification(xml, found)?;
            }
            _ => xml.skip()?,
        }
    }
    // An error is reported without a Notification, but then it has a code.
    let lacks =
        if has_notification { found.texts[0].is_none() } else { found.recurring.response_code.is_none() };
    if lacks { Err(Malformed::Soap) } else { Ok(()) }
}

/// Where an error names the subscription.
fn message_xml<'d>(xml: &mut Xml<'d>, subscription_id: &mut Option<Cow<'d, str>>) -> Step {
    while let Some(element) = xml.child()? {
        let named = element.attribute("Name").is_some_and(|name| name == "SubscriptionId");
        if named && name(&element) == (Space::Types, "Value") {
            subscription_id.get_or_insert(xml.text()?);
        } else {
            xml.skip()?;
        }
    }
    Ok(())
}

fn notification<'d>(xml: &mut Xml<'d>, found: &mut Found<'d>) -> Step {
    while let Some(element) = xml.child()? {
        match name(&element) {
            (Space::Types, "SubscriptionId") => found.texts[0] = Some(xml.text()?),
            (Space::Types, "PreviousWatermark") => found.texts[1] = Some(xml.text()?),
            (Space::Types, "MoreEvents") => found.recurring.more_events = boolean(&xml.text()?),
            (Space::Types, local) => match EventKind::of(local) {
                Some(kind) => event(kind, xml, found)?,
                None => xml.skip()?,
            },
            _ => xml.skip()?,
        }
    }
    Ok(())
}

fn event<'d>(kind: EventKind, xml: &mut Xml<'d>, found: &mut Found<'d>) -> Step {
    found.recurring.event_count = found.recurring.event_count.saturating_add(1);
    if found.events.len() < EVENTS {
        found.events.push(kind);
    }
    found.mix(kind.name());
    while let Some(element) = xml.child()? {
        match name(&element) {
            (Space::Types, "Watermark") => found.texts[2] = Some(xml.text()?),
            (Space::Types, "TimeStamp") => xml.skip()?,
            _ => {
                found.mix(element.local_name());
                found.mix(element.attributes());
                mix_content(xml, found)?;
            }
        }
    }
    Ok(())
}

/// Everything inside the element around the cursor goes into the digest.
fn mix_content(xml: &mut Xml<'_>, out: &mut Found<'_>) -> Step {
    let outside = xml.depth().saturating_sub(1);
    while xml.depth() > outside {
        match xml.next()? {
            Node::Open(element) => {
                out.mix(element.local_name());
                out.mix(element.attributes());
            }
            Node::Text(text) => out.mix(text.trim()),
            Node::Close | Node::End => {}
        }
    }
    Ok(())
}

impl Found<'_> {
    fn mix(&mut self, text: &str) {
        self.events_digest = XxHash3_64::oneshot_with_seed(self.events_digest, text.as_bytes());
    }

    /// Adds the events of another response message.
    fn append(&mut self, other: &Self) {
        let room = EVENTS.saturating_sub(self.events.len());
        self.events.extend(other.events.iter().take(room));
        self.recurring.event_count = self.recurring.event_count.saturating_add(other.recurring.event_count);
        self.events_digest =
            XxHash3_64::oneshot_with_seed(self.events_digest, &other.events_digest.to_le_bytes());
    }

    /// What it all says.
    fn notification(&mut self) -> Notification {
        let [id, previous, watermark] = self.texts.each_ref().map(Option::as_deref);
        let mut recurring = std::mem::take(&mut self.recurring);
        recurring.events = self.events.as_slice().into();
        recurring.name(id);
        Notification {
            recurring: recurring.into(),
            previous_watermark: previous.map(watermark_of),
            watermark: watermark.map(watermark_of),
            events_digest: self.events_digest,
        }
    }
}

impl Recurring {
    /// Gives it the SubscriptionId.
    fn name(&mut self, id: Option<&str>) {
        self.subscription_id = id.map(clip);
        self.decoded_id = self.subscription_id.as_deref().and_then(SubscriptionId::decode);
    }
}

fn watermark_of(text: &str) -> Watermark {
    Watermark::read(clipped(text))
}

impl EventKind {
    fn of(local_name: &str) -> Option<Self> {
        [
            EventKind::Status,
            EventKind::NewMail,
            EventKind::Created,
            EventKind::Deleted,
            EventKind::Modified,
            EventKind::Moved,
            EventKind::Copied,
            EventKind::FreeBusyChanged,
        ]
        .into_iter()
        .find(|kind| kind.name() == local_name)
    }
}

/// XML Schema, `xs:boolean`.
fn boolean(text: &str) -> Option<bool> {
    match text {
        "true" | "1" => Some(true),
        "false" | "0" => Some(false),
        _ => None,
    }
}

fn clip<T: for<'t> From<&'t str>>(text: &str) -> T {
    clipped(text).into()
}

fn clipped(text: &str) -> &str {
    text.get(..text.floor_char_boundary(TEXT)).unwrap_or(text)
}

#[cfg(test)]
mod tests;

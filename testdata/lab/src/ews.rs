//! EWS push notifications and the replies to them, byte for byte as Exchange and Unity Connection send them.

use crate::time::{MICROSECOND, Nanos, http_date};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// The namespace of EWS messages.
pub const MESSAGES: &str = "http://schemas.microsoft.com/exchange/services/2006/messages";
/// The namespace of EWS types.
pub const TYPES: &str = "http://schemas.microsoft.com/exchange/services/2006/types";

/// A GUID in Windows' mixed-endian bytes.
pub type Guid = [u8; 16];

/// A GUID as people write it.
pub fn guid_text(guid: &Guid) -> String {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let turned = |bytes: &[u8]| bytes.iter().rev().map(|byte| format!("{byte:02x}")).collect::<String>();
    format!(
        "{}-{}-{}-{}-{}",
        turned(&guid[0..4]),
        turned(&guid[4..6]),
        turned(&guid[6..8]),
        hex(&guid[8..10]),
        hex(&guid[10..16])
    )
}

/// Exchange's SubscriptionId: server name, GUID, creation time in .NET ticks and, in later builds, the mailbox GUID.
pub fn subscription_id(server: &str, guid: &Guid, created: Nanos, mailbox: Option<&Guid>) -> String {
    // Ticks of 100 ns from 0001-01-01 to 1970-01-01.
    const UNIX_EPOCH: u64 = 621_355_968_000_000_000;
    let mut bytes = (server.len() as u16).to_le_bytes().to_vec();
    bytes.extend_from_slice(server.as_bytes());
    bytes.extend_from_slice(&16_u32.to_le_bytes());
    bytes.extend_from_slice(guid);
    bytes.extend_from_slice(&(created / 100 + UNIX_EPOCH).to_le_bytes());
    if let Some(mailbox) = mailbox {
        bytes.extend_from_slice(&16_u32.to_le_bytes());
        bytes.extend_from_slice(mailbox);
    }
    STANDARD.encode(bytes)
}

/// A version 1 watermark: the database's GUID and its event counter.
pub fn watermark(database: &Guid, counter: u64) -> String {
    let mut bytes = 1_u32.to_le_bytes().to_vec();
    bytes.extend_from_slice(database);
    bytes.extend_from_slice(&counter.to_le_bytes());
    bytes.push(1);
    STANDARD.encode(bytes)
}

/// What an event element says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// Nothing happened: the keep-alive.
    Status,
    /// Mail arrived.
    NewMail,
    /// An item was made.
    Created,
    /// An item was deleted.
    Deleted,
    /// An item was changed.
    Modified,
    /// An item was moved.
    Moved,
}

/// What a notification's body says.
#[derive(Debug, Clone)]
pub struct Notice<'a> {
    /// Exchange's SubscriptionId.
    pub subscription: &'a str,
    /// The watermark before the first event.
    pub previous: String,
    /// Each event with its watermark.
    pub events: Vec<(Event, String)>,
    /// Whether more follow at once.
    pub more: bool,
    /// When the events happened.
    pub time: Nanos,
}

impl Notice<'_> {
    /// The SOAP envelope, with the prefixes that Exchange uses.
    pub fn body(&self) -> String {
        let events: String = self.events.iter().map(|(event, mark)| self.event(*event, mark)).collect();
        envelope(
            "Success",
            &format!(
                "<m:ResponseCode>NoError</m:ResponseCode><m:Notification><t:SubscriptionId>{}</t:SubscriptionId>\
                 <t:PreviousWatermark>{}</t:PreviousWatermark><t:MoreEvents>{}</t:MoreEvents>{events}</m:Notification>",
                self.subscription, self.previous, self.more
            ),
        )
    }

    fn event(&self, event: Event, mark: &str) -> String {
        let name = match event {
            Event::Status => {
                return format!("<t:StatusEvent><t:Watermark>{mark}</t:Watermark></t:StatusEvent>");
            }
            Event::NewMail => "NewMailEvent",
            Event::Created => "CreatedEvent",
            Event::Deleted => "DeletedEvent",
            Event::Modified => "ModifiedEvent",
            Event::Moved => "MovedEvent",
        };
        let item = |kind: &str, tail: &str| {
            format!("<t:{kind} Id=\"AAMkADc3Y2M2{}{tail}=\" ChangeKey=\"CQAAAA==\" />", &mark[12..28])
        };
        let old = if event == Event::Moved {
            item("OldItemId", "b") + &item("OldParentFolderId", "c")
        } else {
            String::new()
        };
        let unread = if event == Event::Modified { "<t:UnreadCount>3</t:UnreadCount>" } else { "" };
        format!(
            "<t:{name}><t:Watermark>{mark}</t:Watermark><t:TimeStamp>{}</t:TimeStamp>{}{}{old}{unread}</t:{name}>",
            soap_time(self.time),
            item("ItemId", "a"),
            item("ParentFolderId", "p"),
        )
    }
}

/// An error notification: no Notification element, the id in MessageXml.
pub fn error_body(subscription: &str, code: &str) -> String {
    envelope(
        "Error",
        &format!(
            "<m:MessageText>Events could not be read.</m:MessageText><m:ResponseCode>{code}</m:ResponseCode>\
             <m:DescriptiveLinkKey>0</m:DescriptiveLinkKey><m:MessageXml>\
             <t:Value Name=\"SubscriptionId\">{subscription}</t:Value></m:MessageXml>"
        ),
    )
}

fn envelope(class: &str, content: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\
         <soap11:Envelope xmlns:soap11=\"http://schemas.xmlsoap.org/soap/envelope/\"><soap11:Header>\
         <t:RequestServerVersion xmlns:m=\"{MESSAGES}\" Version=\"Exchange2007_SP1\" xmlns:t=\"{TYPES}\" />\
         </soap11:Header><soap11:Body><m:SendNotification xmlns:t=\"{TYPES}\" xmlns:m=\"{MESSAGES}\">\
         <m:ResponseMessages><m:SendNotificationResponseMessage ResponseClass=\"{class}\">{content}\
         </m:SendNotificationResponseMessage></m:ResponseMessages></m:SendNotification></soap11:Body></soap11:Envelope>"
    )
}

/// A SOAP message of Exchange around `content`, with the prefixes `s`, `m` and `t`.
pub fn soap(content: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?><s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\" \
         xmlns:m=\"{MESSAGES}\" xmlns:t=\"{TYPES}\"><s:Body>{content}</s:Body></s:Envelope>"
    )
}

fn soap_time(time: Nanos) -> String {
    let seconds = time / (1_000_000 * MICROSECOND);
    format!("2014-06-29T{:02}:{:02}:{:02}Z", seconds / 3600 % 24, seconds / 60 % 60, seconds % 60)
}

/// Unity Connection's 200: 146 header bytes, no length, the body ends with the connection.
pub fn jetty_ok(status: &str, now: Nanos) -> Vec<u8> {
    format!(
        "HTTP/1.1 200 OK\r\nDate: {}\r\nContent-Type: text/xml;charset=UTF-8\r\nConnection: close\r\n\
         Server: Jetty(8.1.14.v20131031)\r\n\r\n<?xml version='1.0' encoding='UTF-8'?>\
         <soapenv:Envelope xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\"><soapenv:Body>\
         <ns1:SendNotificationResult xmlns:ns1=\"{MESSAGES}\"><ns1:SubscriptionStatus>{status}\
         </ns1:SubscriptionStatus></ns1:SendNotificationResult></soapenv:Body></soapenv:Envelope>",
        http_date(now)
    )
    .into_bytes()
}

/// A reply without its Date, as some gateways pass it on.
pub fn without_date(reply: &[u8]) -> Vec<u8> {
    let lines = reply.split_inclusive(|byte| *byte == b'\n');
    lines.filter(|line| !line.starts_with(b"Date:")).flatten().copied().collect()
}

/// Jetty's error page.
pub fn jetty_error(code: u16, reason: &str, now: Nanos) -> Vec<u8> {
    let page = format!(
        "<html>\n<head>\n<title>Error {code} {reason}</title>\n</head>\n<body>\n<h2>HTTP ERROR: {code}</h2>\n\
         <p>Problem accessing /NotificationService/services/NotificationService. Reason:\n<pre>    {reason}</pre></p>\n\
         <hr /><i><small>Powered by Jetty://</small></i>\n</body>\n</html>\n"
    );
    format!(
        "HTTP/1.1 {code} {reason}\r\nDate: {}\r\nCache-Control: must-revalidate,no-cache,no-store\r\n\
         Content-Type: text/html;charset=ISO-8859-1\r\nContent-Length: {}\r\nConnection: close\r\n\
         Server: Jetty(8.1.14.v20131031)\r\n\r\n{page}",
        http_date(now),
        page.len()
    )
    .into_bytes()
}

/// The page of a proxy that wants credentials.
pub fn proxy_page(now: Nanos) -> Vec<u8> {
    let page = "<html><head><title>ERROR: Cache Access Denied</title></head><body>\
                <p>Sorry, you are not currently allowed to request this page until you have authenticated yourself.</p>\
                </body></html>\n";
    format!(
        "HTTP/1.1 407 Proxy Authentication Required\r\nServer: squid/3.5.20\r\nMime-Version: 1.0\r\nDate: {}\r\n\
         Content-Type: text/html\r\nContent-Length: {}\r\nX-Squid-Error: ERR_CACHE_ACCESS_DENIED 0\r\n\
         Proxy-Authenticate: Basic realm=\"proxy\"\r\nConnection: close\r\n\r\n{page}",
        http_date(now),
        page.len()
    )
    .into_bytes()
}

/// The head of the POST, as .NET writes it; `extra` are header lines that somebody on the way added.
pub fn post(target: &str, host: &str, length: usize, extra: &[String]) -> Vec<u8> {
    let mut extra = extra.join("\r\n");
    if !extra.is_empty() {
        extra.push_str("\r\n");
    }
    format!(
        "POST {target} HTTP/1.1\r\nContent-Type: text/xml; charset=utf-8\r\nAccept: text/xml\r\n\
         SOAPAction: {MESSAGES}/SendNotification\r\nHost: {host}\r\nContent-Length: {length}\r\n{extra}\
         Connection: Close\r\n\r\n"
    )
    .into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::ORIGIN;

    #[test]
    fn a_reply_has_the_146_header_bytes_and_343_body_bytes_that_jetty_sends() {
        let reply = jetty_ok("OK", ORIGIN);
        let head = reply.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4);
        assert_eq!((head, reply.len()), (Some(146), 489));
    }

    #[test]
    fn the_source_captures_own_subscription_comes_out_as_documented() {
        let id = subscription_id("xhn-rid-x01.cisco.com", &[0; 16], ORIGIN, None);
        assert!(id.starts_with("FQB4aG4tcmlkLXgwMS5jaXNjby5jb20QAAAA"), "{id}");
    }
}

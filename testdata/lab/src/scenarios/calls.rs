//! Calls of Exchange Web Services in clear, and pings.

use crate::cuc::{Lab, at};
use crate::ews::soap;
use crate::scenario::Scenario;
use crate::site::{CUC, Delivery, EXCHANGE, PRESENCE, far, near};
use crate::tcp::{Conversation, Host, Side, Stack};
use crate::time::{MILLISECOND, Nanos, SECOND};
use crate::trace::PacketId;
use crate::wire::{self, IpFields};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr};

pub(super) fn scenarios() -> Vec<Scenario> {
    [errors(), moves(), log_ins(), statuses(), calendars(), pings(), subscribes()].concat()
}

fn cuc() -> Host {
    near(CUC, Stack::Linux)
}

fn exchange() -> Host {
    far(EXCHANGE, Stack::Windows)
}

/// A call with its reply. Gives the packet that completes the reply.
fn call(lab: &mut Lab, at: Nanos, head: &[String], body: &str, reply: &Reply) -> PacketId {
    calls(lab, at, &[(head, body, reply)])[0]
}

/// Several in one connection.
fn calls(lab: &mut Lab, at: Nanos, all: &[(&[String], &str, &Reply)]) -> Vec<PacketId> {
    let port = lab.next_port();
    let mut talk = Conversation::new(&mut lab.trace, at, (cuc(), port), (exchange(), 80));
    talk.handshake();
    let mut done = Vec::new();
    for (head, body, reply) in all {
        let mut request = head.join("\r\n");
        request += &format!("\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        talk.send(Side::Originator, request.as_bytes());
        talk.ack(Side::Responder);
        talk.wait(40 * MILLISECOND);
        let sent = talk.send(Side::Responder, &reply.bytes());
        done.push(sent[sent.len() - 1]);
        talk.ack(Side::Originator);
    }
    talk.fin(Side::Originator);
    talk.fin(Side::Responder);
    talk.ack(Side::Originator);
    done
}

/// A reply of IIS.
struct Reply {
    status: &'static str,
    headers: Vec<String>,
    body: Vec<u8>,
}

impl Reply {
    fn of(status: &'static str, headers: &[&str], body: String) -> Self {
        Self { status, headers: headers.iter().map(|line| (*line).into()).collect(), body: body.into_bytes() }
    }

    /// The same, compressed.
    fn packed(mut self) -> Self {
        let mut coder = GzEncoder::new(Vec::new(), Compression::default());
        // Writing to memory does not fail.
        coder.write_all(&self.body).expect("memory takes all");
        self.body = coder.finish().expect("memory takes all");
        self.headers.push("Content-Encoding: gzip".to_owned());
        self
    }

    /// An answer with a response code.
    fn code(operation: &str, code: &str, more: &str) -> Self {
        let class = if code == "NoError" { "Success" } else { "Error" };
        let body = soap(&format!(
            "<m:{operation}Response><m:ResponseMessages><m:{operation}ResponseMessage ResponseClass=\"{class}\">\
             <m:ResponseCode>{code}</m:ResponseCode>{more}</m:{operation}ResponseMessage></m:ResponseMessages>\
             </m:{operation}Response>"
        ));
        Self::of("200 OK", &["Content-Type: text/xml; charset=utf-8"], body)
    }

    fn bytes(&self) -> Vec<u8> {
        let mut text = format!("HTTP/1.1 {}\r\nServer: Microsoft-IIS/7.5\r\n", self.status);
        for line in &self.headers {
            text += &format!("{line}\r\n");
        }
        text += &format!("Content-Length: {}\r\n\r\n", self.body.len());
        [text.as_bytes(), &self.body].concat()
    }
}

fn head(operation: &str, more: &[String]) -> Vec<String> {
    let mut lines = vec![
        "POST /EWS/Exchange.asmx HTTP/1.1".to_owned(),
        "Host: ex01.corp.example.com".to_owned(),
        "User-Agent: CuMbxSync".to_owned(),
        "Content-Type: text/xml; charset=utf-8".to_owned(),
        format!("SOAPAction: \"http://schemas.microsoft.com/exchange/services/2006/messages/{operation}\""),
    ];
    lines.extend_from_slice(more);
    lines
}

fn ask(operation: &str) -> String {
    soap(&format!("<m:{operation}/>"))
}

fn basic(user: &str) -> String {
    format!("Authorization: Basic {}", BASE64.encode(format!("{user}:not-a-password")))
}

fn told(path: &str, text: &str, mut lab: Lab) -> Scenario {
    lab.background(cuc(), at(0, 0), at(2, 0), 25 * SECOND);
    Scenario::new(path, text, lab).told(&[], &[], &[])
}

/// One call with one answer.
fn one(path: &str, text: &str, operation: &str, reply: &Reply) -> (Scenario, PacketId) {
    let mut lab = Lab::new(path);
    let id = call(&mut lab, at(0, 30), &head(operation, &[basic("CORP\\unity")]), &ask(operation), reply);
    (told(path, text, lab), id)
}

fn errors() -> Vec<Scenario> {
    let rule = "ews-error";
    let server = EXCHANGE.to_string();
    let busy = Reply::code(
        "GetItem",
        "ErrorServerBusy",
        "<m:MessageXml><t:Value Name=\"BackOffMilliseconds\">297749</t:Value></m:MessageXml>",
    );
    let fault = Reply::of(
        "500 Internal Server Error",
        &["Content-Type: text/xml; charset=utf-8"],
        soap(
            "<s:Fault><faultcode>a:ErrorImpersonateUserDenied</faultcode><faultstring>denied</faultstring><detail>\
             <e:ResponseCode xmlns:e=\"http://schemas.microsoft.com/exchange/services/2006/errors\">\
             ErrorImpersonateUserDenied</e:ResponseCode></detail></s:Fault>",
        ),
    );
    let (busy, first) = one("ews-error/hit", "Exchange throttles the account.", "GetItem", &busy);
    let (fault, second) =
        one("ews-error/hit-fault", "The account may not impersonate: a SOAP fault.", "GetItem", &fault);
    let refused = Reply::code("FindItem", "ErrorAccessDenied", "").packed();
    let (refused, third) =
        one("ews-error/hit-gzip", "The answer that refuses access is compressed.", "FindItem", &refused);
    let (good, _) = one(
        "ews-error/miss",
        "An item is gone, which is normal.",
        "GetItem",
        &Reply::code("GetItem", "ErrorItemNotFound", ""),
    );
    vec![
        busy.expect_on(rule, &server, &[first]).severity("error"),
        fault.expect_on(rule, &server, &[second]).forbid("ews-http-error"),
        refused.expect_on(rule, &server, &[third]).severity("error"),
        good.forbid(rule),
    ]
}

fn moves() -> Vec<Scenario> {
    let rule = "ews-mailbox-moved";
    let moving = Reply::code("GetFolder", "ErrorMailboxMoveInProgress", "");
    let (hit, id) = one("ews-mailbox-moved/hit", "The mailbox is being moved.", "GetFolder", &moving);
    let (miss, _) =
        one("ews-mailbox-moved/miss", "All is well.", "GetFolder", &Reply::code("GetFolder", "NoError", ""));
    vec![hit.expect_on(rule, &EXCHANGE.to_string(), &[id]).forbid("ews-error"), miss.forbid(rule)]
}

fn log_ins() -> Vec<Scenario> {
    let rule = "ews-auth-rejected";
    let server = EXCHANGE.to_string();
    let denied = Reply::of(
        "401 Unauthorized",
        &["WWW-Authenticate: Negotiate", "WWW-Authenticate: NTLM", "WWW-Authenticate: Basic realm=\"ex01\""],
        String::new(),
    );
    let good = Reply::code("GetFolder", "NoError", "");
    let ntlm = |kind: u32, user: &str| {
        let mut message = [&b"NTLMSSP\0"[..], &kind.to_le_bytes()].concat();
        message.resize(if kind == 3 { 64 } else { 32 }, 0);
        if kind == 3 {
            let name: Vec<u8> = user.encode_utf16().flat_map(u16::to_le_bytes).collect();
            message[36..38].copy_from_slice(&(name.len() as u16).to_le_bytes());
            message[38..40].copy_from_slice(&(name.len() as u16).to_le_bytes());
            message[40..44].copy_from_slice(&64u32.to_le_bytes());
            message[60] = 1;
            message.extend(name);
        }
        format!("Authorization: NTLM {}", BASE64.encode(message))
    };
    let body = ask("GetFolder");
    let (plain, first, last) =
        (head("GetFolder", &[]), head("GetFolder", &[ntlm(1, "")]), head("GetFolder", &[ntlm(3, "unity")]));
    let wrong = |path: &str, text: &str, end: &Reply| {
        let mut lab = Lab::new(path);
        let sent =
            calls(&mut lab, at(0, 30), &[(&plain, "", &denied), (&first, "", &denied), (&last, &body, end)]);
        (told(path, text, lab), sent[2])
    };
    let (rejected, id) =
        wrong("ews-auth-rejected/hit", "The last message of NTLM is answered with 401.", &denied);
    let (accepted, _) = wrong("ews-auth-rejected/miss", "Two legs of 401, then the log-in succeeds.", &good);
    let path = "ews-auth-rejected/miss-probe";
    let mut probed = Lab::new(path);
    for second in [10, 25, 40, 55, 70] {
        call(&mut probed, at(0, second), &plain, "", &denied);
    }
    let mut lab = Lab::new("ews-auth-rejected/hit-basic");
    let basic_id = call(&mut lab, at(0, 30), &head("GetFolder", &[basic("CORP\\unity")]), &body, &denied);
    vec![
        rejected.expect_on(rule, &server, &[id]).severity("error"),
        told("ews-auth-rejected/hit-basic", "Basic credentials are answered with 401.", lab).expect_on(
            rule,
            &server,
            &[basic_id],
        ),
        accepted.forbid(rule),
        told(path, "A balancer's probe, which never logs in.", probed).forbid(rule),
    ]
}

fn statuses() -> Vec<Scenario> {
    let rule = "ews-http-error";
    let server = EXCHANGE.to_string();
    let page = || "<html><body>Service Unavailable</body></html>".to_owned();
    let busy = Reply::of("503 Service Unavailable", &["Content-Type: text/html", "Retry-After: 30"], page());
    let forms = Reply::of("302 Found", &["Location: /owa/auth/logon.aspx?url=x&reason=0"], String::new());
    let slash =
        Reply::of("302 Found", &["Location: http://ex02.corp.example.com/EWS/Exchange.asmx"], String::new());
    let (busy, first) = one("ews-http-error/hit", "The queue of IIS is full.", "GetFolder", &busy);
    let (forms, second) =
        one("ews-http-error/hit-forms", "Forms-based authentication is on for EWS.", "GetFolder", &forms);
    let (slash, _) = one("ews-http-error/miss", "A redirect to another server.", "GetFolder", &slash);
    vec![
        busy.expect_on(rule, &server, &[first]).severity("warning"),
        forms.expect_on(rule, &server, &[second]),
        slash.forbid(rule),
    ]
}

fn calendars() -> Vec<Scenario> {
    let rule = "locale-calendar-mismatch";
    let search = |path: &str, text: &str, folder: &str| {
        let mut lab = Lab::new(path);
        let head = vec![
            format!("SEARCH /exchange/anna/{folder}/ HTTP/1.1"),
            "Host: ex01.corp.example.com".to_owned(),
            "Content-Type: text/xml".to_owned(),
        ];
        let gone = Reply::of("404 Resource Not Found", &["Content-Type: text/html"], "<html/>".to_owned());
        let id = call(&mut lab, at(0, 30), &head, "<D:searchrequest xmlns:D=\"DAV:\"/>", &gone);
        (told(path, text, lab), id)
    };
    let (hit, id) =
        search("locale-calendar-mismatch/hit", "The folder is asked for in Portuguese.", "Calend%C3%A1rio");
    let (miss, _) = search("locale-calendar-mismatch/miss", "Another folder is missing.", "Projects");
    vec![hit.expect_on(rule, &EXCHANGE.to_string(), &[id]).severity("info"), miss.forbid(rule)]
}

/// Echo requests, one a second, and their replies.
fn ping(lab: &mut Lab, from: Nanos, count: u16, is_answered: bool) -> Vec<PacketId> {
    let (client, server) = (near(PRESENCE, Stack::Linux), exchange());
    let mut sent = Vec::new();
    for number in 1..=count {
        let at = from + u64::from(number) * SECOND;
        let fields = IpFields { ttl: client.ttl(), ident: number };
        let request = wire::echo(client.ip, server.ip, fields, 8, number);
        sent.push(lab.trace.push(at, (client.mac, server.mac), request, None));
        if is_answered {
            let fields = IpFields { ttl: server.ttl(), ident: number };
            let reply = wire::echo(server.ip, client.ip, fields, 0, number);
            lab.trace.push(at + MILLISECOND, (server.mac, client.mac), reply, None);
        }
    }
    sent
}

/// An echo request, and the error with which a router answers it.
fn ping_rejected(lab: &mut Lab, moment: Nanos) -> [PacketId; 2] {
    let (client, server) = (near(PRESENCE, Stack::Linux), exchange());
    let router = Ipv4Addr::new(10, 10, 30, 1);
    let request = wire::echo(client.ip, server.ip, IpFields { ttl: client.ttl(), ident: 1 }, 8, 1);
    let fields = IpFields { ttl: 255, ident: 9 };
    let IpAddr::V4(asker) = client.ip else { unreachable!("the lab's hosts have IPv4 addresses") };
    let error = wire::icmp_unreachable(router, asker, fields, 1, &request);
    [
        lab.trace.push(moment, (client.mac, server.mac), request, None),
        lab.trace.push(moment + MILLISECOND, (server.mac, client.mac), error, None),
    ]
}

fn pings() -> Vec<Scenario> {
    let rule = "exchange-unreachable";
    let server = EXCHANGE.to_string();
    let presence = near(PRESENCE, Stack::Linux);
    let visit = |lab: &mut Lab| {
        let port = lab.next_port();
        let mut talk = Conversation::new(&mut lab.trace, at(0, 45), (presence, port), (exchange(), 443));
        talk.handshake();
        talk.fin(Side::Originator);
        talk.fin(Side::Responder);
        talk.ack(Side::Originator);
    };
    let mut dead = Lab::new("exchange-unreachable/hit");
    let sent = ping(&mut dead, at(0, 20), 5, false);
    dead.unanswered(at(0, 40), presence, exchange(), 443, 2);
    let mut shy = Lab::new("exchange-unreachable/hit-ping-only");
    ping(&mut shy, at(0, 20), 5, false);
    visit(&mut shy);
    let mut routed = Lab::new("exchange-unreachable/hit-icmp");
    let syn = routed.prohibited(at(0, 30), presence, exchange(), 443, Ipv4Addr::new(10, 10, 30, 1), 1);
    let mut rejected = Lab::new("exchange-unreachable/hit-ping-rejected");
    let asked = ping_rejected(&mut rejected, at(0, 20));
    rejected.unanswered(at(0, 40), presence, exchange(), 443, 2);
    let mut fine = Lab::new("exchange-unreachable/miss");
    ping(&mut fine, at(0, 20), 5, true);
    visit(&mut fine);
    let mut lost = Lab::new("exchange-unreachable/miss-two");
    ping(&mut lost, at(0, 20), 2, false);
    ping(&mut lost, at(0, 30), 2, true);
    let at_presence = |path: &str, text: &str, mut lab: Lab| {
        lab.background(presence, at(0, 0), at(2, 0), 25 * SECOND);
        Scenario::new(path, text, lab).told(&[], &[], &[])
    };
    vec![
        at_presence("exchange-unreachable/hit", "Neither pings nor SYNs are answered.", dead)
            .expect_on(rule, &server, &sent[..1])
            .severity("error")
            .allow("tls-network-error"),
        at_presence("exchange-unreachable/hit-ping-only", "Pings are not answered, but TCP works.", shy)
            .expect_on(rule, &server, &[])
            .severity("info"),
        at_presence(
            "exchange-unreachable/hit-icmp",
            "A router says that the host cannot be reached.",
            routed,
        )
        .expect_on(rule, &server, &[syn])
        .severity("error")
        .allow("tls-network-error"),
        at_presence(
            "exchange-unreachable/hit-ping-rejected",
            "A router answers the only ping: no way leads to the host.",
            rejected,
        )
        .expect_on(rule, &server, &asked)
        .severity("error")
        .allow("tls-network-error"),
        at_presence("exchange-unreachable/miss", "Pings are answered.", fine).forbid(rule),
        at_presence("exchange-unreachable/miss-two", "Two pings are lost, the next ones are answered.", lost)
            .forbid(rule),
    ]
}

/// A Subscribe call in clear sets the interval of its subscription.
fn subscribes() -> Vec<Scenario> {
    let path = "keepalive-missing/miss-subscribe";
    let mut lab = super::cuc_at_work(path, 50);
    let mut subscription = lab.subscribe(at(0, 30), &Delivery::to_cuc());
    let url = format!(
        "http://{CUC}:7080/NotificationService/services/NotificationService?id={}&amp;pid={}",
        subscription.id, subscription.pid
    );
    let body = soap(&format!(
        "<m:Subscribe><m:PushSubscriptionRequest><t:StatusFrequency>13</t:StatusFrequency><t:URL>{url}</t:URL>\
         </m:PushSubscriptionRequest></m:Subscribe>"
    ));
    let id = format!("<m:SubscriptionId>{}</m:SubscriptionId>", subscription.soap_id);
    let reply = Reply::code("Subscribe", "NoError", &id);
    call(&mut lab, at(0, 30), &head("Subscribe", &[basic("CORP\\unity")]), &body, &reply);
    subscription.interval = 13 * 60 * SECOND;
    lab.idle(&mut subscription, at(1, 0), at(49, 0));
    let text = "The Subscribe call asks for a keep-alive every 13 minutes, and that is when they come.";
    vec![Scenario::new(path, text, lab).forbid("keepalive-missing").forbid("subscription-stale")]
}

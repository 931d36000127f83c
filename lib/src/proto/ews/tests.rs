use super::*;

const MESSAGES: &str = "http://schemas.microsoft.com/exchange/services/2006/messages";
const TYPES: &str = "http://schemas.microsoft.com/exchange/services/2006/types";
const SOAP_11: &str = "http://schemas.xmlsoap.org/soap/envelope/";
const SOAP_12: &str = "http://www.w3.org/2003/05/soap-envelope";

fn soap(body: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?><S:Envelope xmlns:S=\"{SOAP_11}\"><S:Header><x/></S:Header>\
         <S:Body xmlns:m=\"{MESSAGES}\" xmlns:t=\"{TYPES}\">{body}</S:Body></S:Envelope>"
    )
}

fn send(messages: &str) -> String {
    soap(&format!(
        "<m:SendNotification><m:ResponseMessages>{messages}</m:ResponseMessages></m:SendNotification>"
    ))
}

fn message(events: &str) -> String {
    format!(
        "<m:SendNotificationResponseMessage ResponseClass=\"Success\"><m:ResponseCode>NoError</m:ResponseCode>\
         <m:Notification><t:SubscriptionId>id</t:SubscriptionId><t:PreviousWatermark>w0</t:PreviousWatermark>\
         <t:MoreEvents>true</t:MoreEvents>{events}</m:Notification></m:SendNotificationResponseMessage>"
    )
}

pub(super) fn keep_alive(id: &str, previous: &str, watermark: &str) -> String {
    let status = format!("<t:StatusEvent><t:Watermark>{watermark}</t:Watermark></t:StatusEvent>");
    let body = send(&message(&status));
    body.replace(">id<", &format!(">{id}<")).replace(">w0<", &format!(">{previous}<"))
}

const STATUS: &str = "<t:StatusEvent><t:Watermark>w1</t:Watermark></t:StatusEvent>";

fn mail(watermark: &str, time: &str, item: &str) -> String {
    format!(
        "<t:NewMailEvent><t:Watermark>{watermark}</t:Watermark><t:TimeStamp>{time}</t:TimeStamp>\
         <t:ItemId Id=\"{item}\" ChangeKey=\"k\"/><t:ParentFolderId Id=\"f\"/></t:NewMailEvent>"
    )
}

fn sound(text: &str) -> Option<Ews> {
    let reading = read(text.as_bytes(), true, None);
    assert_eq!(reading.malformed, None, "{text}");
    reading.ews
}

fn notification(text: &str) -> Notification {
    match sound(text) {
        Some(Ews::Notification(notification)) => notification,
        other => panic!("{other:?}"),
    }
}

fn fault(text: impl AsRef<[u8]>) -> Option<Malformed> {
    read(text.as_ref(), true, None).malformed
}

#[test]
fn a_notification_with_events() {
    let events = [STATUS, &mail("w2", "2014-06-29T15:10:55Z", "i"), "<t:FutureEvent/>"].concat();
    let said = notification(&send(&message(&events)));
    assert_eq!(said.recurring.response_class.as_deref(), Some("Success"));
    assert_eq!(said.recurring.response_code.as_deref(), Some("NoError"));
    assert_eq!(said.recurring.subscription_id.as_deref(), Some("id"));
    assert_eq!(said.previous_watermark, Some(Watermark::read("w0")));
    assert_eq!(said.watermark, Some(Watermark::read("w2")));
    assert_eq!(said.recurring.more_events, Some(true));
    assert_eq!(*said.recurring.events, [EventKind::Status, EventKind::NewMail]);
    assert_eq!(said.recurring.event_count, 2);
}

#[test]
fn prefixes_do_not_matter_but_namespaces_do() {
    let text = send(&message(STATUS));
    let wanted = notification(&text);
    let mut renamed = text.clone();
    for (old, new) in [("m", "ns2"), ("t", "zz"), ("S", "soapenv")] {
        for (before, after) in [("<", ":"), ("</", ":"), ("xmlns:", "=")] {
            renamed = renamed.replace(&format!("{before}{old}{after}"), &format!("{before}{new}{after}"));
        }
    }
    assert_eq!(notification(&renamed), wanted);
    assert_eq!(notification(&text.replace(SOAP_11, SOAP_12)), wanted);
    let default = text.replace("<m:", "<").replace("</m:", "</").replace("xmlns:m=", "xmlns=");
    assert_eq!(notification(&default), wanted);
    assert_eq!(sound(&text.replace(MESSAGES, "urn:other")), None);
    assert_eq!(fault(text.replace(SOAP_11, "urn:other")), Some(Malformed::Soap));
}

#[test]
fn an_error_names_the_subscription_in_message_xml() {
    let said = notification(&send(
        "<m:SendNotificationResponseMessage ResponseClass=\"Error\"><m:MessageText>오류</m:MessageText>\
         <m:ResponseCode>ErrorReadEventsFailed</m:ResponseCode><m:DescriptiveLinkKey>0</m:DescriptiveLinkKey>\
         <m:MessageXml><t:Value Name=\"Other\">no</t:Value><t:Value Name=\"SubscriptionId\">id</t:Value>\
         </m:MessageXml></m:SendNotificationResponseMessage>",
    ));
    assert_eq!(said.recurring.response_class.as_deref(), Some("Error"));
    assert_eq!(said.recurring.response_code.as_deref(), Some("ErrorReadEventsFailed"));
    assert_eq!(said.recurring.subscription_id.as_deref(), Some("id"));
    assert_eq!(said.recurring.event_count, 0);
}

#[test]
fn several_messages_give_the_first_ones_ids_and_all_events() {
    let other = message(&mail("w9", "2014-06-29T15:10:55Z", "i")).replace(">id<", ">other<");
    let said = notification(&send(&[message(STATUS), other].concat()));
    assert_eq!(said.recurring.subscription_id.as_deref(), Some("id"));
    assert_eq!(said.watermark, Some(Watermark::read("w1")));
    assert_eq!(*said.recurring.events, [EventKind::Status, EventKind::NewMail]);
}

#[test]
fn the_digest_ignores_watermarks_and_times_only() {
    let digest = |event: &str| notification(&send(&message(event))).events_digest;
    let first = digest(&mail("w2", "2014-06-29T15:10:55Z", "i"));
    assert_eq!(first, digest(&mail("w3", "2014-06-29T15:11:25Z", "i")));
    assert_ne!(first, digest(&mail("w2", "2014-06-29T15:10:55Z", "j")));
    assert_ne!(first, digest(STATUS));
}

#[test]
fn answers() {
    let answer = |status: &str| {
        sound(&soap(&format!(
            "<r:SendNotificationResult xmlns:r=\"{MESSAGES}\"><r:SubscriptionStatus>{status}</r:SubscriptionStatus>\
             </r:SendNotificationResult>"
        )))
    };
    assert_eq!(answer("OK"), Some(Ews::Result(NotificationResult::Ok)));
    assert_eq!(answer(" Unsubscribe\n"), Some(Ews::Result(NotificationResult::Unsubscribe)));
    assert_eq!(answer("Maybe"), Some(Ews::Result(NotificationResult::Other("Maybe".into()))));
    let empty = soap("<m:SendNotificationResult/>");
    assert_eq!(fault(empty), Some(Malformed::Soap));
}

#[test]
fn text_is_read_through_references_cdata_and_comments() {
    let text = send(&message(STATUS).replace(">id<", "> &#105;<!-- - --><![CDATA[d]]>&amp;&#x41; <"));
    assert_eq!(notification(&text).recurring.subscription_id.as_deref(), Some("id&A"));
}

#[test]
fn encodings() {
    let text = send(&message(STATUS));
    let wanted = sound(&text);
    assert!(wanted.is_some());
    let le: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let be: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
    for bytes in [
        [b"\xef\xbb\xbf", text.as_bytes()].concat(),
        [b" \r\n", text.as_bytes(), b"\r\n\0junk"].concat(),
        [b"\xff\xfe", &le[..]].concat(),
        [b"\xfe\xff", &be[..]].concat(),
        le,
        be,
    ] {
        let reading = read(&bytes, true, None);
        assert_eq!((reading.ews, reading.malformed), (wanted.clone(), None), "{:?}", &bytes[..8]);
    }
    let latin = text.replace("?>", " encoding='iso-8859-1'?>").replace(">id<", ">\u{fffd}<");
    let bytes: Vec<u8> = latin.as_bytes().to_vec();
    let at = memchr::memmem::find(&bytes, "\u{fffd}".as_bytes()).unwrap();
    let bytes = [&bytes[..at], b"\xe9", &bytes[at + 3..]].concat();
    match read(&bytes, true, None).ews {
        Some(Ews::Notification(said)) => assert_eq!(said.recurring.subscription_id.as_deref(), Some("é")),
        other => panic!("{other:?}"),
    }
    assert_eq!(fault(b"<a>\xff</a>"), Some(Malformed::Xml));
}

#[test]
fn other_messages_are_no_fault() {
    assert_eq!(sound(&soap("<x xmlns='urn:other'/>")), None);
    let Some(Ews::Answer(answer)) = sound(&soap("<m:FindItemResponse/>")) else { panic!() };
    assert_eq!((answer.operation.as_deref(), answer.codes.len()), (Some("FindItem"), 0));
}

#[test]
fn an_answer_has_each_code_once_and_the_wait() {
    let body = soap(
        "<m:GetItemResponse><m:ResponseMessages>\
         <m:GetItemResponseMessage><m:ResponseCode>NoError</m:ResponseCode></m:GetItemResponseMessage>\
         <m:GetItemResponseMessage><m:ResponseCode>ErrorInternalServerError</m:ResponseCode><m:MessageXml>\
         <t:Value Name='InnerErrorResponseCode'>ErrorServerBusy</t:Value>\
         <t:Value Name='BackOffMilliseconds'>500</t:Value></m:MessageXml></m:GetItemResponseMessage>\
         <m:GetItemResponseMessage><m:ResponseCode>ErrorServerBusy</m:ResponseCode></m:GetItemResponseMessage>\
         </m:ResponseMessages></m:GetItemResponse>",
    );
    let Some(Ews::Answer(answer)) = sound(&body) else { panic!() };
    let codes: Vec<&str> = answer.codes.iter().map(|code| &**code).collect();
    assert_eq!(codes, ["ErrorInternalServerError", "ErrorServerBusy"]);
    assert_eq!((answer.no_error, answer.back_off_ms), (true, Some(500)));
}

#[test]
fn a_fault_has_its_code_in_the_detail() {
    let code = "<e:ResponseCode xmlns:e='http://schemas.microsoft.com/exchange/services/2006/errors'>ErrorAccessDenied\
                </e:ResponseCode>";
    let body = soap(&format!("<S:Fault><faultcode>x</faultcode><detail>{code}</detail></S:Fault>"));
    let Some(Ews::Answer(answer)) = sound(&body) else { panic!() };
    assert!(answer.is_fault && answer.codes.iter().any(|code| &**code == "ErrorAccessDenied"));
}

#[test]
fn a_subscribe_call_says_where_and_how_often() {
    let body = soap(
        "<m:Subscribe><m:PushSubscriptionRequest><t:StatusFrequency>5</t:StatusFrequency>\
         <t:URL>http://cuc.example.com:7080/N?id=ABC&amp;pid=7</t:URL></m:PushSubscriptionRequest></m:Subscribe>",
    );
    let Some(Ews::Call(call)) = sound(&body) else { panic!() };
    let asked = call.subscribe.as_ref().unwrap();
    assert_eq!((&*call.operation, asked.status_frequency), ("Subscribe", Some(5)));
    assert_eq!((asked.id(), asked.destination()), (Some("ABC"), Some(("cuc.example.com", 7080))));
}

#[test]
fn broken_messages_are_said_and_cut_ones_are_not() {
    let text = send(&message(STATUS));
    for end in 0..text.len() {
        let cut = &text.as_bytes()[..end];
        assert_eq!(fault(cut), Some(Malformed::Xml), "{end}");
        assert_eq!(read(cut, false, None).malformed, None, "{end}");
    }
    let past_the_id = text.find("<t:Prev").unwrap();
    match read(&text.as_bytes()[..past_the_id], false, None).ews {
        Some(Ews::Notification(said)) => assert_eq!(said.recurring.subscription_id.as_deref(), Some("id")),
        other => panic!("{other:?}"),
    }
    assert_eq!(fault(send("")), Some(Malformed::Soap));
    assert_eq!(fault(soap("")), Some(Malformed::Soap));
    assert_eq!(fault(text.replace("</m:Notification>", "</m:Nothing>")), Some(Malformed::Xml));
}

#[test]
fn hostile_documents_cost_no_more_than_their_length() {
    let deep = "<a>".repeat(100_000);
    assert_eq!(fault(soap(&format!("<m:SendNotification>{deep}"))), Some(Malformed::Xml));
    let bomb = format!(
        "<!DOCTYPE x [<!ENTITY a \"ha\"><!ENTITY b \"&a;&a;&a;&a;\">]>{}",
        send(&message(STATUS).replace(">id<", ">&b;<"))
    );
    assert_eq!(fault(bomb.replace("<?xml version=\"1.0\"?>", "")), Some(Malformed::Xml));
    let many = send(&message(&STATUS.repeat(5000)));
    let said = notification(&many);
    assert_eq!((said.recurring.events.len(), said.recurring.event_count), (EVENTS, 5000));
    let attributes: String = (0..20_000).map(|n| format!(" a{n}='{n}'")).collect();
    let wide = send(&message(&format!("<t:NewMailEvent><t:ItemId{attributes}/></t:NewMailEvent>")));
    assert_eq!(notification(&wide).recurring.event_count, 1);
}

//! A contact centre hands its mail to Exchange, and Exchange has reasons not to take it.

use crate::cuc::{Lab, at};
use crate::scenario::Scenario;
use crate::site::{EXCHANGE, far, near};
use crate::tcp::{Conversation, Host, Side, Stack};
use crate::time::{Nanos, SECOND};
use crate::trace::PacketId;
use std::net::{IpAddr, Ipv4Addr};

use Step::{Client, Server, Wait};

pub(super) fn scenarios() -> Vec<Scenario> {
    vec![
        connections_exceeded(),
        connections_quoted(),
        rate_exceeded(),
        idle_closed(),
        short_of_disk(),
        paused(),
        too_many_recipients(),
        wrong_password(),
        no_relay(),
        no_send_as(),
        greylisted(),
        felt_its_way(),
        tarpit(),
        encrypted(),
    ]
}

/// The contact centre's server.
const UCCX: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 10, 50, 21));
/// Its password in base64. No output may show it.
const PASSWORD: &str = "S29udGFrdC1TZW50aW5lbC00Nzk=\r\n";

const GREETING: &str =
    "220 EX01.corp.example.com Microsoft ESMTP MAIL Service ready at Sun, 29 Jun 2014 15:01:00 +0000\r\n";
const HELLO: &str = "250-EX01.corp.example.com Hello [10.10.50.21]\r\n250-SIZE 37748736\r\n250-PIPELINING\r\n\
                     250-DSN\r\n250-ENHANCEDSTATUSCODES\r\n250-STARTTLS\r\n250-AUTH NTLM LOGIN\r\n250-8BITMIME\r\n\
                     250-BINARYMIME\r\n250 CHUNKING\r\n";
const MAIL: &str = "MAIL FROM:<helpdesk@corp.example.com>\r\n";
const RCPT: &str = "RCPT TO:<customer@example.net>\r\n";
const SENDER_OK: &str = "250 2.1.0 Sender OK\r\n";
const RECIPIENT_OK: &str = "250 2.1.5 Recipient OK\r\n";
const GO_ON: &str = "354 Start mail input; end with <CRLF>.<CRLF>\r\n";
const MESSAGE: &str = "From: helpdesk@corp.example.com\r\nSubject: Your case 4711\r\n\r\n\
                       421 4.3.2 The maximum number of concurrent connections has exceeded a limit\r\n\
                       550 5.7.1 Unable to relay\r\nQUIT\r\n..\r\n.\r\n";
const QUEUED: &str = "250 2.6.0 <4711@EX01.corp.example.com> [InternalId=4711] Queued mail for delivery\r\n";
const QUIT: &str = "QUIT\r\n";
const BYE: &str = "221 2.0.0 Service closing transmission channel\r\n";
const TOO_MANY: &str =
    "The maximum number of concurrent connections has exceeded a limit, closing transmission channel";

/// What happens on a connection.
#[derive(Clone, Copy)]
enum Step {
    Client(&'static str),
    Server(&'static str),
    Wait(Nanos),
}

const BEGIN: [Step; 3] = [Server(GREETING), Client("EHLO uccx01\r\n"), Server(HELLO)];
const ENVELOPE: [Step; 4] = [Client(MAIL), Server(SENDER_OK), Client(RCPT), Server(RECIPIENT_OK)];
const DATA: [Step; 4] = [Client("DATA\r\n"), Server(GO_ON), Client(MESSAGE), Server(QUEUED)];
const END: [Step; 2] = [Client(QUIT), Server(BYE)];

/// The site with the contact centre at work, captured there.
fn lab(path: &str) -> Lab {
    let mut lab = Lab::new(path);
    lab.background(uccx(), at(0, 0), at(8, 0), 25 * SECOND);
    lab
}

fn uccx() -> Host {
    near(UCCX, Stack::Linux)
}

/// One connection. Gives the last packet of every step.
fn talk(lab: &mut Lab, moment: Nanos, steps: &[Step]) -> Vec<PacketId> {
    let port = lab.next_port();
    let server = far(EXCHANGE, Stack::Windows);
    let mut talk = Conversation::new(&mut lab.trace, moment, (uccx(), port), (server, 25));
    talk.handshake();
    let mut sent = Vec::new();
    for step in steps {
        sent.extend(match *step {
            Client(text) => talk.send(Side::Originator, text.as_bytes()).pop(),
            Server(text) => talk.send(Side::Responder, text.as_bytes()).pop(),
            Wait(span) => {
                talk.wait(span);
                None
            }
        });
    }
    talk.fin(Side::Responder);
    talk.fin(Side::Originator);
    talk.ack(Side::Responder);
    sent
}

/// A message that is taken.
fn delivered(lab: &mut Lab, moment: Nanos) {
    talk(lab, moment, &[&BEGIN[..], &ENVELOPE, &DATA, &END].concat());
}

fn scenario(path: &str, text: &str, lab: Lab) -> Scenario {
    Scenario::new(path, text, lab).told(&[EXCHANGE], &[], &[])
}

fn forbid(mut scenario: Scenario, rules: &[&str]) -> Scenario {
    for rule in rules {
        scenario = scenario.forbid(rule);
    }
    scenario
}

const LIMITS: [&str; 3] = ["smtp-connection-limit", "smtp-rate-limit", "smtp-backpressure"];
const REJECTED: &[&str] = &["smtp-rejected"];

fn connections_exceeded() -> Scenario {
    let path = "smtp-connection-limit/hit";
    let mut lab = lab(path);
    for second in [0, 2, 4] {
        talk(&mut lab, at(1, second), &[&BEGIN[..], &[Wait(40 * SECOND)], &END].concat());
    }
    let refused: String = format!("421 4.3.2 {TOO_MANY}\r\n");
    let lines: String = format!("421-4.3.2 {TOO_MANY}\r\n421 4.3.2 {TOO_MANY}\r\n");
    let refused = [refused, lines].map(|text| {
        let text: &'static str = text.leak();
        talk(&mut lab, at(1, 12), &[Server(text)])[0]
    });
    delivered(&mut lab, at(3, 0));
    let text = "Three connections are open; two more are turned away in place of the greeting, the second by a reply of two lines.";
    let scenario = scenario(path, text, lab)
        .expect_on("smtp-connection-limit", &UCCX.to_string(), &refused)
        .severity("error")
        .confidence("proven");
    forbid(forbid(scenario, &LIMITS[1..]), REJECTED)
}

fn connections_quoted() -> Scenario {
    let path = "smtp-connection-limit/miss";
    let mut lab = lab(path);
    delivered(&mut lab, at(1, 0));
    let chunks = [
        Client(
            "BDAT 78\r\n421 4.3.2 The maximum number of concurrent connections has exceeded a limit\r\n\r",
        ),
        Server("250 2.6.0 CHUNK received OK, 78 octets\r\n"),
        Client("BDAT 21 LAST\r\n550 5.1.1 quoted too\r"),
        Server(QUEUED),
    ];
    talk(&mut lab, at(2, 0), &[&BEGIN[..], &ENVELOPE, &chunks, &END].concat());
    let text = "Messages, one by DATA and one by BDAT, quote the texts of refusals.";
    forbid(forbid(scenario(path, text, lab), &LIMITS), REJECTED)
}

fn rate_exceeded() -> Scenario {
    let path = "smtp-rate-limit/hit";
    let mut lab = lab(path);
    for second in [0, 3, 6, 9, 12] {
        delivered(&mut lab, at(1, second));
    }
    let refusal = "421 4.4.2 Message submission rate for this client has exceeded the configured limit\r\n";
    let sent = talk(&mut lab, at(1, 15), &[&BEGIN[..], &[Client(MAIL), Server(refusal)]].concat());
    let text = "After five messages in a minute the sixth is refused.";
    let scenario = scenario(path, text, lab)
        .expect_on("smtp-rate-limit", &UCCX.to_string(), &sent[4..])
        .severity("error");
    forbid(scenario, &["smtp-connection-limit", "smtp-backpressure", "smtp-rejected"])
}

fn idle_closed() -> Scenario {
    let path = "smtp-rate-limit/miss";
    let mut lab = lab(path);
    let dropped = "421 4.4.2 Connection dropped due to SocketError\r\n";
    let timed_out = "421 4.4.1 Connection timed out\r\n";
    for (second, farewell) in [(0, dropped), (5, timed_out)] {
        let idle = [Wait(300 * SECOND), Server(farewell)];
        talk(&mut lab, at(1, second), &[&BEGIN[..], &ENVELOPE, &DATA, &idle].concat());
    }
    let text = "Connections that idle are closed with 421 4.4.2 and 421 4.4.1.";
    forbid(forbid(scenario(path, text, lab), &LIMITS), REJECTED)
}

fn short_of_disk() -> Scenario {
    let path = "smtp-backpressure/hit";
    let mut lab = lab(path);
    let refusal = "452 4.3.1 Insufficient system resources (UsedDiskSpace[D:\\Queue])\r\n";
    let sent = talk(&mut lab, at(1, 0), &[&BEGIN[..], &[Client(MAIL), Server(refusal)], &END].concat());
    let text = "The volume of the queue database is full.";
    let scenario = scenario(path, text, lab)
        .expect_on("smtp-backpressure", &UCCX.to_string(), &sent[4..5])
        .severity("error")
        .confidence("proven");
    forbid(scenario, &["smtp-connection-limit", "smtp-rate-limit", "smtp-rejected"])
}

fn paused() -> Scenario {
    let path = "smtp-backpressure/hit-paused";
    let mut lab = lab(path);
    let sent = talk(&mut lab, at(1, 0), &[Server("421 4.3.2 Service not available\r\n")]);
    let text = "The transport service is paused; its 421 4.3.2 is no connection limit.";
    let scenario = scenario(path, text, lab)
        .expect_on("smtp-backpressure", &UCCX.to_string(), &sent)
        .confidence("possible");
    forbid(scenario, &["smtp-connection-limit", "smtp-rate-limit", "smtp-rejected"])
}

fn too_many_recipients() -> Scenario {
    let path = "smtp-backpressure/miss";
    let mut lab = lab(path);
    let refused = [Client(RCPT), Server("452 4.5.3 Too many recipients\r\n")];
    let sent = talk(&mut lab, at(1, 0), &[&BEGIN[..], &ENVELOPE[..2], &refused, &END].concat());
    let text =
        "A recipient too many is refused with 452, as a server under pressure does, but for another reason.";
    let scenario = scenario(path, text, lab)
        .expect_on("smtp-rejected", &UCCX.to_string(), &sent[5..7])
        .severity("warning");
    forbid(scenario, &LIMITS)
}

const LOG_IN: [Step; 5] = [
    Client("AUTH LOGIN\r\n"),
    Server("334 VXNlcm5hbWU6\r\n"),
    Client("Q09SUFx1Y2N4\r\n"),
    Server("334 UGFzc3dvcmQ6\r\n"),
    Client(PASSWORD),
];

fn wrong_password() -> Scenario {
    let path = "smtp-rejected/hit";
    let mut lab = lab(path);
    let refusal = [Server("535 5.7.3 Authentication unsuccessful\r\n")];
    // Out of step, the client sends its password as a command, and the server quotes it.
    let quoted: &'static str = format!("500 5.3.3 Unrecognized command '{}'\r\n", PASSWORD.trim_end()).leak();
    let again = [Client(PASSWORD), Server(quoted)];
    let sent = talk(&mut lab, at(1, 0), &[&BEGIN[..], &LOG_IN, &refusal, &again, &END].concat());
    let text =
        "The password of the account is wrong; the client repeats it where the server does not expect it.";
    let scenario = scenario(path, text, lab)
        .expect_on("smtp-rejected", &UCCX.to_string(), &sent[7..9])
        .severity("error");
    forbid(scenario, &LIMITS)
}

fn no_relay() -> Scenario {
    let path = "smtp-rejected/hit-relay";
    let mut lab = lab(path);
    let refused =
        [Client("MAIL FROM:<helpdesk@corp.example.com>\r\nRCPT TO:<customer@example.net>\r\nDATA\r\n")];
    let replies = "250 2.1.0 Sender OK\r\n550 5.7.1 Unable to relay\r\n503 5.5.2 Need rcpt command\r\n";
    let sent = talk(&mut lab, at(1, 0), &[&BEGIN[..], &refused, &[Server(replies)], &END].concat());
    let text = "Pipelined commands: the server lets nobody relay, and has no recipient for the message then.";
    let scenario = scenario(path, text, lab)
        .expect_on("smtp-rejected", &UCCX.to_string(), &sent[3..5])
        .severity("error");
    forbid(scenario, &LIMITS)
}

fn no_send_as() -> Scenario {
    let path = "smtp-rejected/hit-mid-stream";
    let mut lab = lab(path);
    let refusal = "550 5.7.60 SMTP; Client does not have permissions to send as this sender\r\n";
    let data = [DATA[0], DATA[1], DATA[2], Wait(5 * SECOND), Server(refusal)];
    let sent = talk(&mut lab, at(1, 0), &[&BEGIN[..], &ENVELOPE, &data, &END].concat());
    // The capture begins after RCPT.
    let cut = sent[5];
    let text =
        "The capture begins in the middle of a connection, whose message is refused after it was sent.";
    let scenario = scenario(path, text, lab)
        .damaged(|trace| {
            let connection =
                trace.packets.iter().find(|packet| packet.id == cut).and_then(|packet| packet.connection);
            let at = trace.packets.iter().find(|packet| packet.id == cut).map_or(0, |packet| packet.time);
            trace.packets.retain(|packet| packet.connection != connection || packet.time > at);
        })
        .expect_on("smtp-rejected", &UCCX.to_string(), &sent[10..11])
        .severity("error");
    forbid(scenario, &LIMITS)
}

fn greylisted() -> Scenario {
    let path = "smtp-rejected/hit-greylist";
    let mut lab = lab(path);
    let refused = [Client(RCPT), Server("451 4.7.1 Greylisted, please try again later\r\n")];
    let sent = talk(&mut lab, at(1, 0), &[&BEGIN[..], &ENVELOPE[..2], &refused, &END].concat());
    delivered(&mut lab, at(6, 0));
    let text = "A recipient is refused for now and accepted five minutes later.";
    let scenario =
        scenario(path, text, lab).expect_on("smtp-rejected", &UCCX.to_string(), &sent[5..7]).severity("info");
    forbid(scenario, &LIMITS)
}

fn felt_its_way() -> Scenario {
    let path = "smtp-rejected/miss";
    let mut lab = lab(path);
    let first = [
        Client(MAIL),
        Server("530 5.7.1 Client was not authenticated\r\n"),
        Client("AUTH PLAIN\r\n"),
        Server("504 5.7.4 Unrecognized authentication type\r\n"),
    ];
    let accepted = [Server("235 2.7.0 Authentication successful\r\n")];
    talk(&mut lab, at(1, 0), &[&BEGIN[..], &first, &LOG_IN, &accepted, &ENVELOPE, &DATA, &END].concat());
    let text = "The client tries to send without a log-in, and with a mechanism that is not offered, before it logs in.";
    forbid(forbid(scenario(path, text, lab), REJECTED), &LIMITS)
}

fn tarpit() -> Scenario {
    let path = "smtp-rejected/miss-unknown-command";
    let mut lab = lab(path);
    let unknown = [
        Client("XFOO\r\n"),
        Wait(5 * SECOND),
        Server("500 5.3.3 Unrecognized command 'XFOO'\r\n"),
        Client("VRFY helpdesk\r\n"),
        Server("252 2.1.5 Cannot VRFY user\r\n"),
    ];
    talk(&mut lab, at(1, 0), &[&BEGIN[..], &unknown, &ENVELOPE, &DATA, &END].concat());
    let text =
        "A command that the server does not know is answered late, by the tarpit, and keeps no mail back.";
    forbid(forbid(scenario(path, text, lab), REJECTED), &LIMITS)
}

fn encrypted() -> Scenario {
    let path = "smtp-rejected/miss-starttls";
    let mut lab = lab(path);
    let tls = [
        Client("STARTTLS\r\n"),
        Server("220 2.0.0 SMTP server ready\r\n"),
        Client("\u{16}\u{3}\u{1}\0\u{12}no handshake at all"),
        Server("\u{16}\u{3}\u{1}\0\u{1b}\r\n550 5.7.1 Unable to relay\r\n"),
    ];
    talk(&mut lab, at(1, 0), &[&BEGIN[..], &tls].concat());
    let text = "After STARTTLS the bytes are not SMTP, whatever they look like.";
    forbid(forbid(scenario(path, text, lab), REJECTED), &LIMITS)
}

//! IMAP between agents, the contact-centre server and Exchange (RFC 3501), with NTLM log-ins (MS-NLMP 2.2.1).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::cuc::Lab;
use crate::recorded::Recording;
use crate::site::{EXCHANGE, far, near};
use crate::tcp::{Conversation, Side, Stack};
use crate::time::{Nanos, SECOND};
use crate::trace::PacketId;
use std::net::{IpAddr, Ipv4Addr};

/// The greeting of Exchange.
pub const READY: &str = "* OK The Microsoft Exchange IMAP4 service is ready.";
/// What Exchange 2010 offers.
pub const CAPABILITIES: &str =
    "IMAP4 IMAP4rev1 AUTH=NTLM AUTH=GSSAPI AUTH=PLAIN STARTTLS UIDPLUS CHILDREN IDLE NAMESPACE LITERAL+";

/// The computer of an agent, by number.
pub fn agent(number: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(10, 10, 50, 20 + number))
}

/// One connection to the IMAP server of Exchange, captured there.
pub struct Talk<'t> {
    tcp: Conversation<'t>,
    tag: u32,
}

impl<'t> Talk<'t> {
    /// A connection to a port of Exchange that is accepted at `at`.
    pub fn open(lab: &'t mut Lab, at: Nanos, client: IpAddr, port: u16) -> Self {
        let own = lab.next_port();
        let ends = ((far(client, Stack::Windows), own), (near(EXCHANGE, Stack::Windows), port));
        let mut tcp = Conversation::new(&mut lab.trace, at, ends.0, ends.1);
        tcp.handshake();
        Talk { tcp, tag: 0 }
    }

    /// A connection to port 143 that is greeted, and says what it can do.
    pub fn ready(lab: &'t mut Lab, at: Nanos, client: IpAddr) -> Self {
        let mut talk = Self::open(lab, at, client, 143);
        talk.server(READY);
        talk.offers(CAPABILITIES);
        talk
    }

    /// The same, logged in by NTLM.
    pub fn logged_in(lab: &'t mut Lab, at: Nanos, client: IpAddr, user: &str) -> Self {
        let mut talk = Self::ready(lab, at, client);
        talk.ntlm(user, &workstation(client), "OK AUTHENTICATE completed.");
        talk
    }

    /// CAPABILITY and its answer.
    pub fn offers(&mut self, capabilities: &str) {
        let tag = self.next_tag();
        self.client(&format!("{tag} CAPABILITY"));
        self.server(&format!("* CAPABILITY {capabilities}\r\n{tag} OK CAPABILITY completed."));
    }

    /// A command and its tagged answer, whose last packet is named.
    pub fn command(&mut self, command: &str, answer: &str) -> PacketId {
        let tag = self.next_tag();
        self.client(&format!("{tag} {command}"));
        self.server(&format!("{tag} {answer}"))
    }

    /// AUTHENTICATE NTLM with its three messages, and the tagged answer.
    pub fn ntlm(&mut self, user: &str, workstation: &str, answer: &str) -> PacketId {
        let tag = self.next_tag();
        self.client(&format!("{tag} AUTHENTICATE NTLM"));
        self.server("+");
        self.client(&STANDARD.encode(negotiate()));
        self.server(&format!("+ {}", STANDARD.encode(challenge())));
        self.client(&STANDARD.encode(authenticate(user, workstation)));
        self.server(&format!("{tag} {answer}"))
    }

    /// NOOPs every `every` up to `until`.
    pub fn work(&mut self, every: Nanos, until: Nanos) {
        while self.tcp.now + every <= until {
            self.tcp.wait(every);
            self.command("NOOP", "OK NOOP completed.");
        }
        self.tcp.wait_until(until);
    }

    /// LOGOUT, and the end of the connection.
    pub fn logout(mut self) {
        let tag = self.next_tag();
        self.client(&format!("{tag} LOGOUT"));
        self.server(&format!(
            "* BYE Microsoft Exchange Server 2010 IMAP4 server signing off.\r\n{tag} OK LOGOUT completed."
        ));
        self.close(Side::Responder);
    }

    /// Ends the connection, one side first.
    pub fn close(mut self, side: Side) {
        self.tcp.fin(side);
        let other = if side == Side::Originator { Side::Responder } else { Side::Originator };
        self.tcp.fin(other);
        self.tcp.ack(side);
    }

    /// Lets time pass.
    pub fn wait(&mut self, seconds: u64) {
        self.tcp.wait(seconds * SECOND);
    }

    /// Lets time pass up to a moment.
    pub fn wait_until(&mut self, moment: Nanos) {
        self.tcp.wait_until(moment);
    }

    /// What was recorded of both sides.
    pub fn record(&mut self, recording: &Recording) {
        recording.play(&mut self.tcp);
    }

    /// Lines of the client; the last packet is named.
    pub fn client(&mut self, line: &str) -> PacketId {
        self.send(Side::Originator, line)
    }

    /// Lines of the server; the last packet is named.
    pub fn server(&mut self, line: &str) -> PacketId {
        self.send(Side::Responder, line)
    }

    fn send(&mut self, side: Side, line: &str) -> PacketId {
        let sent = self.tcp.send(side, format!("{line}\r\n").as_bytes());
        *sent.last().expect("a line has bytes")
    }

    fn next_tag(&mut self) -> String {
        self.tag += 1;
        format!("A{:03}", self.tag)
    }
}

/// The name of an agent's computer.
pub fn workstation(client: IpAddr) -> String {
    format!("AGENT-{}", client.to_string().rsplit('.').next().unwrap_or_default())
}

/// `NTLMSSP_NEGOTIATE_UNICODE`, `…_NTLM`, `…_VERSION`.
const FLAGS: u32 = 0x0200_0201;

fn start(kind: u8) -> Vec<u8> {
    let mut message = b"NTLMSSP\0".to_vec();
    message.extend([kind, 0, 0, 0]);
    message
}

fn negotiate() -> Vec<u8> {
    let mut message = start(1);
    message.extend(FLAGS.to_le_bytes());
    message.extend([0; 16]);
    message.extend([6, 1, 0xb1, 0x1d, 0, 0, 0, 15]);
    message
}

fn challenge() -> Vec<u8> {
    let target = utf16("CORP");
    let mut info = Vec::new();
    for (id, text) in [(1u16, "EX01"), (2, "CORP"), (3, "EX01.corp.example.com")] {
        let text = utf16(text);
        info.extend(id.to_le_bytes());
        info.extend((text.len() as u16).to_le_bytes());
        info.extend(text);
    }
    info.extend([0; 4]);
    let mut message = start(2);
    message.extend(field(target.len(), 56));
    message.extend(FLAGS.to_le_bytes());
    message.extend(*b"\x01\x23\x45\x67\x89\xab\xcd\xef");
    message.extend([0; 8]);
    message.extend(field(info.len(), 56 + target.len()));
    // Windows Server 2008 R2.
    message.extend([6, 1, 0xb1, 0x1d, 0, 0, 0, 15]);
    message.extend(target);
    message.extend(info);
    message
}

fn authenticate(user: &str, workstation: &str) -> Vec<u8> {
    let response = vec![0x5a; 24];
    let values = [response.clone(), response, utf16("CORP"), utf16(user), utf16(workstation), Vec::new()];
    let mut at = 72;
    let mut message = start(3);
    for value in &values {
        message.extend(field(value.len(), at));
        at += value.len();
    }
    message.extend(FLAGS.to_le_bytes());
    message.extend([6, 1, 0xb1, 0x1d, 0, 0, 0, 15]);
    message.extend(values.concat());
    message
}

/// Length, room and offset of a field.
fn field(length: usize, at: usize) -> Vec<u8> {
    let length = (length as u16).to_le_bytes();
    [length[0], length[1], length[0], length[1]].into_iter().chain((at as u32).to_le_bytes()).collect()
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

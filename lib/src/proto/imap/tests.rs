use std::net::{IpAddr, Ipv4Addr};

use base64::Engine as _;
use proptest::prelude::*;

use super::*;
use crate::flow::{Endpoint, FrameId};
use crate::proto::subscription_id::BASE64;
use crate::proto::{Ends, Secret, Session};
use crate::time::Timestamp;

const GREETING: &str = "* OK The Microsoft Exchange IMAP4 service is ready.\r\n";
const CHALLENGE: &str = "TlRMTVNTUAACAAAAEAAQADgAAAAFgomiveVlrw4seqUAAAAAAAAAAHIAcgBIAAAABgGxHQAAAA9UAEEASQBMAFMAUABJAE4AAQAIAEUAWABDAEgAAgAQAFQAQQBJAEwAUwBQAEkATgADACoAZQB4AGMAaAAuAHQAYQBpAGwAcwBwAGkAbgAuAGUAeABhAG0AcABsAGUABAAcAHQAYQBpAGwAcwBwAGkAbgAuAGwAbwBjAGEAbAAAAAAA";
const AUTHENTICATE: &str = "TlRMTVNTUAADAAAAGAAYAGgAAAAYABgAgAAAAA4ADgBAAAAAEAAQAE4AAAAKAAoAXgAAAAAAAABiAQAABQKIoEMATwBOAFQATwBTAE8AdQBjAGMAeABtAGEAaQBsAEMAQQBEAFAAQwCoSCxPmmrS3DP9fyk88AObTTFUWnp3bnVbIRF1fEnagvKnm/oTBaNcAQEAAAAAAAA=";

/// Feeds a session; every call is the next frame.
struct Wire {
    session: Session,
    out: Vec<Event>,
    frame: u64,
}

impl Wire {
    fn new() -> Self {
        let end = |port| Endpoint { ip: IpAddr::V4(Ipv4Addr::LOCALHOST), port };
        let ends = Ends { orig: end(50_000), resp: end(2143) };
        Wire { session: Session::new(ends), out: Vec::new(), frame: 0 }
    }

    fn greeted() -> Self {
        Wire::new().server(GREETING)
    }

    fn send(mut self, dir: Dir, bytes: &[u8]) -> Self {
        self.frame += 1;
        self.session.data(dir, bytes, moment(self.frame), &mut self.out);
        self
    }

    fn client(self, bytes: impl AsRef<[u8]>) -> Self {
        self.send(Dir::Orig, bytes.as_ref())
    }

    fn server(self, bytes: impl AsRef<[u8]>) -> Self {
        self.send(Dir::Resp, bytes.as_ref())
    }

    fn gap(mut self, dir: Dir, length: u64) -> Self {
        self.frame += 1;
        self.session.gap(dir, length, moment(self.frame), &mut self.out);
        self
    }

    fn end(mut self) -> Vec<Fact> {
        self.session.end(Close::Fin, moment(self.frame + 1), &mut self.out);
        let fact = |event| match event {
            Event::Imap(client, fact) => {
                assert_eq!(client, Dir::Orig);
                *fact
            }
            other => panic!("{other:?}"),
        };
        self.out.into_iter().map(fact).collect()
    }

    fn commands(self) -> Vec<Command> {
        let command = |fact| match fact {
            Fact::Command(command) => Some(command),
            _ => None,
        };
        self.end().into_iter().filter_map(command).collect()
    }
}

fn moment(frame: u64) -> Moment {
    Moment { frame: FrameId::new(0, frame), time: Timestamp::new(frame as i64, 0) }
}

/// Tag, name and status of every command.
fn said(commands: &[Command]) -> Vec<(&str, Option<&str>, Option<Status>)> {
    commands.iter().map(|c| (&*c.tag, c.name, c.reply.as_ref().map(|reply| reply.status))).collect()
}

fn login(command: &Command) -> &Login {
    command.login.as_ref().unwrap()
}

#[test]
fn a_command_is_joined_with_its_reply() {
    let commands = Wire::greeted().client("A1 SEL").client("ECT INBOX\r\n").server("* 3 EXISTS\r\nA1 O");
    let commands = commands.server("K [READ-WRITE] SELECT completed.\r\n").commands();
    let [command] = &commands[..] else { panic!("{commands:#?}") };
    assert_eq!((command.name, command.line_length), (Some("SELECT"), 17));
    assert_eq!((command.first, command.last, command.sent), (moment(2), moment(3), moment(3)));
    let reply = command.reply.as_ref().unwrap();
    assert_eq!((reply.first, reply.last, reply.status), (moment(4), moment(5), Status::Ok));
    assert_eq!(&*reply.text, "[READ-WRITE] SELECT completed.");
}

#[test]
fn greeting_bye_and_capabilities_are_facts() {
    let facts =
        Wire::greeted().server("* CAPABILITY IMAP4 AUTH=NTLM LOGINDISABLED\r\n* BYE bye 10\r\n").end();
    let [Fact::Greeting(greeting), Fact::Capabilities(capabilities), Fact::Bye(bye)] = &facts[..] else {
        panic!("{facts:#?}")
    };
    assert_eq!((greeting.status, greeting.last), (Status::Ok, moment(1)));
    assert!(capabilities.has("AUTH=NTLM") && capabilities.has("LOGINDISABLED"));
    assert_eq!((bye.status, &*bye.text), (Status::Bye, "bye 10"));
}

#[test]
fn pipelined_commands_find_their_replies_in_any_order() {
    let wire = Wire::greeted().client("a NOOP\r\nb NOOP\r\nc UID FETCH 1:* (FLAGS)\r\n");
    let commands = wire.server("c OK done\r\na OK done\r\nb NO done\r\n").commands();
    let expected = [
        ("c", Some("UID FETCH"), Some(Status::Ok)),
        ("a", Some("NOOP"), Some(Status::Ok)),
        ("b", Some("NOOP"), Some(Status::No)),
    ];
    assert_eq!(said(&commands), expected);
}

#[test]
fn a_message_in_a_literal_is_never_read() {
    let trap = "A1 NO trap\r\n* BYE trap\r\nA2 LOGIN user trap\r\n";
    let length = trap.len();
    let fetch =
        format!("* 1 FETCH (BODY[] {{{length}}}\r\n{trap} BODY[1] {{{length}}}\r\n{trap})\r\nA1 OK done\r\n");
    let append = format!("A2 APPEND INBOX {{{length}+}}\r\n{trap}\r\n");
    let wire = Wire::greeted().client("A1 FETCH 1 (BODY[])\r\n").server(fetch).client(append);
    let commands = wire.server("A2 OK done\r\n").commands();
    let expected = [("A1", Some("FETCH"), Some(Status::Ok)), ("A2", Some("APPEND"), Some(Status::Ok))];
    assert_eq!(said(&commands), expected);
    assert_eq!(commands[1].line_length, format!("A2 APPEND INBOX {{{length}+}}\r\n\r\n").len() as u64);
}

#[test]
fn login_arguments_may_be_literals() {
    for (first, second) in [("{4}", "{5}"), ("{4+}", "{5+}")] {
        let wire = Wire::greeted().client(format!("A1 LOGIN {first}\r\n")).server("+ go\r\n");
        let wire = wire.client(format!("uccx {second}\r\n")).server("+ go\r\n").client("pa\ns1\r\n");
        let commands = wire.server("A1 OK LOGIN completed.\r\n").commands();
        let login = login(&commands[0]);
        assert_eq!((login.user.as_deref(), login.secret), (Some("uccx"), Some(Secret::new(b"pa\ns1"))));
        assert_eq!(commands.len(), 1);
    }
}

#[test]
fn a_literal_that_is_refused_never_comes() {
    for command in ["A1 LOGIN uccx {8}\r\n", "A1 APPEND INBOX {80000}\r\n"] {
        let wire = Wire::greeted().client(command).server("A1 BAD no\r\n").client("A2 NOOP\r\n");
        let commands = wire.server("A2 OK done\r\n").commands();
        assert_eq!(commands.len(), 2, "{commands:#?}");
        assert_eq!(commands[0].reply.as_ref().map(|reply| reply.status), Some(Status::Bad));
        assert_eq!(said(&commands)[1], ("A2", Some("NOOP"), Some(Status::Ok)));
        assert!(commands[0].login.as_ref().is_none_or(|login| !login.is_answered));
    }
}

#[test]
fn ntlm_names_the_account_and_the_server() {
    let wire = Wire::greeted().client("A1 AUTHENTICATE NTLM\r\n").server("+\r\n");
    let wire =
        wire.client("TlRMTVNTUAABAAAABQKIoAAAAAAAAAAAAAAAAAAAAAA=\r\n").server(format!("+ {CHALLENGE}\r\n"));
    let commands =
        wire.client(format!("{AUTHENTICATE}\r\n")).server("A1 NO AUTHENTICATE failed.\r\n").commands();
    let [command] = &commands[..] else { panic!("{commands:#?}") };
    let login = login(command);
    assert_eq!(login.way.to_string(), "AUTHENTICATE NTLM");
    assert_eq!((login.domain.as_deref(), login.user.as_deref()), (Some("CONTOSO"), Some("uccxmail")));
    assert_eq!((login.workstation.as_deref(), login.is_answered), (Some("CADPC"), true));
    let challenge = login.challenge.as_ref().unwrap();
    assert_eq!(challenge.version.map(|version| version.build), Some(7601));
    assert_eq!((command.last, command.sent), (moment(2), moment(6)));
}

#[test]
fn a_mechanism_may_come_with_its_response_or_be_cancelled() {
    let response = BASE64.encode(b"\0uccx\0pass1");
    let wire =
        Wire::greeted().client(format!("A1 AUTHENTICATE PLAIN {response}\r\n")).server("A1 OK done\r\n");
    let wire = wire.client("A2 AUTHENTICATE PLAIN\r\n").server("+ \r\n").client("*\r\n");
    let commands = wire.server("A2 BAD cancelled\r\n").client("A3 NOOP\r\n").commands();
    assert_eq!(login(&commands[0]).secret, Some(Secret::new(b"pass1")));
    assert!(login(&commands[1]).is_cancelled && !login(&commands[1]).is_answered);
    assert_eq!(said(&commands)[2], ("A3", Some("NOOP"), None));
}

#[test]
fn idle_ends_with_done() {
    let wire =
        Wire::greeted().client("A1 IDLE\r\n").server("+ IDLE accepted\r\n* 4 EXISTS\r\n").client("DONE\r\n");
    let commands = wire.server("A1 OK IDLE completed.\r\n").commands();
    assert_eq!(said(&commands), [("A1", Some("IDLE"), Some(Status::Ok))]);
    assert_eq!((commands[0].last, commands[0].sent), (moment(2), moment(4)));
}

#[test]
fn after_starttls_the_connection_is_handed_on() {
    for command in ["STARTTLS", "COMPRESS DEFLATE"] {
        let wire =
            Wire::greeted().client(format!("A1 {command}\r\n")).server("A1 OK go\r\nA9 BAD no imap\r\n");
        let commands =
            wire.client(b"\x16\x03\x01\0\x02A2 NOOP\r\n").server(b"\x16\x03\x03\r\nA2 OK\r\n").commands();
        assert_eq!(commands.len(), 1, "{commands:#?}");
        let wire =
            Wire::greeted().client(format!("A1 {command}\r\n")).server("A1 NO\r\n").client("A2 NOOP\r\n");
        assert_eq!(wire.commands().len(), 2, "refused, the connection goes on");
    }
}

#[test]
fn a_connection_is_recognised_in_mid_stream() {
    let wire = Wire::new().server("of a message\r\nA7 NO such line\r\n)\r\n").client("ssage\r\nA8 NOOP\r\n");
    assert_eq!(wire.commands(), [], "the client's first line may lie inside of anything");
    let wire = Wire::new().server("of a message\r\nA7 NO such line\r\n)\r\n").client("A8 NOOP\r\n");
    let commands = wire.server("A7 OK\r\n* BYE\r\nA8 OK NOOP completed.\r\n").commands();
    assert_eq!(said(&commands), [("A8", Some("NOOP"), Some(Status::Ok))]);
}

#[test]
fn a_gap_costs_what_was_in_it_and_no_more() {
    let wire = Wire::greeted().client("A1 FETCH 1 (BODY[])\r\n").server("* 1 FETCH (BODY[] {300}\r\nhalf");
    let wire = wire.gap(Dir::Resp, 200).server([b'x'; 96]).server(")\r\nA1 OK done\r\n");
    assert_eq!(said(&wire.commands()), [("A1", Some("FETCH"), Some(Status::Ok))], "inside of a literal");
    let wire = Wire::greeted().client("A1 NOOP\r\n").gap(Dir::Resp, 200);
    let wire = wire.server("x NO trap\r\n* BYE trap\r\n").client("A2 NOOP\r\n").server("A2 OK done\r\n");
    let facts = wire.server("* BYE real\r\n").end();
    let byes = facts.iter().filter(|fact| matches!(fact, Fact::Bye(_))).count();
    assert_eq!((facts.len(), byes), (4, 1), "{facts:#?}");
}

#[test]
fn a_gap_in_the_client_hides_what_may_be_a_password() {
    let wire =
        Wire::greeted().client("A1 LOGIN {4}\r\n").gap(Dir::Orig, 12).client("my secret\r\nA2 NOOP\r\n");
    let commands = wire.server("A1 NO\r\nA2 OK\r\n").commands();
    let expected = [("A1", Some("LOGIN"), Some(Status::No)), ("A2", Some("NOOP"), Some(Status::Ok))];
    assert_eq!(said(&commands), expected);
}

/// A conversation with everything that holds a secret.
fn secretive() -> Vec<(Dir, Vec<u8>)> {
    let plain = BASE64.encode(b"\0uccx\0Topsecret1");
    let login = BASE64.encode(b"Topsecret1");
    let client = |text: &str| (Dir::Orig, text.as_bytes().to_vec());
    let server = |text: &str| (Dir::Resp, text.as_bytes().to_vec());
    vec![
        server(GREETING),
        client("A1 LOGIN uccx \"Topsecret1\"\r\n"),
        server("A1 NO LOGIN failed.\r\n"),
        client("A2 LOGIN {4+}\r\nuccx {10+}\r\nTopsecret1\r\n"),
        server("A2 NO LOGIN failed.\r\n"),
        client("A3 AUTHENTICATE PLAIN\r\n"),
        server("+\r\n"),
        client(&format!("{plain}\r\n")),
        server("A3 NO AUTHENTICATE failed.\r\n"),
        client("A4 AUTHENTICATE LOGIN\r\n"),
        server("+ VXNlcg==\r\n"),
        client("dWNjeA==\r\n"),
        server("+ UGFzcw==\r\n"),
        client(&format!("{login}\r\n")),
        server("A4 NO AUTHENTICATE failed.\r\n"),
        client("A5 AUTHENTICATE NTLM\r\n"),
        server(&format!("+ {CHALLENGE}\r\n")),
        client(&format!("{AUTHENTICATE}\r\n")),
        server("A5 OK AUTHENTICATE completed.\r\n* 1 FETCH (BODY[] {12}\r\nA6 NO trap\r\n)\r\n"),
        client("A6 APPEND x {12}\r\n"),
        server("+ go\r\n"),
        client("A7 LOGIN a b\r\nA8 LOGOUT\r\n"),
        server("A6 OK\r\n* BYE\r\nA8 OK\r\n"),
    ]
}

/// What is said by a conversation whose messages are cut; frames left out.
fn told(pieces: impl IntoIterator<Item = (Dir, Vec<u8>)>) -> String {
    let mut wire = Wire::new();
    for (dir, bytes) in pieces {
        wire = wire.send(dir, &bytes);
        wire.frame = 0;
    }
    format!("{:#?}", wire.end())
}

#[test]
fn nothing_depends_on_how_the_stream_is_cut() {
    let whole = told(secretive());
    assert!(whole.contains("A8") && !whole.contains("trap"));
    for (number, (_, message)) in secretive().iter().enumerate() {
        for cut in 1..message.len() {
            let pieces = secretive().into_iter().enumerate().flat_map(|(other, (dir, bytes))| {
                let cut = if other == number { cut } else { bytes.len() };
                [(dir, bytes[..cut].to_vec()), (dir, bytes[cut..].to_vec())]
            });
            assert_eq!(
                told(pieces.filter(|piece| !piece.1.is_empty())),
                whole,
                "message {number} cut at {cut}"
            );
        }
    }
}

#[test]
fn no_secret_leaves_the_dissector() {
    let told = told(secretive());
    for secret in [&b"Topsecret1"[..], b"\0uccx\0Topsecret1"] {
        assert!(!told.contains(&BASE64.encode(secret)));
        assert!(!told.contains(&*String::from_utf8_lossy(secret)));
    }
    assert!(!told.contains(AUTHENTICATE));
    assert_eq!(told.matches("Secret(…)").count(), 4);
}

proptest! {
    #[test]
    fn any_bytes_are_survived(
        pieces in proptest::collection::vec((any::<bool>(), "[ -~\r\n*+{}0-9]{0,40}", 0u64..40), 0..30)
    ) {
        let mut wire = Wire::greeted();
        for (is_client, text, gap) in pieces {
            let dir = if is_client { Dir::Orig } else { Dir::Resp };
            wire = wire.send(dir, text.as_bytes());
            if gap > 30 {
                wire = wire.gap(dir, gap);
            }
        }
        wire.end();
    }
}

#[test]
fn a_long_command_may_be_answered_before_its_end() {
    let line = format!("a2 UID FETCH {}\r\n", "1234,".repeat(3000));
    let (begin, rest) = line.split_at(12_000);
    let commands = Wire::greeted()
        .client(begin)
        .server("a2 BAD Command line is too long.\r\n")
        .client(rest)
        .client("a3 NOOP\r\n")
        .server("a3 OK done\r\n")
        .commands();
    let expected = [("a2", Some("UID FETCH"), Some(Status::Bad)), ("a3", Some("NOOP"), Some(Status::Ok))];
    assert_eq!(said(&commands), expected);
    assert_eq!(commands[0].line_length, line.len() as u64);
}

#[test]
fn a_long_command_may_have_no_end() {
    let begin = format!("a2 UID FETCH {}", "1234,".repeat(3000));
    let commands = Wire::greeted().client(&begin).commands();
    assert_eq!(said(&commands), [("a2", Some("UID FETCH"), None)]);
    assert_eq!(commands[0].line_length, begin.len() as u64);
    let commands = Wire::greeted().client("a2 LOGIN uccx half-a-passw").commands();
    assert!(commands.is_empty());
}

#[test]
fn the_bytes_of_a_literal_are_only_counted() {
    let mut imap = Imap::new(Dir::Orig, true);
    let mut say = |bytes: &[u8]| {
        let _ = imap.data(Dir::Resp, bytes, Moment::default(), &mut Vec::new());
        (imap.passes_over(Dir::Orig), imap.passes_over(Dir::Resp))
    };
    assert_eq!(say(b"* OK ready\r\n* 1 FETCH (BODY[] {10}\r\n"), (0, 10));
    assert_eq!(say(b"12345678"), (0, 2));
    assert_eq!(say(b"90)\r\n"), (0, 0));
}

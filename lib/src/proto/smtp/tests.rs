//! Whole connections through a [`Session`]: `C:` lines and `S:` lines, each line a segment unless it is cut.

use std::net::{IpAddr, Ipv4Addr};

use base64::Engine as _;

use crate::flow::{Dir, Endpoint, FrameId, Moment};
use crate::proto::smtp::{SmtpReply, Verb};
use crate::proto::subscription_id::BASE64;
use crate::proto::{Ends, Event, Secret, Session};
use crate::time::Timestamp;

struct Wire {
    session: Session,
    out: Vec<Event>,
    frame: u64,
}

impl Wire {
    fn new() -> Self {
        let end = |port| Endpoint { ip: IpAddr::V4(Ipv4Addr::LOCALHOST), port };
        let ends = Ends { orig: end(50_000), resp: end(2525) };
        Wire { session: Session::new(ends), out: Vec::new(), frame: 0 }
    }

    fn at(&mut self) -> Moment {
        self.frame += 1;
        Moment {
            frame: FrameId::new(0, self.frame),
            time: Timestamp::new(1_600_000_000 + self.frame as i64, 0),
        }
    }

    fn send(mut self, dir: Dir, bytes: &[u8]) -> Self {
        let at = self.at();
        self.session.data(dir, bytes, at, &mut self.out);
        self
    }

    fn client(self, text: &str) -> Self {
        self.send(Dir::Orig, text.as_bytes())
    }

    fn server(self, text: &str) -> Self {
        self.send(Dir::Resp, text.as_bytes())
    }

    fn gap(mut self, dir: Dir, length: u64) -> Self {
        let at = self.at();
        self.session.gap(dir, length, at, &mut self.out);
        self
    }

    fn replies(self) -> Vec<SmtpReply> {
        let reply = |event| match event {
            Event::Smtp(reply) => *reply,
            other => panic!("{other:?}"),
        };
        self.out.into_iter().map(reply).collect()
    }

    /// Codes and the commands that they answer.
    fn heard(self) -> Vec<(u16, Option<Verb>)> {
        let pair = |reply: SmtpReply| (reply.code, reply.command.map(|command| command.verb));
        self.replies().into_iter().map(pair).collect()
    }
}

const BANNER: &str =
    "220 ex01.lab.example Microsoft ESMTP MAIL Service ready at Sun, 29 Jun 2014 15:00:00 +0000\r\n";

/// After the greeting and EHLO.
fn begun() -> Wire {
    Wire::new().server(BANNER).client("EHLO uccx\r\n").server("250-ex01.lab.example Hello\r\n250 SIZE\r\n")
}

fn base64(text: &str) -> String {
    BASE64.encode(text)
}

#[test]
fn every_reply_has_its_command_and_a_message_is_no_protocol() {
    let wire = begun()
        .client("MAIL FROM:<uccx@lab.example>\r\n")
        .server("250 2.1.0 Sender OK\r\n")
        .client("RCPT TO:<a@b.example>\r\n")
        .server("250 2.1.5 Recipient OK\r\n")
        .client("DATA\r\n")
        .server("354 Start mail input; end with <CRLF>.<CRLF>\r\n")
        .client("Subject: x\r\n\r\nQUIT\r\n421 4.3.2 quoted\r\n..\r\nRCPT TO:<x@y>\r\n")
        .client(".\r")
        .client("\nQUIT\r\n")
        .server("250 2.6.0 Queued mail for delivery\r\n221 2.0.0 bye\r\n");
    let replies = wire.replies();
    assert!(replies[0].is_greeting && !replies[1].is_greeting);
    assert_eq!(&*replies[1].text, "ex01.lab.example Hello\nSIZE");
    let mail = replies[2].command.as_ref().unwrap();
    assert_eq!((mail.argument.as_deref(), mail.last.frame.number()), (Some("uccx@lab.example"), 4));
    let heard: Vec<_> = replies.iter().map(|r| (r.code, r.command.as_ref().map(|c| c.verb))).collect();
    assert_eq!(
        heard,
        [
            (220, None),
            (250, Some(Verb::Ehlo)),
            (250, Some(Verb::Mail)),
            (250, Some(Verb::Rcpt)),
            (354, Some(Verb::Data)),
            (250, Some(Verb::Data)),
            (221, Some(Verb::Quit)),
        ]
    );
    let end = replies[5].command.as_ref().unwrap();
    assert_eq!(end.last.frame.number(), 12);
}

#[test]
fn pipelined_commands_and_refused_data_are_paired() {
    let wire = begun()
        .client("MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n")
        .server("250 ok\r\n550 5.1.1 User unknown\r\n554 5.5.1 No valid recipients\r\n")
        .client("RSET\r\n")
        .server("250 ok\r\n");
    let heard = wire.heard();
    assert_eq!(
        heard[2..],
        [(250, Some(Verb::Mail)), (550, Some(Verb::Rcpt)), (554, Some(Verb::Data)), (250, Some(Verb::Rset))]
    );
}

#[test]
fn chunks_are_passed_over_whatever_they_hold() {
    let wire = begun()
        .client("BDAT 12\r\nQUIT\r\n")
        .client("RSET\r\nBDAT 3 LAST\r\nab\n")
        .server("250 2.0.0 12 octets\r\n250 2.6.0 Queued\r\n")
        .client("QUIT\r\n")
        .server("221 bye\r\n");
    assert_eq!(
        wire.heard()[2..],
        [(250, Some(Verb::Bdat)), (250, Some(Verb::Bdat)), (221, Some(Verb::Quit))]
    );
}

#[test]
fn log_ins_name_the_user_and_hide_the_password() {
    let wire = begun()
        .client("AUTH LOGIN\r\n")
        .server("334 VXNlcm5hbWU6\r\n")
        .client(&format!("{}\r\n", base64("LAB\\uccx")))
        .server("334 UGFzc3dvcmQ6\r\n")
        .client(&format!("{}\r\n", base64("Sommer2014")))
        .server("535 5.7.3 Authentication unsuccessful\r\n")
        .client(&format!("AUTH PLAIN {}\r\n", base64("\0uccx\0Sommer2014")))
        .server("235 2.7.0 Authentication successful\r\n")
        .client("MAIL FROM:<a@b>\r\n")
        .server("250 ok\r\n");
    let printed = format!("{:?}", wire.out);
    assert!(!printed.contains("Sommer2014") && !printed.contains(&base64("Sommer2014")));
    let replies = wire.replies();
    let codes: Vec<u16> = replies.iter().map(|reply| reply.code).collect();
    assert_eq!(codes[2..], [334, 334, 535, 235, 250]);
    assert_eq!(&*replies[2].text, "");
    for (reply, domain) in [(&replies[4], Some("LAB")), (&replies[5], None)] {
        let command = reply.command.as_ref().unwrap();
        let credentials = command.credentials.as_ref().unwrap();
        assert_eq!((credentials.domain.as_deref(), credentials.user.as_deref()), (domain, Some("uccx")));
        assert_eq!(credentials.secret, Some(Secret::new(b"Sommer2014")));
    }
}

#[test]
fn a_password_out_of_step_is_not_repeated_with_the_reply() {
    let secret = base64("Sommer2014");
    let wire = begun()
        .client("AUTH LOGIN\r\n")
        .server("504 5.7.4 Unrecognized authentication type\r\n")
        .client(&format!("{secret}\r\n"))
        .server(&format!("500 5.3.3 Unrecognized command '{secret}'\r\n"))
        .client(&format!("AUTH PLAIN {secret}\r\n"))
        .server(&format!("535 5.7.8 Error: authentication failed: {secret}\r\n"));
    let printed = format!("{:?}", wire.out);
    assert!(!printed.contains(&secret), "{printed}");
    let mid_stream = Wire::new()
        .server("250 2.1.0 ok\r\n")
        .client(&format!("{secret}\r\n"))
        .server(&format!("500 5.3.3 Unrecognized command '{secret}'\r\n"));
    let printed = format!("{:?}", mid_stream.out);
    assert!(printed.contains("Unrecognized") && !printed.contains(&secret), "{printed}");
}

#[test]
fn after_starttls_nothing_is_smtp() {
    let wire = begun().client("STARTTLS\r\n").server("220 2.0.0 SMTP server ready\r\n");
    let wire = wire.send(Dir::Orig, b"\x16\x03\x01\x02\x00EHLO x\r\n").server("\x16\x03\x03550 5.1.1 no\r\n");
    assert_eq!(wire.heard()[2..], [(220, Some(Verb::StartTls))]);
    let unannounced =
        begun().send(Dir::Orig, b"\x16\x03\x01\x02\x00").client("MAIL FROM:<a>\r\n").server("250 ok\r\n");
    assert_eq!(unannounced.heard().len(), 2);
}

#[test]
fn a_connection_is_known_in_its_middle() {
    let wire = Wire::new()
        .client("RCPT TO:<a@b>\r\n")
        .server("550 5.1.1 User unknown\r\n")
        .client("DATA\r\n")
        .server("503 5.5.2 Need rcpt command\r\n");
    assert_eq!(wire.heard(), [(550, Some(Verb::Rcpt)), (503, Some(Verb::Data))]);
    let in_message = Wire::new()
        .server("250 2.1.5 Recipient OK\r\n")
        .client("some text\r\nMail from home\r\n.\r\n")
        .server("250 2.6.0 Queued\r\n")
        .client("MAIL FROM:<a@b>\r\n")
        .server("250 2.1.0 ok\r\n");
    assert_eq!(in_message.heard(), [(250, None), (250, None), (250, Some(Verb::Mail))]);
}

#[test]
fn commands_and_replies_find_each_other_again_after_a_gap() {
    let lost_command = begun()
        .gap(Dir::Orig, 17)
        .server("250 2.1.0 Sender OK\r\n")
        .client("RCPT TO:<c@d>\r\n")
        .server("550 5.1.1 User unknown\r\n");
    assert_eq!(lost_command.heard()[2..], [(250, None), (550, Some(Verb::Rcpt))]);
    let lost_reply = begun()
        .client("MAIL FROM:<a@b>\r\n")
        .client("RCPT TO:<c@d>\r\n")
        .gap(Dir::Resp, 20)
        .server("550 5.1.1 User unknown\r\n");
    assert_eq!(lost_reply.heard()[2..], [(550, Some(Verb::Rcpt))]);
    let lost_end = begun()
        .client("DATA\r\n")
        .server("354 go\r\n")
        .client("Subject: x\r\n")
        .gap(Dir::Orig, 100)
        .server("250 2.6.0 Queued\r\n")
        .client("QUIT\r\n")
        .server("221 bye\r\n");
    assert_eq!(
        lost_end.heard()[2..],
        [(354, Some(Verb::Data)), (250, Some(Verb::Data)), (221, Some(Verb::Quit))]
    );
}

#[test]
fn a_refusing_greeting_answers_nothing() {
    let text = "4.3.2 The maximum number of concurrent connections has exceeded a limit, closing transmission channel";
    let replies = Wire::new().server(&format!("421-{text}\r\n421 {text}\r\n")).client("EHLO x\r\n").replies();
    assert_eq!(replies.len(), 1);
    assert!(replies[0].is_greeting && replies[0].command.is_none());
    assert_eq!(
        (replies[0].code, replies[0].enhanced.map(|code| code.to_string())),
        (421, Some("4.3.2".into()))
    );
}

#[test]
fn an_ftp_server_that_greets_alike_is_left_alone() {
    let wire = Wire::new()
        .server("220 files.corp.lab.example ready, and a text longer than what is looked at\r\n")
        .client("USER anonymous\r\n")
        .server("530 Not logged in\r\n");
    assert!(wire.heard().len() <= 2);
    let silent =
        Wire::new().server("220 (vsFTPd 3.0.3)\r\n").client("USER anonymous\r\n").server("331 Password\r\n");
    assert_eq!(silent.heard(), []);
}

#[test]
fn the_replies_do_not_depend_on_the_segments() {
    let server = "220 a.b ESMTP\r\n250-x\r\n250 y\r\n250 ok\r\n354 go\r\n250 2.6.0 q\r\n221 bye\r\n";
    let client = ["EHLO x\r\n", "MAIL FROM:<a@b>\r\n", "DATA\r\n", "a\r\n.\r\n", "QUIT\r\n"];
    let steps = [
        (Dir::Resp, 0, 15),
        (Dir::Orig, 0, 0),
        (Dir::Resp, 15, 29),
        (Dir::Orig, 1, 0),
        (Dir::Resp, 29, 37),
        (Dir::Orig, 2, 0),
        (Dir::Resp, 37, 45),
        (Dir::Orig, 3, 0),
        (Dir::Resp, 45, 58),
        (Dir::Orig, 4, 0),
        (Dir::Resp, 58, 67),
    ];
    let mut whole = None;
    for size in [1, 2, 3, 5, 99] {
        let mut wire = Wire::new();
        for (dir, from, to) in steps {
            let bytes = if dir == Dir::Resp { &server.as_bytes()[from..to] } else { client[from].as_bytes() };
            for piece in bytes.chunks(size) {
                wire = wire.send(dir, piece);
            }
        }
        let heard = wire.heard();
        assert_eq!(heard.len(), 6, "{size}: {heard:?}");
        assert_eq!(*whole.get_or_insert_with(|| heard.clone()), heard, "{size}");
    }
}

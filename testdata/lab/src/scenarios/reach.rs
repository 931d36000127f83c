//! Nothing arrives: silence, closed and filtered ports, for every service.

use super::{cuc_at_work, neighbour, subscribed};
use crate::cuc::{Lab, at};
use crate::scenario::Scenario;
use crate::site::{CUC, CUC_PORT, Delivery, EXCHANGE, far, near};
use crate::tcp::{Conversation, Host, Side, Stack};
use crate::time::SECOND;
use crate::trace::PacketId;
use std::net::{IpAddr, Ipv4Addr};

pub(super) fn scenarios() -> Vec<Scenario> {
    let mut all = vec![
        silent("hit", 16).expect_on("notify-silent", &CUC.to_string(), &[]),
        silent("miss-too-short", 9).forbid("notify-silent"),
        silent_on_other_port(),
        closed(),
        not_closed(),
        filtered(),
        filtered_by_icmp(),
        rejected_by_firewall(),
        answered_in_the_end(),
        attempt_at_the_end(),
    ];
    for service in SERVICES {
        all.extend([service.closed(), service.not_closed(), service.filtered(), service.not_filtered()]);
    }
    all
}

/// Exchange retries a failed notification after these seconds.
const LADDER: [u64; 5] = [0, 30, 60, 120, 240];

fn silent(variant: &str, minutes: u64) -> Scenario {
    let path = format!("notify-silent/{variant}");
    let text =
        format!("Unity Connection is at work for {minutes} minutes, and no notification comes near it.");
    Scenario::new(&path, &text, cuc_at_work(&path, minutes))
}

fn silent_on_other_port() -> Scenario {
    let path = "notify-silent/miss-other-port";
    let mut lab = cuc_at_work(path, 20);
    let how = Delivery { port: 8081, ..Delivery::to_cuc() };
    let mut subscription = lab.subscribe(at(0, 0) - 90_000 * SECOND, &how);
    lab.beat(&mut subscription, at(1, 0), at(19, 50));
    let text = "Notifications arrive, on a port that is not the usual one.";
    Scenario::new(path, text, lab).forbid("notify-silent").forbid("notify-source-unexpected")
}

fn closed() -> Scenario {
    let path = "notify-port-closed/hit";
    let mut lab = cuc_at_work(path, 16);
    let how = Delivery::to_cuc();
    let syns = LADDER.map(|after| lab.refused(at(3, after), how.from, how.to, how.port));
    let text = "Jetty is down: every attempt of Exchange is refused by Unity Connection itself.";
    Scenario::new(path, text, lab)
        .expect_on("notify-port-closed", &CUC.to_string(), &syns[..1])
        .severity("error")
}

fn not_closed() -> Scenario {
    let path = "notify-port-closed/miss";
    let mut lab = cuc_at_work(path, 20);
    let mut subscription = subscribed(&mut lab);
    subscription.how.reset = true;
    lab.beat(&mut subscription, at(1, 0), at(19, 50));
    // The tail of a connection that Unity Connection has forgotten.
    let how = Delivery::to_cuc();
    let port = lab.next_port();
    let mut talk = Conversation::new(&mut lab.trace, at(9, 9), (how.from, port), (how.to, how.port));
    talk.ack(Side::Originator);
    talk.reset(Side::Responder);
    let text = "Exchange ends its connections with RST after the reply, and a stray ACK is answered with RST: nothing is closed.";
    Scenario::new(path, text, lab).forbid("notify-port-closed").forbid("notify-port-filtered")
}

/// An Exchange server at work, captured there, and Unity Connection as seen from it.
fn at_exchange(name: &str, minutes: u64) -> (Lab, Host, Host) {
    let mut lab = Lab::new(name);
    let exchange = near(EXCHANGE, Stack::Windows);
    lab.background(exchange, at(0, 0), at(minutes, 0), 25 * SECOND);
    (lab, exchange, far(CUC, Stack::Linux))
}

fn filtered() -> Scenario {
    let path = "notify-port-filtered/hit";
    let (mut lab, exchange, cuc) = at_exchange(path, 16);
    let syns: Vec<Vec<PacketId>> =
        LADDER.iter().map(|after| lab.unanswered(at(3, *after), exchange, cuc, CUC_PORT, 2)).collect();
    let text = "Captured at Exchange: its SYNs to Unity Connection get no answer of any kind.";
    Scenario::new(path, text, lab)
        .expect_on("notify-port-filtered", &CUC.to_string(), &syns[0][..1])
        .severity("error")
}

fn filtered_by_icmp() -> Scenario {
    let path = "notify-port-filtered/hit-icmp";
    let (mut lab, exchange, cuc) = at_exchange(path, 12);
    let router = Ipv4Addr::new(10, 10, 20, 1);
    let syn = lab.prohibited(at(3, 0), exchange, cuc, CUC_PORT, router, 13);
    let text = "A router answers the SYN with ICMP `administratively prohibited`.";
    Scenario::new(path, text, lab).expect_on("notify-port-filtered", &CUC.to_string(), &[syn])
}

fn rejected_by_firewall() -> Scenario {
    let path = "notify-port-filtered/hit-alien-reset";
    let (mut lab, exchange, cuc) = at_exchange(path, 16);
    // Unity Connection's own packets, to compare with: it answers on another port.
    let port = lab.next_port();
    let mut talk = Conversation::new(&mut lab.trace, at(1, 0), (exchange, port), (cuc, 25));
    talk.handshake();
    talk.send(Side::Responder, b"220 cuc.corp.example.com ESMTP\r\n");
    talk.send(Side::Originator, b"QUIT\r\n");
    talk.send(Side::Responder, b"221 2.0.0 Bye\r\n");
    talk.fin(Side::Responder);
    talk.fin(Side::Originator);
    talk.ack(Side::Responder);
    // The firewall is a Windows-like stack one hop away: TTL 127 where Unity Connection's is 61.
    let firewall = Host { stack: Stack::Windows, hops: 1, ..cuc };
    let syns = LADDER.map(|after| lab.refused(at(3, after), exchange, firewall, CUC_PORT));
    let text = "The refusals bear Unity Connection's address and a TTL that its own packets do not have: a firewall rejects.";
    Scenario::new(path, text, lab)
        .expect_on("notify-port-filtered", &CUC.to_string(), &syns[..1])
        .forbid("notify-port-closed")
}

fn answered_in_the_end() -> Scenario {
    let path = "notify-port-filtered/miss";
    let mut lab = cuc_at_work(path, 20);
    neighbour(&mut lab, 19);
    let mut subscription = subscribed(&mut lab);
    let last = lab.idle(&mut subscription, at(2, 0), at(7, 30)).pop().map_or(0, |sent| sent.at);
    let slow = Delivery { lost_syns: 2, ..Delivery::to_cuc() };
    lab.keep_alive_by(&mut subscription, last + 300 * SECOND, &slow);
    lab.idle(&mut subscription, last + 605 * SECOND, at(19, 30));
    let text = "Two SYNs get lost, the third is answered.";
    Scenario::new(path, text, lab).forbid("notify-port-filtered")
}

fn attempt_at_the_end() -> Scenario {
    let path = "notify-port-filtered/miss-capture-ends";
    let (mut lab, exchange, cuc) = at_exchange(path, 12);
    let how = Delivery::direct(exchange, cuc, CUC_PORT);
    let mut subscription = lab.subscribe(at(0, 0) - 90_000 * SECOND, &how);
    lab.idle(&mut subscription, at(1, 0), at(11, 40));
    lab.unanswered(at(11, 58), exchange, cuc, CUC_PORT, 0);
    lab.lookups(exchange, at(11, 59), at(12, 0), SECOND);
    let text = "The capture ends two seconds after a SYN.";
    Scenario::new(path, text, lab).forbid("notify-port-filtered")
}

struct Service {
    name: &'static str,
    port: u16,
    greeting: &'static [u8],
    farewell: &'static [u8],
    last_words: &'static [u8],
}

const SERVICES: [Service; 3] = [
    Service {
        name: "imap",
        port: 143,
        greeting: b"* OK The Microsoft Exchange IMAP4 service is ready.\r\n",
        farewell: b"A1 LOGOUT\r\n",
        last_words:
            b"* BYE Microsoft Exchange Server 2010 IMAP4 server signing off.\r\nA1 OK LOGOUT completed.\r\n",
    },
    Service {
        name: "smtp",
        port: 25,
        greeting: b"220 EX01.corp.example.com Microsoft ESMTP MAIL Service ready\r\n",
        farewell: b"QUIT\r\n",
        last_words: b"221 2.0.0 Service closing transmission channel\r\n",
    },
    Service { name: "mapi", port: 135, greeting: b"", farewell: b"", last_words: b"" },
];

impl Service {
    fn hosts(&self) -> (Host, Host) {
        let client = IpAddr::V4(Ipv4Addr::new(10, 10, 50, 21));
        (near(client, Stack::Windows), far(EXCHANGE, Stack::Windows))
    }

    fn lab(&self, rule: &str, variant: &str) -> (Lab, String) {
        let path = format!("{}-port-{rule}/{variant}", self.name);
        let mut lab = Lab::new(&path);
        lab.background(self.hosts().0, at(0, 0), at(6, 0), 20 * SECOND);
        (lab, path)
    }

    fn scenario(path: &str, text: &str, lab: Lab) -> Scenario {
        Scenario::new(path, text, lab).told(&[EXCHANGE], &[], &[])
    }

    fn closed(&self) -> Scenario {
        let (mut lab, path) = self.lab("closed", "hit");
        let (client, server) = self.hosts();
        let syns = [10, 75, 140].map(|second| lab.refused(at(1, second), client, server, self.port));
        let text = format!("Exchange refuses every connection to port {}.", self.port);
        Self::scenario(&path, &text, lab).expect_on(
            &format!("{}-port-closed", self.name),
            &EXCHANGE.to_string(),
            &syns[..1],
        )
    }

    fn not_closed(&self) -> Scenario {
        let (mut lab, path) = self.lab("closed", "miss");
        for second in [10, 75, 140] {
            self.visit(&mut lab, at(1, second), 0);
        }
        let text = "Connections are made, used and then ended by the client with RST.";
        Self::scenario(&path, text, lab).forbid(&format!("{}-port-closed", self.name))
    }

    fn filtered(&self) -> Scenario {
        let (mut lab, path) = self.lab("filtered", "hit");
        let (client, server) = self.hosts();
        let syns = [10, 75].map(|second| lab.unanswered(at(1, second), client, server, self.port, 2));
        let text = format!("SYNs to port {} of Exchange get no answer.", self.port);
        Self::scenario(&path, &text, lab).expect_on(
            &format!("{}-port-filtered", self.name),
            &EXCHANGE.to_string(),
            &syns[0][..1],
        )
    }

    fn not_filtered(&self) -> Scenario {
        let (mut lab, path) = self.lab("filtered", "miss");
        self.visit(&mut lab, at(1, 10), 2);
        let text = "Two SYNs get lost, the third is answered.";
        Self::scenario(&path, text, lab).forbid(&format!("{}-port-filtered", self.name))
    }

    /// A connection that says hello and goodbye.
    fn visit(&self, lab: &mut Lab, moment: u64, lost_syns: u32) {
        use Side::{Originator, Responder};
        let (client, server) = self.hosts();
        let port = lab.next_port();
        let mut talk = Conversation::new(&mut lab.trace, moment, (client, port), (server, self.port));
        talk.syn(lost_syns);
        talk.accept();
        talk.send(Responder, self.greeting);
        talk.send(Originator, self.farewell);
        talk.send(Responder, self.last_words);
        talk.ack(Originator);
        talk.reset(Originator);
    }
}

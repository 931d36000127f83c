//! DCE/RPC as a MAPI client and Exchange speak it: PDUs, and connections that are told by what is said when.

use crate::cuc::Lab;
use crate::tcp::{Conversation, Host, Side};
use crate::time::{MILLISECOND, Nanos};
use crate::trace::PacketId;

/// UUID and version of the endpoint mapper, stored.
pub const EPM: ([u8; 16], u32) =
    ([0x08, 0x83, 0xaf, 0xe1, 0x1f, 0x5d, 0xc9, 0x11, 0x91, 0xa4, 0x08, 0, 0x2b, 0x14, 0xa0, 0xfa], 3);
/// UUID and version of the mailbox interface, stored.
pub const EMSMDB: ([u8; 16], u32) =
    ([0, 0xdb, 0xf1, 0xa4, 0x47, 0xca, 0x67, 0x10, 0xb3, 0x1f, 0, 0xdd, 1, 6, 0x62, 0xda], 0x51_0000);
/// UUID and version of the interface for waiting, stored.
pub const ASYNC: ([u8; 16], u32) =
    ([0x4a, 0x57, 0x61, 0x52, 0x72, 0x45, 0x6e, 0x20, 0xb2, 0x68, 0x6b, 0x19, 0x92, 0x13, 0xb4, 0xe4], 1);
const NDR: [u8; 20] =
    [0x04, 0x5d, 0x88, 0x8a, 0xeb, 0x1c, 0xc9, 0x11, 0x9f, 0xe8, 0x08, 0, 0x2b, 0x10, 0x48, 0x60, 2, 0, 0, 0];

/// A context handle.
pub type Handle = [u8; 20];

/// The handle whose UUID is made of one byte.
pub fn handle(byte: u8) -> Handle {
    let mut handle = [byte; 20];
    handle[..4].fill(0);
    handle
}

/// How a connection is protected, and what the server calls itself in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Security {
    /// 6 encrypts stubs.
    pub level: u8,
    /// The server's own name in its NTLM challenge.
    pub server: &'static str,
}

/// How a bind is answered.
#[derive(Debug, Clone, Copy)]
pub enum Bound {
    /// With this association group.
    Group(u32),
    /// Refused for this reason.
    Nak(u16),
}

/// How a call is answered.
#[derive(Debug, Clone)]
pub enum Answer {
    /// With this stub.
    Stub(Vec<u8>),
    /// With a fault.
    Fault(u32),
    /// Not at all.
    Nothing,
}

/// One connection: what is said when.
#[derive(Debug, Clone)]
pub struct Line {
    at: Nanos,
    security: Option<Security>,
    calls: u32,
    said: Vec<(Nanos, Side, Vec<u8>)>,
    end: Option<(Nanos, bool)>,
}

impl Line {
    /// A connection that is opened at `at`.
    pub fn new(at: Nanos, security: Option<Security>) -> Self {
        Line { at, security, calls: 0, said: Vec::new(), end: None }
    }

    /// Binds right after the handshake, presenting a group.
    #[must_use]
    pub fn bind(mut self, interfaces: &[([u8; 16], u32)], presented: u32, bound: Bound) -> Self {
        self.calls += 1;
        let mut body = [0xd0, 0x16, 0xd0, 0x16].to_vec();
        body.extend(presented.to_le_bytes());
        body.extend([interfaces.len() as u8, 0, 0, 0]);
        for (number, (uuid, version)) in (0u8..).zip(interfaces) {
            body.extend([number, 0, 1, 0]);
            body.extend(uuid);
            body.extend(version.to_le_bytes());
            body.extend(NDR);
        }
        let negotiate = self.security.map(|security| (security.level, ntlm_negotiate()));
        let at = self.at + MILLISECOND;
        self.say(at, Side::Originator, 0x0b, &body, negotiate);
        match bound {
            Bound::Group(group) => {
                let mut body = [0xd0, 0x16, 0xd0, 0x16].to_vec();
                body.extend(group.to_le_bytes());
                body.extend(b"\x06\x0059532\0");
                body.extend([interfaces.len() as u8, 0, 0, 0]);
                for _ in interfaces {
                    body.extend([0; 4]);
                    body.extend(NDR);
                }
                let challenge =
                    self.security.map(|security| (security.level, ntlm_challenge(security.server)));
                self.say(at + 2 * MILLISECOND, Side::Responder, 0x0c, &body, challenge);
                if let Some(security) = self.security {
                    let token = (security.level, ntlm_authenticate("unitymsg"));
                    self.say(at + 3 * MILLISECOND, Side::Originator, 0x10, &[0; 4], Some(token));
                }
            }
            Bound::Nak(reason) => {
                let mut body = reason.to_le_bytes().to_vec();
                body.extend([1, 5, 0, 0, 0, 0]);
                self.say(at + 2 * MILLISECOND, Side::Responder, 0x0d, &body, None);
            }
        }
        self
    }

    /// A call on the presentation context of that number.
    #[must_use]
    pub fn call(mut self, at: Nanos, context: u8, opnum: u16, stub: &[u8], answer: &Answer) -> Self {
        self.calls += 1;
        let mut body = (stub.len() as u32).to_le_bytes().to_vec();
        body.extend([context, 0]);
        body.extend(opnum.to_le_bytes());
        body.extend(self.sealed(stub));
        let signature = self.security.map(|security| (security.level, vec![0x5e; 16]));
        self.say(at, Side::Originator, 0, &body, signature.clone());
        match answer {
            Answer::Stub(stub) => {
                let mut body = (stub.len() as u32).to_le_bytes().to_vec();
                body.extend([context, 0, 0, 0]);
                body.extend(self.sealed(stub));
                self.say(at + 4 * MILLISECOND, Side::Responder, 2, &body, signature);
            }
            Answer::Fault(status) => {
                let mut body = vec![32, 0, 0, 0, context, 0, 0, 0];
                body.extend(status.to_le_bytes());
                body.extend([0; 4]);
                self.say(at + 4 * MILLISECOND, Side::Responder, 3, &body, None);
            }
            Answer::Nothing => {}
        }
        self
    }

    /// EcDoConnectEx, answered with this handle and return code.
    #[must_use]
    pub fn connect(self, at: Nanos, handle: Handle, code: u32) -> Self {
        let answer = Answer::Stub(connected(handle, code));
        self.call(at, 0, 10, &connect(), &answer)
    }

    /// EcDoRpcExt2 with this handle, answered well.
    #[must_use]
    pub fn work(self, at: Nanos, handle: Handle) -> Self {
        let answer = Answer::Stub([handle.as_slice(), &[0; 40]].concat());
        self.call(at, 0, 11, &[handle.as_slice(), &[0x2a; 60]].concat(), &answer)
    }

    /// EcDoRpcExt2 with this handle, answered otherwise.
    #[must_use]
    pub fn fail(self, at: Nanos, handle: Handle, answer: &Answer) -> Self {
        self.call(at, 0, 11, &[handle.as_slice(), &[0x2a; 60]].concat(), answer)
    }

    /// ept_map for the mailbox interface, answered with a port.
    #[must_use]
    pub fn map(self, at: Nanos, port: u16, address: [u8; 4]) -> Self {
        let asked = tower(135, [0; 4]);
        let mut stub = [0, 0, 0, 0].to_vec();
        stub.extend([75u32, 75].iter().flat_map(|word| word.to_le_bytes()));
        stub.extend(asked);
        stub.extend([0; 25]);
        let mut answer = vec![0; 20];
        answer.extend([1u32, 4, 0, 1, 3, 75, 75].iter().flat_map(|word| word.to_le_bytes()));
        answer.extend(tower(port, address));
        answer.extend([0; 5]);
        self.call(at, 0, 3, &stub, &Answer::Stub(answer))
    }

    /// The client closes.
    #[must_use]
    pub fn close(mut self, at: Nanos) -> Self {
        self.end = Some((at, false));
        self
    }

    /// RST from the server's side.
    #[must_use]
    pub fn reset(mut self, at: Nanos) -> Self {
        self.end = Some((at, true));
        self
    }

    /// Puts it on the wire, and gives the last packet of each thing said.
    pub fn play(&self, lab: &mut Lab, client: Host, server: (Host, u16)) -> Vec<PacketId> {
        self.play_late(lab, client, server, [0, 0])
    }

    /// The same with what the client and the server say so much later.
    pub fn play_late(
        &self,
        lab: &mut Lab,
        client: Host,
        server: (Host, u16),
        late: [Nanos; 2],
    ) -> Vec<PacketId> {
        let port = lab.next_port();
        let mut talk = Conversation::new(&mut lab.trace, self.at + late[0], (client, port), server);
        talk.handshake();
        let mut packets = Vec::new();
        for (at, side, bytes) in &self.said {
            talk.wait_until(at + late[*side as usize]);
            packets.extend(talk.send(*side, bytes).last().copied());
        }
        match self.end {
            Some((at, true)) => {
                talk.wait_until(at + late[1]);
                packets.push(talk.reset(Side::Responder));
            }
            Some((at, false)) => {
                talk.wait_until(at + late[0]);
                packets.push(talk.fin(Side::Originator));
                talk.fin(Side::Responder);
                talk.ack(Side::Originator);
            }
            None => {}
        }
        packets
    }

    /// Puts it on the wire as RPC over HTTP: what the client says goes through the IN channel, what the server says
    /// comes through the OUT channel (MS-RPCH 2.1.2). Gives the last packet of each thing said.
    pub fn play_over_http(
        &self,
        lab: &mut Lab,
        client: Host,
        server: Host,
        cookie: [u8; 16],
    ) -> Vec<PacketId> {
        let mut packets = Vec::new();
        for (method, side) in [("RPC_OUT_DATA", Side::Responder), ("RPC_IN_DATA", Side::Originator)] {
            let port = lab.next_port();
            let mut talk = Conversation::new(&mut lab.trace, self.at, (client, port), (server, 80));
            talk.handshake();
            let open = rts(&cookie, if side == Side::Responder { 1 } else { 2 });
            talk.send(Side::Originator, &[channel_head(method, open.len()), open].concat());
            talk.ack(Side::Responder);
            if side == Side::Responder {
                let accepted = "HTTP/1.1 200 Success\r\nContent-Type: application/rpc\r\nContent-Length: 1073741824\r\n\r\n";
                talk.send(Side::Responder, accepted.as_bytes());
                talk.ack(Side::Originator);
            }
            for (number, (at, _, bytes)) in self.said.iter().enumerate().filter(|(_, said)| said.1 == side) {
                talk.wait_until(*at);
                packets.extend(talk.send(side, bytes).last().map(|packet| (number, *packet)));
            }
            if let Some((at, _)) = self.end {
                talk.wait_until(at);
                talk.fin(Side::Originator);
                talk.fin(Side::Responder);
                talk.ack(Side::Originator);
            }
        }
        lab.trace.sort();
        packets.sort_unstable_by_key(|(number, _)| *number);
        packets.into_iter().map(|(_, packet)| packet).collect()
    }

    fn sealed(&self, stub: &[u8]) -> Vec<u8> {
        match self.security {
            Some(Security { level: 6, .. }) => stub.iter().map(|byte| byte.wrapping_mul(29) ^ 0x6b).collect(),
            _ => stub.to_vec(),
        }
    }

    fn say(&mut self, at: Nanos, side: Side, kind: u8, body: &[u8], auth: Option<(u8, Vec<u8>)>) {
        let mut pdu = vec![5, 0, kind, 3, 0x10, 0, 0, 0, 0, 0, 0, 0];
        pdu.extend(self.calls.to_le_bytes());
        pdu.extend(body);
        if let Some((level, token)) = auth {
            let padding = pdu.len().next_multiple_of(4) - pdu.len();
            pdu.resize(pdu.len() + padding, 0);
            pdu.extend([10, level, padding as u8, 0, 0, 0, 0, 0]);
            pdu[10..12].copy_from_slice(&(token.len() as u16).to_le_bytes());
            pdu.extend(token);
        }
        let length = pdu.len() as u16;
        pdu[8..10].copy_from_slice(&length.to_le_bytes());
        self.said.push((at, side, pdu));
    }
}

/// The head of the request that opens a channel (MS-RPCH 2.1.2.1): the IN channel is to carry much.
pub fn channel_head(method: &str, length: usize) -> Vec<u8> {
    let length = if method == "RPC_IN_DATA" { 1 << 30 } else { length };
    format!(
        "{method} /rpc/rpcproxy.dll?ex01.corp.example.com:6001 HTTP/1.1\r\nAccept: application/rpc\r\nUser-Agent: \
         MSRPC\r\nHost: mail.corp.example.com\r\nContent-Length: {length}\r\n\r\n"
    )
    .into_bytes()
}

/// The RTS PDU that opens a channel of RPC over HTTP: version, virtual connection, channel (MS-RPCH 2.2.4.2).
pub fn rts(connection: &[u8; 16], channel: u8) -> Vec<u8> {
    let mut pdu = vec![5, 0, 0x14, 3, 0x10, 0, 0, 0, 76, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0];
    pdu.extend([6, 0, 0, 0, 1, 0, 0, 0, 3, 0, 0, 0]);
    pdu.extend(connection);
    pdu.extend([3, 0, 0, 0]);
    pdu.extend([channel; 16]);
    pdu.extend([0, 0, 0, 0, 0, 0, 1, 0]);
    pdu
}

fn connect() -> Vec<u8> {
    let user = "/o=Corp/ou=Exchange Administrative Group (FYDIBOHF23SPDLT)/cn=Recipients/cn=unitymsg\0";
    let length = user.len() as u32;
    let mut stub: Vec<u8> = [length, 0, length].iter().flat_map(|word| word.to_le_bytes()).collect();
    stub.extend(user.bytes());
    stub.resize(stub.len().next_multiple_of(4) + 60, 0);
    stub
}

fn connected(handle: Handle, code: u32) -> Vec<u8> {
    let mut stub = handle.to_vec();
    stub.extend([60_000u32, 6, 10_000, 1, 0, 0].iter().flat_map(|word| word.to_le_bytes()));
    stub.extend([14u16, 0x8002, 1, 14, 0x8002, 1].iter().flat_map(|word| word.to_le_bytes()));
    stub.extend([0; 24]);
    stub.extend(code.to_le_bytes());
    stub
}

/// A tower of five floors for the mailbox interface (C706, appendix I).
fn tower(port: u16, address: [u8; 4]) -> Vec<u8> {
    let mut tower = vec![5, 0, 19, 0, 0x0d];
    tower.extend(EMSMDB.0);
    tower.extend([0, 0, 2, 0, 0x51, 0, 19, 0, 0x0d]);
    tower.extend(&NDR[..18]);
    tower.extend([2, 0, 0, 0, 1, 0, 0x0b, 2, 0, 0, 0, 1, 0, 7, 2, 0]);
    tower.extend(port.to_be_bytes());
    tower.extend([1, 0, 9, 4, 0]);
    tower.extend(address);
    tower
}

fn ntlm_negotiate() -> Vec<u8> {
    let mut message = b"NTLMSSP\0\x01\0\0\0".to_vec();
    message.extend(0x0200_0201u32.to_le_bytes());
    message.resize(40, 0);
    message
}

fn wide(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

fn ntlm_challenge(server: &str) -> Vec<u8> {
    let mut info = Vec::new();
    for (id, text) in
        [(2u16, "CORP"), (1, server.split('.').next().unwrap_or_default()), (3, server), (0, "")]
    {
        let value = wide(text);
        info.extend(id.to_le_bytes());
        info.extend((value.len() as u16).to_le_bytes());
        info.extend(value);
    }
    let mut message = b"NTLMSSP\0\x02\0\0\0".to_vec();
    message.extend([0, 0, 0, 0, 56, 0, 0, 0]);
    message.extend(0x0200_0001u32.to_le_bytes());
    message.extend([0x11; 8]);
    message.extend([0; 8]);
    message.extend([info.len() as u16, info.len() as u16, 56, 0].iter().flat_map(|word| word.to_le_bytes()));
    message.extend([6, 1, 0xb1, 0x1d, 0, 0, 0, 15]);
    message.extend(info);
    message
}

fn ntlm_authenticate(user: &str) -> Vec<u8> {
    let (domain, user) = (wide("CORP"), wide(user));
    let mut message = b"NTLMSSP\0\x03\0\0\0".to_vec();
    let mut offset = 72u32;
    for length in [0, 0, domain.len(), user.len(), 0, 0] {
        message.extend([length as u16, length as u16].iter().flat_map(|word| word.to_le_bytes()));
        message.extend(offset.to_le_bytes());
        offset += length as u32;
    }
    message.extend(0x0200_0001u32.to_le_bytes());
    message.extend([6, 1, 0xb1, 0x1d, 0, 0, 0, 15]);
    message.extend([domain, user].concat());
    message
}

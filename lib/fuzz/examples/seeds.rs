//! Writes what fuzzing begins with: `seeds FOLDER...` takes the captures and certificates below the folders apart, and
//! puts the parts into `corpus`, where cargo-fuzz looks for them.

#[path = "../../tests/entry/mod.rs"]
mod entry;

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::{env, fs, io};

use sibtrace::flow::Dir;
use sibtrace::follow::{Content, Follow};
use sibtrace::packet::{self, Tcp};
use sibtrace::proto::Ntlm;
use sibtrace::records::{Kind, Record, records};
use sibtrace::{Analyzer, Capture, Config};

/// A longer seed makes every input that is derived from it slow.
const LONGEST: usize = 32 << 10;
/// Packets and connections of one capture.
const MOST: usize = 40;

fn main() -> io::Result<()> {
    let mut folders: Vec<PathBuf> = env::args_os().skip(1).map(PathBuf::from).collect();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "pem") {
                certificates(&fs::read(path)?)?;
            } else {
                capture(&fs::read(path)?)?;
            }
        }
    }
    Ok(())
}

fn certificates(pem: &[u8]) -> io::Result<()> {
    seed("x509", pem)?;
    sibtrace::proto::x509::Certificate::read_pem(pem)
        .iter()
        .try_for_each(|certificate| seed("x509", &certificate.der))
}

fn capture(bytes: &[u8]) -> io::Result<()> {
    let open = || Capture::from_bytes("seed", bytes.to_vec());
    let Ok(capture) = open() else { return Ok(()) };
    for target in ["capture", "analyze", "compare"] {
        seed(target, bytes)?;
    }
    packets(capture)?;
    let analyzer = Analyzer::new(Config::default()).expect("the default settings are valid");
    let Ok(capture) = open() else { return Ok(()) };
    let (facts, _) = analyzer.facts([capture], &mut ());
    for record in records(Kind::Connections, &facts, analyzer.config()).take(MOST) {
        let Record::Connection(connection) = record else { continue };
        let (Some(stream), Some(protocol)) = (connection.origin.stream, connection.protocol) else { continue };
        if let Ok(Some(followed)) = open().and_then(|capture| capture.follow(stream, &mut ())) {
            seed(&format!("dissect/{protocol}"), &entry::dialogue(&followed, 255))?;
            messages(&followed)?;
        }
    }
    Ok(())
}

/// The packets of a capture, and its connections as the `stream` target takes them.
fn packets(capture: Capture) -> io::Result<()> {
    let mut streams: BTreeMap<[u16; 2], Stream> = BTreeMap::new();
    for (number, record) in capture.records().map_while(Result::ok).enumerate() {
        let link = record.link_type();
        if let (true, Ok(link)) = (number < MOST, u8::try_from(link.0)) {
            seed("packet", &[&[link], record.bytes()].concat())?;
        }
        if let Some(tcp) = packet::slice(link, record.bytes()).tcp() {
            let mut ports = [tcp.src_port, tcp.dst_port];
            ports.sort_unstable();
            streams.entry(ports).or_default().add(tcp);
        }
    }
    streams.values().take(MOST).try_for_each(|stream| seed("stream", &stream.bytes))
}

#[derive(Default)]
struct Stream {
    bytes: Vec<u8>,
    /// Port that sent the first packet.
    from: Option<u16>,
    /// First sequence number of each direction.
    first: [Option<u32>; 2],
}

impl Stream {
    fn add(&mut self, tcp: &Tcp<'_>) {
        let from_server = *self.from.get_or_insert(tcp.src_port) != tcp.src_port;
        let first = *self.first[usize::from(from_server)].get_or_insert(tcp.seq);
        let payload = &tcp.payload[..tcp.payload.len().min(255)];
        // The target takes away 300, so that it can go behind the beginning.
        let Ok(seq) = u16::try_from(tcp.seq.wrapping_sub(first).wrapping_add(300)) else { return };
        let [high, low] = seq.to_be_bytes();
        let control = u8::from(from_server) << 7 | tcp.flags & 0x1f;
        self.bytes.extend_from_slice(&[control, high, low, payload.len() as u8]);
        self.bytes.extend_from_slice(payload);
    }
}

/// What stands within a dialogue: bodies of XML, messages of NTLM, and text of which much is shown.
fn messages(followed: &Follow) -> io::Result<()> {
    for piece in &followed.pieces {
        let Content::Bytes(bytes) = &piece.content else { continue };
        if let Some(token) = Ntlm::find(bytes) {
            seed("ntlm", token)?;
        }
        let head = bytes.split(|byte| *byte == b'\r').take(MOST);
        for word in head.clone().flat_map(|line| line.rsplit(|byte| *byte == b' ').next()) {
            if word.starts_with(b"TlRMTVNTUAA") {
                seed("ntlm", word)?;
            }
        }
        if piece.dir == Dir::Resp {
            head.take(4).try_for_each(|line| seed("escape", line))?;
        }
        let bodies = bytes.windows(4).enumerate().filter(|(_, window)| *window == b"\r\n\r\n");
        for (at, _) in bodies.take(MOST) {
            let body = &bytes[at + 4..];
            if body.starts_with(b"<") {
                // A body has one root, which ends with the last element of a SOAP envelope.
                let ends = body.windows(10).position(|window| window == b":Envelope>");
                seed("xml", &body[..ends.map_or(body.len(), |end| end + 10)])?;
            }
        }
    }
    Ok(())
}

fn seed(target: &str, bytes: &[u8]) -> io::Result<()> {
    if bytes.len() > LONGEST {
        return Ok(());
    }
    let folder = Path::new("corpus").join(target);
    fs::create_dir_all(&folder)?;
    let mut name = DefaultHasher::new();
    bytes.hash(&mut name);
    fs::write(folder.join(format!("{:016x}", name.finish())), bytes)
}

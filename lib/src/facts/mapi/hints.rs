//! Which interface a connection speaks whose bind was not captured: what the endpoint mapper said of the port, what
//! other connections to it bound, or what the calls look like.

use std::collections::{BTreeSet, HashMap};

use super::rows::{Line, RpcRow, place_of};
use crate::flow::Endpoint;
use crate::proto::Interface;
use crate::proto::dcerpc::event::Handle;

/// Calls with one handle that make a connection one to the mailbox service.
const ALIKE: usize = 2;

/// Gives rows of unknown interface the one that they must be of, and drops the others.
pub(super) fn resolve(lines: &mut [Line]) {
    let known = known(lines);
    for line in lines {
        if line.rows.iter().all(|row| row.interface != Interface::Unknown) {
            continue;
        }
        let hints = known.get(&line.server);
        let looks = looks_like_mailbox(&line.rows);
        for row in &mut line.rows {
            if row.interface == Interface::Unknown {
                row.interface = guess(row, &line.interfaces, hints, looks);
            }
        }
        line.rows.retain(|row| row.interface != Interface::Unknown);
        for row in &line.rows {
            if !line.interfaces.contains(&row.interface) {
                line.interfaces.push(row.interface);
            }
        }
    }
}

/// What is offered where.
fn known(lines: &[Line]) -> HashMap<Endpoint, BTreeSet<Interface>> {
    let mut known: HashMap<Endpoint, BTreeSet<Interface>> = HashMap::new();
    for line in lines {
        known.entry(line.server).or_default().extend(&line.interfaces);
        for endpoint in line.rows.iter().flat_map(|row| row.endpoints.iter()) {
            // Behind a virtual address the port is the same.
            let advertised = place_of(endpoint, line.server.ip);
            for place in [advertised, Endpoint { ip: line.server.ip, port: endpoint.port }] {
                known.entry(place).or_default().insert(endpoint.interface);
            }
        }
    }
    known
}

fn guess(row: &RpcRow, own: &[Interface], hints: Option<&BTreeSet<Interface>>, looks: bool) -> Interface {
    if let ([one], None) = (own, row.request) {
        return *one;
    }
    let offers = |interface| hints.is_some_and(|hints| hints.contains(&interface));
    match row.opnum {
        Some(1..=6 | 9..=11 | 14) if offers(Interface::Emsmdb) || looks => Interface::Emsmdb,
        Some(_) => match hints.map(|hints| hints.iter().collect::<Vec<_>>()).as_deref() {
            Some([one]) => **one,
            _ => Interface::Unknown,
        },
        None => Interface::Unknown,
    }
}

/// Whether several calls of the mailbox service present one handle.
fn looks_like_mailbox(rows: &[RpcRow]) -> bool {
    let mut seen: HashMap<Handle, usize> = HashMap::new();
    for row in rows.iter().filter(|row| matches!(row.opnum, Some(2 | 9 | 11))) {
        if let Some(handle) = row.handle.filter(|handle| !handle.is_null()) {
            *seen.entry(handle).or_default() += 1;
        }
    }
    seen.into_values().any(|calls| calls >= ALIKE)
}

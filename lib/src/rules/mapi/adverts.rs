//! The endpoints that the RPC endpoint mapper named to clients.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use crate::facts::mapi::{Leg, Mapi, RpcConnection, place_of};
use crate::flow::{Connection, Dir, Endpoint, Moment};
use crate::proto::Interface;
use crate::rules::View;

/// What clients were told, by client and endpoint: the first time.
pub(super) struct Adverts<'v>(BTreeMap<(IpAddr, Endpoint), Advert<'v>>);

/// An endpoint as a client learnt it.
#[derive(Clone, Copy)]
pub(super) struct Advert<'v> {
    /// The connection to the mapper.
    pub(super) mapper: &'v RpcConnection,
    /// Its answer.
    pub(super) at: Moment,
    /// What is to be found there.
    pub(super) interface: Interface,
}

impl<'v> Adverts<'v> {
    /// All that a vantage point saw.
    pub(super) fn of(view: &View<'v>) -> Self {
        let mapi = &view.facts.mapi;
        let mut adverts = BTreeMap::new();
        let mut pools: BTreeMap<(IpAddr, Endpoint), BTreeSet<IpAddr>> = BTreeMap::new();
        for mapper in &mapi.connections {
            let (client, vip) = (mapper.client.ip, vip(mapi, mapper));
            for row in mapi.rows_of(mapper) {
                for endpoint in row.endpoints.iter() {
                    let advert = Advert { mapper, at: row.last(), interface: endpoint.interface };
                    let at = |ip| Endpoint { ip, port: endpoint.port };
                    let pool = vip
                        .map(at)
                        .map(|vip| &*pools.entry((client, vip)).or_insert_with(|| behind(view, client, vip)));
                    let here = [place_of(endpoint, mapper.server.ip), at(mapper.server.ip)];
                    let others = pool.into_iter().flatten().map(|ip| at(*ip));
                    for place in here.into_iter().chain(others) {
                        adverts.entry((client, place)).or_insert(advert);
                    }
                }
            }
        }
        Adverts(adverts)
    }

    /// The endpoints.
    pub(super) fn places(&self) -> BTreeSet<Endpoint> {
        self.0.keys().map(|(_, place)| *place).collect()
    }

    /// What sent the client to where this connection goes.
    pub(super) fn before(&self, connection: &Connection) -> Option<Advert<'v>> {
        let advert = self.0.get(&(connection.orig.ip, connection.resp))?;
        (advert.at.time <= connection.first().time).then_some(*advert)
    }
}

/// The address that clients call, where this connection is the balancer's leg to a server.
fn vip(mapi: &Mapi, mapper: &RpcConnection) -> Option<IpAddr> {
    let Some(Leg::Inner(outer)) = mapper.leg else { return None };
    mapi.connections.get(outer).map(|outer| outer.server.ip)
}

/// The servers behind a virtual endpoint: those that answered clients in its name, and those whose same port the
/// balancer tried while a client waited there that never got an answer.
fn behind(view: &View<'_>, balancer: IpAddr, vip: Endpoint) -> BTreeSet<IpAddr> {
    let answered =
        view.facts.mapi.own().filter(|client| client.identity.behind && client.server.ip == vip.ip);
    let mut servers: BTreeSet<IpAddr> = answered.map(|client| client.identity.address).collect();
    let mut waits_until = None;
    for connection in &view.facts.connections {
        let to = connection.resp;
        if to == vip && connection.side(Dir::Resp).bytes == 0 {
            waits_until = waits_until.max(Some(connection.last().time));
        }
        let is_on = connection.orig.ip == balancer && to.port == vip.port && to.ip != vip.ip;
        if is_on && waits_until >= Some(connection.first().time) {
            servers.insert(to.ip);
        }
    }
    servers
}

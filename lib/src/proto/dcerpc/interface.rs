//! The RPC interfaces between a MAPI client and Exchange, and the names of their operations.

use std::fmt;

use crate::proto::Guid;

/// An RPC interface that a MAPI client uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Interface {
    /// The endpoint mapper (C706, appendix O).
    EndpointMapper,
    /// The mailbox: EMSMDB (MS-OXCRPC 3.1).
    Emsmdb,
    /// Waiting for changes: AsyncEMSMDB (MS-OXCRPC 3.3).
    AsyncEmsmdb,
    /// The address book: NSPI (MS-OXNSPI).
    Nspi,
    /// Referral to an address book server: RFR (MS-OXABREF).
    Rfr,
    /// The bind was not captured.
    Unknown,
}

/// The interfaces by their UUIDs.
const UUIDS: [(Interface, u128); 5] = [
    (Interface::EndpointMapper, 0xe1af8308_5d1f_11c9_91a4_08002b14a0fa),
    (Interface::Emsmdb, 0xa4f1db00_ca47_1067_b31f_00dd010662da),
    (Interface::AsyncEmsmdb, 0x5261574a_4572_206e_b268_6b199213b4e4),
    (Interface::Nspi, 0xf5cc5a18_4264_101a_8c59_08002b2f8426),
    (Interface::Rfr, 0x1544f5e0_613c_11d1_93df_00c04fd7bd09),
];

impl Interface {
    /// The interface with that UUID, when it is one of these.
    pub(crate) fn of(uuid: Guid) -> Option<Self> {
        UUIDS.iter().find(|(_, known)| stored(*known) == uuid).map(|(interface, _)| *interface)
    }

    /// The name that records use.
    pub const fn name(self) -> &'static str {
        match self {
            Interface::EndpointMapper => "epm",
            Interface::Emsmdb => "emsmdb",
            Interface::AsyncEmsmdb => "async-emsmdb",
            Interface::Nspi => "nspi",
            Interface::Rfr => "rfr",
            Interface::Unknown => "unknown",
        }
    }

    /// Whether it is one of Exchange's own: all but the endpoint mapper.
    pub const fn is_mapi(self) -> bool {
        !matches!(self, Interface::EndpointMapper | Interface::Unknown)
    }

    /// The name of an operation by its number.
    pub const fn operation(self, number: u16) -> Option<&'static str> {
        Some(match (self, number) {
            (Interface::EndpointMapper, 0) => "ept_insert",
            (Interface::EndpointMapper, 1) => "ept_delete",
            (Interface::EndpointMapper, 2) => "ept_lookup",
            (Interface::EndpointMapper, 3) => "ept_map",
            (Interface::EndpointMapper, 4) => "ept_lookup_handle_free",
            (Interface::EndpointMapper, 5) => "ept_inq_object",
            (Interface::EndpointMapper, 6) => "ept_mgmt_delete",
            (Interface::Emsmdb, 0) => "EcDoConnect",
            (Interface::Emsmdb, 1) => "EcDoDisconnect",
            (Interface::Emsmdb, 2) => "EcDoRpc",
            (Interface::Emsmdb, 3) => "EcGetMoreRpc",
            (Interface::Emsmdb, 4) => "EcRRegisterPushNotification",
            (Interface::Emsmdb, 5) => "EcRUnregisterPushNotification",
            (Interface::Emsmdb, 6) => "EcDummyRpc",
            (Interface::Emsmdb, 7) => "EcRGetDCName",
            (Interface::Emsmdb, 8) => "EcRNetGetDCName",
            (Interface::Emsmdb, 9) => "EcDoRpcExt",
            (Interface::Emsmdb, 10) => "EcDoConnectEx",
            (Interface::Emsmdb, 11) => "EcDoRpcExt2",
            (Interface::Emsmdb, 12) => "EcUnknown0xC",
            (Interface::Emsmdb, 13) => "EcUnknown0xD",
            (Interface::Emsmdb, 14) => "EcDoAsyncConnectEx",
            (Interface::AsyncEmsmdb, 0) => "EcDoAsyncWaitEx",
            (Interface::Nspi, 0) => "NspiBind",
            (Interface::Nspi, 1) => "NspiUnbind",
            (Interface::Nspi, 2) => "NspiUpdateStat",
            (Interface::Nspi, 3) => "NspiQueryRows",
            (Interface::Nspi, 4) => "NspiSeekEntries",
            (Interface::Nspi, 5) => "NspiGetMatches",
            (Interface::Nspi, 6) => "NspiResortRestriction",
            (Interface::Nspi, 7) => "NspiDNToMId",
            (Interface::Nspi, 8) => "NspiGetPropList",
            (Interface::Nspi, 9) => "NspiGetProps",
            (Interface::Nspi, 10) => "NspiCompareMIds",
            (Interface::Nspi, 11) => "NspiModProps",
            (Interface::Nspi, 12) => "NspiGetSpecialTable",
            (Interface::Nspi, 13) => "NspiGetTemplateInfo",
            (Interface::Nspi, 14) => "NspiModLinkAtt",
            (Interface::Nspi, 16) => "NspiQueryColumns",
            (Interface::Nspi, 19) => "NspiResolveNames",
            (Interface::Nspi, 20) => "NspiResolveNamesW",
            (Interface::Rfr, 0) => "RfrGetNewDSA",
            (Interface::Rfr, 1) => "RfrGetFQDNFromServerDN",
            _ => return None,
        })
    }
}

impl fmt::Display for Interface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Interface::EndpointMapper => "endpoint mapper",
            Interface::Emsmdb => "EMSMDB",
            Interface::AsyncEmsmdb => "AsyncEMSMDB",
            Interface::Nspi => "NSPI",
            Interface::Rfr => "RFR",
            Interface::Unknown => "unknown interface",
        })
    }
}

/// A UUID as it is written, in its stored form.
const fn stored(written: u128) -> Guid {
    let mut bytes = written.to_be_bytes();
    let [a, b, c, d, e, f, g, h, ..] = bytes;
    (bytes[0], bytes[1], bytes[2], bytes[3]) = (d, c, b, a);
    (bytes[4], bytes[5], bytes[6], bytes[7]) = (f, e, h, g);
    Guid(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interfaces_are_known_by_their_uuid() {
        let emsmdb = [0, 0xdb, 0xf1, 0xa4, 0x47, 0xca, 0x67, 0x10, 0xb3, 0x1f, 0, 0xdd, 1, 6, 0x62, 0xda];
        assert_eq!(Interface::of(Guid(emsmdb)), Some(Interface::Emsmdb));
        assert_eq!(Interface::of(Guid([0; 16])), None);
        assert_eq!(stored(UUIDS[3].1).to_string(), "f5cc5a18-4264-101a-8c59-08002b2f8426");
    }
}

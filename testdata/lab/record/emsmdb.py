"""The mailbox interface of Exchange and its companion for waiting, as MS-OXCRPC has them, for impacket.

A session is as small as it can be: a buffer of remote operations holds one RopRelease.
"""

import struct

from impacket.dcerpc.v5.dtypes import LPSTR, STR, ULONG, USHORT
from impacket.dcerpc.v5.epm import ept_lookup_handle_t
from impacket.dcerpc.v5.ndr import NDRCALL, NDRUniConformantArray, NDRUniConformantVaryingArray
from impacket.dcerpc.v5.rpcrt import DCERPCException
from impacket.uuid import uuidtup_to_bin

EMSMDB = uuidtup_to_bin(("a4f1db00-ca47-1067-b31f-00dd010662da", "0.81"))
ASYNC_EMSMDB = uuidtup_to_bin(("5261574a-4572-206e-b268-6b199213b4e4", "0.1"))

# Where impacket looks for what it raises when a call returns an error.
DCERPCSessionError = DCERPCException

LAST = 4
ROPS = struct.pack("<HBBBI", 5, 1, 0, 0, 0xFFFFFFFF)
BUFFER = struct.pack("<HHHH", 0, LAST, len(ROPS), len(ROPS)) + ROPS


class CXH(ept_lookup_handle_t):
    """A context handle: four bytes of attributes and a GUID."""


class EcDoDisconnect(NDRCALL):
    opnum = 1
    structure = (("pcxh", CXH),)


class EcDoDisconnectResponse(NDRCALL):
    structure = (("pcxh", CXH), ("ErrorCode", ULONG))


class EcDoConnectEx(NDRCALL):
    opnum = 10
    structure = (
        ("szUserDN", STR),
        ("ulFlags", ULONG),
        ("ulConMod", ULONG),
        ("cbLimit", ULONG),
        ("ulCpid", ULONG),
        ("ulLcidString", ULONG),
        ("ulLcidSort", ULONG),
        ("ulIcxrLink", ULONG),
        ("usFCanConvertCodePages", USHORT),
        ("rgwClientVersion0", USHORT),
        ("rgwClientVersion1", USHORT),
        ("rgwClientVersion2", USHORT),
        ("pulTimeStamp", ULONG),
        ("rgbAuxIn", NDRUniConformantArray),
        ("cbAuxIn", ULONG),
        ("pcbAuxOut", ULONG),
    )


class EcDoConnectExResponse(NDRCALL):
    structure = (
        ("pcxh", CXH),
        ("pcmsPollsMax", ULONG),
        ("pcRetry", ULONG),
        ("pcmsRetryDelay", ULONG),
        ("picxr", USHORT),
        ("szDNPrefix", LPSTR),
        ("szDisplayName", LPSTR),
        ("rgwServerVersion0", USHORT),
        ("rgwServerVersion1", USHORT),
        ("rgwServerVersion2", USHORT),
        ("rgwBestVersion0", USHORT),
        ("rgwBestVersion1", USHORT),
        ("rgwBestVersion2", USHORT),
        ("pulTimeStamp", ULONG),
        ("rgbAuxOut", NDRUniConformantVaryingArray),
        ("pcbAuxOut", ULONG),
        ("ErrorCode", ULONG),
    )


class EcDoRpcExt2(NDRCALL):
    opnum = 11
    structure = (
        ("pcxh", CXH),
        ("pulFlags", ULONG),
        ("rgbIn", NDRUniConformantArray),
        ("cbIn", ULONG),
        ("pcbOut", ULONG),
        ("rgbAuxIn", NDRUniConformantArray),
        ("cbAuxIn", ULONG),
        ("pcbAuxOut", ULONG),
    )


class EcDoRpcExt2Response(NDRCALL):
    structure = (
        ("pcxh", CXH),
        ("pulFlags", ULONG),
        ("rgbOut", NDRUniConformantVaryingArray),
        ("pcbOut", ULONG),
        ("rgbAuxOut", NDRUniConformantVaryingArray),
        ("pcbAuxOut", ULONG),
        ("pulTransTime", ULONG),
        ("ErrorCode", ULONG),
    )


class EcDoAsyncConnectEx(NDRCALL):
    opnum = 14
    structure = (("cxh", CXH),)


class EcDoAsyncConnectExResponse(NDRCALL):
    structure = (("pacxh", CXH), ("ErrorCode", ULONG))


class EcDoAsyncWaitEx(NDRCALL):
    opnum = 0
    structure = (("acxh", CXH), ("ulFlagsIn", ULONG))


class EcDoAsyncWaitExResponse(NDRCALL):
    structure = (("pulFlagsOut", ULONG), ("ErrorCode", ULONG))

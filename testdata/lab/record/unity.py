"""Stands in for Unity Connection, which reads a mailbox over MAPI: unity.py SCENARIO.

Each function is the client's part of the scenario of that name in mapi.py, and fails when it is not answered as the
scenario says.
"""

import struct
import sys
import time

from impacket.dcerpc.v5 import epm, nspi, oxabref, rpcrt, transport

import emsmdb
from client_access import DOMAIN, PASSWORD, USER

ARRAY = "10.10.20.100"
MAILBOX_DN = "/o=Example/ou=Exchange Administrative Group/cn=Recipients/cn=unityconnection"
CLEAR, SEALED = rpcrt.RPC_C_AUTHN_LEVEL_CONNECT, rpcrt.RPC_C_AUTHN_LEVEL_PKT_PRIVACY


class Transport(transport.TCPTransport):
    """Presents an association group, where impacket always asks for a new one, and says that the other side closed."""

    group = 0

    def send(self, data, forceWriteAndx=0, forceRecv=0):
        if data[2] == rpcrt.MSRPC_BIND:
            data = data[:20] + struct.pack("<I", self.group) + data[24:]
        super().send(data, forceWriteAndx, forceRecv)

    def recv(self, forceRecv=0, count=0):
        if data := super().recv(forceRecv, count):
            return data
        raise rpcrt.DCERPCException("Connection closed by remote host")


class Connection:
    """A connection to an interface of the array, where the endpoint mapper or `port` says that it is."""

    def __init__(self, interface, level=CLEAR, group=0, port=None):
        self.port = port or mapped(interface)
        wire = Transport(ARRAY, self.port)
        wire.group = group
        self.rpc = wire.get_dce_rpc()
        self.rpc.set_credentials(USER, PASSWORD, DOMAIN)
        self.rpc.set_auth_level(level)
        self.rpc.connect()
        self.group = rpcrt.MSRPCBindAck(self.rpc.bind(interface).getData())["assoc_group"]
        time.sleep(0.2)

    def close(self):
        self.rpc.disconnect()
        time.sleep(0.2)


class Mailbox:
    """A session of the mailbox interface."""

    def __init__(self, level=CLEAR, port=None):
        self.level = level
        self.own = Connection(emsmdb.EMSMDB, level, port=port)
        request = emsmdb.EcDoConnectEx()
        request["szUserDN"] = f"{MAILBOX_DN}\0"
        for name in "ulFlags ulConMod cbLimit ulLcidString ulLcidSort cbAuxIn pcbAuxOut pulTimeStamp".split():
            request[name] = 0
        request["ulCpid"], request["ulIcxrLink"], request["usFCanConvertCodePages"] = 1252, 0xFFFFFFFF, 1
        for number, value in enumerate([14, 6117, 5001]):
            request[f"rgwClientVersion{number}"] = value
        request["rgbAuxIn"] = b""
        self.handle = self.own.rpc.request(request)["pcxh"]

    def execute(self, connection=None):
        request = emsmdb.EcDoRpcExt2()
        request["pcxh"], request["pulFlags"] = self.handle, 0
        request["rgbIn"], request["cbIn"], request["pcbOut"] = emsmdb.BUFFER, len(emsmdb.BUFFER), 0x8007
        request["rgbAuxIn"], request["cbAuxIn"], request["pcbAuxOut"] = b"", 0, 0x1008
        (connection or self.own).rpc.request(request)
        time.sleep(0.2)

    def join(self, interface):
        """Another connection of the session."""
        return Connection(interface, self.level, self.own.group, self.own.port)

    def begin_to_wait(self):
        """Sends the call that is answered when there is news, on another connection."""
        request = emsmdb.EcDoAsyncConnectEx()
        request["cxh"] = self.handle
        handle = self.own.rpc.request(request)["pacxh"]
        connection = self.join(emsmdb.ASYNC_EMSMDB)
        request = emsmdb.EcDoAsyncWaitEx()
        request["acxh"], request["ulFlagsIn"] = handle, 0
        connection.rpc.call(request.opnum, request)
        connection.rpc.get_rpc_transport().get_socket().settimeout(None)
        return connection

    def wait(self):
        """Works on until there is news."""
        waiting = self.begin_to_wait()
        for _ in range(2):
            self.execute()
        assert emsmdb.EcDoAsyncWaitExResponse(waiting.rpc.recv())["pulFlagsOut"] == 1
        waiting.close()

    def end(self):
        request = emsmdb.EcDoDisconnect()
        request["pcxh"] = self.handle
        self.own.rpc.request(request)
        self.own.close()


def mapi_round_robin():
    """The connection that shall wait for news is not let in at first; the session itself goes on."""
    mailbox = Mailbox()
    mailbox.execute()
    refused(mailbox.begin_to_wait)
    mailbox.execute()
    mailbox.wait()
    mailbox.end()


def mapi_round_robin_handle():
    """A second connection makes a group of its own, and uses the session's handle there."""
    mailbox = Mailbox()
    mailbox.execute()
    other = Connection(emsmdb.EMSMDB, port=mailbox.own.port)
    unknown(lambda: mailbox.execute(other))
    mailbox.execute()
    other.close()
    mailbox.end()


def mapi_round_robin_sealed():
    """Both, with sealed stubs."""
    mailbox = Mailbox(SEALED)
    mailbox.execute()
    refused(lambda: mailbox.join(emsmdb.ASYNC_EMSMDB))
    mailbox.execute()
    mailbox.join(emsmdb.EMSMDB).close()
    other = Connection(emsmdb.EMSMDB, SEALED, port=mailbox.own.port)
    unknown(lambda: mailbox.execute(other))
    mailbox.execute()
    other.close()
    mailbox.end()


def mapi_sticky():
    """The address book, and a session with a second connection that waits for news."""
    use_address_book()
    mailbox = Mailbox()
    mailbox.execute()
    mailbox.wait()
    mailbox.end()


mapi_sticky_per_port = mapi_sticky


def mapi_dynamic_ports():
    """The port that one server named is closed on the other: the balancer closes, and the next try finds it."""
    closed(Mailbox)
    mapi_sticky()


def mapi_idle_reset():
    """A session is silent until the balancer has forgotten its connections, one with a call that waits for news."""
    mailbox = Mailbox()
    mailbox.execute()
    closed(mailbox.begin_to_wait().rpc.recv)
    mailbox = Mailbox()
    mailbox.execute()
    mailbox.end()


def mapi_idle_close():
    """Once the balancer has closed both connections of a silent session its group is over, and another begins."""
    mailbox = Mailbox()
    mailbox.execute()
    closed(mailbox.begin_to_wait().rpc.recv)
    time.sleep(3)
    refused(lambda: mailbox.join(emsmdb.EMSMDB))
    mailbox.own.close()
    mailbox = Mailbox()
    mailbox.execute()
    mailbox.end()


def use_address_book():
    referral = Connection(oxabref.MSRPC_UUID_OXABREF)
    assert oxabref.hRfrGetNewDSA(referral.rpc, MAILBOX_DN)["ppszServer"].startswith("cas")
    referral.close()
    book = Connection(nspi.MSRPC_UUID_NSPI)
    handle = nspi.hNspiBind(book.rpc)["contextHandle"]
    nspi.hNspiUnbind(book.rpc, handle)
    book.close()


def mapped(interface):
    """The port that the endpoint mapper names, as in `ncacn_ip_tcp:10.10.20.100[59531]`."""
    return int(epm.hept_map(ARRAY, interface, protocol="ncacn_ip_tcp").split("[")[1][:-1])


def refused(connect):
    fails_with("Bind context rejected: reason_not_specified", connect)


def unknown(call):
    fails_with("nca_s_fault_context_mismatch", call)


def closed(call):
    fails_with("Connection closed by remote host", call)


def fails_with(message, call):
    try:
        call()
    except rpcrt.DCERPCException as error:
        assert str(error).strip() == message, error
        time.sleep(0.2)
        return
    raise AssertionError("answered")


if __name__ == "__main__":
    globals()[sys.argv[1]]()

"""Stands in for an Exchange 2010 Client Access server: endpoint mapper, mailbox, address book and referral over RPC.

Usage: client_access.py NAME ADDRESS MAILBOX_PORT ADDRESS_BOOK_PORT SECONDS_TO_NEWS. Association groups and context
handles are good on the server that issued them, as long as a connection of the group is open (MS-RPCE 3.3.1.4.1 and
3.3.1.5.7): joining another group is refused, and another handle is answered by nca_s_fault_context_mismatch. The
handshakes, seals and signatures of NTLM are real, so that clients may log in at any level.
"""

import dataclasses
import select
import socket
import struct
import sys
import threading
import time
import uuid

from impacket import ntlm
from impacket.dcerpc.v5 import epm, nspi, oxabref, rpcrt
from impacket.uuid import bin_to_uuidtup

import emsmdb

DOMAIN, SUFFIX = "CORP", "corp.example.com"
USER, PASSWORD = "unityconnection", "Curlew-6620-unity"
NDR = rpcrt.DCERPC.NDRSyntax
ACCESS_DENIED, OPNUM_OUT_OF_RANGE, CONTEXT_MISMATCH = 0x5, 0x1C010002, 0x1C00001A
VERSION_5_0 = b"\1\5\0"
WINDOWS_2008_R2 = struct.pack("<BBHI", 6, 1, 7601, 0x0F000000)
PAYLOAD = 56
SECONDS_TO_UNIX_EPOCH = 11_644_473_600
FLAGS = (
    ntlm.NTLMSSP_NEGOTIATE_UNICODE
    | ntlm.NTLMSSP_REQUEST_TARGET
    | ntlm.NTLMSSP_TARGET_TYPE_DOMAIN
    | ntlm.NTLMSSP_NEGOTIATE_TARGET_INFO
    | ntlm.NTLMSSP_NEGOTIATE_NTLM
    | ntlm.NTLMSSP_NEGOTIATE_ALWAYS_SIGN
    | ntlm.NTLMSSP_NEGOTIATE_EXTENDED_SESSIONSECURITY
    | ntlm.NTLMSSP_NEGOTIATE_SIGN
    | ntlm.NTLMSSP_NEGOTIATE_SEAL
    | ntlm.NTLMSSP_NEGOTIATE_KEY_EXCH
    | ntlm.NTLMSSP_NEGOTIATE_128
    | ntlm.NTLMSSP_NEGOTIATE_56
    | ntlm.NTLMSSP_NEGOTIATE_VERSION
)


class Fault(Exception):
    """A call that is answered by a fault of this status."""


@dataclasses.dataclass(eq=False)
class Group:
    """An association group: who shares it, and the context handles that are good in it."""

    id: int
    client: str
    connections: int = 1
    handles: set = dataclasses.field(default_factory=set)

    def issue(self):
        handle = uuid.uuid4().bytes_le
        self.handles.add(handle)
        return handle

    def check(self, handle):
        if handle["context_handle_uuid"] not in self.handles:
            raise Fault(CONTEXT_MISMATCH)


class Server:
    def __init__(self, name, address, mailbox_port, book_port, seconds_to_news):
        self.name, self.address, self.seconds_to_news = name, address, seconds_to_news
        self.ports = {
            emsmdb.EMSMDB: mailbox_port,
            emsmdb.ASYNC_EMSMDB: mailbox_port,
            nspi.MSRPC_UUID_NSPI: book_port,
            oxabref.MSRPC_UUID_OXABREF: book_port,
            epm.MSRPC_UUID_PORTMAP: 135,
        }
        self.groups = {}
        self.lock = threading.Lock()

    def serve(self):
        threads = [threading.Thread(target=self.listen, args=[port]) for port in set(self.ports.values())]
        for thread in threads:
            thread.start()

    def listen(self, port):
        with socket.create_server((self.address, port)) as listener:
            while True:
                connection, (client, _) = listener.accept()
                threading.Thread(target=Connection(self, connection, client, port).serve).start()

    def join(self, presented, client):
        """The group that is presented, a new one if none is, or None."""
        with self.lock:
            if presented == 0:
                group = Group(uuid.uuid4().time_low, client)
                self.groups[group.id] = group
                return group
            group = self.groups.get(presented)
            if group is None or group.client != client:
                return None
            group.connections += 1
            return group

    def leave(self, group):
        with self.lock:
            group.connections -= 1
            if group.connections == 0:
                del self.groups[group.id]


class Login:
    """The server's part of NTLM (MS-NLMP) on one connection."""

    def __init__(self, server_name, level, context_id):
        self.level, self.context_id = level, context_id
        self.is_good = False
        self.unsealed = self.sealed = 0
        self.nonce = uuid.uuid4().bytes[:8]
        pairs = ntlm.AV_PAIRS()
        pairs[ntlm.NTLMSSP_AV_DOMAINNAME] = DOMAIN.encode("utf-16le")
        pairs[ntlm.NTLMSSP_AV_HOSTNAME] = server_name.encode("utf-16le")
        pairs[ntlm.NTLMSSP_AV_DNS_DOMAINNAME] = SUFFIX.encode("utf-16le")
        pairs[ntlm.NTLMSSP_AV_DNS_HOSTNAME] = f"{server_name.lower()}.{SUFFIX}".encode("utf-16le")
        now = int((time.time() + SECONDS_TO_UNIX_EPOCH) * 10_000_000)
        pairs[ntlm.NTLMSSP_AV_TIME] = struct.pack("<Q", now)
        self.challenge = ntlm.NTLMAuthChallenge()
        self.challenge["flags"] = FLAGS
        self.challenge["challenge"] = self.nonce
        self.challenge["Version"] = WINDOWS_2008_R2
        self.challenge["domain_name"] = DOMAIN.encode("utf-16le")
        self.challenge["domain_offset"] = PAYLOAD
        self.challenge["TargetInfoFields"] = pairs.getData()
        self.challenge["TargetInfoFields_offset"] = PAYLOAD + 2 * len(DOMAIN)

    def accept(self, token):
        answer = ntlm.NTLMAuthChallengeResponse()
        answer.fromString(token)
        user, domain = (answer[field].decode("utf-16le") for field in ("user_name", "domain_name"))
        key = ntlm.NTOWFv2(user, PASSWORD, domain)
        proof, blob = answer["ntlm"][:16], answer["ntlm"][16:]
        self.is_good = proof == ntlm.hmac_md5(key, self.nonce + blob)
        session = ntlm.generateEncryptedSessionKey(ntlm.hmac_md5(key, proof), answer["session_key"])
        self.client = ntlm.ARC4.new(ntlm.SEALKEY(FLAGS, session, "Client")).encrypt
        self.server = ntlm.ARC4.new(ntlm.SEALKEY(FLAGS, session, "Server")).encrypt
        self.client_signing = ntlm.SIGNKEY(FLAGS, session, "Client")
        self.server_signing = ntlm.SIGNKEY(FLAGS, session, "Server")

    @property
    def seals(self):
        return self.level == rpcrt.RPC_C_AUTHN_LEVEL_PKT_PRIVACY

    def trailer(self, padding=0):
        trailer = rpcrt.SEC_TRAILER()
        trailer["auth_type"], trailer["auth_level"] = rpcrt.RPC_C_AUTHN_WINNT, self.level
        trailer["auth_ctx_id"], trailer["auth_pad_len"] = self.context_id, padding
        return trailer.getData()

    def unseal(self, request):
        """The stub of a request, if its signature is good."""
        trailer, signature = request["sec_trailer"], request["auth_data"]
        stub = self.client(request["pduData"])
        signed = request.getData()[: request.get_header_size()] + stub + trailer
        expected = ntlm.SIGN(FLAGS, self.client_signing, signed, self.unsealed, self.client).getData()
        self.unsealed += 1
        if signature != expected:
            raise Fault(ACCESS_DENIED)
        return stub[: len(stub) - rpcrt.SEC_TRAILER(trailer)["auth_pad_len"]]

    def seal(self, response):
        padding = -len(response["pduData"]) % 16
        response["pduData"] += bytes(padding)
        response["sec_trailer"], response["auth_data"] = self.trailer(padding), bytes(16)
        signed = response.get_packet()[:-16]
        response["pduData"], signature = ntlm.SEAL(
            FLAGS, self.server_signing, None, signed, response["pduData"], self.sealed, self.server
        )
        response["auth_data"] = signature.getData()
        self.sealed += 1


class Connection(rpcrt.DCERPCServer):
    """A connection of a client, from its bind to its end."""

    def __init__(self, server, connection, client, port):
        super().__init__(connection)
        self.server, self.client, self.port = server, client, port
        self.group = self.login = None
        calls = {
            epm.MSRPC_UUID_PORTMAP: {3: self.ept_map},
            emsmdb.EMSMDB: {1: self.disconnect, 10: self.connect, 11: self.execute, 14: self.connect_to_wait},
            emsmdb.ASYNC_EMSMDB: {0: self.wait},
            nspi.MSRPC_UUID_NSPI: {0: self.bind_book, 1: self.unbind_book},
            oxabref.MSRPC_UUID_OXABREF: {0: self.refer},
        }
        for interface, callbacks in calls.items():
            if server.ports[interface] == port:
                self.addCallbacks(bin_to_uuidtup(interface), str(port), callbacks)

    def serve(self):
        try:
            while (data := self.recv()) is not None:
                if answer := self.processRequest(data):
                    self.send(answer)
        except OSError:
            pass
        self._clientSock.close()
        if self.group:
            self.server.leave(self.group)

    def processRequest(self, data):
        pdu = rpcrt.MSRPCHeader(data)
        if pdu["type"] == rpcrt.MSRPC_AUTH3:
            return self.login.accept(pdu["auth_data"])
        return super().processRequest(data) if pdu["type"] == rpcrt.MSRPC_BIND else self.answer(data)

    def bind(self, packet, bind):
        self.group = self.server.join(bind["assoc_group"], self.client)
        if self.group is None:
            return self.refuse(packet)
        asked = rpcrt.CtxItem(bind["ctx_items"])
        self._boundUUID = asked["AbstractSyntax"]
        result = rpcrt.CtxItemResult()
        result["TransferSyntax"] = NDR
        if self._boundUUID not in self._listenUUIDS or asked["TransferSyntax"] != NDR:
            result["Result"], result["Reason"] = rpcrt.MSRPC_CONT_RESULT_PROV_REJECT, 1
        ack = rpcrt.MSRPCBindAck()
        ack["type"], ack["flags"], ack["call_id"] = rpcrt.MSRPC_BINDACK, packet["flags"], packet["call_id"]
        ack["max_tfrag"], ack["max_rfrag"] = bind["max_tfrag"], bind["max_rfrag"]
        ack["assoc_group"], ack["ctx_num"] = self.group.id, 1
        ack["SecondaryAddr"], ack["SecondaryAddrLen"] = str(self.port), len(str(self.port)) + 1
        ack["Pad"] = bytes(-(ack["SecondaryAddrLen"] + ack._SIZE) % 4)
        ack["ctx_items"] = result.getData()
        if packet["auth_len"]:
            trailer = rpcrt.SEC_TRAILER(packet["sec_trailer"])
            self.login = Login(self.server.name, trailer["auth_level"], trailer["auth_ctx_id"])
            ack["sec_trailer"], ack["auth_data"] = self.login.trailer(), self.login.challenge.getData()
            ack["auth_len"] = len(ack["auth_data"])
        ack["frag_len"] = len(ack.getData())
        self._clientSock.send(ack.getData())

    def refuse(self, packet):
        nak = rpcrt.MSRPCBindNak()
        nak["SupportedVersions"] = VERSION_5_0
        refusal = rpcrt.MSRPCHeader()
        refusal["type"], refusal["call_id"] = rpcrt.MSRPC_BINDNAK, packet["call_id"]
        refusal["pduData"] = nak.getData()
        self._clientSock.send(refusal.get_packet())

    def answer(self, data):
        request = rpcrt.MSRPCRequestHeader(data)
        response = rpcrt.MSRPCRespHeader()
        response["call_id"], response["ctx_id"] = request["call_id"], request["ctx_id"]
        try:
            stub = self.perform(request)
        except Fault as fault:
            response["type"] = rpcrt.MSRPC_FAULT
            response["pduData"] = struct.pack("<II", fault.args[0], 0)
            response["alloc_hint"] = 32
            return response
        response["pduData"], response["alloc_hint"] = stub, len(stub)
        if self.login and self.login.seals:
            self.login.seal(response)
        return response

    def perform(self, request):
        if self.login and not self.login.is_good:
            raise Fault(ACCESS_DENIED)
        stub = self.login.unseal(request) if self.login and self.login.seals else request["pduData"]
        call = self._listenUUIDS[self._boundUUID]["CallBacks"].get(request["op_num"])
        if call is None:
            raise Fault(OPNUM_OUT_OF_RANGE)
        return call(stub)

    def ept_map(self, stub):
        request = epm.ept_map(stub)
        octets = b"".join(request["map_tower"]["tower_octet_string"])
        interface = epm.EPMTower(octets)["Floors"][0]
        asked = (interface["InterfaceUUID"], interface["MajorVersion"])
        [port] = [port for known, port in self.server.ports.items() if (known[:16], known[16]) == asked]
        # A tower ends with the port behind its floor's head, and with the address behind its own.
        place = struct.pack(">H", port), octets[-9:-4], socket.inet_aton(self.server.address)
        octets = octets[:-11] + b"".join(place)
        tower = epm.twr_p_t()
        tower["ReferentID"] = 3
        tower["tower_length"], tower["tower_octet_string"] = len(octets), octets
        towers = epm.twr_p_t_array()
        towers["Data"].append(tower)
        towers["MaximumCount"] = request["max_towers"]
        response = epm.ept_mapResponse()
        response["num_towers"], response["ITowers"], response["status"] = 1, towers, 0
        return response.getData()

    def connect(self, stub):
        emsmdb.EcDoConnectEx(stub)
        response = emsmdb.EcDoConnectExResponse()
        response["pcxh"]["context_handle_uuid"] = self.group.issue()
        response["pcmsPollsMax"], response["pcRetry"], response["pcmsRetryDelay"] = 60_000, 6, 10_000
        response["szDNPrefix"], response["szDisplayName"] = "\0", "Unity Connection\0"
        for number, value in enumerate([14, 3, 123]):
            response[f"rgwServerVersion{number}"] = response[f"rgwBestVersion{number}"] = value
        response["pulTimeStamp"] = int(time.time()) & 0xFFFFFFFF
        response["rgbAuxOut"], response["pcbAuxOut"], response["ErrorCode"] = b"", 0, 0
        return response.getData()

    def execute(self, stub):
        request = emsmdb.EcDoRpcExt2(stub)
        self.group.check(request["pcxh"])
        response = emsmdb.EcDoRpcExt2Response()
        response["pcxh"], response["pulFlags"] = request["pcxh"], 0
        response["rgbOut"], response["pcbOut"] = emsmdb.BUFFER, len(emsmdb.BUFFER)
        response["rgbAuxOut"], response["pcbAuxOut"] = b"", 0
        response["pulTransTime"], response["ErrorCode"] = 3, 0
        return response.getData()

    def disconnect(self, stub):
        request = emsmdb.EcDoDisconnect(stub)
        self.group.check(request["pcxh"])
        self.group.handles.discard(request["pcxh"]["context_handle_uuid"])
        response = emsmdb.EcDoDisconnectResponse()
        response["ErrorCode"] = 0
        return response.getData()

    def connect_to_wait(self, stub):
        request = emsmdb.EcDoAsyncConnectEx(stub)
        self.group.check(request["cxh"])
        response = emsmdb.EcDoAsyncConnectExResponse()
        response["pacxh"]["context_handle_uuid"] = self.group.issue()
        response["ErrorCode"] = 0
        return response.getData()

    def wait(self, stub):
        """Parks the call until there is news, or the client goes away."""
        request = emsmdb.EcDoAsyncWaitEx(stub)
        self.group.check(request["acxh"])
        if select.select([self._clientSock], [], [], self.server.seconds_to_news)[0]:
            raise ConnectionError
        response = emsmdb.EcDoAsyncWaitExResponse()
        response["pulFlagsOut"], response["ErrorCode"] = 1, 0
        return response.getData()

    def bind_book(self, stub):
        response = nspi.NspiBindResponse()
        response["pServerGuid"] = uuid.uuid4().bytes_le
        response["contextHandle"]["context_handle_uuid"] = self.group.issue()
        response["ErrorCode"] = 0
        return response.getData()

    def unbind_book(self, stub):
        self.group.check(nspi.NspiUnbind(stub)["contextHandle"])
        response = nspi.NspiUnbindResponse()
        response["ErrorCode"] = 1
        return response.getData()

    def refer(self, stub):
        response = oxabref.RfrGetNewDSAResponse()
        response["ppszUnused"] = oxabref.NULL
        response["ppszServer"] = f"{self.server.name.lower()}.{SUFFIX}\0"
        return response.getData() + struct.pack("<I", 0)


if __name__ == "__main__":
    name, address, *numbers = sys.argv[1:]
    Server(name, address, *map(int, numbers)).serve()

"""Stands in for Exchange: notifies Unity Connection of two subscriptions, and keeps account of it.

Usage: exchange.py SECONDS ACCOUNT_FILE URL [PROXY]. It keeps Exchange's times: a keep-alive five minutes after the last
notification; after a failure, tries at 30 s, 1, 2 and 4 minutes after the first, then it gives the subscription up.
The account is a list of tries with subscription, kind, and the status of the reply or null.
"""

import base64
import json
import pathlib
import socket
import struct
import sys
import threading
import time
import urllib.parse
import uuid

SERVER = b"EX01.corp.example.com"
MESSAGES = "http://schemas.microsoft.com/exchange/services/2006/messages"
TYPES = "http://schemas.microsoft.com/exchange/services/2006/types"
UNIX_EPOCH_IN_TICKS = 621_355_968_000_000_000
INTERVAL = 300
RETRIES = [30, 60, 120, 240]
PATIENCE = 20


class Subscription:
    def __init__(self, hours_old):
        self.id = str(uuid.uuid4())
        self.database = uuid.uuid4().bytes_le
        self.counter = 48_213 * hours_old
        ticks = int(time.time() - 3600 * hours_old) * 10_000_000 + UNIX_EPOCH_IN_TICKS
        parts = [struct.pack("<H", len(SERVER)), SERVER, struct.pack("<I", 16), uuid.uuid4().bytes_le]
        parts += [struct.pack("<QI", ticks, 16), uuid.uuid4().bytes_le]
        self.soap_id = encode(b"".join(parts))

    def watermark(self):
        return encode(struct.pack("<I", 1) + self.database + struct.pack("<QB", self.counter, 1))

    def body(self, keepalive):
        previous = self.watermark()
        if keepalive:
            event = f"<t:StatusEvent><t:Watermark>{previous}</t:Watermark></t:StatusEvent>"
        else:
            self.counter += 3
            stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
            event = (
                f"<t:NewMailEvent><t:Watermark>{self.watermark()}</t:Watermark><t:TimeStamp>{stamp}</t:TimeStamp>"
                '<t:ItemId Id="AAMkADc3Y2M2NzA0=" ChangeKey="CQAAAA==" />'
                '<t:ParentFolderId Id="AAMkADc3Y2M2AAA=" ChangeKey="AQAAAA==" /></t:NewMailEvent>'
            )
        return (
            '<?xml version="1.0" encoding="utf-8"?>'
            '<soap11:Envelope xmlns:soap11="http://schemas.xmlsoap.org/soap/envelope/"><soap11:Header>'
            f'<t:RequestServerVersion xmlns:m="{MESSAGES}" Version="Exchange2007_SP1" xmlns:t="{TYPES}" />'
            f'</soap11:Header><soap11:Body><m:SendNotification xmlns:t="{TYPES}" xmlns:m="{MESSAGES}">'
            '<m:ResponseMessages><m:SendNotificationResponseMessage ResponseClass="Success">'
            f"<m:ResponseCode>NoError</m:ResponseCode><m:Notification><t:SubscriptionId>{self.soap_id}"
            f"</t:SubscriptionId><t:PreviousWatermark>{previous}</t:PreviousWatermark>"
            f"<t:MoreEvents>false</t:MoreEvents>{event}</m:Notification></m:SendNotificationResponseMessage>"
            "</m:ResponseMessages></m:SendNotification></soap11:Body></soap11:Envelope>"
        ).encode()


class Sender:
    """Posts as .NET does: one connection a request, head and body in segments of their own."""

    def __init__(self, url, proxy):
        self.host = urllib.parse.urlsplit(url).netloc
        self.target = url if proxy else urllib.parse.urlsplit(url).path
        address, port = (proxy or self.host).split(":")
        self.peer = (address, int(port))
        self.proxy_connection = "Proxy-Connection: Close\r\n" if proxy else "Connection: Close\r\n"

    def post(self, subscription, body):
        head = (
            f"POST {self.target}?id={subscription.id}&pid=20561 HTTP/1.1\r\nContent-Type: text/xml; charset=utf-8\r\n"
            f"Accept: text/xml\r\nSOAPAction: {MESSAGES}/SendNotification\r\nHost: {self.host}\r\n"
            f"Content-Length: {len(body)}\r\n{self.proxy_connection}\r\n"
        )
        try:
            with socket.create_connection(self.peer, timeout=PATIENCE) as connection:
                connection.sendall(head.encode())
                connection.sendall(body)
                reply = b"".join(iter(lambda: connection.recv(65536), b""))
            return int(reply.split(b" ", 2)[1])
        except OSError:
            return None


def notify(sender, subscription, plan, account):
    """`plan` has the seconds to wait before each notification, and whether it is a keep-alive."""
    for wait, keepalive in plan:
        time.sleep(wait)
        first, body = time.time(), subscription.body(keepalive)
        for moment in [0, *RETRIES]:
            time.sleep(max(0, first + moment - time.time()))
            status = sender.post(subscription, body)
            account.append({"subscription": subscription.id, "keepalive": keepalive, "status": status})
            if status == 200:
                break
        else:
            return


def encode(data):
    return base64.b64encode(data).decode()


def main():
    seconds, account_file, url, *proxy = sys.argv[1:]
    sender, account = Sender(url, *(proxy or [None])), []
    plans = [[(5, True), (INTERVAL, True), (INTERVAL, True)], [(97, True), (180, False), (INTERVAL, True)]]
    threads = [
        threading.Thread(target=notify, args=(sender, Subscription(hours), plan, account), daemon=True)
        for hours, plan in zip([7, 31], plans)
    ]
    for thread in threads:
        thread.start()
    time.sleep(float(seconds))
    pathlib.Path(account_file).write_text(json.dumps(account))


main()

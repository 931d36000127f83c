"""Stands in for Unity Connection's Jetty: answers every POST with 200 and SubscriptionStatus OK.

Usage: jetty.py CLOCK_OFFSET_SECONDS, which the Date of its replies is off. A reply has no length: it ends with the
connection.
"""

import email.utils
import re
import socket
import sys
import threading
import time

HEAD = (
    "HTTP/1.1 200 OK\r\nDate: {date}\r\nContent-Type: text/xml;charset=UTF-8\r\nConnection: close\r\n"
    "Server: Jetty(8.1.14.v20131031)\r\n\r\n"
)
BODY = (
    "<?xml version='1.0' encoding='UTF-8'?>"
    '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body>'
    '<ns1:SendNotificationResult xmlns:ns1="http://schemas.microsoft.com/exchange/services/2006/messages">'
    "<ns1:SubscriptionStatus>OK</ns1:SubscriptionStatus></ns1:SendNotificationResult>"
    "</soapenv:Body></soapenv:Envelope>"
)


def serve(client, clock_offset):
    with client:
        if not receive_post(client):
            return
        time.sleep(0.004)
        date = email.utils.formatdate(time.time() + clock_offset, usegmt=True)
        client.sendall((HEAD.format(date=date) + BODY).encode())


def receive_post(client):
    request = b""
    while True:
        head, found, body = request.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)content-length: *(\d+)", head)
        if found and length and len(body) >= int(length[1]):
            return True
        if found and not length and body.endswith(b"\r\n0\r\n\r\n"):
            return True
        part = client.recv(65536)
        if not part:
            return False
        request += part


def main():
    listener = socket.create_server(("", 7080), backlog=50)
    while True:
        client, _ = listener.accept()
        threading.Thread(target=serve, args=(client, float(sys.argv[1])), daemon=True).start()


main()

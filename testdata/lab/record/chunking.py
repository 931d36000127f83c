#!/usr/bin/env python3
"""A proxy that sends every body on in chunks and closes after each reply: chunking.py PORT SOURCE SERVER SERVER_PORT."""

import asyncio
import sys

PORT, SOURCE, SERVER, SERVER_PORT = sys.argv[1:]
CHUNK = 400


async def serve(reader, writer):
    head = await reader.readuntil(b"\r\n\r\n")
    fields = head.decode().split("\r\n")
    length = next(int(field.split(":")[1]) for field in fields if field.lower().startswith("content-length:"))
    body = await reader.readexactly(length)
    fields = [field for field in fields if not field.lower().startswith("content-length:")]
    onward = await asyncio.open_connection(SERVER, int(SERVER_PORT), local_addr=(SOURCE, 0))
    onward[1].write("\r\n".join([*fields[:-2], "Transfer-Encoding: chunked", "", ""]).encode())
    for at in range(0, length, CHUNK):
        chunk = body[at : at + CHUNK]
        onward[1].write(f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n")
    onward[1].write(b"0\r\n\r\n")
    writer.write(await onward[0].read())
    for one in (onward[1], writer):
        await one.drain()
        one.close()


async def main():
    async with await asyncio.start_server(serve, port=int(PORT)) as server:
        await server.serve_forever()


asyncio.run(main())

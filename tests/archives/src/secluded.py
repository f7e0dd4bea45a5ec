"""Runs a server in the network namespace that it is started in and lets its ports be reached by sockets in a folder.

    secluded.py FOLDER PORT [PORT ...] -- COMMAND ...

Each FOLDER/PORT appears when the server takes connections at that port. Ends with the server, or when its standard
input is closed: whoever started it has gone then.
"""

import asyncio
import fcntl
import os
import socket
import struct
import sys

SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1


def raise_loopback():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sh14x", b"lo", 0)
        _, flags = struct.unpack("16sh14x", fcntl.ioctl(any_socket, SIOCGIFFLAGS, request))
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags | IFF_UP))


async def copy(reader, writer):
    try:
        while piece := await reader.read(65536):
            writer.write(piece)
            await writer.drain()
        writer.write_eof()
    except OSError:
        writer.close()


async def expose(folder, port):
    async def relay(reader, writer):
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(copy(reader, inner_writer), copy(inner_reader, writer))
        inner_writer.close()
        writer.close()

    while True:
        try:
            _, probe = await asyncio.open_connection("127.0.0.1", port)
            probe.close()
            break
        except OSError:
            await asyncio.sleep(0.02)
    return await asyncio.start_unix_server(relay, f"{folder}/{port}")


async def wait_for_owner():
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.buffer.read)


async def main():
    folder, *rest = sys.argv[1:]
    ports, command = rest[:rest.index("--")], rest[rest.index("--") + 1:]
    raise_loopback()
    server = await asyncio.create_subprocess_exec(*command, stdin=asyncio.subprocess.DEVNULL)
    _kept_from_the_collector = [asyncio.create_task(expose(folder, int(port))) for port in ports]
    ends = [asyncio.create_task(server.wait()), asyncio.create_task(wait_for_owner())]
    await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    os._exit(0)


asyncio.run(main())

"""A distant server: a relay in front of it that delays each new connection.

In: the server's address and the delay in ms; out: a line with its own port, and connections with that delay.
"""

import asyncio
import sys


async def pump(reader, writer):
    try:
        while piece := await reader.read(65536):
            writer.write(piece)
            await writer.drain()
    except OSError:
        pass  # one end has closed; the other is closed below
    finally:
        writer.close()


async def main(address, delay):
    host, _, port = address.rpartition(":")

    async def relay(reader, writer):
        try:
            await asyncio.sleep(delay)  # several round trips
            there = await asyncio.open_connection(host, int(port))
        except OSError:
            return writer.close()
        await asyncio.gather(pump(reader, there[1]), pump(there[0], writer))

    server = await asyncio.start_server(relay, "127.0.0.1", 0, backlog=4096)
    print("listening on %s:%d" % server.sockets[0].getsockname()[:2], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], float(sys.argv[2]) / 1000))

"""A server that is far away: a relay in front of it that answers a connection only after a while.

In: the server's address, the delay in ms; out: its own port, in a line, and connections that begin that much later.
"""

import asyncio
import sys


async def pump(reader, writer):
    try:
        while piece := await reader.read(65536):
            writer.write(piece)
            await writer.drain()
    except OSError:
        pass  # one end is gone; the other learns it below
    finally:
        writer.close()


async def main(address, delay):
    host, _, port = address.rpartition(":")

    async def relay(reader, writer):
        try:
            await asyncio.sleep(delay)  # the way there and back, many times
            there = await asyncio.open_connection(host, int(port))
        except OSError:
            return writer.close()
        await asyncio.gather(pump(reader, there[1]), pump(there[0], writer))

    server = await asyncio.start_server(relay, "127.0.0.1", 0, backlog=4096)
    print("listening on %s:%d" % server.sockets[0].getsockname()[:2], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], float(sys.argv[2]) / 1000))

"""A distant server: a relay in front of it that delays each new connection, or each octet.

In: the server's address, the delay of a connection in ms, that of a round trip if there is one, the address to listen on
(127.0.0.1), and how many Mbit/s each way of a connection carries, if that is limited; out: a line with its own address, and
connections with that delay.
"""

import asyncio
import sys


async def pump(reader, writer, way, rate):
    """Each piece arrives `way` seconds later, however many are on their way, or when the line has carried those before it."""
    pieces = asyncio.Queue(64 if rate else 0)

    async def deliver():
        clock, free = asyncio.get_running_loop().time, 0
        while (item := await pieces.get()) is not None:
            due, piece = item
            if rate:
                due = free = max(due, free) + len(piece) / rate
            if way or rate:
                await asyncio.sleep(max(0, due - clock()))
            writer.write(piece)
            await writer.drain()

    delivery = asyncio.create_task(deliver())
    try:
        while piece := await reader.read(8192 if rate else 65536):
            await pieces.put((asyncio.get_running_loop().time() + way, piece))
        await pieces.put(None)
        await delivery
    except OSError:
        delivery.cancel()  # one end has closed; the other is closed below
    finally:
        writer.close()


async def main(address, delay, trip, own, rate):
    host, _, port = address.rpartition(":")

    async def relay(reader, writer):
        try:
            await asyncio.sleep(delay)  # several round trips
            there = await asyncio.open_connection(host, int(port))
        except OSError:
            return writer.close()
        await asyncio.gather(pump(reader, there[1], trip / 2, rate), pump(there[0], writer, trip / 2, rate))

    server = await asyncio.start_server(relay, own, 0, backlog=4096)
    print("listening on %s:%d" % server.sockets[0].getsockname()[:2], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    connection, trip = float(sys.argv[2]), float(sys.argv[3]) if len(sys.argv) > 3 else 0
    own = sys.argv[4] if len(sys.argv) > 4 else "127.0.0.1"
    mbit = float(sys.argv[5]) if len(sys.argv) > 5 else 0
    asyncio.run(main(sys.argv[1], connection / 1000, trip / 1000, own, mbit * 1e6 / 8))

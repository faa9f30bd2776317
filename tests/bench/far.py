"""Distance: a relay that hands on everything later, where the kernel has no
netem, and the sum of the round trips that an issuance needs."""

import asyncio
import threading
import urllib.parse

RTT = 0.05


class Relay:
    """Listens on the stage's fake address; each way takes half of a round trip,
    and a new connection one more, as TCP's handshake does."""

    def __init__(self, stage, upstream, rtt=RTT):
        self.address = stage.world['fake_address']
        self.upstream, self.rtt, self.port = upstream, rtt, None
        self.loop = asyncio.new_event_loop()
        ready = threading.Event()
        threading.Thread(target=self._run, args=(ready,), daemon=True).start()
        ready.wait()

    def _run(self, ready):
        asyncio.set_event_loop(self.loop)
        self.server = self.loop.run_until_complete(
            asyncio.start_server(self._serve, self.address, 0))
        self.port = self.server.sockets[0].getsockname()[1]
        ready.set()
        self.loop.run_forever()

    async def _serve(self, reader, writer):
        opened = self.loop.time()
        far_reader, far_writer = await asyncio.open_connection(*self.upstream)
        await asyncio.gather(
            self._pass(reader, far_writer, opened + self.rtt),
            self._pass(far_reader, writer, 0))

    async def _pass(self, reader, writer, not_before):
        """In order, each part half a round trip after it came."""
        queue = asyncio.Queue()

        async def hand_on():
            while True:
                due, data = await queue.get()
                await asyncio.sleep(max(0, due - self.loop.time()))
                if not data:
                    writer.close()
                    return
                writer.write(data)
        task = asyncio.ensure_future(hand_on())
        try:
            data = b' '
            while data:
                try:
                    data = await reader.read(65536)
                except OSError:
                    data = b''
                await queue.put((max(self.loop.time(), not_before)
                                 + self.rtt / 2, data))
            await task
        except OSError:
            task.cancel()

    def close(self):
        self.loop.call_soon_threadsafe(self.loop.stop)


class FarCa:
    """near, at a distance. Pebble makes its URLs from the Host header."""

    def __init__(self, stage, near):
        self.near = ca = near
        self.relay = Relay(stage, (stage.world['acme_address'], ca.port))
        self.port = self.relay.port
        self.url = f'https://fake.stage.test:{self.port}/dir'


class FarApi:
    def __init__(self, stage):
        url = urllib.parse.urlsplit(stage.world['api_control'])
        self.relay = Relay(stage, (url.hostname, url.port))
        self.port = self.relay.port
        self.api_url = f'https://fake.stage.test:{self.port}/client/v4'


# Round trips that have to wait for each other; account,
# nonces, connection to the CA and the zone are known. Requests that go together
# are one. The records spread as soon as the API has them, while its answer is
# under way: half of one. What needs nothing of the order is not in it: the
# connection to the API; nor the removal of the records, which nobody needs once
# the order is ready.
CHAIN = {
    'newOrder (7.4)': 1,
    'both authorizations, which the order names (7.5)': 1,
    'the records, made from their tokens (8.4), to the API': 0.5,
    'both challenges, once the records show (7.5.1)': 1,
    'the order, validated (7.1.6)': 1,
    'finalize, once it is ready (7.4)': 1,
    'the order, issued (7.4)': 1,
    'the certificate, which the order names (7.4.2)': 1,
}

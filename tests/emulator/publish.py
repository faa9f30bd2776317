"""Puts what the API was told into the name servers, by dynamic update (RFC
2136) with TSIG; each server may lag behind, or never hear of it."""

import heapq
import itertools
import os
import threading
import time

import dns.message
import dns.query
import dns.rcode
import dns.rdata
import dns.tsigkeyring
import dns.update

from .model import bare

CATALOG = 'catalog.invalid'
SETS_MAX = 100  # in one update: it must fit into a datagram
TTL = 5         # short, so that nothing lingers; the API's own is kept there


def text_rdata(content):
    """TXT content as master file text, in strings of at most 255 bytes."""
    value = bare(content).encode()
    parts = [value[i:i + 255] for i in range(0, len(value), 255)] or [b'']
    return ' '.join('"' + ''.join(
        chr(b) if 32 <= b < 127 and b not in b'"\\' else f'\\{b:03d}'
        for b in part) + '"' for part in parts)


def zone_text(zone, hostmaster='hostmaster.stage.test.'):
    lines = [f'{zone.name}. {TTL} SOA {zone.name_servers[0]}. {hostmaster} '
             f'1 3600 600 86400 {TTL}']
    lines += [f'{zone.name}. {TTL} NS {n}.' for n in zone.name_servers]
    return '\n'.join(lines) + '\n'


class NameServer:
    """One knotd with the catalog zone: a member is loaded once the catalog
    names it, from a file that stands ready."""

    def __init__(self, name, address, folder, secret):
        self.name, self.address, self.folder = name, address, folder
        self.keys = dns.tsigkeyring.from_text({'stage.': secret})

    def ask(self, message):
        for attempt in range(3):
            try:
                return dns.query.udp(message, self.address, timeout=2)
            except dns.exception.Timeout:
                pass
        raise TimeoutError(f'{self.name} ({self.address}) does not answer')

    def update(self, zone, change):
        message = dns.update.UpdateMessage(
            zone, keyring=self.keys, keyalgorithm='hmac-sha256.')
        change(message)
        rcode = self.ask(message).rcode()
        if rcode != dns.rcode.NOERROR:
            raise OSError(f'{self.name}: update of {zone}: '
                          + dns.rcode.to_text(rcode))

    def serves(self, zone):
        answer = self.ask(dns.message.make_query(zone, 'SOA')).answer
        return bool(answer)

    def _await(self, zone, served):
        deadline = time.monotonic() + 10
        while self.serves(zone) != served:
            if time.monotonic() > deadline:
                raise TimeoutError(f'{self.name}: zone {zone} served is '
                                   f'{not served} for 10 s')
            time.sleep(0.003)

    def add_zone(self, zone):
        path = os.path.join(self.folder, zone.name + '.zone')
        with open(path, 'w', encoding='ascii') as f:
            f.write(zone_text(zone))
        self.update(CATALOG, lambda m: m.add(
            zone.id + '.zones', 0, 'PTR', zone.name + '.'))
        self._await(zone.name, True)

    def remove_zone(self, zone):
        self.update(CATALOG, lambda m: m.delete(zone.id + '.zones', 'PTR'))
        self._await(zone.name, False)

    def replace(self, zone, sets):
        """sets: (name, type, values); none: the name has none any more."""
        def change(message):
            for name, kind, values in part:
                absolute = dns.name.from_text(name)
                if values:
                    message.replace(absolute, TTL, kind, *values)
                else:
                    message.delete(absolute, kind)
        for i in range(0, len(sets), SETS_MAX):
            part = sets[i:i + SETS_MAX]
            self.update(zone, change)


class Publisher:
    def __init__(self, servers, log=print):
        self.servers, self.log = servers, log
        self.names = [s.name for s in servers]
        self.lags = {}          # zone name: seconds per server, None: never
        self.queue, self.order = [], itertools.count()
        self.wake = threading.Condition()
        threading.Thread(target=self._late, daemon=True).start()

    def add_zone(self, zone):
        for server in self.servers:
            server.add_zone(zone)

    def remove_zone(self, zone):
        self.lags.pop(zone.name, None)
        for server in self.servers:
            server.remove_zone(zone)

    def delegate(self, parent, child):
        for server in self.servers:
            server.replace(parent.name, [(child.name, 'NS',
                                          [n + '.' for n in self.names])])

    def publish(self, zone, touched):
        """Shows the records of these (name, type) as they are now."""
        sets = {key: [] for key in touched}
        for r in zone.records.values():
            if (r['name'], r['type']) in sets:
                sets[r['name'], r['type']].append(
                    text_rdata(r['content']) if r['type'] == 'TXT'
                    else r['content'])
        sets = [(name, kind, values)
                for (name, kind), values in sets.items()]
        if zone.status != 'active':
            return
        lags = self.lags.get(zone.name, [0] * len(self.servers))
        for server, lag in zip(self.servers, lags):
            if lag == 0:
                server.replace(zone.name, sets)
            elif lag is not None:
                with self.wake:
                    heapq.heappush(self.queue, (
                        time.monotonic() + lag, next(self.order), server,
                        zone.name, sets))
                    self.wake.notify()

    def _late(self):
        while True:
            with self.wake:
                while not self.queue or \
                        self.queue[0][0] > time.monotonic():
                    self.wake.wait(self.queue[0][0] - time.monotonic()
                                   if self.queue else None)
                _, _, server, *what = heapq.heappop(self.queue)
            try:
                server.replace(*what)
            except (OSError, dns.exception.DNSException) as e:
                self.log(f'late update: {e}')       # the zone may be gone

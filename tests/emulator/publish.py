"""Puts what the API was told into the name servers; each may lag behind, or never
hear of it. Zones come and go by dynamic update (RFC 2136) with TSIG of knot's
catalog. Records go through knot's control socket: for dynamic updates it has a
pause of up to a second, once a second."""

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
from libknot.control import (
    KnotCtl, KnotCtlData, KnotCtlDataIdx, KnotCtlError, KnotCtlType)

from .model import bare

CATALOG = 'catalog.invalid'
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
        self.lock = threading.Lock()

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
        with self.lock:
            control = KnotCtl()
            control.connect(os.path.join(self.folder, 'knot.sock'))
            try:
                tell(control, 'zone-begin', zone)
                try:
                    for name, kind, values in sets:
                        replace_one(control, zone, name + '.', kind, values)
                except BaseException:
                    tell(control, 'zone-abort', zone)
                    raise
                tell(control, 'zone-commit', zone)
                control.send(KnotCtlType.END)
            finally:
                control.close()


def tell(control, command, zone, *more):
    """One command to knot. more: owner, TTL, type, data."""
    data = KnotCtlData()
    data[KnotCtlDataIdx.COMMAND] = command
    data[KnotCtlDataIdx.ZONE] = zone
    for index, value in zip((
            KnotCtlDataIdx.OWNER, KnotCtlDataIdx.TTL, KnotCtlDataIdx.TYPE,
            KnotCtlDataIdx.DATA), more):
        data[index] = value
    control.send(KnotCtlType.DATA, data)
    control.send(KnotCtlType.BLOCK)
    answer, error = KnotCtlData(), None
    while control.receive(answer) not in (KnotCtlType.BLOCK, KnotCtlType.END):
        error = error or answer[KnotCtlDataIdx.ERROR]
    if error:
        raise OSError(f'knot: {command} {zone} {" ".join(more)}: {error}')


def replace_one(control, zone, name, kind, values):
    try:
        tell(control, 'zone-unset', zone, name, '', kind)
    except OSError:
        pass                    # there was none
    for value in values:
        tell(control, 'zone-set', zone, name, str(TTL), kind, value)


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
            except (OSError, KnotCtlError) as e:
                self.log(f'late update: {e}')       # the zone may be gone

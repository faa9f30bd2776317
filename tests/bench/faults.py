#!/usr/bin/python3
"""How often does the first try succeed, and what is left behind? Scenes, and the
clients that are installed:

    story       apex and wildcard in one order, a stale value in the zone, one of
                two name servers 15 s late, a CA that asks either
    trouble     20 % badNonce, 10 % errors 502 of the API
    both        the same with 10 % errors 500 of the CA
    kill        kill -9 while the records stand, then another try
    drip        an answer of the CA that comes a byte a second

    tests/with-stage tests/bench/faults.py [--tries N] [--clients A,B] [SCENE ...]
"""

import argparse
import concurrent.futures
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from bench import clients                                       # noqa: E402
from stage import Stage, dnsfake                                # noqa: E402
from stage.proxy import Proxy                                   # noqa: E402

LAG = 15
STALE = '"stale"'


class Tally:
    """What came of the tries of one client in one scene."""

    def __init__(self, scene, client, tries):
        self.scene, self.client, self.tries = scene, client, tries
        self.good, self.left, self.seconds, self.note = 0, 0, [], ''

    def add(self, good, seconds):
        self.good += good
        self.seconds.append(seconds)

    def row(self):
        seconds = sorted(self.seconds)
        middle = f'{seconds[len(seconds) // 2]:.0f} s' if seconds else ''
        return (self.scene, self.client, f'{self.good} of {self.tries}',
                middle, str(self.left), self.note)


def left_in(zone):
    return sum(r['content'] != STALE for r in zone.records())


def timed(call, *arguments):
    start = time.monotonic()
    good = call(*arguments)
    return good, time.monotonic() - start


def many(jobs, at_once):
    """Calls each of jobs, so many at once; their results in order."""
    with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
        return [f.result() for f in [pool.submit(job) for job in jobs]]


def zones_of(stage, n, stale=False, lag=0):
    made = []
    for _ in range(n):
        zone = stage.zone()
        if stale:
            stage.cloudflare.control(
                'record_add', zone=zone.name, content=STALE,
                name='_acme-challenge.' + zone.name)
        if lag:
            zone.lag(0, lag)
        made.append(zone)
    return made


def one_each(tally, kind, scene, zones, at_once):
    """Every zone has an installation of its own."""
    def attempt(i, zone):
        client = kind(scene, zone, i)
        try:
            good, seconds = timed(client.issue)
            if not good:
                print(f'--- {kind.name}\n{client.said[-1500:]}',
                      file=sys.stderr)
            return good, seconds
        finally:
            client.close()
    for good, seconds in many(
            [lambda i=i, z=z: attempt(i, z) for i, z in enumerate(zones)],
            at_once):
        tally.add(good, seconds)


def all_in_one(tally, scene, stage, zones, at_once):
    """One certd for all of them, with one token."""
    token = stage.token([z.name for z in zones], limit=100000)
    zones[0].token, first = token, zones[0].token
    client = clients.Certd(scene, zones[0], 'all')
    zones[0].token = first
    try:
        for good, seconds in many(
                [lambda z=z: timed(client.issue, z.name) for z in zones],
                at_once):
            tally.add(good, seconds)
        if tally.good < tally.tries:
            print(client.certd.log()[-4000:], file=sys.stderr)
        tally.note = ('first orders only' if 'order 2 of' not in
                      client.certd.log() else 'with second orders')
    finally:
        client.close()


def story(stage, kind, tries):
    tally = Tally('story', kind.name, tries)
    address = next(dnsfake.addresses(stage))
    with dnsfake.Fake(stage, address) as resolver:
        ca = stage.new_ca(resolver=address)
        try:
            zones = zones_of(stage, tries, True, LAG)
            scene = clients.Scene(stage, ca, sleep=10)  # certbot's default
            if kind is clients.Certd:
                all_in_one(tally, scene, stage, zones, tries)
            else:
                one_each(tally, kind, scene, zones, 5)
            time.sleep(LAG + 1)
            for zone in zones:
                tally.left += left_in(zone)
                zone.remove()
        finally:
            ca.stop()
    return tally


def both(stage, kind, tries):
    return trouble(stage, kind, tries, 'both',
                   {'status': 500, 'rate': 0.1, 'body': 'Oops'})


def trouble(stage, kind, tries, name='trouble', *more):
    tally = Tally(name, kind.name, tries)
    with Proxy(stage, {'method': 'POST', 'bad_nonce': True, 'rate': 0.2},
               *more) as ca, \
            Proxy(stage, {'status': 502, 'rate': 0.1, 'body': 'Oops'},
                  upstream='api', seed=2) as api:
        zones = zones_of(stage, tries)
        one_each(tally, kind, clients.Scene(stage, ca, api), zones, 4)
    for zone in zones:
        tally.left += left_in(zone)
        zone.remove()
    return tally


def await_records(zone, client, seconds=150):
    """False where the client gives up before it has made one."""
    deadline = time.monotonic() + seconds
    while not left_in(zone):
        if time.monotonic() > deadline:
            raise TimeoutError(f'no record in {zone.name}')
        if not client.thread.is_alive():
            return False
        time.sleep(0.05)
    return True


def killed(stage, kind, tries):
    """The figure is the try after the kill; what is left, after that one."""
    tally = Tally('kill -9', kind.name, tries)

    def attempt(i, zone):
        zone.lag(0, LAG)        # so that there is time
        client = kind(clients.Scene(stage, stage.ca), zone, i)
        client.begin()
        if await_records(zone, client):
            client.kill()
        client.end()
        zone.lag(0, 0)
        try:
            return timed(client.issue)
        finally:
            client.close()
    zones = zones_of(stage, tries)
    for good, seconds in many(
            [lambda i=i, z=z: attempt(i, z) for i, z in enumerate(zones)], 3):
        tally.add(good, seconds)
    for zone in zones:
        tally.left += left_in(zone)
        zone.remove()
    return tally


def drip(stage, kind, tries):
    """A slow answer is cut off after half a minute, and asked for again."""
    tally = Tally('drip', kind.name, tries)
    with Proxy(stage, {'path': '/my-order/|/authZ/', 'drip': 1,
                       'times': tries}) as ca:
        zones = zones_of(stage, tries)
        one_each(tally, kind, clients.Scene(stage, ca), zones, tries)
    for zone in zones:
        tally.left += left_in(zone)
        zone.remove()
    return tally


SCENES = {              # name: function, tries of certd, of the others
    'story': (story, 100, 5), 'trouble': (trouble, 20, 20),
    'both': (both, 20, 20),
    'kill': (killed, 10, 3), 'drip': (drip, 2, 0)}


def table(rows):
    widths = [max(len(r[i]) for r in rows) for i in range(len(rows[0]))]
    for row in rows:
        print('| ' + ' | '.join(
            c.ljust(w) for c, w in zip(row, widths)) + ' |', flush=True)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--tries', type=int)
    parser.add_argument('--clients')
    parser.add_argument('scenes', nargs='*', default=list(SCENES))
    options = parser.parse_args()
    stage = Stage.attach(os.environ['STAGE'])
    wanted = (options.clients or 'certd,certbot,lego,uacme,dehydrated'
              ).split(',')
    rows = [('scene', 'client', 'success', 'median', 'records left', '')]
    bad = 0
    for name in options.scenes or SCENES:
        function, own, others = SCENES[name]
        for kind in clients.ALL:
            tries = options.tries or (
                own if kind is clients.Certd else others)
            if kind.name not in wanted or not tries:
                continue
            if not kind.is_there():
                print(f'{kind.name} is not installed', flush=True)
                continue
            tally = function(stage, kind, tries)
            rows.append(tally.row())
            print(' '.join(rows[-1]), flush=True)
            if kind is clients.Certd:
                bad += tally.good < tally.tries or tally.left > 0
    table(rows)
    return bad != 0


if __name__ == '__main__':
    sys.exit(main())

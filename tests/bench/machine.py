"""What work costs: processor time by who used it, memory, requests, and what the
machine did meanwhile (its processors idle, or waiting for the disk)."""

import os
import resource
import threading
import time

from stage import process

TICK = os.sysconf('SC_CLK_TCK')
CORES = os.cpu_count()
OURS = ('certd', 'certd-disk', 'certd-sign', 'certd-dns', 'acmew')
SERVERS = {'pebble': 'CA', 'haproxy': 'CA', 'knotd': 'name servers'}


# ---- memory ----

def pss(pid):
    """MiB; what two of them share counts once."""
    try:
        with open(f'/proc/{pid}/smaps_rollup', encoding='ascii') as f:
            return next(int(line.split()[1]) for line in f
                        if line.startswith('Pss:')) / 1024
    except (OSError, StopIteration):
        return 0


class Sampler(threading.Thread):
    """The most memory that a process and its descendants have at one time: also
    of those that are gone by the end. fixed: no new ones come."""

    def __init__(self, pid, every=0.002, fixed=False):
        super().__init__(daemon=True)
        self.pid, self.every, self.fixed = pid, every, fixed
        self.peak, self.ended = 0, threading.Event()
        self.start()

    def tree(self):
        return [self.pid, *process.children(self.pid)]

    def run(self):
        pids = self.tree()
        while not self.ended.wait(self.every):
            if not self.fixed:
                pids = self.tree()
            self.peak = max(self.peak, sum(map(pss, pids)))

    def end(self):
        """The last moment counts, too."""
        self.ended.set()
        self.join()
        return max(self.peak, sum(map(pss, self.tree())))


# ---- processors ----

def ticks(pid):
    """Seconds of all threads, also of those that have ended."""
    fields = process.stat(pid)
    return fields and (int(fields[11]) + int(fields[12])) / TICK


def exact(pid):
    """The same of threads that live on, to the microsecond."""
    total = 0
    for task in os.listdir(f'/proc/{pid}/task'):
        with open(f'/proc/{pid}/task/{task}/schedstat', encoding='ascii') as f:
            total += int(f.read().split()[0])
    return total / 1e9


def servers():
    """Seconds of what is not ours, so far: of this network."""
    used, space = {}, os.readlink('/proc/self/ns/net')
    for pid in filter(str.isdigit, os.listdir('/proc')):
        try:
            same = os.readlink(f'/proc/{pid}/ns/net') == space
            with open(f'/proc/{pid}/cmdline', encoding='utf-8') as f:
                api = 'emulator.json' in f.read()
        except OSError:
            continue
        part = 'API' if api else SERVERS.get(process.name(int(pid)))
        seconds = part and same and ticks(int(pid))
        if seconds:
            used[part] = used.get(part, 0) + seconds
    return used


def used_by(who):
    usage = resource.getrusage(who)
    return usage.ru_utime + usage.ru_stime


def whole():
    """Seconds of all processors: at work, idle, waiting for the disk."""
    with open('/proc/stat', encoding='ascii') as f:
        n = [int(x) / TICK for x in f.readline().split()[1:9]]
    return {'at work': sum(n) - n[3] - n[4], 'idle': n[3], 'disk': n[4]}


def asked(ca):
    """What a CA has been asked: haproxy counts, Pebble's log names."""
    requests, connections = ca.requests()
    with open(os.path.join(ca.folder, 'pebble.log'), 'rb') as f:
        nonces = f.read().count(b' /nonce-plz -> ')
    return {'ca': requests, 'connections': connections, 'nonces': nonces}


class Watch:
    """What happens between its making and end(). certd: a running one; ca and
    zones: whose requests count, zones by their tokens."""

    def __init__(self, certd=None, ca=None, zones=()):
        self.certd, self.ca, self.zones = certd, ca, zones
        self.sampler = certd and Sampler(certd.process.pid, 0.25, True)
        self.before, self.start = self.look(), time.monotonic()

    def look(self):
        own = self.certd.pids() if self.certd else {}
        return {'own': {n: exact(p) for n, p in own.items()},
                'servers': servers(), 'machine': whole(),
                'here': {'asking': used_by(resource.RUSAGE_CHILDREN),
                         'measuring': used_by(resource.RUSAGE_SELF)},
                'requests': {
                    **(asked(self.ca) if self.ca else {}),
                    'api': sum(len(z.times()) for z in self.zones)}}

    def end(self, count):
        """For count certificates: seconds and requests of all of them."""
        wall, after = time.monotonic() - self.start, self.look()
        cost = {kind: {n: v - self.before[kind].get(n, 0)
                       for n, v in values.items()}
                for kind, values in after.items()}
        return {'count': count, 'wall': wall,
                'peak': self.sampler.end() if self.sampler else 0, **cost}


def each(m, seconds):
    """Milliseconds for one certificate."""
    return seconds / m['count'] * 1e3


def own_cpu(m):
    return sum(m['own'].values())


def shares(m):
    """A row: milliseconds of all processors that each certificate took, by who
    had them. client: what asks the CA, certd or a load generator."""
    idle, disk = m['machine']['idle'], m['machine']['disk']
    parts = {'client': own_cpu(m), 'asking': m['here']['asking'],
             'measuring': m['here']['measuring'],
             **{n: m['servers'].get(n, 0) for n in (
                 'CA', 'name servers', 'API')}}
    parts['kernel and others'] = max(
        0, m['machine']['at work'] - sum(parts.values()))
    parts.update({'idle': idle, 'waiting for the disk': disk})
    return {n: each(m, s) for n, s in parts.items()}

#!/usr/bin/python3
"""How long, with how much, and how many requests? Writes build/bench/report.md
and plots beside it. Everything is compared within one run; the figures of two
machines, or of two runs, are no comparison.

    due       nothing is due, with 1 to 100,000 lineages
    one       one issuance, beside other clients
    many      1,000 issuances, beside a load generator that only asks the CA
    distance  one issuance, 50 ms from CA and API, 2 s until the records show
    zones     issuances of which each has a zone of its own
    growth    memory of each process over 2,000 issuances

    tests/with-stage tests/bench/speed.py [--most N] [SCENE ...]
"""

import argparse
import os
import resource
import shutil
import socket
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from bench import clients, far, lineages, many, plot            # noqa: E402
from stage import Stage, process                                # noqa: E402

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
FOLDER = os.path.join(TOP, 'build', 'bench')


class Report:
    folder = FOLDER

    def __init__(self):
        os.makedirs(FOLDER, exist_ok=True)
        self.lines = ['# Measured', '', time.strftime(
            '%Y-%m-%d %H:%M UTC, ', time.gmtime())
            + f'{os.cpu_count()} cores, load before {os.getloadavg()[0]:.1f}']

    def say(self, *lines):
        for line in lines:
            print(line, flush=True)
            self.lines.append(line)

    def table(self, title, rows):
        """rows: dicts with the same keys; the first one is the measure."""
        keys = list(rows[0])
        self.say('', f'## {title}', '', '| ' + ' | '.join(keys) + ' |',
                 '|' + '---|' * len(keys))
        for row in rows:
            self.say('| ' + ' | '.join(str(row[k]) for k in keys) + ' |')

    def write(self):
        with open(os.path.join(FOLDER, 'report.md'), 'w',
                  encoding='utf-8') as f:
            f.write('\n'.join(self.lines) + '\n')


# ---- nothing is due ----

def listen(path):
    s = socket.socket(socket.AF_UNIX)
    s.bind(path)
    s.listen(16)
    return s


def memory(pids):
    """Peak of each, in MiB, added up."""
    total = 0
    for pid in pids:
        text = process.status(pid).get('VmHWM', '0 kB')
        total += int(text.split()[0])
    return total / 1024


class Activated:
    """certd as a service manager starts it: the sockets are there before."""

    def __init__(self, certd):
        self.certd = certd
        shutil.rmtree(certd.runtime, ignore_errors=True)
        os.mkdir(certd.runtime)
        self.helpers = []
        for name, program, user in (('dns', 'certd-dns', '_certd-dns'),
                                    ('hook', 'certd-hook', 'root')):
            argv = ['systemd-socket-activate', '--accept', '-l',
                    self.path(name), 'setpriv', '--reuid', user, '--regid',
                    user, '--clear-groups', certd.program(program)]
            if name == 'dns':
                argv += ['--config', certd.config]
            self.helpers.append(process.spawn(
                argv, certd.log_file, env={'PATH': '/usr/sbin:/usr/bin'}))
        for name in ('dns', 'hook'):
            while not os.path.exists(self.path(name)):
                time.sleep(0.01)
        self.sockets = [listen(self.path(n)) for n in ('control', 'worker')]

    def path(self, name):
        return os.path.join(self.certd.runtime, name + '.sock')

    def renew(self):
        """Seconds that certctl renew takes."""
        start = time.monotonic()
        done = subprocess.run(
            [self.certd.program('certctl'), '--socket', self.path('control'),
             'renew', '--quiet'], capture_output=True, text=True)
        seconds = time.monotonic() - start
        if done.returncode:
            sys.exit(f'renew: {done.stderr[-500:]}\n{self.certd.log()[-2000:]}')
        return seconds

    def start(self):
        def hand_over():
            for i, s in enumerate(self.sockets):
                os.dup2(s.fileno(), 100 + i)
            for i in range(len(self.sockets)):
                os.dup2(100 + i, 3 + i)
                os.close(100 + i)
        with open(self.certd.log_file, 'ab') as log:
            self.process = subprocess.Popen(
                ['/bin/sh', '-c', 'LISTEN_PID=$$ exec "$@"', 'sh',
                 self.certd.program('certd'), '--config', self.certd.config],
                env={'PATH': os.defpath, 'LISTEN_FDS': '2',
                     'LISTEN_FDNAMES': 'control:worker'},
                preexec_fn=hand_over, close_fds=False, stdout=log, stderr=log)

    def stop(self):
        self.process.terminate()
        self.process.wait()

    def close(self):
        for s in self.sockets:
            s.close()
        for p in self.helpers:
            process.stop(p)


def certbot_renew(stage, store, folder):
    start = time.monotonic()
    done = subprocess.run(
        ['certbot', 'renew', '-q', '-n', '--config-dir', store, '--work-dir',
         folder + '/w', '--logs-dir', folder + '/l'], capture_output=True)
    return time.monotonic() - start if done.returncode == 0 else None


class Sampler(threading.Thread):
    """The most memory that all of certd's processes have at one time: also of
    one that is gone by the end."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid, self.peak, self.ended = pid, 0, threading.Event()
        self.start()

    def run(self):
        while not self.ended.wait(0.002):
            self.peak = max(self.peak, sum(
                pss(p) for p in (self.pid, *process.children(self.pid))))

    def end(self):
        self.ended.set()
        self.join()
        return self.peak


def pss(pid):
    """MiB; what two of them share counts once."""
    try:
        with open(f'/proc/{pid}/smaps_rollup', encoding='ascii') as f:
            return next(int(line.split()[1]) for line in f
                        if line.startswith('Pss:')) / 1024
    except (OSError, StopIteration):
        return 0


def cpu(pids):
    """Milliseconds, as the scheduler counts them."""
    total = 0
    for pid in pids:
        with open(f'/proc/{pid}/schedstat', encoding='ascii') as f:
            total += int(f.read().split()[0])
    return total / 1e6


def cold_of(manager):
    start = time.monotonic()
    manager.start()
    manager.renew()
    return time.monotonic() - start


def sampled(manager, work):
    manager.start()
    sampler = Sampler(manager.process.pid)
    try:
        return work(), sampler.end()
    finally:
        manager.stop()


def due_of(stage, count):
    certd = stage.certd(stage.zone(), label=f'due{count}', settings={
        'certd': {'idle-timeout': '1h'}})
    os.makedirs(certd.store)
    lineages.fill(certd.store, count)
    manager = Activated(certd)
    cold, second, warm, used = [], [], [], []
    try:
        first, most = sampled(manager, manager.renew)
        for _ in range(5):
            cold.append(cold_of(manager))
            pids = [manager.process.pid, *process.children(
                manager.process.pid)]
            used.append(cpu(pids))
            peak = memory(pids)
            second.append(manager.renew())
            warm += [manager.renew() for _ in range(8)]
            manager.stop()
        peak = max(peak, sampled(manager, manager.renew)[1])
        other = None
        if count <= 100 and clients.Certbot.is_there():
            other = certbot_renew(stage, certd.store, certd.folder)
    finally:
        manager.close()
    shutil.rmtree(certd.store)
    return {'lineages': count, 'first look (s)': f'{first:.2f}',
            'its memory (MiB)': f'{most:.0f}',
            'cold (ms)': f'{min(cold) * 1e3:.1f}',
            'its CPU (ms)': f'{min(used):.1f}',
            'second (ms)': f'{min(second) * 1e3:.1f}',
            'warm (ms)': f'{min(warm) * 1e3:.1f}',
            'memory (MiB)': f'{peak:.0f}',
            'certbot renew (s)': '' if other is None else f'{other:.2f}',
            'certbot / cold': '' if other is None else
            f'{other / min(cold):.0f}'}


def each(rows, kind):
    """Microseconds a lineage over what one alone takes, from 100 on."""
    base = float(rows[0][kind])
    return [(r['lineages'], max(float(r[kind]) - base, 0.001) * 1e3
             / r['lineages']) for r in rows if r['lineages'] >= 100]


def due(stage, report, most):
    rows, counts = [], [n for n in (1, 100, 1000, 10000, 100000) if n <= most]
    for count in counts:
        rows.append(due_of(stage, count))
        print(rows[-1], file=sys.stderr, flush=True)
    report.table('Nothing is due', rows)
    report.say('', 'First look: nothing is known of the store, each certificate '
               'is read by certd-sign. Cold: certd is started for it, as '
               'certd-renew.timer does. Second: asked again, it looks at the '
               'files again, and sets watches. Warm: asked more often; the '
               'kernel tells of changes. Memory: of all processes of certd.')
    plot.lines(os.path.join(FOLDER, 'due.svg'), 'Nothing due: certctl renew',
               'lineages', 'ms', {
                   kind: [(n, float(r[f'{kind} (ms)']))
                          for n, r in zip(counts, rows)]
                   for kind in ('cold', 'second', 'warm')})
    plot.lines(os.path.join(FOLDER, 'due-each.svg'),
               'Nothing due: for one more certificate', 'lineages',
               'microseconds', {
                   kind: line for kind in ('cold', 'second')
                   if (line := each(rows, f'{kind} (ms)'))})
    plot.lines(os.path.join(FOLDER, 'due-memory.svg'),
               'Nothing due: memory', 'lineages', 'MiB', {
                   kind: [(n, max(float(r[f'{kind} (MiB)']), 1))
                          for n, r in zip(counts, rows)]
                   for kind in ('its memory', 'memory')})


# ---- one issuance, beside the peers ----

def counted(stage, zone, kind, scene):
    """A second issuance: account and connections of the first are there."""
    client = kind(scene, zone, 'one')
    try:
        if not client.issue():
            return None, client.said[-800:]
        ca = getattr(scene.ca, 'near', scene.ca)
        before = ca.requests()[0], len(zone.requests())
        own = getattr(client, 'certd', None)
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        usage = own and own.usage()
        start = time.monotonic()
        good = client.issue()
        wall = time.monotonic() - start
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - used.ru_utime - used.ru_stime
        peak = after.ru_maxrss / 1024
        if own:
            now = own.usage()
            cpu += sum(now[n][0] - usage[n][0] for n in now)
            peak = sum(k for _, k in now.values()) / 1024
        if not good:
            return None, client.said[-800:]
        return {'wall': wall, 'cpu': cpu, 'peak': peak,
                'ca': ca.requests()[0] - before[0],
                'api': len(zone.requests()) - before[1]}, ''
    finally:
        client.close()


def compare(stage, report, title, prepare=lambda zone: None, scene=None,
            dns=()):
    """A row for each client; the wall time of certd. dns: its settings."""
    rows, base = [], None
    clients.Certd.dns = dict(dns)
    for kind in clients.ALL:
        if not kind.is_there():
            continue
        zone = stage.zone()
        prepare(zone)
        m, said = counted(stage, zone, kind,
                          scene or clients.Scene(stage, stage.ca))
        zone.remove()
        if m is None:
            rows.append({'client': kind.name, 'wall (s)': 'failed', 'ratio': '',
                         'CPU (s)': '', 'memory (MiB)': '', 'to the CA': '',
                         'to Cloudflare': ''})
            print(said, file=sys.stderr)
            continue
        base = base or m['wall']
        rows.append({
            'client': kind.name, 'wall (s)': f'{m["wall"]:.2f}',
            'ratio': f'{m["wall"] / base:.1f}', 'CPU (s)': f'{m["cpu"]:.2f}',
            'memory (MiB)': f'{m["peak"]:.0f}', 'to the CA': m['ca'],
            'to Cloudflare': m['api']})
    report.table(title, rows)
    return base


def one(stage, report, most):
    compare(stage, report, 'One issuance (apex and wildcard, account known)')
    report.say('', 'certd waits 5 s after the name servers agree '
               '(propagation-settle), the others as long as they do by '
               'default; memory is that of all processes of certd, and of the '
               'largest one of the others.')


def distance(stage, report, most):
    """Everybody by the same relays: 50 ms to the CA and to the API."""
    near = stage.new_ca(many.FAST)
    ca, api = far.FarCa(stage, near), far.FarApi(stage)
    try:
        base = compare(
            stage, report, 'One issuance, 50 ms from CA and API, records show '
            'after 2 s', lambda zone: zone.lag(2, 2),
            clients.Scene(stage, ca, api), {'propagation-settle': '0s'})
    finally:
        ca.relay.close()
        api.relay.close()
        near.stop()
    need = len(far.CHAIN) * far.RTT + 2
    if not base:
        return
    report.say('', f'certd (propagation-settle = 0s) against what the protocol '
               f'needs: {len(far.CHAIN)} round trips of '
               f'{far.RTT * 1e3:.0f} ms, one after the other '
               f'({", ".join(far.CHAIN)}), and the 2 s of the name servers: '
               f'{need:.2f} s, so certd takes '
               f'{base / need - 1:.0%} more.')


SCENES = {'due': due, 'one': one, 'many': many.many, 'distance': distance,
          'zones': many.zones, 'growth': many.growth}


def main():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--most', type=int, default=10000,
                        help='the largest store, and number of issuances')
    parser.add_argument('scenes', nargs='*', default=list(SCENES))
    options = parser.parse_args()
    stage, report = Stage.attach(os.environ['STAGE']), Report()
    for name in options.scenes or SCENES:
        SCENES[name](stage, report, options.most)
        report.write()
    print(f'written to {FOLDER}/report.md')


if __name__ == '__main__':
    main()

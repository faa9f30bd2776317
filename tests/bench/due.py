"""Nothing is due: how long certctl renew takes to find that out, with what, at
any size of the store; and what an issuance costs beside so many."""

import concurrent.futures
import os
import shutil
import socket
import subprocess
import sys
import time

from stage import process

from . import clients, disk, lineages, machine, plot

COUNTS = (1, 100, 1000, 10000, 100000)
BESIDE = 100                    # issued in each store
PEER_SECONDS = 12
BESIDE_CPU = 'CPU for one issuance beside (ms)'


def listen(path):
    s = socket.socket(socket.AF_UNIX)
    s.bind(path)
    s.listen(16)
    return s


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
    sampler = machine.Sampler(manager.process.pid)
    try:
        return work(), sampler.end()
    finally:
        manager.stop()


def looked_at(certd):
    """certctl renew: at first, with certd started for it, again, and again."""
    manager = Activated(certd)
    cold, second, warm, used, peak = [], [], [], [], 0
    try:
        first, most = sampled(manager, manager.renew)
        for _ in range(5):
            cold.append(cold_of(manager))
            pids = [manager.process.pid, *process.children(
                manager.process.pid)]
            used.append(cpu(pids))
            peak = max(peak, sum(map(machine.pss, pids)))
            second.append(manager.renew())
            warm += [manager.renew() for _ in range(8)]
            manager.stop()
        peak = max(peak, sampled(manager, manager.renew)[1])
    finally:
        manager.close()
    return {'first look (s)': first, 'its memory (MiB)': most,
            'cold (ms)': min(cold) * 1e3, 'its CPU (ms)': min(used),
            'second (ms)': min(second) * 1e3, 'warm (ms)': min(warm) * 1e3,
            'memory (MiB)': peak}


def issued_beside(certd, zone, ca):
    """Milliseconds of our CPU for one issuance, and the same for a renewal,
    beside what the store has."""
    certd.write_config(ca.url, {'certd': {'idle-timeout': '1h'}})
    certd.start()
    try:
        certd.issue('first.' + zone.name, '*.first.' + zone.name)
        watch = machine.Watch(certd, ca)
        with concurrent.futures.ThreadPoolExecutor(64) as pool:
            bad = [d for d in pool.map(
                lambda i: certd.issue(f'b{i}.{zone.name}',
                                      f'*.b{i}.{zone.name}', timeout=600),
                range(BESIDE)) if d.code]
        m = watch.end(BESIDE)
    finally:
        certd.stop()
    if bad:
        print(bad[0], file=sys.stderr)
    return {'failed': len(bad), BESIDE_CPU:
            machine.each(m, machine.own_cpu(m)), 'memory then (MiB)':
            m['peak']}


def due_of(stage, count, ca):
    zone = stage.zone()
    certd = stage.certd(zone, label=f'due{count}', settings={
        'certd': {'idle-timeout': '1h'}})
    with disk.Large(certd.folder, count) as place:
        certd.store = place
        certd.write_config(None, {'certd': {'idle-timeout': '1h'}})
        os.makedirs(certd.store, exist_ok=True)
        lineages.fill(certd.store, count)
        row = {'lineages': count, **looked_at(certd),
               **issued_beside(certd, zone, ca)}
    zone.remove()
    return row


# ---- the others ----

def looked_by(client, count):
    """(wall, CPU) seconds in which a client has found out that nothing is due;
    None where it says something else, or takes too long."""
    client.fill(count)
    watch = machine.Watch()
    good = client.look(count, PEER_SECONDS)
    m = watch.end(count)
    if good:
        return m['wall'], m['here']['asking']
    print(f'{client.name}: {client.said[-800:]}', file=sys.stderr)
    return None


def peer_of(stage, kind, counts, ca):
    """{count: (wall, CPU)}, of the sizes that it can do in the time."""
    zone, found, client = stage.zone(), {}, None
    scene = clients.Scene(stage, ca, sleep=0, hurry=True)
    for count in counts:
        if client is None or not kind.needs_account:
            client = kind(scene, zone, f'due{count}')
        if not found and kind.needs_account and not client.issue():
            print(f'{kind.name}: {client.said[-800:]}', file=sys.stderr)
            break
        got = looked_by(client, count)
        if got is None:
            break
        found[count] = got
        if got[0] * 10 > PEER_SECONDS:
            break
    zone.remove()
    return found


def beside_peers(stage, report, rows, ca):
    """A row for each size, a column for each client."""
    counts = [r['lineages'] for r in rows]
    kinds = [k for k in clients.ALL[1:] if k.is_there()]
    found = {k.name: peer_of(stage, k, counts, ca) for k in kinds}
    table = []
    for ours in rows:
        base, row = ours['cold (ms)'] / 1e3, {'lineages': ours['lineages']}
        row['certd, cold'] = f'{base:.3f} s, CPU {ours["its CPU (ms)"]:.0f} ms'
        for name, got in found.items():
            wall, used = got.get(ours['lineages'], (None, None))
            row[name] = '' if wall is None else \
                f'{wall:.2f} s ({wall / base:.0f}×), CPU {used:.2f} s ' \
                f'({used * 1e3 / ours["its CPU (ms)"]:.0f}×)'
        table.append(row)
    report.table('Nothing is due, beside other clients', table)
    report.say('', 'certbot and dehydrated look at all in one run; lego and uacme '
               'are started once for each certificate, as their users do from '
               f'cron. Empty: would take longer than {PEER_SECONDS} s.')


# ---- the report ----

def shown(row):
    digits = {'lineages': 0, 'failed': 0, 'first look (s)': 2,
              'its memory (MiB)': 0, 'memory (MiB)': 0, 'memory then (MiB)': 0,
              BESIDE_CPU: 2}
    return {k: f'{v:.{digits.get(k, 1)}f}' for k, v in row.items()}


def over_one(rows, kind):
    """Microseconds for each lineage over what one alone takes, from 100 on."""
    base = rows[0][kind]
    return [(r['lineages'], max(r[kind] - base, 0.001) * 1e3 / r['lineages'])
            for r in rows if r['lineages'] >= 100]


def goals(report, found):
    if row := found.get(10000):
        report.most('nothing due, 10,000 lineages, cold', row['cold (ms)'], 50,
                    ' ms')
        report.most('the same, warm', row['warm (ms)'], 5, ' ms')
    if row := found.get(100000):
        report.most('nothing due, 100,000 lineages, cold', row['cold (ms)'],
                    500, ' ms')
        report.most('its memory', max(row['memory (MiB)'],
                                      row['its memory (MiB)']), 64, ' MiB')
        ratio = row[BESIDE_CPU] / found[100][BESIDE_CPU]
        report.goal('CPU of an issuance, beside 100,000 lineages',
                    'as beside 100', f'{ratio:.2f} of that', ratio < 1.25)


def plots(report, rows):
    plot.lines(report.path('due.svg'), 'Nothing due: certctl renew',
               'lineages', 'ms', {
                   kind: [(r['lineages'], r[f'{kind} (ms)']) for r in rows]
                   for kind in ('cold', 'second', 'warm')})
    plot.lines(report.path('due-each.svg'),
               'Nothing due: for one more lineage', 'lineages',
               'microseconds', {
                   kind: line for kind in ('cold', 'second')
                   if (line := over_one(rows, f'{kind} (ms)'))})
    plot.lines(report.path('due-memory.svg'), 'Nothing due: memory',
               'lineages', 'MiB', {
                   label: [(r['lineages'], r[kind]) for r in rows]
                   for label, kind in (('first look', 'its memory (MiB)'),
                                       ('later', 'memory (MiB)'))})
    plot.lines(report.path('beside.svg'),
               'One more certificate beside so many: CPU of certd',
               'lineages in the store', 'ms', {'issued': [
                   (r['lineages'], r[BESIDE_CPU])
                   for r in rows]})


def due(stage, report, most):
    rows, ca = [], stage.new_ca(clients.FAST)
    try:
        for count in [n for n in COUNTS if n <= most]:
            rows.append(due_of(stage, count, ca))
            print(rows[-1], file=sys.stderr, flush=True)
        report.table('Nothing is due', [shown(r) for r in rows])
        report.say('', 'First look: nothing is known of the store, each '
                   'certificate is read by certd-sign. Cold: certd is started '
                   'for it, as certd-renew.timer does. Second: asked again, it '
                   'looks at the files again, and sets watches. Warm: asked '
                   'more often; the kernel tells of changes. Memory: of all '
                   f'processes of certd. Beside: {BESIDE} new ones are issued, '
                   '64 at once, in the store of that size.')
        goals(report, {r['lineages']: r for r in rows})
        plots(report, rows)
        beside_peers(stage, report, rows, ca)
    finally:
        ca.stop()

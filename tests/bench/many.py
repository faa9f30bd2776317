"""Many issuances: how fast beside a load generator that only asks the CA, where
the time goes, what each zone costs at Cloudflare, and whether memory grows."""

import concurrent.futures
import json
import os
import subprocess
import sys
import time

from stage import process

from . import plot, stages

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
AT_ONCE = 64
ZONES, GROWN, ROUND = 40, 2000, 200
BARE_TRIES = 3

FAST = {'PEBBLE_WFE_NONCEREJECT': '0', 'PEBBLE_AUTHZREUSE': '0'}


def bare(stage, count):
    """What the CA can do: issuances a second. Pebble sometimes hangs under this
    load; then another one is asked."""
    for _ in range(BARE_TRIES):
        ca = stage.new_ca({**FAST, 'PEBBLE_VA_ALWAYS_VALID': '1'})
        try:
            done = subprocess.run(
                ['build/tests/loadgen', ca.url_by_address, ca.ca_file,
                 'bench.test', str(count), '32'], cwd=TOP, capture_output=True,
                text=True, timeout=600)
        finally:
            ca.stop()
        if done.returncode == 0:
            return json.loads(done.stdout)
        print(f'bare load: {done.stderr[-1000:]}', file=sys.stderr)
    sys.exit(f'no CA bore the bare load, in {BARE_TRIES} tries')


def others(ca):
    """CPU seconds of what is not ours, so far."""
    parts = {'pebble': 'CA', 'haproxy': 'CA', 'knotd': 'name servers'}
    used, tick = {}, os.sysconf('SC_CLK_TCK')
    space = os.readlink('/proc/self/ns/net')
    for pid in filter(str.isdigit, os.listdir('/proc')):
        try:
            same = os.readlink(f'/proc/{pid}/ns/net') == space
            with open(f'/proc/{pid}/cmdline', encoding='utf-8') as f:
                api = 'emulator.json' in f.read()
        except OSError:
            continue
        part = 'API' if api else parts.get(process.name(int(pid)))
        fields = part and same and process.stat(int(pid))
        if fields:
            used[part] = used.get(part, 0) + \
                (int(fields[11]) + int(fields[12])) / tick
    return used


def measured(certd, ca, zone, count, work, seen=()):
    """What work() costs for each of count certificates."""
    before, calls, first = ca.requests()[0], len(zone.requests()), len(seen)
    usage, rest, start = certd.usage(), others(ca), time.monotonic()
    failed = work()
    wall = time.monotonic() - start
    now, rest_now = certd.usage(), others(ca)
    return {'count': count, 'wall': wall, 'failed': failed,
            'cpu': {n: now[n][0] - usage[n][0] for n in now},
            'others': {n: s - rest.get(n, 0) for n, s in rest_now.items()},
            'stages': stages.means(seen, first),
            'peak': sum(k for _, k in now.values()) / 1024,
            'ca': (ca.requests()[0] - before) / count,
            'api': (len(zone.requests()) - calls) / count}


def own(stage, count):
    """certd, asked for each by a certctl of its own, all at once; then one
    certctl renews them all."""
    ca = stage.new_ca(FAST)
    zone = stage.zone(limit=100000)
    certd = stage.certd(zone, server=ca.url, settings={
        'acme': {'max-orders': str(AT_ONCE)},
        'dns': {'propagation-timeout': '300s'}})
    seen = stages.stamped(certd)
    certd.start()

    def issue_all():
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            bad = [d for d in pool.map(
                lambda i: certd.issue(f'm{i}.{zone.name}',
                                      f'*.m{i}.{zone.name}', timeout=900),
                range(count)) if d.code]
        if bad:
            print(bad[0], file=sys.stderr)
        return len(bad)

    def renew_all():
        done = certd.ctl('renew', '--force-renewal', '--no-directory-hooks',
                         timeout=900)
        if done.code:
            print(repr(done)[-2000:], file=sys.stderr)
        return int(done.code != 0)

    try:
        certd.issue('first.' + zone.name, '*.first.' + zone.name)
        return (measured(certd, ca, zone, count, issue_all, seen),
                measured(certd, ca, zone, count + 1, renew_all, seen))
    finally:
        certd.stop()
        ca.stop()
        zone.remove()


def row_of(kind, load, m):
    rate, most = m['count'] / m['wall'], load['certificates'] / load['seconds']
    return {'what': f'{m["count"]} {kind}', 'failed': m['failed'],
            'certd (1/s)': f'{rate:.1f}', 'bare load (1/s)': f'{most:.1f}',
            'share': f'{rate / most:.0%}',
            'CPU of certd (ms each)':
            f'{sum(m["cpu"].values()) / m["count"] * 1e3:.1f}',
            'memory (MiB)': f'{m["peak"]:.0f}',
            'to the CA (each)': f'{m["ca"]:.2f}',
            'to Cloudflare (each)': f'{m["api"]:.3f}'}


def cpu_of(m):
    parts = {**{n: m['cpu'].get(n, 0) for n in (
        'certd', 'certd-sign', 'certd-dns', 'acmew')}, **m['others']}
    return {n: f'{s / m["count"] * 1e3:.2f}' for n, s in parts.items()}


def many(stage, report, most):
    rows, results, flat = [], [], {'issued': [], 'renewed': []}
    for count in [n for n in (50, 200, 1000) if n <= most]:
        load = bare(stage, count)
        for kind, m in zip(flat, own(stage, count)):
            rows.append(row_of(kind, load, m))
            results.append(m)
            flat[kind].append((count,
                               float(rows[-1]['CPU of certd (ms each)'])))
            print(rows[-1], file=sys.stderr, flush=True)
    report.table(f'Many, {AT_ONCE} at once, apex and wildcard each', rows)
    report.table('Where the time goes: CPU, ms for each certificate', [
        {'what': r['what'], **cpu_of(m)} for r, m in zip(rows, results)])
    report.table('Where a job waits: ms in each stage, on average', [
        {'what': r['what'], **{
            s: f'{ms:.0f}' for s, ms in m['stages'].items()}}
        for r, m in zip(rows, results)])
    report.say('', 'The protocol needs 9 requests for two names: order, two '
               'authorizations, two challenges, finalize, order, certificate, '
               'and one look at an authorization or the order after the '
               'challenges; each further look is the CA not being ready. '
               'Issued: a certctl is started for each. Renewed: one certctl '
               'for all. CA, name servers and the API run on the same cores; '
               'the bare load has no challenges checked by them.')
    plot.lines(os.path.join(report.folder, 'many.svg'),
               'CPU time of certd for one certificate', 'certificates', 'ms',
               flat)


def zones(stage, report, most):
    """Each certificate in a zone of its own, that the token sees."""
    ca, own_zones = stage.new_ca(FAST), [stage.zone() for _ in range(ZONES)]
    zone = own_zones[0]
    zone.token = stage.token([z.name for z in own_zones])
    certd = stage.certd(zone, server=ca.url)
    certd.start()

    def issue_all():
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            return sum(d.code != 0 for d in pool.map(
                lambda z: certd.issue(z.name, '*.' + z.name, timeout=600),
                own_zones))
    try:
        m = measured(certd, ca, zone, ZONES, issue_all)
    finally:
        certd.stop()
        ca.stop()
        for z in own_zones:
            z.remove()
    report.table('A zone for each', [{
        'certificates': ZONES, 'failed': m['failed'],
        'to Cloudflare (each)': f'{m["api"]:.2f}',
        'to the CA (each)': f'{m["ca"]:.2f}'}])


def growth(stage, report, most):
    """The same certificates again and again; memory after each round."""
    ca, zone = stage.new_ca(FAST), stage.zone(limit=100000)
    certd = stage.certd(zone, server=ca.url, settings={
        'acme': {'max-orders': str(AT_ONCE), 'max-per-day': '0'}})
    certd.start()
    count, rows = 0, []
    try:
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            list(pool.map(lambda i: certd.issue(
                f'g{i}.{zone.name}', f'*.g{i}.{zone.name}', timeout=600),
                range(ROUND)))
        while count < min(GROWN, most):
            done = certd.ctl('renew', '--force-renewal',
                             '--no-directory-hooks', timeout=900)
            if done.code:
                sys.exit(f'growth: {done!r}')
            count += ROUND
            rows.append({'renewed': count, **{
                f'{n} (KiB)': process.status(p).get('VmRSS', '').split()[0]
                for n, p in sorted(certd.pids().items())}})
            print(rows[-1], file=sys.stderr, flush=True)
    finally:
        certd.stop()
        ca.stop()
        zone.remove()
    report.table('Memory over many issuances', rows)

"""Many issuances: how fast beside a load generator that only asks the CA, where
the time goes, and what each zone costs at Cloudflare."""

import concurrent.futures
import contextlib
import json
import os
import statistics
import subprocess
import sys

from . import clients, disk, machine, plot, stages

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
AT_ONCE = 64
COUNTS, ZONES = (50, 200, 1000), 40
TRIES = 3                       # of each load, and of each renewal
BARE_TRIES, BARE_SECONDS = 4, 60
GOAL = 0.9


# ---- the bare load ----

def loaded(stage, count, validated):
    """What the load generator costs the CA, or None where that hung: Pebble
    sometimes does under this load."""
    where = [stage.world['www_address']] if validated else []
    ca = stage.new_ca(clients.FAST if validated else {
        **clients.FAST, 'PEBBLE_VA_ALWAYS_VALID': '1'},
        resolver=where[0] if validated else None)
    load = subprocess.Popen(
        ['build/tests/loadgen', ca.url_by_address, ca.ca_file, 'bench.test',
         str(count), '32', *where], cwd=TOP, text=True, stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        load.stdout.readline()          # the keys are made
        watch = machine.Watch(None, ca)
        said, wrong = load.communicate('\n', timeout=BARE_SECONDS)
        m = watch.end(count)
    except subprocess.TimeoutExpired:
        said, wrong = '', f'no end after {BARE_SECONDS} s'
    finally:
        load.kill()
        load.wait()
        ca.stop()
    if not said:
        print(f'bare load: {wrong[-1000:]}', file=sys.stderr)
        return None
    told = json.loads(said)
    # What it did before the clock started is not the load's.
    m['own'], m['here']['asking'] = {'load generator': told['cpu']}, 0
    m['wall'] = told['seconds']
    return m


def bare(stage, count, validated=False):
    for _ in range(BARE_TRIES):
        if (m := loaded(stage, count, validated)) is not None:
            return m
    sys.exit(f'no CA bore the bare load, in {BARE_TRIES} tries')


# ---- certd ----

def issue_all(certd, zone, prefix, count):
    """All at once, each by a certctl of its own. xargs starts them, because Python
    needs more of the processors for that than certd for all the rest."""
    names = [f'{prefix}{i}.{zone.name}' for i in range(count)]
    done = subprocess.run(
        ['xargs', '-P', str(AT_ONCE), '-L', '1', certd.program('certctl'),
         '--socket', os.path.join(certd.runtime, 'control.sock'), 'issue',
         '--quiet', '-d'], text=True, capture_output=True, timeout=900,
        check=False, input=''.join(f'{n} -d *.{n}\n' for n in names))
    missing = [n for n in names if not os.path.exists(certd.live(n))]
    return missing or ([done] if done.returncode else [])


def renew_all(certd):
    """One certctl renews all there is."""
    done = certd.ctl('renew', '--force-renewal', '--no-directory-hooks',
                     timeout=900)
    return [] if done.code == 0 else [done]


def measured(certd, ca, zone, count, work, seen):
    first, watch = len(seen), machine.Watch(certd, ca, [zone])
    bad = work()
    m = watch.end(count)
    if bad:
        print(repr(bad[0])[-2000:], file=sys.stderr)
    return {**m, 'failed': len(bad), 'stages': stages.means(seen, first)}


@contextlib.contextmanager
def scene(stage):
    """certd, not started, with a CA, a zone and a disk of its own."""
    ca, zone = stage.new_ca(clients.FAST), stage.zone()
    with disk.Fresh(os.path.join(stage.folder_for('fresh'), 'd')) as place:
        certd = stage.certd(zone, server=ca.url, folder=place, settings={
            'acme': {'max-orders': str(AT_ONCE), 'max-per-day': '0'},
            'dns': {'propagation-timeout': '300s'}})
        try:
            yield certd, ca, zone
        finally:
            certd.stop()
            ca.stop()
            zone.remove()


def own(stage, count, tries):
    """Issued once, and renewed so many times."""
    with scene(stage) as (certd, ca, zone):
        seen = stages.stamped(certd)
        certd.start()
        certd.issue('first.' + zone.name, '*.first.' + zone.name)
        issued = measured(certd, ca, zone, count, lambda: issue_all(
            certd, zone, 'm', count), seen)
        renewed = [measured(certd, ca, zone, count + 1, lambda: renew_all(
            certd), seen) for _ in range(tries)]
        return issued, renewed


# ---- the report ----

def rate(m):
    return m['count'] / m['wall']


def middle(tries):
    """The one with the median rate."""
    return sorted(tries, key=rate)[(len(tries) - 1) // 2]


def rates(tries):
    """The median, and each where there are several."""
    text = f'{statistics.median(map(rate, tries)):.1f}'
    return text if len(tries) == 1 else \
        f'{text} ({", ".join(f"{rate(m):.1f}" for m in tries)})'


def row_of(kind, tries, loads):
    m = middle(tries)
    share = {name: rate(m) / rate(middle(load))
             for name, load in loads.items()}
    return {'what': f'{m["count"]} {kind}',
            'failed': sum(t['failed'] for t in tries),
            'certd (1/s)': rates(tries),
            **{f'{name} (1/s)': rates(load) for name, load in loads.items()},
            **{f'share of {name}': f'{s:.0%}' for name, s in share.items()},
            'memory (MiB)': f'{max(t["peak"] for t in tries):.0f}',
            'to the CA (each)': f'{m["requests"]["ca"] / m["count"]:.2f}',
            'to Cloudflare (each)': f'{m["requests"]["api"] / m["count"]:.3f}'}


def processes(what, m):
    parts = {**{n: m['own'].get(n, 0) for n in machine.OURS},
             'certctl': m['here']['asking']}
    return {'what': what, **{
        n: f'{machine.each(m, s):.2f}' for n, s in parts.items()},
        'together': f'{machine.each(m, sum(parts.values())):.2f}'}


def where_it_goes(report, results):
    rows = []
    for what, m in results:
        parts = machine.shares(m)
        rows.append({'what': what, **{n: f'{ms:.2f}' for n, ms in parts.items()},
                     'all': f'{sum(parts.values()):.2f}'})
    report.table('Where the time goes: ms of processors for each certificate',
                 rows)


def missing(load_name, load, m):
    """What stands between us and the goal, in numbers."""
    parts, bare_parts = machine.shares(m), machine.shares(load)
    have, goal = sum(parts.values()), sum(bare_parts.values()) / GOAL
    ours, idle = parts['client'], parts['idle'] + parts['waiting for the disk']
    rest = have - ours - idle
    return (f'To {GOAL:.0%} of the {load_name}: that leaves {goal:.2f} ms of all '
            f'processors for each certificate, and {have:.2f} were used: '
            f'{rest:.2f} by what is not ours (the CA {parts["CA"]:.2f}, where '
            f'the {load_name} costs it {bare_parts["CA"]:.2f}), {ours:.2f} by '
            f'certd, {idle:.2f} idle or waiting for the disk. '
            f'Missing: {max(0, have - goal):.2f} ms. If ours cost nothing: '
            f'{machine.CORES * 1e3 / (have - ours):.0f} a second; if nothing '
            f'were idle: {machine.CORES * 1e3 / (have - idle):.0f}; both: '
            f'{machine.CORES * 1e3 / rest:.0f}; the goal is '
            f'{rate(load) * GOAL:.0f}.')


NOTE = ('{0} under way at once. Where there were several tries, the median and '
        'each of them. Issued: a certctl is started for each, which is the '
        'column certctl. Renewed: one certctl for all. The protocol needs 9 '
        'requests for two names: order, two authorizations, two challenges, '
        'finalize, order, certificate, and one look at an authorization or the '
        'order after the challenges; each further look is the CA not being '
        'ready; account and directory are known. Bare load: plays these '
        'requests with keys and CSRs made beforehand, to a CA that takes every '
        'challenge as answered. Validated load: the same, with challenges that '
        'the CA really looks up, from a name server inside the load generator. '
        'haproxy stands before the CA for all, certd, load and other clients: '
        'without it Pebble hangs.')


def goals(report, issued, renewed, loads):
    last = middle(renewed)
    for kind, m in (('issued', issued), ('renewed', last)):
        share = rate(m) / rate(middle(loads['bare load']))
        report.goal(f'{m["count"]} {kind}', f'{GOAL:.0%} of the bare load',
                    f'{share:.0%}', share >= GOAL)
    report.most(f'memory with {AT_ONCE} orders under way', max(
        m['peak'] for m in (issued, *renewed)), 64, ' MiB')
    report.goal('requests for each', 'at least 9 are needed',
                f'{last["requests"]["ca"] / last["count"]:.2f}',
                last['requests']['ca'] / last['count'] < 9.5)
    report.most('connections to the CA meanwhile',
                last['requests']['connections'], 1)
    report.most(f'newNonce meanwhile: where {AT_ONCE} begin at once',
                last['requests']['nonces'], AT_ONCE)
    report.most('calls to Cloudflare, few zones',
                last['requests']['api'] / last['count'], 0.1)


def many(stage, report, most):
    rows, results, flat = [], [], {'issued': [], 'renewed': []}
    for count in [n for n in COUNTS if n <= most]:
        loads = {'bare load': [bare(stage, count) for _ in range(TRIES)],
                 'validated load': [bare(stage, count, True)
                                    for _ in range(TRIES)]}
        issued, renewed = own(stage, count, TRIES)
        for kind, found in (('issued', [issued]), ('renewed', renewed)):
            rows.append(row_of(kind, found, loads))
            print(rows[-1], file=sys.stderr, flush=True)
            m = middle(found)
            results.append((rows[-1]['what'], m))
            flat[kind].append((count, machine.each(m, machine.own_cpu(m))))
        results += [(f'{count} of the {name}', middle(found))
                    for name, found in loads.items()]
    if not rows:
        return
    if count == COUNTS[-1]:
        goals(report, issued, renewed, loads)
    report.table('Many, apex and wildcard each', rows)
    report.say('', NOTE.format(AT_ONCE))
    where_it_goes(report, results)
    last = middle(renewed)
    report.say('', 'client: certd\'s processes, or the load generator. asking: '
               'certctl. measuring: this program. kernel and others: what no '
               'process is charged for, the disk\'s threads among them.')
    for name, found in loads.items():
        report.say('', missing(name, middle(found), last))
    report.table('Of that, certd: CPU, ms for each certificate', [
        processes(what, m) for what, m in results if 'stages' in m])
    report.table('Where a job waits: ms in each stage, on average', [
        {'what': what, **{s: f'{ms:.0f}' for s, ms in m['stages'].items()}}
        for what, m in results if 'stages' in m])
    report.flat = flat
    plot.lines(report.path('many.svg'),
               'CPU time of certd for one certificate', 'certificates', 'ms',
               flat)


def zones(stage, report, most):
    """Each certificate in a zone of its own, that the token sees."""
    ca = stage.new_ca(clients.FAST)
    own_zones = [stage.zone() for _ in range(ZONES)]
    zone = own_zones[0]
    zone.token = stage.token([z.name for z in own_zones])
    certd = stage.certd(zone, server=ca.url)
    certd.start()

    def issue():
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            return [d for d in pool.map(
                lambda z: certd.issue(z.name, '*.' + z.name, timeout=600),
                own_zones) if d.code]
    try:
        m = measured(certd, ca, zone, ZONES, issue, [])
    finally:
        certd.stop()
        ca.stop()
        for z in own_zones:
            z.remove()
    report.most('calls to Cloudflare, a zone for each',
                m['requests']['api'] / ZONES, 4)
    report.table('A zone for each', [{
        'certificates': ZONES, 'failed': m['failed'],
        'to Cloudflare (each)': f'{m["requests"]["api"] / ZONES:.2f}',
        'to the CA (each)': f'{m["requests"]["ca"] / ZONES:.2f}'}])

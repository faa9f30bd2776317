"""Ten thousand issuances by one certd: what each thousand costs, whether memory
grows, and how near to Cloudflare's limit it comes."""

import bisect
import statistics
import sys

from . import machine, many, plot

ROUND, ALL = 1000, 10000
SECONDS_MAX = 200               # a slow machine does fewer
LIMIT, WINDOW = 1200, 300       # Cloudflare's: calls, seconds


def memory_of(certd):
    """KiB of each process."""
    return {n: machine.pss(p) * 1024 for n, p in certd.pids().items()}


def slope(points):
    """KiB for each further thousand, by least squares."""
    if len(points) < 2:
        return 0.0
    return statistics.linear_regression(
        [n / 1000 for n, _ in points], [kib for _, kib in points]).slope


def most_calls(zone):
    """In any five minutes."""
    times = sorted(zone.times())
    return max((i + 1 - bisect.bisect_right(times, t - WINDOW)
                for i, t in enumerate(times)), default=0)


def rounds(certd, ca, zone, size, most):
    """What each round cost, with the memory after it: the first is issued, the
    others renew what there is."""
    found, seconds, count = [], 0, 0
    while count < most and seconds < SECONDS_MAX:
        work = (lambda: many.renew_all(certd)) if found else \
            (lambda: many.issue_all(certd, zone, 'g', size))
        m = many.measured(certd, ca, zone, size, work, [])
        seconds, count = seconds + m['wall'], count + size
        found.append({**m, 'so far': count, 'memory': memory_of(certd)})
        print(count, f'{many.rate(m):.1f}/s', found[-1]['memory'],
              file=sys.stderr, flush=True)
        if m['failed']:
            break
    return found


def row_of(m):
    memory = m['memory']
    return {'so far': m['so far'], 'failed': m['failed'],
            'a second': f'{many.rate(m):.1f}',
            'CPU of certd (ms each)':
            f'{machine.each(m, machine.own_cpu(m)):.2f}',
            'to the CA (each)': f'{m["requests"]["ca"] / m["count"]:.2f}',
            'to Cloudflare (each)':
            f'{m["requests"]["api"] / m["count"]:.3f}',
            **{f'{n} (KiB)': f'{k:.0f}' for n, k in sorted(memory.items())},
            'all (KiB)': f'{sum(memory.values()):.0f}'}


def verdict(found):
    half = found[len(found) // 2:]
    names = sorted(found[0]['memory'])
    each = {n: slope([(m['so far'], m['memory'][n]) for m in half])
            for n in names}
    return (f'Memory is what each process has after the round, what two share '
            f'counted once. Over the last half, {half[0]["so far"]} to '
            f'{half[-1]["so far"]}, all together grow by '
            f'{sum(each.values()):+.0f} KiB for each 1,000 issuances (least '
            'squares): ' + ', '.join(f'{n} {k:+.0f}' for n, k in each.items())
            + '.')


def growth(stage, report, most):
    size = min(ROUND, max(1, most // 10))
    with many.scene(stage) as (certd, ca, zone):
        certd.start()
        found = rounds(certd, ca, zone, size, min(ALL, most))
        calls = most_calls(zone)
    goals(report, found, calls)
    report.table('Many, again and again', [row_of(m) for m in found])
    report.say('', f'{size} are issued, then renewed again and again by the '
               'same processes. ' + verdict(found),
               '', f'Calls to Cloudflare in any five minutes: at most {calls}; '
               f'its limit is {LIMIT}.')
    plots(report, found)


def goals(report, found, calls):
    half = found[len(found) // 2:]
    sums = [(m['so far'], sum(m['memory'].values())) for m in half]
    more = slope(sums)
    report.goal(f'growth of memory over the last {half[-1]["so far"]} - '
                f'{half[0]["so far"]} issuances', 'none',
                f'{more:+.0f} KiB for each 1,000, of {sums[-1][1]:.0f}',
                more < sums[-1][1] / 200)
    own = [machine.each(m, machine.own_cpu(m)) for m in found[1:]]
    if len(own) > 1:
        report.goal(f'CPU of renewal {found[-1]["so far"]}', 'as at first',
                    f'{own[-1] / own[0]:.2f} of that', own[-1] < own[0] * 1.25)
    report.most('calls to Cloudflare in any five minutes', calls, LIMIT)


def plots(report, found):
    names = [n for n in sorted(found[0]['memory']) if n != 'certd-hook']
    plot.lines(report.path('growth.svg'),
               'Memory over many issuances', 'issuances', 'KiB',
               {n: [(m['so far'], m['memory'][n]) for m in found]
                for n in names}, may_be_log=False)
    plot.lines(report.path('each.svg'),
               'CPU of certd for one certificate', 'certificates', 'ms',
               {**report.flat, 'over the soak': [
                   (m['so far'], machine.each(m, machine.own_cpu(m)))
                   for m in found]})

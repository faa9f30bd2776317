"""One issuance, fifty, and a thousand, beside the other clients: near, and 50 ms
from CA and API with records that show after 2 s. What a client takes is told as a
multiple of what certd takes."""

import sys
import time

from . import clients, far, machine, many

FIFTY, THOUSAND = 50, 1000
SECONDS = 12                    # for the fifty of a client that goes one by one
LAG = 2


def of_client(client, ca, zone, work):
    """What each of the certificates costs that work() gets: it returns how
    many, 0 where one failed."""
    own = getattr(client, 'certd', None)
    client.peak = 0
    watch = machine.Watch(own, ca, [zone])
    done = work()
    m = watch.end(done or 1)
    if not done:
        print(f'{client.name}: {client.said[-1500:]}', file=sys.stderr)
        return None
    return {'count': done, 'wall': m['wall'] / done,
            'cpu': (machine.own_cpu(m) + m['here']['asking']) / done,
            'peak': m['peak'] if own else client.peak,
            'ca': m['requests']['ca'] / done, 'api': m['requests']['api'] / done}


def one(client, ca, zone):
    """The account is there; so are the connections of who keeps some."""
    return of_client(client, ca, zone,
                     lambda: int(client.issue('one.' + zone.name)))


def one_by_one(client, ca, zone, count):
    """As many of them as fit into the time."""
    def work():
        done, deadline = 0, time.monotonic() + SECONDS
        while done < count and time.monotonic() < deadline:
            if not client.issue(f'p{done}.{zone.name}'):
                return 0
            done += 1
        return done
    return of_client(client, ca, zone, work)


def at_once(client, ca, zone, count):
    def work():
        bad = many.issue_all(client.certd, zone, f'p{count}x', count)
        client.said = repr(bad[:1])
        return count - len(bad)
    return of_client(client, ca, zone, work)


def of_kind(kind, scene, zone, ca, most):
    """{how many: what each cost}; that of a failure is None."""
    client = kind(scene, zone, 'peer')
    try:
        # The account, and whatever else is made once. A second try is granted.
        if not (client.issue() or client.issue()):
            print(f'{kind.name}: {client.said[-1500:]}', file=sys.stderr)
            return {1: None, FIFTY: None}
        found = {1: one(client, ca, zone)}
        if kind is clients.Certd:
            for count in (FIFTY, THOUSAND):
                if count <= most:
                    found[count] = at_once(client, ca, zone, count)
        elif found[1] and FIFTY <= most:
            # What takes that long once is as long each time.
            found[FIFTY] = found[1] if found[1]['wall'] > SECONDS / 3 else \
                one_by_one(client, ca, zone, FIFTY)
        return found
    finally:
        client.close()


def beside(value, base, digits):
    """With how many times as much as certd's it is."""
    if not base or value == base:
        return f'{value:.{digits}f}'
    times = value / base
    return f'{value:.{digits}f} ({times:.{0 if times >= 10 else 1}f}×)'


COLUMNS = (('seconds', 'wall', 3), ('CPU (s)', 'cpu', 3),
           ('memory (MiB)', 'peak', 0), ('to the CA', 'ca', 1),
           ('to Cloudflare', 'api', 2))


def row_of(name, m, base):
    if m is None:
        return {'client': name, 'certificates': 'failed', 'a second': '',
                **{title: '' for title, _, _ in COLUMNS}}
    return {'client': name, 'certificates': m['count'],
            'a second': f'{1 / m["wall"]:.{1 if m["wall"] < 1 else 2}f}',
            **{title: beside(m[key], base and base[key], digits)
               for title, key, digits in COLUMNS}}


def tables(report, found, where):
    """found: {client: {how many: what each cost}}."""
    counts = sorted({n for f in found.values() for n in f})
    for count in counts:
        base = found.get('certd', {}).get(count)
        rows = [row_of(name, f[count], base)
                for name, f in found.items() if count in f]
        title = 'One issuance' if count == 1 else f'{count} issuances'
        report.table(f'{title}, {where}: for each certificate', rows)


def all_of(stage, scene, ca, most, lag=0):
    found = {}
    for kind in clients.ALL:
        if not kind.is_there():
            continue
        zone = stage.zone()
        if lag:
            zone.lag(lag, lag)
        found[kind.name] = of_kind(kind, scene, zone, ca, most)
        zone.remove()
        print(kind.name, found[kind.name], file=sys.stderr, flush=True)
    return found


NOTE = ('Apex and wildcard, the account known; each client with its own waits as '
        'short as the scene lets them be: certd with propagation-settle = 0s '
        '(5 s otherwise), certbot and the hooks of uacme and dehydrated with '
        '{} s of sleep (10 s is certbot\'s default), lego without its pause of '
        '60 s between two challenges. certd is asked for all at once, by a '
        'certctl each, and has 64 orders under way; the others go one after '
        'another, which is how they work, as many of the fifty as they do in '
        '{} s: that is also their rate for a thousand. Memory is the most that '
        'all processes of a client had at one time, what they share counted '
        'once; CPU that of all of them.')


def near(stage, report, most):
    ca = stage.new_ca(clients.FAST)
    clients.Certd.dns = {'propagation-settle': '0s'}
    try:
        found = all_of(stage, clients.Scene(stage, ca, sleep=0, hurry=True), ca,
                       most)
    finally:
        ca.stop()
    tables(report, found, 'near')
    report.say('', NOTE.format(0, SECONDS))


def distance(stage, report, most):
    """Everybody by the same relays."""
    ca = stage.new_ca(clients.FAST)
    relayed, api = far.FarCa(stage, ca), far.FarApi(stage)
    clients.Certd.dns = {'propagation-settle': '0s'}
    try:
        found = all_of(stage, clients.Scene(
            stage, relayed, api, sleep=LAG + 1, hurry=True), ca, most, LAG)
    finally:
        relayed.relay.close()
        api.relay.close()
        ca.stop()
    tables(report, found, f'{far.RTT * 1e3:.0f} ms from CA and API, records show '
           f'after {LAG} s')
    report.say('', NOTE.format(LAG + 1, SECONDS))
    if found['certd'][1]:
        wall = found['certd'][1]['wall']
        report.most('one issuance at a distance, beyond what it has to wait '
                    'for', (wall / needed() - 1) * 100, 15, ' %')
        report.say('', *derivation(wall))


def needed():
    return sum(far.CHAIN.values()) * far.RTT + LAG


def derivation(wall):
    """What one issuance has to wait for, line by line, and what it took."""
    need = needed()
    return ['What one issuance has to wait for, one after the other (sections '
            'of RFC 8555):', '',
            *(f'{i}. {step}: {trips * far.RTT * 1e3:.0f} ms'
              for i, (step, trips) in enumerate(far.CHAIN.items(), 1)),
            f'{len(far.CHAIN) + 1}. the name servers: {LAG * 1e3:.0f} ms', '',
            f'Together {need:.2f} s; certd took {wall:.2f} s, '
            f'{wall / need - 1:.0%} more.']

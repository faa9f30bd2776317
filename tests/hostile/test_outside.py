"""Those outside who are hostile: a CA, Cloudflare, name servers. The programs are
the real ones, an honest worker among them, and what is said to them is not. After
each scene: the message names the stage, nothing is stored, nothing is left in DNS,
and certd serves. At the end it issues from an honest CA."""

import itertools
import json
import os
import re
import time

import pytest

from stage import dnsfake
from stage.proxy import Proxy

from .wire import PATIENCE

PROBLEM = {'Content-Type': 'application/problem+json'}
ESCAPES = '\x1b]0;owned\x07\x1b[2J\x1b[31m\r\n\u202eexample\u2028\x9b1m\x7f'
NUMBERS = itertools.count()


@pytest.fixture(scope='module')
def shared_zone(stage):
    zone = stage.zone()
    yield zone
    zone.remove()


@pytest.fixture(scope='module')
def served(stage, shared_zone):
    """A certd for all scenes of this worker; it must have outlived them."""
    with stage.certd(shared_zone, label='outside') as certd:
        yield certd
        done = certd.issue('honest.' + shared_zone.name)
        assert done.code == 0, done
        verified = certd.ctl('audit', '--verify')
        assert verified.code == 0, verified


def nothing_left(certd, zone, name):
    left = [os.path.join(folder, n) for folder, folders, files in
            os.walk(certd.store) for n in folders + files if name in n]
    assert not left, left
    deadline = time.monotonic() + PATIENCE
    while zone.records() or certd.staged():
        assert time.monotonic() < deadline, (zone.records(), certd.staged())
        time.sleep(0.1)
    assert certd.ctl('status').code == 0


def fails(certd, zone, attempts, kind, told, server=None, options=()):
    """Issuing ends with a message that has one of told in it, and nothing has
    changed; returns what certctl said."""
    name = f's{next(NUMBERS)}.{zone.name}'
    if server:
        options = ['--server', server, *options]
    done = certd.issue(name, options=options, timeout=300)
    assert done.code == 1, done
    assert any(t in done.err for t in told), done
    assert len(done.err) < 8192, len(done.err)
    for text in (done.text, certd.log()):
        assert not re.search('[\0-\x08\x0b-\x1f\x7f-\x9f\u2028\u202e]', text), \
            repr(text)
    nothing_left(certd, zone, name)
    attempts[kind, 'job failed'] += 1
    return done


# ---- a CA ----

def edited(**more):
    """An edit that puts fields into the answer; a function makes one of what
    was there."""
    def edit(text):
        try:
            answer = json.loads(text)
        except ValueError:
            return text
        for key, value in more.items():
            if key in answer:
                answer[key] = value(answer[key]) if callable(value) else value
        return json.dumps(answer)
    return edit


def foreign(n, port, other):
    """URLs that lead away, one after the other."""
    return [f'https://fake.stage.test:{other}/x', 'javascript:alert(1)',
            f'https://fake.stage.test:{port}@evil.test/x',
            f'https://evil.test:{port}/x', f'http://fake.stage.test:{port}/x',
            f'https://fake.stage.test.evil.test:{port}/x',
            'file:///etc/passwd', f'//fake.stage.test:{other}/x', '',
            f'https://fake.stage.test:{port}/\x1b]0;x\x07\r\nX: y',
            f'https://fake.stage.test:{port}/' + 'a' * 20000,
            f'https://fake.stage.test:{port}\\@evil.test/x'][n % 12]


PLACES = {                      # where a URL is, what makes it, what is told
    'newNonce': ('^/dir$', 'newNonce', ['directory', 'nonce']),
    'newAccount': ('^/dir$', 'newAccount', ['directory', 'account']),
    'newOrder': ('^/dir$', 'newOrder', ['directory', 'order']),
    'account': ('/sign-me-up', 'Location', ['account']),
    'order': ('/order-plz', 'Location', ['order']),
    'authorization': ('/order-plz', 'authorizations', ['order', 'authoriz']),
    'finalize': ('/order-plz|/my-order/', 'finalize', ['order', 'finalize']),
    'challenge': ('/authZ/', 'challenges', ['order', 'for answer',
                                            'challenge']),
    'certificate': ('/finalize-order/|/my-order/', 'certificate',
                    ['certificate', 'download']),
}


def led_away(key, url):
    if key == 'Location':
        # A header cannot hold what ends it; the others can.
        return {'headers': {'Location': re.sub('[\r\n]', '', url)}}
    if key == 'authorizations':
        return {'edit': edited(authorizations=[url])}
    if key == 'challenges':
        return {'edit': edited(challenges=lambda all_: [
            {**c, 'url': url} for c in all_])}
    return {'edit': edited(**{key: url})}


@pytest.mark.parametrize('place', PLACES)
def test_ca_leads_away(stage, shared_zone, served, attempts, place):
    """Nobody else hears a request, whatever stands where a URL should."""
    path, key, told = PLACES[place]
    first = list(PLACES).index(place) * 4
    with Proxy(stage) as other:
        for n in range(first, first + 4):
            with Proxy(stage) as ca:
                url = foreign(n, ca.port, other.port)
                ca.rules.append({'path': path, **led_away(key, url)})
                fails(served, shared_zone, attempts, 'CA: URL', told, ca.url)
                assert ca.rules[0].get('struck'), url
        assert other.requests == []


def many_authorizations(text):
    order = json.loads(text)
    url, = order['authorizations']
    return json.dumps({**order, 'authorizations': [
        f'{url}{n}' for n in range(1000)]})


def tokens(token):
    return edited(challenges=lambda all_: [
        {**c, 'token': token} for c in all_])


ID = {'type': 'dns', 'value': 'evil.test'}
ORDER, AUTHZ = '/order-plz|/my-order/', '/authZ/'
STORIES = {
    '1,000 authorizations': (ORDER, many_authorizations, ['order']),
    'no authorization': (ORDER, edited(authorizations=[]), ['order']),
    'one twice': (ORDER, edited(authorizations=lambda a: a * 2), ['order']),
    'another name': (ORDER, edited(identifiers=[ID]), ['evil.test']),
    'a name more': (ORDER, edited(identifiers=lambda i: [*i, ID]),
                    ['asked for']),
    'a name twice': (ORDER, edited(identifiers=lambda i: i * 2), ['order']),
    'an authorization of another': (AUTHZ, edited(identifier=ID),
                                    ['evil.test']),
    'a name with escapes': (AUTHZ, edited(identifier={
        'type': 'dns', 'value': ESCAPES}), ['not asked for']),
    'no challenge': (AUTHZ, edited(challenges=[]), ['dns-01', 'challenge']),
    '10,000 challenges': (AUTHZ, edited(challenges=lambda c: [
        {'type': f'x-{n}', 'url': c[0]['url'], 'status': 'pending',
         'token': 'A' * 43} for n in range(10000)]), ['order', 'challenge']),
    'token ../': (AUTHZ, tokens('../../../../etc/passwd-and-more'), ['token']),
    'token too long': (AUTHZ, tokens('A' * 9999), ['token']),
    'token empty': (AUTHZ, tokens(''), ['token']),
    'token of a shell': (AUTHZ, tokens('$(reboot)`reboot`;reboot&reboot'),
                         ['token']),
    'token of bytes': (AUTHZ, tokens(ESCAPES * 4), ['token']),
    'token no text': (AUTHZ, tokens({'a': 1}), ['token']),
    'a deep answer': (ORDER, lambda _: '[' * 200000 + ']' * 200000, ['order']),
    'all of it lists': (ORDER, edited(status=[], finalize={}), ['order']),
    'status with escapes': (ORDER, edited(status=ESCAPES), ['order']),
}


@pytest.mark.parametrize('story', STORIES)
def test_ca_tells_stories(stage, shared_zone, served, attempts, story):
    path, edit, told = STORIES[story]
    with Proxy(stage, {'path': path, 'method': 'POST', 'edit': edit}) as ca:
        fails(served, shared_zone, attempts, 'CA: story', told, ca.url)
        assert ca.rules[0].get('struck')
        assert ca.count() < 200, ca.count()


@pytest.mark.parametrize('place', ['/sign-me-up', '/order-plz', '/authZ/',
                                   '/finalize-order/'])
def test_ca_with_a_problem(stage, shared_zone, served, attempts, place):
    """10 MB of it, and with what a terminal would obey everywhere."""
    inner = {'type': 'urn:ietf:params:acme:error:' + ESCAPES,
             'detail': ESCAPES + 'the end', 'identifier': {
                 'type': 'dns', 'value': ESCAPES}}
    for body in (
            {'type': 'urn:x', 'detail': 'x' * (10 << 20), 'status': 403},
            {**inner, 'subproblems': [inner] * 100, 'status': 403,
             'title': ESCAPES, 'instance': ESCAPES}):
        with Proxy(stage, {'path': place, 'method': 'POST', 'status': 403,
                           'headers': {**PROBLEM, 'Replay-Nonce': 'abcdefgh'},
                           'body': json.dumps(body)}) as ca:
            fails(served, shared_zone, attempts, 'CA: problem',
                  ['account', 'order', 'certificate', 'authoriz'], ca.url)


def test_ca_with_the_certificate_of_somebody_else(
        stage, shared_zone, served, attempts):
    """A good one of the same CA, for another name and key."""
    seen = []
    name = f'victim{next(NUMBERS)}.{shared_zone.name}'
    with Proxy(stage, {'path': '/certZ/', 'edit': lambda text: (
            seen.append(text), text)[1]}) as ca:
        done = served.issue(name, options=['--server', ca.url])
        assert done.code == 0, done
        ca.rules[:] = [{'path': '/certZ/', 'edit': lambda _: seen[0]}]
        fails(served, shared_zone, attempts, 'CA: certificate',
              ['certificate'], ca.url)


@pytest.mark.parametrize('links', ['foreign', 'itself', 'many'])
def test_ca_with_links_without_end(stage, shared_zone, served, attempts, links):
    """Other chains are looked for; the search ends, and the chain that the CA
    offers by itself is taken."""
    name = f'link{next(NUMBERS)}.{shared_zone.name}'
    with Proxy(stage) as ca, Proxy(stage) as other:
        urls = {'foreign': [foreign(n, ca.port, other.port)
                            for n in (0, 1, 2, 3, 6)],
                'itself': [f'https://fake.stage.test:{ca.port}/certZ/x'],
                'many': [f'https://fake.stage.test:{ca.port}/certZ/{n}'
                         for n in range(900)]}[links]
        ca.rules.append({'path': '/certZ/', 'headers': {
            'Link': ', '.join(f'<{u}>;rel="alternate"' for u in urls)}})
        done = served.issue(name, options=[
            '--server', ca.url, '--preferred-chain', 'Nobody'], timeout=300)
        assert done.code == 0, done
        assert ca.count('/certZ/') < 30, ca.count('/certZ/')
        assert other.requests == []
    assert shared_zone.records() == []
    attempts['CA: links', 'in vain'] += len(urls)


# ---- Cloudflare ----

STRANGE_IDS = ['../../zones', 'a/../../x', '%2e%2e%2f', '?x=1', '', 'x' * 4096,
               ESCAPES, 7, None, ['a'], {'a': 1}]


def zone_answer(**more):
    """The list of zones, with these fields in each."""
    def edit(text):
        answer = json.loads(text)
        for zone in answer.get('result') or []:
            zone.update(more)
        return json.dumps(answer)
    return edit


@pytest.fixture
def victim(stage, zone):
    """A zone that the same token may edit, with a record in it."""
    other = stage.zone()
    stage.cloudflare.control('token', token=zone.token,
                             zones=[zone.name, other.name])
    stage.cloudflare.control('record_add', zone=other.name, content='"victim"',
                             name='_acme-challenge.' + other.name)
    before = other.records()
    yield other
    assert other.records() == before
    other.remove()


def asked_of(api, number):
    """Requests about anything but zones in general and this one."""
    return [p for _, p in api.requests if not re.fullmatch(
        r'/client/v4/zones(\?.*|/%s(/dns_records.*)?)' % number, p)]


def test_cloudflare_with_other_zones(
        stage, zone, victim, new_certd, attempts):
    """Another zone's name, its number, numbers that are paths, thousands of
    zones, names that lie elsewhere: no request goes anywhere else. That there is
    no zone is remembered for a while, so each answer is about another one."""
    with Proxy(stage, upstream='api') as api:
        certd = new_certd(settings={'dns': {'api-url': api.api_url}})
        edits = [zone_answer(name=victim.name), zone_answer(name='test'),
                 zone_answer(name=ESCAPES), zone_answer(name=[zone.name]),
                 *[zone_answer(id=i) for i in STRANGE_IDS],
                 lambda _: json.dumps({'success': True, 'errors': [],
                                       'result': [{'id': 'a' * 32, 'name':
                                                   f'z{n}.test'}
                                                  for n in range(50000)]})]
        for edit in edits:
            mine = stage.zone()
            stage.cloudflare.control('token', token=zone.token, zones=[
                zone.name, mine.name, victim.name])
            api.rules[:] = [{'path': r'/zones\?', 'edit': edit}]
            fails(certd, mine, attempts, 'Cloudflare: zones',
                  ['zone', 'fake.stage.test'])
            assert asked_of(api, 'none') == []
            assert [m for m, _ in api.requests if m != 'GET'] == []
            assert api.rules[0]['struck'] >= 1
            mine.remove()
        api.rules.clear()
        done = certd.issue(zone.name)
        assert done.code == 0, done


def records_of(change):
    """change(record) in whatever the answer holds of records."""
    def edit(text):
        answer = json.loads(text)
        result = answer.get('result')
        lists = result.values() if isinstance(result, dict) and \
            'posts' in result else [result]
        for part in lists:
            for record in part if isinstance(part, list) else [part]:
                if isinstance(record, dict):
                    change(record)
        return json.dumps(answer)
    return edit


def test_cloudflare_with_other_records(
        stage, zone, victim, new_certd, attempts):
    """What it says of a record that was made, alone or in a batch, names one of
    others', or a path: nothing but what is ours is deleted."""
    own = stage.cloudflare.control('zones')[zone.name]
    stage.cloudflare.control('record_add', zone=zone.name, content='"theirs"',
                             name='_acme-challenge.' + zone.name)
    theirs = zone.records()
    with Proxy(stage, upstream='api') as api:
        certd = new_certd(settings={'dns': {'api-url': api.api_url}})
        changes = [{'id': i} for i in STRANGE_IDS[::2]] + [
            {'id': victim.records()[0]['id'], 'name': theirs[0]['name'],
             'content': '"victim"'},
            {'name': '_acme-challenge.' + victim.name},
            {'content': ESCAPES}, {'type': 'A'}]
        for n, more in enumerate(changes):
            api.rules[:] = [{'path': 'dns_records', 'method': 'POST',
                             'edit': records_of(lambda r: r.update(more))}]
            name = f'r{n}.{zone.name}'
            certd.issue(name, '*.' + name, timeout=300)
            api.rules.clear()
            deadline = time.monotonic() + PATIENCE
            while zone.records() != theirs:
                assert time.monotonic() < deadline, (more, zone.records())
                time.sleep(0.1)
            assert asked_of(api, own) == [], more
            assert not re.search('[\x1b\x07\u202e]', certd.log())
            attempts['Cloudflare: records', 'in vain'] += 1
        done = certd.issue(zone.name)
        assert done.code == 0, done
    assert zone.records() == theirs


def test_cloudflare_with_zones_below_that_are_none(
        stage, zone, victim, new_certd, attempts):
    """The list of the zones below ours has those of others in it."""
    own = stage.cloudflare.control('zones')[zone.name]
    with Proxy(stage, upstream='api') as api:
        certd = new_certd(settings={'dns': {'api-url': api.api_url}})
        for names in ([victim.name, 'test', '', ESCAPES, zone.name],
                      [f'x{n}.{zone.name}' for n in range(20000)]):
            api.rules[:] = [{'path': 'ends_with', 'edit': lambda _: json.dumps({
                'success': True, 'errors': [], 'result': [
                    {'id': 'a' * 32, 'name': n} for n in names],
                'result_info': {'page': 1, 'total_pages': 10000}})}]
            for n in range(2):
                done = certd.issue(f'b{next(NUMBERS)}.{zone.name}')
                assert done.code == 0, done
            assert asked_of(api, own) == []
            assert api.count('ends_with') < 100
            attempts['Cloudflare: zones below', 'in vain'] += 1
    assert zone.records() == []


# ---- name servers ----

HOSTILE = ['other id', 'other name', 'many', 'giant', 'noise', 'loop',
           'stream']


def test_hostile_name_servers(stage, zone, new_certd, attempts):
    """All servers of the zone, each with a mood of its own: none of them passes
    for one that shows the record, and the search has an end. (One that says that
    the record is an alias ends it at once.)"""
    moods = [m for m in HOSTILE if m != 'loop']
    first = int(os.environ.get('PYTEST_XDIST_WORKER', 'gw0')[2:]) * 25
    places = itertools.islice(dnsfake.addresses(stage), first, None)
    with dnsfake.Zone(stage, next(places), zone.name, {
            mood.replace(' ', '-') + '.stage.test':
            dnsfake.Fake(stage, next(places), mood) for mood in moods}) as scene:
        certd = new_certd(settings={'dns': {
            'resolver': scene.setting, 'propagation-timeout': '5s'}})
        done = fails(certd, zone, attempts, 'DNS: servers',
                     ['propagation', '_acme-challenge.'])
        for mood, fake in zip(moods, scene.fakes):
            assert any(k == 'TXT' for _, k in fake.questions), mood
            assert fake.address in done.err, (mood, done)
    attempts['DNS: servers', 'job failed'] += len(moods) - 1


@pytest.mark.parametrize('mood', ['other id', 'many', 'loop'])
def test_hostile_resolver(stage, zone, new_certd, attempts, mood):
    """It is asked who serves the zone: who is told nonsense asks nobody else,
    or the servers that the provider names."""
    first = int(os.environ.get('PYTEST_XDIST_WORKER', 'gw0')[2:]) * 25
    with dnsfake.Fake(stage, next(itertools.islice(dnsfake.addresses(
            stage), first + 12, None)), lambda name, kind: mood if
            kind != 'A' and kind != 'AAAA' else None) as resolver:
        certd = new_certd(settings={'dns': {
            'resolver': resolver.address, 'propagation-timeout': '8s'}})
        done = certd.issue(zone.name, timeout=300)
        assert resolver.questions
        assert not re.search('[\x1b\x07]', done.text)
        assert zone.records() == []
        assert certd.ctl('status').code == 0
        if done.code != 0:
            assert not os.path.exists(certd.live(zone.name))
            assert '_acme-challenge.' in done.err or 'resolver' in done.err
        attempts['DNS: resolver', 'in vain' if done.code == 0 else
                 'job failed'] += 1

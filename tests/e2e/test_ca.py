"""A CA that misbehaves: a clear message that names stage and URL, nothing
half-written, no record left."""

import json

import pytest

from stage import net
from stage.proxy import Proxy

PROBLEM = 'urn:ietf:params:acme:error:'


def fails(certd, zone, nothing_left, *told, code=1, seconds=60):
    done = certd.issue(zone.name, timeout=seconds + 30)
    assert done.code == code, done
    for text in told:
        assert text in done.err, done
    assert done.seconds < seconds, done
    assert '\x1b' not in done.err
    nothing_left(certd, zone)
    return done


def test_unreachable_ca(stage, zone, new_certd, nothing_left):
    address = stage.world['fake_address']
    url = f'https://fake.stage.test:{net.free_port(address)}/dir'
    certd = new_certd(server=url)
    fails(certd, zone, nothing_left, 'directory', url)


def test_ca_host_without_address(zone, new_certd, nothing_left):
    url = 'https://nowhere.stage.test/dir'
    certd = new_certd(server=url)
    fails(certd, zone, nothing_left, 'directory', url, 'nowhere.stage.test')


def test_ca_with_an_unknown_certificate(stage, zone, new_certd, nothing_left):
    with Proxy(stage, certificate=stage.world['unknown_certificate']) as ca:
        certd = new_certd(server=ca.url)
        fails(certd, zone, nothing_left, 'directory', ca.url, 'certificate')
        assert ca.requests == []


def test_ca_with_a_certificate_for_another_name(
        stage, zone, new_certd, nothing_left):
    with Proxy(stage) as ca:
        url = f'https://other.stage.test:{ca.port}/dir'
        stage.cloudflare.control('zone_add', name='other.stage.test')
        try:
            stage.cloudflare.control(
                'record_add', zone='other.stage.test', type='A',
                name='other.stage.test', content=stage.world['fake_address'])
            certd = new_certd(server=url)
            fails(certd, zone, nothing_left, 'directory', url)
        finally:
            stage.cloudflare.control('zone_remove', name='other.stage.test')
        assert ca.requests == []


def without(key):
    def edit(text):
        directory = json.loads(text)
        del directory[key]
        return json.dumps(directory)
    return edit


DIRECTORY = {                   # what is at the directory's URL: what is told
    'html': ({'status': 200, 'body': '<html><body>Hello</body></html>'},
             ['JSON']),
    'empty': ({'status': 200, 'body': ''}, []),
    'html 500': ({'status': 500, 'body': '<h1>Oops</h1>'}, ['500']),
    'problem 500': ({'status': 500, 'headers': {
        'Content-Type': 'application/problem+json'}, 'body': json.dumps(
        {'type': PROBLEM + 'serverInternal', 'detail': 'the\x1bdog ate it'})},
        ['serverInternal', 'dog ate it']),
    '404': ({'status': 404, 'body': 'not here'}, ['404']),
    'truncated': ({'truncate': 40}, []),
    'endless': ({'status': 200, 'endless': True}, []),
    'redirect': ({'status': 302, 'headers': {
        'Location': 'https://acme.stage.test:14000/dir'}}, ['302']),
    'without newOrder': ({'edit': without('newOrder')}, ['newOrder']),
    'without newNonce': ({'edit': without('newNonce')}, ['newNonce']),
    'http URLs': ({'edit': lambda t: t.replace('https:', 'http:')}, ['http']),
    'dropped': ({'drop': 'before'}, []),
}


@pytest.mark.parametrize('case', DIRECTORY)
def test_bad_directory(stage, zone, new_certd, nothing_left, case):
    rule, told = DIRECTORY[case]
    with Proxy(stage, {'path': '^/dir$', **rule}) as ca:
        certd = new_certd(server=ca.url)
        fails(certd, zone, nothing_left, 'directory', ca.url, *told)


LATER = {                       # path of Pebble: what is told of the stage
    'newAccount': ('/sign-me-up', 'account'),
    'newOrder': ('/order-plz', 'order'),
    'authorization': ('/authZ/', 'order'),
    'finalize': ('/finalize-order/', 'certificate'),
    'certificate': ('/certZ/', 'download'),
}
ANSWERS = {
    'html': {'status': 200, 'body': '<html>Hello</html>'},
    '500': {'status': 500, 'body': 'Oops'},
    'truncated': {'truncate': 20},
    'endless': {'status': 200, 'endless': True},
    'redirect': {'status': 307, 'headers': {'Location': 'https://a.test/'}},
}


@pytest.mark.parametrize('where, answer', [
    (w, a) for w in LATER for a in ANSWERS
    if (w, a) != ('finalize', 'truncated')])
def test_bad_answer_later_on(stage, zone, new_certd, nothing_left, where,
                             answer):
    path, told = LATER[where]
    with Proxy(stage, {'path': path, 'method': 'POST', **ANSWERS[answer]}) \
            as ca:
        certd = new_certd(server=ca.url)
        fails(certd, zone, nothing_left, told,
              f'https://fake.stage.test:{ca.port}{path}', seconds=100)


@pytest.fixture(scope='module')
def calm(stage):
    """A CA that takes every nonce, so that requests can be counted."""
    ca = stage.new_ca(environment={'PEBBLE_WFE_NONCEREJECT': '0'})
    yield ca
    ca.stop()


@pytest.mark.parametrize('fault', [{'truncate': 20}, {'drop': 'after'}],
                         ids=['truncated', 'dropped'])
def test_lost_answer_to_finalize_is_asked_for(
        stage, calm, zone, new_certd, fault):
    """The CA has issued: the order says so, nothing is finalized again."""
    with Proxy(stage, {'path': '/finalize-order/', 'times': 1, **fault},
               ca=calm) as ca:
        certd = new_certd(server=ca.url)
        done = certd.issue(zone.name)
        assert done.code == 0, done
        assert ca.count('/finalize-order/') == 1


def test_no_nonce(stage, zone, new_certd, nothing_left):
    with Proxy(stage, {'path': '/nonce-plz', 'status': 200}) as ca:
        certd = new_certd(server=ca.url)
        fails(certd, zone, nothing_left, 'nonce', '/nonce-plz')


def test_bad_nonce_for_ever_ends(stage, zone, new_certd, nothing_left):
    ca = stage.new_ca(environment={'PEBBLE_WFE_NONCEREJECT': '99'})
    try:
        certd = new_certd(server=ca.url)
        fails(certd, zone, nothing_left, 'badNonce')
    finally:
        ca.stop()


def test_bad_nonce_now_and_then_is_no_problem(stage, zone, new_certd):
    ca = stage.new_ca(environment={'PEBBLE_WFE_NONCEREJECT': '30'})
    try:
        certd = new_certd(server=ca.url)
        for i in range(5):
            done = certd.issue(f'h{i}.{zone.name}')
            assert done.code == 0, done
    finally:
        ca.stop()


def test_identifier_that_the_ca_rejects_is_named(
        stage, zone, new_certd, nothing_left):
    ca = stage.new_ca(domainBlocklist=[zone.name])
    try:
        certd = new_certd(server=ca.url)
        fails(certd, zone, nothing_left, 'rejectedIdentifier', zone.name)
    finally:
        ca.stop()


def test_subproblems_are_shown(stage, zone, new_certd, nothing_left):
    problem = {
        'type': PROBLEM + 'malformed', 'detail': 'two are wrong', 'status': 400,
        'subproblems': [
            {'type': PROBLEM + 'rejectedIdentifier', 'detail': 'not this one',
             'identifier': {'type': 'dns', 'value': 'a.example'}},
            {'type': PROBLEM + 'caa', 'detail': 'CAA forbids it',
             'identifier': {'type': 'dns', 'value': 'b.example'}}]}
    with Proxy(stage, {'path': '/order-plz', 'status': 400,
                       'headers': {'Content-Type': 'application/problem+json',
                                   'Replay-Nonce': 'abcdefgh'},
                       'body': json.dumps(problem)}) as ca:
        certd = new_certd(server=ca.url)
        fails(certd, zone, nothing_left, 'two are wrong', 'a.example',
              'not this one', 'b.example', 'CAA forbids it')


def test_failed_validation_tells_what_the_ca_saw(
        stage, zone, new_certd, nothing_left):
    """The CA gets another token than we do, so that the record is wrong."""
    def other_tokens(text):
        authorization = json.loads(text)
        for challenge in authorization.get('challenges', []):
            if 'token' in challenge:
                challenge['token'] = 'A' * 43
        return json.dumps(authorization)
    with Proxy(stage, {'path': '/authZ/', 'edit': other_tokens}) as ca:
        certd = new_certd(server=ca.url)
        fails(certd, zone, nothing_left, 'unauthorized', zone.name)
    assert zone.requests('DELETE') != []


@pytest.mark.parametrize('after', ['3', 'date'])
def test_retry_after_is_honoured(stage, zone, new_certd, after):
    """An order that is not ready yet, with Retry-After in both forms."""
    import email.utils
    import time
    value = after if after != 'date' else email.utils.formatdate(
        time.time() + 3, usegmt=True)

    def processing(text):
        order = json.loads(text)
        order['status'] = 'processing'
        order.pop('certificate', None)
        return json.dumps(order)
    with Proxy(stage, {'path': '/my-order/', 'times': 1, 'edit': processing,
                       'headers': {'Retry-After': value}}) as ca:
        certd = new_certd(server=ca.url)
        done = certd.issue(zone.name)
        assert done.code == 0, done


@pytest.mark.parametrize('chain', ['garbage', 'other', 'leaf alone'])
def test_wrong_chain_is_not_stored(stage, zone, new_certd, nothing_left,
                                   chain):
    texts = {
        'garbage': lambda t: '-----BEGIN CERTIFICATE-----\nAAAA\n'
                             '-----END CERTIFICATE-----\n',
        'other': lambda t: stage.ca.root(),
        'leaf alone': lambda t: t[:t.index('-----END') + 26],
    }
    with Proxy(stage, {'path': '/certZ/', 'edit': texts[chain]}) as ca:
        certd = new_certd(server=ca.url)
        fails(certd, zone, nothing_left, zone.name)


def test_old_certificate_stays_when_renewal_fails(stage, zone, new_certd):
    from stage import pem
    with Proxy(stage) as ca:
        certd = new_certd(server=ca.url)
        assert certd.issue(zone.name).code == 0
        before = pem.read(certd.live(zone.name))
        ca.rules.append({'path': '/finalize-order/', 'status': 500,
                         'body': 'Oops'})
        done = certd.issue(zone.name, options=['--force-renewal'])
        assert done.code == 1, done
        assert pem.read(certd.live(zone.name)) == before
        row, = certd.ctl('list', '--json').json['certificates']
        assert row['status'] == 'valid'
        assert '/finalize-order/' in row['last_error']
        ca.rules.clear()
        done = certd.issue(zone.name, options=['--force-renewal'])
        assert done.code == 0, done
    assert zone.records() == []

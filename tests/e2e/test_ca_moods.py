"""A CA, and an API, with bad days: what passes is sat out, what stays is told,
what was asked for is remembered. Each rule of the proxy is one mood."""

import email.utils
import json
import os
import time

import pytest

from stage import process
from stage.proxy import Proxy

ERROR = 'urn:ietf:params:acme:error:'
PLACES = ['^/dir$', '/nonce-plz', '/sign-me-up', '/order-plz', '/authZ/',
          '/chalZ/', '/finalize-order/', '/my-order/', '/certZ/']


@pytest.fixture(scope='module')
def calm(stage):
    """A CA that takes every nonce, so that requests can be counted."""
    ca = stage.new_ca(environment={'PEBBLE_WFE_NONCEREJECT': '0'})
    yield ca
    ca.stop()


def problem(kind, detail, status, **headers):
    return {'status': status, 'headers': {
        'Content-Type': 'application/problem+json',
        **{n.replace('_', '-'): v for n, v in headers.items()}},
        'body': json.dumps({'type': ERROR + kind, 'detail': detail,
                            'status': status})}


def set_status(status, **more):
    """An edit that changes the status in the answer."""
    def edit(text):
        return json.dumps({**json.loads(text), 'status': status, **more})
    return edit


# ---- what passes ----

SORRY = [
    lambda: problem('serverInternal', 'the dog ate it', 500),
    lambda: {'status': 502, 'headers': {'Content-Type': 'text/html'},
             'body': '<html><body>Bad Gateway</body></html>'},
    lambda: {'status': 503},
]


@pytest.mark.parametrize('turn', range(2))
def test_trouble_of_the_server_passes(stage, calm, zone, new_certd, turn):
    """500, 502 and 503, with and without a body, once at every place."""
    rules = [{'path': path, 'times': 1, **SORRY[(i + turn) % 3]()}
             for i, path in enumerate(PLACES)]
    with Proxy(stage, *rules, ca=calm) as ca:
        certd = new_certd(server=ca.url)
        done = certd.issue(zone.name, '*.' + zone.name)
        assert done.code == 0, done
        assert all(rule['times'] == 0 for rule in ca.rules), ca.rules
    assert zone.records() == []


@pytest.mark.parametrize('kind', ['drop', 'reset'])
def test_lost_answers_pass(stage, calm, zone, new_certd, kind):
    """The request was heard each time: nothing is finalized twice."""
    rules = [{'path': path, 'method': 'POST', 'times': 1, kind: 'after'}
             for path in PLACES[2:]]
    with Proxy(stage, *rules, ca=calm) as ca:
        certd = new_certd(server=ca.url)
        done = certd.issue(zone.name)
        assert done.code == 0, done
        assert all(rule['times'] == 0 for rule in ca.rules), ca.rules
        assert ca.count('/finalize-order/') == 1
    assert zone.records() == []


def test_answers_that_crawl_are_given_up(stage, calm, zone, new_certd):
    """The CA's a byte at a time, for minutes; Cloudflare's begins and stops,
    after the record was made."""
    zone.fault(method='POST', stall=120)
    with Proxy(stage, {'path': '/order-plz', 'times': 1, 'drip': 0.5},
               ca=calm) as ca:
        certd = new_certd(server=ca.url)
        done = certd.issue(zone.name, timeout=300)
        assert done.code == 0, done
        assert ca.rules[0]['times'] == 0
        assert len(ca.times_of('/order-plz')) == 2
        assert done.seconds < 200, done         # 45 s and 30 s; it was 400
    assert zone.records() == []


def test_every_second_nonce_refused(stage, zone, new_certd):
    rule = {'method': 'POST', 'bad_nonce': True, 'rate': 0.5}
    with Proxy(stage, rule) as ca:
        certd = new_certd(server=ca.url)
        for i in range(3):
            done = certd.issue(f'{i}.{zone.name}', f'*.{i}.{zone.name}')
            assert done.code == 0, done
        assert ca.rules[0]['struck'] > 15
    assert zone.records() == []


def test_handshakes_that_fail_pass(stage, zone, new_certd):
    with Proxy(stage, {'tls': True, 'times': 2}) as ca:
        certd = new_certd(server=ca.url)
        done = certd.issue(zone.name)
        assert done.code == 0, done
        assert ca.rules[0]['times'] == 0


def test_trouble_on_both_sides_passes(stage, zone, new_certd):
    """20 % badNonce, 10 % 5xx of the CA and of Cloudflare."""
    with Proxy(stage, {'method': 'POST', 'bad_nonce': True, 'rate': 0.2},
               {'status': 500, 'rate': 0.1}) as ca, \
            Proxy(stage, {'status': 502, 'rate': 0.1}, upstream='api',
                  seed=2) as api:
        certd = new_certd(server=ca.url,
                          settings={'dns': {'api-url': api.api_url}})
        done = certd.issue(zone.name, '*.' + zone.name)
        assert done.code == 0, done
        assert api.requests
    assert zone.records() == []


# ---- what the CA asks for ----

@pytest.mark.parametrize('form', ['seconds', 'date'])
def test_short_retry_after_is_sat_out(stage, calm, zone, new_certd, form):
    def later():
        return '3' if form == 'seconds' else email.utils.formatdate(
            time.time() + 4, usegmt=True)
    rule = problem('rateLimited', 'too many', 429, Retry_After=later())
    with Proxy(stage, ca=calm) as ca:
        certd = new_certd(server=ca.url)
        rule['headers']['Retry-After'] = later()
        ca.rules.append({'path': '/order-plz', 'times': 1, **rule})
        done = certd.issue(zone.name)
        assert done.code == 0, done
        first, second = ca.times_of('/order-plz')
        assert second - first > 2.5


def test_processing_is_polled_as_the_ca_asks(stage, calm, zone, new_certd):
    """Challenges and orders that are being worked on."""
    with Proxy(stage, {'path': '/chalZ/', 'edit': set_status('processing')},
               {'path': '/finalize-order/', 'edit': set_status('processing'),
                'headers': {'Retry-After': '2'}},
               {'path': '/my-order/', 'skip': 2, 'times': 1,
                'edit': set_status('processing'),
                'headers': {'Retry-After': '2'}}, ca=calm) as ca:
        certd = new_certd(server=ca.url)
        done = certd.issue(zone.name)
        assert done.code == 0, done
        finalized, = ca.times_of('/finalize-order/')
        looked = [t for t in ca.times_of('/my-order/') if t > finalized]
        assert looked[0] - finalized > 1.5


def test_long_retry_after_is_remembered_across_runs(stage, zone, new_certd):
    ca_ = stage.new_ca(certificateValidityPeriod=10,
                       environment={'PEBBLE_WFE_NONCEREJECT': '0'})
    try:
        with Proxy(stage, ca=ca_) as ca:
            certd = new_certd(server=ca.url)
            assert certd.issue(zone.name).code == 0
            ca.rules.append({'path': '/order-plz', **problem(
                'rateLimited', 'too many certificates', 429,
                Retry_After='7200')})
            done = certd.issue(zone.name, options=['--force-renewal'])
            assert done.code == 1, done
            assert 'too many certificates' in done.err, done
            assert certd.stop() == 0
            certd.start()
            asked = len(ca.requests)
            done = certd.issue(zone.name, f'www.{zone.name}', options=[
                '--cert-name', 'another'])      # other names: not concerned
            assert 'too many certificates' in done.err, done
            other = len(ca.requests)
            assert other > asked
            time.sleep(6)                       # half of its life is over
            done = certd.ctl('renew')           # and soon it expires
            assert 'too many certificates' in done.out, done
            assert '1 kept, 1 of them because it has failed' in done.out, done
            done = certd.issue(zone.name)
            assert done.code == 1, done
            assert 'not before' in done.err, done
            assert '--force-renewal' in done.err, done
            assert len(ca.requests) == other
            ca.rules.clear()
            done = certd.issue(zone.name, options=['--force-renewal'])
            assert done.code == 0, done
    finally:
        ca_.stop()
    assert zone.records() == []


def test_paused_account_stops_and_is_told(stage, zone, new_certd,
                                          nothing_left):
    link = 'https://portal.example/unpause?jwt=abc'
    rule = problem('rateLimited', f'paused, please visit {link}', 429)
    with Proxy(stage, {'path': '/order-plz', **rule}) as ca:
        certd = new_certd(server=ca.url)
        done = certd.issue(zone.name)
        assert done.code == 1, done
        assert 'the CA has paused this account' in done.err, done
        assert link in done.err and '--force-renewal' in done.err, done
        assert ca.count('/order-plz') == 1
        result = certd.issue(zone.name)
        assert 'not before' in result.err, result
        nothing_left(certd, zone)


# ---- orders ----

def test_authorizations_that_are_valid_need_no_records(
        stage, zone, new_certd):
    ca = stage.new_ca(environment={'PEBBLE_AUTHZREUSE': '100'})
    try:
        certd = new_certd(server=ca.url)
        assert certd.issue(zone.name).code == 0
        before = len(zone.requests())
        done = certd.issue(zone.name, options=['--force-renewal'])
        assert done.code == 0, done
        assert len(zone.requests()) == before
    finally:
        ca.stop()


def wrong_tokens(text):
    """The CA validates another token than the one that we prove."""
    authorization = json.loads(text)
    for challenge in authorization.get('challenges', []):
        challenge['token'] = 'A' * 43
    return json.dumps(authorization)


def test_order_that_fails_is_placed_again(stage, calm, zone, new_certd):
    with Proxy(stage, {'path': '/authZ/', 'times': 1, 'edit': wrong_tokens},
               ca=calm) as ca:
        certd = new_certd(server=ca.url,
                          settings={'acme': {'order-pause': '1s'}})
        done = certd.issue(zone.name)
        assert done.code == 0, done
        assert 'order 2 of 3 in 1 s' in done.out, done
        assert ca.count('/order-plz') == 2
    assert zone.records() == []


def test_order_that_fails_after_finalize_is_placed_again(
        stage, calm, zone, new_certd):
    error = {'type': ERROR + 'serverInternal', 'detail': 'no SCTs'}
    with Proxy(stage, {'path': '/finalize-order/', 'times': 1,
                       'edit': set_status('invalid', error=error)},
               ca=calm) as ca:
        certd = new_certd(server=ca.url)
        done = certd.issue(zone.name)
        assert done.code == 0, done
        assert 'no SCTs' in done.out, done
        assert ca.count('/order-plz') == 2
    assert zone.records() == []


def test_orders_are_few(stage, calm, zone, new_certd, nothing_left):
    with Proxy(stage, {'path': '/authZ/', 'edit': wrong_tokens},
               ca=calm) as ca:
        certd = new_certd(server=ca.url)
        done = certd.issue(zone.name)
        assert done.code == 1, done
        assert 'unauthorized' in done.err, done
        assert ca.count('/order-plz') == 3
        nothing_left(certd, zone)


def test_order_that_fails_for_good_is_not_placed_again(
        stage, calm, zone, new_certd, nothing_left):
    error = {'type': ERROR + 'caa', 'detail': 'CAA forbids it'}
    with Proxy(stage, {'path': '/finalize-order/',
                       'edit': set_status('invalid', error=error)},
               ca=calm) as ca:
        certd = new_certd(server=ca.url)
        done = certd.issue(zone.name)
        assert done.code == 1, done
        assert 'CAA forbids it' in done.err, done
        assert ca.count('/order-plz') == 1
        nothing_left(certd, zone)


def forgotten(path, **more):
    """What Boulder says of an order that has expired, or is somebody else's."""
    return {'path': path, 'method': 'POST', 'times': 1, **more,
            **problem('malformed', 'No such thing', 404)}


@pytest.mark.parametrize('rule', [
    forgotten('/authZ/', skip=1), forgotten('/chalZ/'),
    forgotten('/my-order/'), forgotten('/finalize-order/')],
    ids=['authorization', 'challenge', 'order', 'finalize'])
def test_order_that_is_forgotten_is_placed_again(
        stage, calm, zone, new_certd, rule):
    with Proxy(stage, rule, ca=calm) as ca:
        certd = new_certd(server=ca.url)
        done = certd.issue(zone.name, '*.' + zone.name)
        assert done.code == 0, done
        assert 'No such thing; order 2 of 3' in done.out, done
        assert ca.rules[0]['times'] == 0
        assert ca.count('/order-plz') == 2
    assert zone.records() == []


def test_orders_that_are_forgotten_are_few(
        stage, calm, zone, new_certd, nothing_left):
    with Proxy(stage, forgotten('/my-order/', times=-1), ca=calm) as ca:
        certd = new_certd(server=ca.url)
        done = certd.issue(zone.name)
        assert done.code == 1, done
        assert 'the CA has forgotten the order' in done.err, done
        assert ca.count('/order-plz') == 3
        nothing_left(certd, zone)


@pytest.mark.parametrize('path', ['/my-order/', '/authZ/'])
def test_order_that_is_forgotten_while_certd_was_away(
        stage, calm, zone, new_certd, path):
    """The order is there at first; after a crash the CA knows it no more."""
    with Proxy(stage, ca=calm) as ca:
        certd = new_certd(server=ca.url)
        zone.lag(None, None)
        done = certd.issue(zone.name, options=['--detach'])
        assert done.code == 0, done
        process.wait_until(
            lambda: 'waiting for the name servers' in certd.log(),
            certd.process, certd.log_file, 'the job')
        certd.process.kill()
        certd.process.wait(30)
        ca.rules.append(forgotten(path))
        zone.lag(0, 0)
        certd.start()
        process.wait_until(
            lambda: os.path.exists(certd.path('live', zone.name)),
            certd.process, certd.log_file, 'the certificate')
        assert ca.rules[0]['times'] == 0
        assert ca.count('/order-plz') == 2


# ---- clocks ----

def test_certificate_of_the_ca_that_has_expired(stage, zone, new_certd):
    """The server's, or the clock of this machine: which, a person must say."""
    with Proxy(stage, certificate=os.path.join(os.path.dirname(
            stage.world['certificate']), 'expired.pem')) as ca:
        certd = new_certd(server=ca.url)
        done = certd.issue(zone.name)
        assert done.code == 1, done
        assert 'is not trusted: certificate has expired' in done.err, done
        now = time.strftime('%Y-%m-%d', time.gmtime())
        assert f'the clock of this machine says {now}' in done.err, done
        assert 'set it' in done.err and ca.requests == [], done


@pytest.mark.parametrize('minutes, told', [
    (61, '61 minutes behind'), (-61, '61 minutes ahead of')])
def test_clock_that_is_off_is_told(stage, zone, new_certd, minutes, told):
    def date():
        return email.utils.formatdate(time.time() + minutes * 60, usegmt=True)
    with Proxy(stage, {'path': '^/dir$', 'headers': {'Date': date()}},
               {'path': '/order-plz', 'status': 400, 'body': 'no'}) as ca:
        certd = new_certd(server=ca.url)
        done = certd.issue(zone.name)
        assert done.code == 1, done
        text = f"this machine's clock is {told} the CA's"
        assert text in done.out and text in done.err, done

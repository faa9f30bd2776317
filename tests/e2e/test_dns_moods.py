"""Name servers with moods, resolvers that lie, aliases, and no port 53 at all."""

import re
import subprocess
import threading

import pytest

from stage import dnsfake

WAIT = {'propagation-timeout': '14s'}   # servers are given up after half of it


@pytest.fixture(scope='module')
def either(stage, places):
    """A CA whose resolver asks either name server, and follows aliases."""
    with dnsfake.Fake(stage, next(places), chase=True) as resolver:
        ca = stage.new_ca(resolver=resolver.address)
        yield ca
        ca.stop()


def dns_settings(scene, **more):
    return {'dns': {'resolver': scene.setting, **WAIT, **{
        key.replace('_', '-'): value for key, value in more.items()}}}


# ---- the story ----

def test_first_try_with_a_lagging_server_and_stale_values(
        stage, either, new_certd):
    """Apex and wildcard, a stale value, one server late, a CA that asks either:
    every first try is good."""
    zones = [stage.zone() for _ in range(6)]
    token = stage.token([z.name for z in zones])
    certd = new_certd(zones[0], start=False, server=either.url)
    with open(certd.credentials, 'w', encoding='ascii') as f:
        f.write(f'dns_cloudflare_api_token = {token}\n')
    done = {}
    for zone in zones:
        stage.cloudflare.control('record_add', zone=zone.name,
                                 content='"stale"',
                                 name='_acme-challenge.' + zone.name)
        zone.lag(0, 3)
    with certd:
        def issue(name):
            done[name] = certd.issue(name, '*.' + name)
        threads = [threading.Thread(target=issue, args=(z.name,))
                   for z in zones]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for zone in zones:
            assert done[zone.name].code == 0, done[zone.name]
            assert [r['content'] for r in zone.records()] == ['"stale"']
            zone.remove()
        assert 'order 2 of' not in certd.log()


# ---- servers ----

def test_servers_that_say_nothing_useful_are_left_out(
        stage, zone, new_certd, spoiled):
    """SERVFAIL, REFUSED, not authoritative, dead, without an address, and with
    one that cannot be reached: the one that is left must show the record."""
    good = stage.world['name_servers'][0]
    with spoiled({
            'good.stage.test': good,
            'servfail.stage.test': {'mood': 'servfail'},
            'refused.stage.test': {'mood': 'refused'},
            'lame.stage.test': {'mood': 'lame'},
            'dead.stage.test': {'mood': 'silent'},
            'six.stage.test': '2001:db8::53'}) as scene:
        certd = new_certd(settings=dns_settings(scene))
        done = certd.issue(zone.name)
        assert done.code == 0, done
        for fake in scene.fakes:
            assert 'TXT' in fake.asked('_acme-challenge.' + zone.name)


def test_server_that_speaks_tcp_only_counts(stage, zone, new_certd, spoiled):
    with spoiled({
            'tcp.stage.test': {'mood': 'tcp'},
            'closed.stage.test': {'mood': 'closed'},
            'truncated.stage.test': {'mood': 'truncated'}}) as scene:
        certd = new_certd(settings=dns_settings(
            scene, propagation_timeout='60s'))
        done = certd.issue(zone.name, '*.' + zone.name)
        assert done.code == 0, done


def test_servers_that_only_the_provider_names_are_asked(
        stage, zone, new_certd, spoiled):
    """The resolver knows of one server and hides the slow one."""
    zone.lag(0, 4)
    with spoiled({'ns1.stage.test': stage.world['name_servers'][0]}) as scene:
        certd = new_certd(settings=dns_settings(
            scene, propagation_timeout='60s'))
        done = certd.issue(zone.name)
        assert done.code == 0, done
        assert done.seconds > 4, done


def test_zone_in_other_hands_is_told(
        stage, zone, new_certd, spoiled, nothing_left):
    name = '_acme-challenge.' + zone.name
    with spoiled({'ns.elsewhere.test': {'knows': {(name, 'TXT'): []}}}) \
            as scene:
        certd = new_certd(settings=dns_settings(
            scene, propagation_timeout='3s'))
        done = certd.issue(zone.name)
        assert done.code == 1, done
        told = (f'the zone {zone.name} is delegated to ns.elsewhere.test, and '
                'not to ns1.stage.test, ns2.stage.test')
        assert told in done.out and told in done.err, done
        assert f'ns.elsewhere.test ({scene.fakes[0].address}) lacks {name}' \
            in done.err, done
        nothing_left(certd, zone)


# ---- port 53 is closed ----


@pytest.mark.parametrize('mood', ['recursive', 'silent'])
def test_without_port_53_resolvers_are_asked_over_https(
        stage, zone, new_certd, spoiled, mood):
    upstream = dnsfake.Fake(stage)
    with spoiled({'ns1.stage.test': {'mood': mood},
                  'ns2.stage.test': {'mood': mood}}) as scene, \
            dnsfake.Doh(stage, upstream) as doh, \
            dnsfake.Doh(stage, upstream, status=503) as broken:
        servers = [doh.setting] + [broken.setting] * (mood == 'recursive')
        certd = new_certd(settings=dns_settings(
            scene, doh_wait='3s', doh_servers=', '.join(servers)))
        done = certd.issue(zone.name, '*.' + zone.name)
        assert done.code == 0, done
        assert done.seconds > 3, done
        assert 'over HTTPS' in done.out, done
        assert set(doh.questions) == {
            ('/dns-query', 'application/dns-message')}
        assert upstream.asked('_acme-challenge.' + zone.name)


def test_without_port_53_resolvers_over_https_come_too_late(
        stage, zone, new_certd, spoiled, nothing_left):
    with spoiled({'ns1.stage.test': {'mood': 'recursive'},
                  'ns2.stage.test': {'mood': 'recursive'}}) as scene:
        certd = new_certd(settings=dns_settings(
            scene, propagation_timeout='3s'))
        done = certd.issue(zone.name)
        assert done.code == 1, done
        assert 'without authority' in done.err, done
        nothing_left(certd, zone)


def test_where_nobody_can_be_asked_both_ways_are_told(
        stage, zone, new_certd, spoiled, nothing_left):
    """Where an administrator has said how long to wait, as certbot does in any
    case, that is waited instead; the next renewal knows it."""
    gone = f'https://fake.stage.test:1/dns-query@{stage.world["fake_address"]}'
    with spoiled({'ns1.stage.test': {'mood': 'recursive'},
                  'ns2.stage.test': {'mood': 'silent'}}) as scene, \
            dnsfake.Doh(stage, None, status=403) as portal:
        certd = new_certd(settings=dns_settings(
            scene, propagation_timeout='4s', doh_wait='1s',
            doh_servers=f'{gone}, {portal.setting}'))
        done = certd.issue(zone.name)
        assert done.code == 1, done
        for server in scene.fakes:
            assert f'({server.address}) does not tell of' in done.err, done
        assert gone.partition('@')[0] + ' does not tell' in done.err, done
        assert f'{portal.url}: status 403' in done.err, done
        assert 'port 53, over UDP and TCP, or to port 443' in done.err, done
        assert 'dns-cloudflare-propagation-seconds' in done.err, done
        nothing_left(certd, zone)

        wait = ['--dns-cloudflare-propagation-seconds', '2']
        done = certd.issue(zone.name, options=['--force-renewal', *wait])
        assert done.code == 0, done
        assert 'going on without a look' in done.out, done
        done = certd.ctl('renew', '--force-renewal')
        assert done.code == 0, done
        assert 'going on without a look' in done.out, done
        assert zone.records() == []


def test_servers_that_refuse_are_no_reason_to_go_on_unseen(
        stage, zone, new_certd, spoiled, nothing_left):
    with spoiled({'ns1.stage.test': {'mood': 'servfail'},
                  'ns2.stage.test': {'mood': 'refused'}}) as scene:
        certd = new_certd(settings=dns_settings(
            scene, propagation_timeout='4s', doh_servers=''))
        done = certd.issue(zone.name, options=[
            '--dns-cloudflare-propagation-seconds', '2'])
        assert done.code == 1, done
        assert 'SERVFAIL' in done.err and 'REFUSED' in done.err, done
        nothing_left(certd, zone)


# ---- aliases ----

@pytest.fixture
def other(stage, zone):
    """A zone that can be written, to which the test's zone leads."""
    other = stage.zone()
    stage.cloudflare.control('token', token=zone.token,
                             zones=[zone.name, other.name])
    yield other
    other.remove()


def lead(stage, zone, target, name='_acme-challenge'):
    stage.cloudflare.control(
        'record_add', zone=zone.name, type='CNAME',
        name=f'{name}.{zone.name}', content=target + '.')


def test_alias_that_is_configured_is_served(
        stage, zone, other, either, new_certd):
    name = '_acme-challenge.' + zone.name
    target = f'_acme-challenge.{zone.name}.{other.name}'
    lead(stage, zone, target)
    other.lag(0, 2)
    certd = new_certd(server=either.url, settings={
        'dns': {'alias': f'{name} -> {target}', **WAIT}})
    done = certd.issue(zone.name, '*.' + zone.name)
    assert done.code == 0, done
    assert other.records() == []
    assert [r['type'] for r in zone.records()] == ['CNAME']
    made = re.findall(r'act=publish what="([^ "]+) [^"]*" outcome=done',
                      certd.log())
    assert made == [target] * 2
    bodies = [r['body'] for r in zone.requests('POST') if '"TXT"' in r['body']]
    assert bodies and all(target in body for body in bodies)


def test_alias_that_is_not_configured_is_told_before_anything_is_made(
        stage, zone, other, new_certd):
    name = '_acme-challenge.' + zone.name
    target = f'_acme-challenge.{zone.name}.{other.name}'
    lead(stage, zone, target)
    certd = new_certd()
    done = certd.issue(zone.name)
    assert done.code == 1, done
    assert f'{name} is an alias (CNAME) of {target}' in done.err, done
    assert f'alias = {name} -> {target}' in done.err, done
    assert zone.requests('POST') == []


def test_alias_to_a_name_that_is_no_challenge_is_told(
        stage, zone, other, new_certd):
    lead(stage, zone, 'acme.' + other.name)
    certd = new_certd()
    done = certd.issue(zone.name)
    assert done.code == 1, done
    assert f'alias (CNAME) of acme.{other.name}' in done.err, done
    assert '_acme-challenge. names only' in done.err, done


def test_alias_that_is_configured_and_not_there_is_told(
        stage, zone, other, new_certd):
    name = '_acme-challenge.' + zone.name
    target = f'_acme-challenge.{zone.name}.{other.name}'
    certd = new_certd(settings={'dns': {
        'alias': f'{name} -> {target}', 'propagation-timeout': '4s'}})
    done = certd.issue(zone.name)
    assert done.code == 1, done
    assert f'{name} is no alias (CNAME) of {target}' in done.err, done
    assert other.records() == []


def test_alias_in_a_circle_ends(stage, zone, other, new_certd):
    name = '_acme-challenge.' + zone.name
    lead(stage, zone, '_acme-challenge.' + other.name)
    lead(stage, other, name)
    target = '_acme-challenge.x.' + other.name
    certd = new_certd(settings={'dns': {'alias': f'{name} -> {target}',
                                        **WAIT}})
    done = certd.issue(zone.name)
    assert done.code == 1, done
    assert 'circle' in done.err, done
    assert [r['type'] for r in other.records()] == ['CNAME']


def test_wildcard_alias_is_no_obstacle(stage, zone, new_certd):
    """*.zone is an alias: so seems the record, until it stands."""
    lead(stage, zone, 'www.stage.test', name='*')
    zone.lag(0, 2)
    certd = new_certd(settings={'dns': WAIT})
    done = certd.issue(zone.name)
    assert done.code == 0, done


@pytest.mark.parametrize('value', [
    'example.com -> _acme-challenge.example.net',
    '_acme-challenge.example.com -> acme.example.net',
    '_acme-challenge.example.com -> _acme-challenge.example.com',
    '_acme-challenge.example.com'])
def test_alias_that_cannot_be_is_refused(stage, new_certd, value):
    certd = new_certd(start=False, settings={'dns': {'alias': value}})
    done = subprocess.run(
        [certd.program('certd'), '--config', certd.config, '--check-config'],
        capture_output=True, text=True)
    assert done.returncode != 0
    assert '[dns] alias' in done.stderr + done.stdout


def test_more_orders_than_the_worker_takes_at_once(stage, zone, new_certd):
    """Those that wait are begun when others have ended."""
    certd = new_certd(settings={'acme': {'max-orders': '2'}})
    done = []
    threads = [threading.Thread(target=lambda i=i: done.append(
        certd.issue(f'{i}.{zone.name}'))) for i in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [d.code for d in done] == [0] * 5, done

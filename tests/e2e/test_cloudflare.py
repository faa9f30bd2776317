"""Cloudflare's errors, turned into advice; records that are always removed."""

import concurrent.futures
import json
import threading
import time

import pytest

from stage.proxy import Proxy


def fails(certd, zone, *told, code=1):
    done = certd.issue(zone.name)
    assert done.code == code, done
    for text in told:
        assert text.lower() in done.err.lower(), done
    assert zone.token not in done.text + certd.log()
    return done


def test_records_are_what_certbot_would_make(certd, zone):
    assert certd.issue(zone.name).code == 0
    made, = zone.requests('POST')
    body = json.loads(made['body'])
    assert body['type'] == 'TXT'
    assert body['name'] == '_acme-challenge.' + zone.name
    assert len(body['content'].strip('"')) == 43
    assert 60 <= body['ttl'] <= 120
    removed, = zone.requests('DELETE')
    assert removed['status'] == 200 and removed['content_type'] is None
    assert all(r['agent'].startswith('certd') for r in zone.requests())
    assert len({r['connection'] for r in zone.requests()}) == 1


def test_zone_is_looked_up_once(certd, zone):
    names = [f'h{i}.{zone.name}' for i in range(3)]
    for name in names:
        assert certd.issue(name).code == 0
    lookups = [r for r in zone.requests('GET') if r['path'] == '/zones'
               and r['query'].get('name') == zone.name]
    assert len(lookups) == 1


def test_zone_is_looked_for_while_the_order_is_placed(stage, zone, new_certd):
    with Proxy(stage, {'path': '/order-plz', 'times': 1, 'delay': 6}) as ca:
        certd = new_certd(server=ca.url)
        assert certd.issue(zone.name).code == 0
        assert ca.rules[0]['times'] == 0
    looked, made = zone.requests('GET')[0], zone.requests('POST')[0]
    assert made['time'] - looked['time'] > 3, (looked, made)


def test_zones_below_are_asked_for_once(stage, zone, new_certd):
    """Many names of a zone need no look-up each, and the longest zone wins all
    the same."""
    child = stage.zone('sub.' + zone.name)
    zone.token = stage.token([zone.name, child.name])
    certd = new_certd(zone)
    names = [f'h{i}.{zone.name}' for i in range(4)] + \
        [f'h{i}.{child.name}' for i in range(3)]
    for name in names:
        assert certd.issue(name).code == 0
    asked = [r['query']['name'] for r in zone.requests('GET')
             if r['path'] == '/zones']
    assert asked == [names[0], zone.name, 'ends_with:.' + zone.name,
                     'ends_with:.' + child.name], asked
    made = {r['path'].split('/')[2] for r in zone.requests('POST')}
    zones = stage.cloudflare.control('zones')
    assert made == {zones[zone.name], zones[child.name]}
    child.remove()


def test_many_names_at_once_far_away_need_three_lookups(zone, certd):
    """Of one of them, of the zone, and of the zones below it."""
    zone.fault(method='GET', path='/zones', times=-1, delay=0.5)
    with concurrent.futures.ThreadPoolExecutor(10) as pool:
        done = list(pool.map(
            lambda i: certd.issue(f'n{i}.{zone.name}'), range(10)))
    assert not [d for d in done if d.code]
    lookups = [r['query']['name'] for r in zone.requests('GET')
               if r['path'] == '/zones']
    assert len(lookups) <= 3, lookups


def test_api_that_does_not_know_zones_below(zone, certd):
    zone.fault(path='ends_with', times=-1, status=400, code=1001,
               message='Invalid value for name')
    for i in range(3):
        assert certd.issue(f'h{i}.{zone.name}').code == 0


def test_unknown_token(stage, zone, new_certd):
    certd = new_certd()
    stage.cloudflare.control('token', token=zone.token, status='disabled')
    fails(certd, zone, '9109', 'token')


def test_token_that_is_none(zone, new_certd):
    import os
    certd = new_certd(start=False)
    os.chmod(certd.credentials, 0o600)
    with open(certd.credentials, 'w', encoding='ascii') as f:
        f.write('dns_cloudflare_api_token = short\n')
    with certd:
        done = certd.issue(zone.name)
        assert done.code == 1 and '6003' in done.err, done


def test_unknown_email_and_key(zone, new_certd):
    import os
    certd = new_certd(start=False)
    os.chmod(certd.credentials, 0o600)
    with open(certd.credentials, 'w', encoding='ascii') as f:
        f.write('dns_cloudflare_email = nobody@example.com\n'
                'dns_cloudflare_api_key = ' + '0' * 37 + '\n')
    with certd:
        done = certd.issue(zone.name)
        assert done.code == 1 and '9103' in done.err, done


def test_token_without_the_right_to_edit(stage, zone, certd):
    stage.cloudflare.control('token', token=zone.token, zones=[zone.name],
                             rights=['zone:read', 'dns:read'])
    fails(certd, zone, '10000', 'edit', zone.name)


def test_token_without_the_right_to_see_zones(stage, zone, certd):
    stage.cloudflare.control('token', token=zone.token, zones=[zone.name],
                             rights=[])
    fails(certd, zone, '10000', 'zone')


def test_zone_that_the_token_does_not_see(stage, zone, certd):
    stage.cloudflare.control('token', token=zone.token, zones=[])
    done = fails(certd, zone, zone.name, 'token')
    assert zone.requests('POST') == [], done


def test_zone_that_is_added_is_seen_at_once(stage, zone, certd):
    """That it was missing is not remembered, and so no reason to wait."""
    stage.cloudflare.control('token', token=zone.token, zones=[])
    fails(certd, zone, zone.name, 'token')
    stage.cloudflare.control('token', token=zone.token, zones=[zone.name],
                             rights=['zone:read', 'dns:edit'])
    done = certd.issue(zone.name)
    assert done.code == 0, done


MOODS = {
    'html 502': {'status': 502, 'html': True},
    'json 500': {'status': 500, 'code': 1234, 'message': 'Internal\x1b[31m'},
    'not JSON': {'body': 'hello'},
    'null': {'body': 'null'},
    'no result': {'body': '{"success":true,"errors":[],"messages":[]}'},
    'wrong types': {'body': '{"success":"yes","errors":{},"result":7}'},
    'false with 200': {'status': 200, 'code': 1000, 'message': 'strange'},
    'flood': {'flood': 20 << 20},
    'dropped': {'drop': 'before'},
}


@pytest.mark.parametrize('method', ['GET', 'POST'])
@pytest.mark.parametrize('mood', MOODS)
def test_bad_mood_fails_the_job_and_leaves_nothing(
        zone, certd, nothing_left, mood, method):
    zone.fault(method=method, times=-1, **MOODS[mood])
    done = fails(certd, zone, MOODS[mood].get('message', 'api.stage.test')[:7])
    assert '\x1b' not in done.err
    zone.heal()
    nothing_left(certd, zone)
    assert certd.issue(zone.name).code == 0


def test_rate_limit_says_when_to_try_again(zone, certd, nothing_left):
    zone.fault(method='GET', times=-1, status=429, code=971,
               message='Please wait', headers={'Retry-After': '290'})
    fails(certd, zone, '1,200 requests', 'not before')
    nothing_left(certd, zone)


def test_short_rate_limit_is_sat_out(zone, certd):
    zone.fault(method='POST', status=429, code=971, message='Please wait',
               headers={'Retry-After': '3'})
    done = certd.issue(zone.name)
    assert done.code == 0, done
    first, second = (r['time'] for r in zone.requests('POST')[:2])
    assert second - first > 2.5
    assert zone.records() == []


def test_permission_that_goes_away_half_way(stage, zone, certd):
    """The records stand, and can no longer be removed: that is told, and made
    up for when the token may again."""
    def rights(*names):
        stage.cloudflare.control('token', token=zone.token, zones=[zone.name],
                                 rights=['zone:read', *names])
    zone.lag(2, 2)
    client = threading.Thread(target=lambda: done.append(
        certd.issue(zone.name, '*.' + zone.name)))
    done = []
    client.start()
    deadline = time.monotonic() + 60
    while len(zone.records()) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    rights('dns:read')
    client.join()
    assert done[0].code == 0, done
    status = certd.ctl('status')
    assert f'_acme-challenge.{zone.name}' in status.out, status
    assert 'needs the permission Zone:DNS:Edit' in certd.log()
    assert len(zone.records()) == 2
    rights('dns:edit')
    zone.lag(0, 0)
    assert certd.issue('www.' + zone.name).code == 0
    deadline = time.monotonic() + 60
    while zone.records() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert zone.records() == []


@pytest.mark.parametrize('fault', [
    {'drop': 'after'}, {'truncate': 25}], ids=['dropped', 'truncated'])
def test_record_whose_creation_was_not_confirmed_is_found(
        zone, certd, fault):
    """It was made all the same: issuing goes on with it, and removes it."""
    zone.fault(method='POST', **fault)
    done = certd.issue(zone.name)
    assert done.code == 0, done
    assert zone.records() == []


# ---- several changes of a zone in one request ----

def pair(zone):
    return zone.name, '*.' + zone.name


def test_changes_of_a_zone_go_together(zone, certd):
    """Zone, both records made, both removed: three requests."""
    assert certd.issue(*pair(zone)).code == 0
    asked = [(r['method'], r['path'].rpartition('/')[2])
             for r in zone.requests()]
    assert asked == [('GET', 'zones'), ('POST', 'batch'), ('POST', 'batch')]
    assert zone.records() == []


def test_many_certificates_need_few_requests(zone, certd):
    """Twenty at once, in one zone."""
    waiting = [certd.ctl('issue', '--detach', '-d', f'h{i}.{zone.name}', '-d',
                         f'*.h{i}.{zone.name}') for i in range(20)]
    assert all(w.code == 0 for w in waiting), waiting
    deadline = time.monotonic() + 120
    while len(certd.ctl('list', '--json').json['certificates']) < 20 or \
            zone.records():
        assert time.monotonic() < deadline, certd.ctl('status')
        time.sleep(0.3)
    changes = [r for r in zone.requests() if r['method'] != 'GET']
    assert len(changes) < 40, len(changes)      # 80 records came and went


@pytest.mark.parametrize('fault', [
    {'drop': 'after'}, {'drop': 'before'}, {'truncate': 40},
    {'status': 502, 'html': True},
    {'status': 400, 'code': 1004, 'message': 'DNS Validation Error'},
    {'body': '{"success":true,"errors":[],"result":{"posts":[]}}'},
    {'body': '{"success":true,"errors":[],"result":{"posts":[7,{}]}}'},
], ids=['lost answer', 'lost', 'truncated', 'page', 'refused', 'partial',
        'nonsense'])
def test_batch_that_fails_is_made_up_for(zone, certd, fault):
    """The first batch makes records, the second one removes them."""
    zone.fault(method='POST', path='/batch', times=2, **fault)
    done = certd.issue(*pair(zone))
    assert done.code == 0, done
    assert zone.records() == []


def test_foreign_records_stay(stage, zone, certd):
    name = '_acme-challenge.' + zone.name
    stage.cloudflare.control('record_add', zone=zone.name, name=name,
                             content='"somebody else\'s"')
    stage.cloudflare.control('record_add', zone=zone.name, name=name,
                             content='A' * 43)
    before = zone.records()
    done = certd.issue(zone.name, '*.' + zone.name)
    assert done.code == 0, done
    assert zone.records() == before


def test_record_that_is_gone_already_counts_as_removed(zone, certd):
    zone.fault(method='DELETE', status=404, code=81044,
               message='Record does not exist.')
    done = certd.issue(zone.name)
    assert done.code == 0, done


def test_record_that_cannot_be_removed_is_removed_later(zone, new_certd):
    """Once, however many jobs begin meanwhile."""
    certd = new_certd(start=False)
    zone.fault(method='DELETE', times=-1, status=500, code=1, message='no')
    with certd:
        done = certd.issue(zone.name)
        assert done.code == 0, done
        assert len(zone.records()) == 1
    zone.heal()
    zone.fault(method='GET', path='/dns_records/', delay=3)
    with certd:
        waiting = [certd.ctl('issue', '--detach', '-d', f'h{i}.{zone.name}')
                   for i in range(4)]
        assert all(w.code == 0 for w in waiting), waiting
        deadline = time.monotonic() + 60
        while (zone.records() or certd.ctl('status', '--json').json.get(
                'job')) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert zone.records() == []
        assert certd.log().count('left by an earlier run') == 1, certd.log()

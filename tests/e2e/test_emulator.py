"""The Cloudflare emulator answers as the API does; what it publishes can be
asked for at both name servers."""

import json
import time
import urllib.error
import urllib.parse
import urllib.request

import dns.message
import dns.query
import pytest


def call(zone, method, path, body=None, token=None, headers=None, **query):
    """(HTTP status, reply) of a call with the zone's token."""
    url = f'{zone.stage.world["api_control"]}/client/v4{path}'
    if query:
        url += '?' + urllib.parse.urlencode(query)
    request = urllib.request.Request(
        url, None if body is None else json.dumps(body).encode(),
        headers if headers is not None else
        {'Authorization': 'Bearer ' + (token or zone.token)}, method=method)
    try:
        with urllib.request.urlopen(
                request, context=zone.cloudflare.context) as reply:
            return reply.status, json.load(reply)
    except urllib.error.HTTPError as e:
        return e.code, json.load(e)


def code(outcome):
    status, reply = outcome
    assert reply['success'] is False and reply['result'] is None
    return status, reply['errors'][0]['code']


@pytest.fixture
def records(zone):
    _, reply = call(zone, 'GET', '/zones', name=zone.name)
    return f'/zones/{reply["result"][0]["id"]}/dns_records'


def txt(zone, content, name='_acme-challenge'):
    return {'type': 'TXT', 'name': f'{name}.{zone.name}', 'content': content,
            'ttl': 60}


def shown(stage, zone, server, name='_acme-challenge'):
    reply, _ = dns.query.udp_with_fallback(
        dns.message.make_query(f'{name}.{zone.name}', 'TXT'),
        stage.world['name_servers'][server], timeout=30)
    return {b''.join(r.strings).decode() for rrset in reply.answer
            for r in rrset}


def test_zone_lookup_is_exact_and_shows_only_what_the_token_sees(stage, zone):
    status, reply = call(zone, 'GET', '/zones', name=zone.name)
    found, = reply['result']
    assert (status, found['name'], found['status']) == \
        (200, zone.name, 'active')
    assert found['name_servers'] == ['ns1.stage.test', 'ns2.stage.test']
    other = stage.zone()
    for name in (other.name, 'www.' + zone.name):
        assert call(zone, 'GET', '/zones', name=name)[1]['result'] == []
    other.remove()


@pytest.mark.parametrize('headers, wanted', [
    ({}, (400, 9106)),
    ({'Authorization': 'Bearer short'}, (400, 6003)),
    ({'Authorization': 'Bearer ' + 'x' * 40}, (403, 9109)),
    ({'X-Auth-Email': 'a@b.test', 'X-Auth-Key': '0' * 37}, (403, 9103)),
    ({'X-Auth-Email': 'a@b.test', 'X-Auth-Key': 'x'}, (400, 6003)),
])
def test_credentials(zone, headers, wanted):
    assert code(call(zone, 'GET', '/zones', headers=headers)) == wanted


def test_rights(stage, zone, records):
    reader = stage.token([zone.name], rights=['zone:read', 'dns:read'])
    assert call(zone, 'GET', records, token=reader)[0] == 200
    assert code(call(zone, 'POST', records, txt(zone, 'a'), token=reader)) == \
        (403, 10000)
    assert code(call(zone, 'GET', '/zones/nonsense/dns_records')) == (404, 7003)
    assert code(call(zone, 'GET', f'/zones/{"0" * 32}/dns_records')) == \
        (403, 10000)


def test_records_are_made_found_and_removed(stage, zone, records):
    status, made = call(zone, 'POST', records, txt(zone, '"quoted"'))
    assert status == 200 and len(made['result']['id']) == 32
    assert call(zone, 'POST', records, txt(zone, 'plain'))[0] == 200
    assert shown(stage, zone, 0) == shown(stage, zone, 1) == \
        {'quoted', 'plain'}
    for content in ('"quoted"', 'quoted'):      # what DNS shows is the same
        assert code(call(zone, 'POST', records, txt(zone, content))) == \
            (400, 81058)
    for query in ({'content': 'plain'}, {'content.exact': 'plain'},
                  {'content.contains': 'lai'}):
        _, reply = call(zone, 'GET', records, type='TXT', **query)
        assert [r['content'] for r in reply['result']] == ['plain'], query
    assert call(zone, 'GET', records, content='quoted')[1]['result'] == []
    path = f'{records}/{made["result"]["id"]}'
    assert call(zone, 'DELETE', path)[0] == 200
    assert code(call(zone, 'DELETE', path)) == (404, 81044)
    assert shown(stage, zone, 0) == shown(stage, zone, 1) == {'plain'}


def test_batch_is_all_or_nothing(stage, zone, records):
    _, made = call(zone, 'POST', records, txt(zone, 'old'))
    posts = [txt(zone, 'a'), txt(zone, 'b')]
    deletes = [{'id': made['result']['id']}]
    bad = {'deletes': deletes, 'posts': posts + [txt(zone, 'a')]}
    assert code(call(zone, 'POST', records + '/batch', bad)) == (400, 81058)
    assert shown(stage, zone, 0) == {'old'}
    status, _ = call(zone, 'POST', records + '/batch',
                     {'deletes': deletes, 'posts': posts})
    assert status == 200 and shown(stage, zone, 1) == {'a', 'b'}


def test_pages(zone, records):
    call(zone, 'POST', records + '/batch',
         {'posts': [txt(zone, str(i)) for i in range(7)]})
    _, reply = call(zone, 'GET', records, per_page=5, page=2)
    assert len(reply['result']) == 2
    assert reply['result_info'] == {
        'page': 2, 'per_page': 5, 'count': 2, 'total_count': 7,
        'total_pages': 2}


def test_long_content_is_split(stage, zone, records):
    call(zone, 'POST', records, txt(zone, 'x' * 600))
    assert shown(stage, zone, 0) == {'x' * 600}
    assert code(call(zone, 'POST', records, txt(zone, 'x' * 3000))) == \
        (400, 1004)


def test_lag_is_per_name_server(stage, zone, records):
    zone.lag(0, 5)
    call(zone, 'POST', records, txt(zone, 'late'))
    assert shown(stage, zone, 0) == {'late'} and not shown(stage, zone, 1)
    deadline = time.monotonic() + 60
    while shown(stage, zone, 1) != {'late'}:
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_limit_shuts_out(stage, zone):
    token = stage.token([zone.name], limit=3)
    for _ in range(3):
        assert call(zone, 'GET', '/zones', token=token)[0] == 200
    assert code(call(zone, 'GET', '/zones', token=token)) == (429, 971)


def test_fault_strikes_as_often_as_told(zone, records):
    zone.fault(method='GET', path='dns_records', skip=1, times=2, status=503,
               code=7, message='busy')
    outcomes = [call(zone, 'GET', records)[0] for _ in range(4)]
    assert outcomes == [200, 503, 503, 200]

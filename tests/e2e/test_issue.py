"""Issuing: names, keys, accounts, several at once."""

import concurrent.futures
import json
import os

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from stage import pem
from stage.certbot import Certbot


def check_certificate(stage, certd, lineage, names):
    live = certd.live(lineage)
    assert pem.names(live) == set(names)
    assert pem.is_pair(live, certd.live(lineage, 'privkey'))
    pem.verify(live, stage.world['ca_root'])


def test_single_name_is_issued(stage, certd, zone):
    done = certd.issue(zone.name)
    assert done.code == 0, done
    assert zone.name in done.out
    check_certificate(stage, certd, zone.name, [zone.name])


def test_apex_and_wildcard_have_two_values_at_one_name(stage, certd, zone):
    done = certd.issue(zone.name, '*.' + zone.name)
    assert done.code == 0, done
    check_certificate(stage, certd, zone.name, [zone.name, '*.' + zone.name])
    made = json.loads(zone.requests('POST')[0]['body'])['posts']
    assert {m['name'] for m in made} == {'_acme-challenge.' + zone.name}
    assert len({m['content'].strip('"') for m in made}) == 2
    assert zone.records() == []


def test_wildcard_alone_is_stored_under_its_base(stage, certd, zone):
    assert certd.issue('*.' + zone.name).code == 0
    check_certificate(stage, certd, zone.name, ['*.' + zone.name])


def test_twenty_certificates_at_once(stage, certd, zone):
    names = [f'h{i}.{zone.name}' for i in range(20)]
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        done = list(pool.map(lambda n: certd.issue(n, '*.' + n), names))
    assert [d.code for d in done] == [0] * 20, \
        '\n'.join(repr(d) for d in done if d.code)
    for name in names:
        check_certificate(stage, certd, name, [name, '*.' + name])
    assert zone.records() == []
    assert len(certd.ctl('list', '--json').json['certificates']) == 20


def test_hundred_names_in_one_certificate(stage, certd, zone):
    names = [f'n{i}.{zone.name}' for i in range(100)]
    done = certd.issue(*names, options=['--cert-name', 'hundred'])
    assert done.code == 0, done
    check_certificate(stage, certd, 'hundred', names)
    assert zone.records() == []


@pytest.mark.parametrize('options, kind, size', [
    ([], ec.EllipticCurvePrivateKey, 256),
    (['--key-type', 'ecdsa', '--elliptic-curve', 'secp384r1'],
     ec.EllipticCurvePrivateKey, 384),
    (['--key-type', 'rsa'], rsa.RSAPrivateKey, 2048),
    (['--key-type', 'rsa', '--rsa-key-size', '3072'], rsa.RSAPrivateKey, 3072),
])
def test_key_type(stage, certd, zone, options, kind, size):
    done = certd.issue(zone.name, options=options)
    assert done.code == 0, done
    key = pem.key(certd.live(zone.name, 'privkey'))
    assert isinstance(key, kind) and key.key_size == size
    check_certificate(stage, certd, zone.name, [zone.name])


def test_every_issuance_has_a_new_key(certd, zone):
    assert certd.issue(zone.name).code == 0
    first = pem.read(certd.live(zone.name, 'privkey'))
    assert certd.issue(zone.name, options=['--force-renewal']).code == 0
    assert pem.read(certd.live(zone.name, 'privkey')) != first
    assert os.readlink(certd.live(zone.name)) == \
        f'../../archive/{zone.name}/fullchain2.pem'


def test_what_is_not_due_is_kept(certd, zone):
    assert certd.issue(zone.name).code == 0
    before = zone.requests()
    done = certd.issue(zone.name)
    assert done.code == 0 and 'kept' in done.out, done
    assert zone.requests() == before
    again = certd.issue(zone.name, options=['--json']).json
    assert again['certificates'][0]['result'] == 'kept'


def test_cert_name_is_the_name_of_the_lineage(certd, zone):
    done = certd.issue('a.' + zone.name, options=['--cert-name', 'mine'])
    assert done.code == 0, done
    assert pem.names(certd.live('mine')) == {'a.' + zone.name}


def accounts(certd):
    """{folder below accounts/: contents of regr.json}"""
    found, top = {}, certd.path('accounts')
    for folder, _, files in os.walk(top):
        if 'regr.json' in files:
            with open(os.path.join(folder, 'regr.json'),
                      encoding='utf-8') as f:
                found[os.path.relpath(folder, top)] = json.load(f)
    return found


def test_account_is_made_once(certd, zone):
    assert certd.issue('a.' + zone.name).code == 0
    first = accounts(certd)
    assert len(first) == 1
    assert certd.issue('b.' + zone.name).code == 0
    assert accounts(certd) == first


def test_account_is_found_again_when_its_url_is_lost(certd, zone):
    assert certd.issue('a.' + zone.name).code == 0
    (folder, regr), = accounts(certd).items()
    os.unlink(certd.path('accounts', folder, 'regr.json'))
    done = certd.issue('b.' + zone.name)
    assert done.code == 0, done
    assert accounts(certd)[folder]['uri'] == regr['uri']


def test_rsa_account_of_certbot_is_used(stage, zone, new_certd, patient_ca):
    certd = new_certd(start=False, server=patient_ca.url_by_address)
    certbot = Certbot(stage, certd.store, certd.folder)
    done = certbot('register', '--server', patient_ca.url_by_address,
                   '--agree-tos', '--register-unsafely-without-email')
    assert done.code == 0, done
    before = accounts(certd)
    assert len(before) == 1
    with certd:
        done = certd.issue(zone.name)
        assert done.code == 0, done
    assert accounts(certd) == before


def test_nested_zone_gets_the_record(stage, zone, new_certd):
    parent = stage.zone('p' + zone.name)
    child = stage.zone('sub.' + parent.name)
    stage.cloudflare.control('token', token=zone.token,
                             zones=[parent.name, child.name])
    certd = new_certd()
    done = certd.issue('www.' + child.name, 'www.' + parent.name)
    assert done.code == 0, done
    log = stage.cloudflare.control('log', token=zone.token)
    made = {json.loads(r['body'])['name']: r['path'] for r in log
            if r['method'] == 'POST'}
    assert len(set(made.values())) == 2, made
    assert parent.records() == child.records() == []
    child.remove()
    parent.remove()


def test_email_and_global_key_work_too(stage, zone, new_certd):
    email, key = f'admin@{zone.name}', '0123456789abcdef' * 2 + '01234'
    stage.cloudflare.control('key', email=email, key=key, zones=[zone.name])
    certd = new_certd(start=False)
    os.unlink(certd.credentials)
    with open(os.open(certd.credentials, os.O_CREAT | os.O_WRONLY, 0o400),
              'w', encoding='ascii') as f:
        f.write(f'dns_cloudflare_email = {email}\n'
                f'dns_cloudflare_api_key = {key}\n')
    with certd:
        done = certd.issue(zone.name)
        assert done.code == 0, done
    assert zone.records() == []


def test_detached_job_goes_on_and_can_be_watched(certd, zone):
    done = certd.issue(zone.name, options=['--detach'])
    assert done.code == 0 and 'started' in done.out, done
    watched = certd.ctl('watch', '1')
    assert watched.code == 0, watched
    assert os.path.exists(certd.live(zone.name))


def test_deploy_hook_gets_lineage_and_names(certd, zone):
    seen = os.path.join(certd.folder, 'seen')
    done = certd.issue(zone.name, '*.' + zone.name, options=[
        '--deploy-hook',
        f'echo "$RENEWED_LINEAGE|$RENEWED_DOMAINS" >{seen}'])
    assert done.code == 0, done
    with open(seen, encoding='utf-8') as f:
        lineage, domains = f.read().strip().split('|')
    assert lineage == certd.path('live', zone.name)
    assert set(domains.split()) == {zone.name, '*.' + zone.name}


def test_failing_deploy_hook_is_reported_and_the_certificate_stands(
        certd, zone):
    done = certd.issue(zone.name, options=[
        '--deploy-hook', 'echo went wrong; exit 7'])
    assert done.code == 0, done
    assert os.path.exists(certd.live(zone.name))
    assert '7' in done.text and 'hook' in done.text, done

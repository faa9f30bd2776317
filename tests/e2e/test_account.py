"""certctl account: show, register, update, deactivate, rollover; and accounts
that are several, or gone."""

import json
import os
import re
import shutil
import urllib.parse

import pytest

from stage import pem, people
from stage.certbot import Certbot
from stage.proxy import Proxy


def folder_of(certd, server=None):
    url = urllib.parse.urlparse(server or certd.server)
    return certd.path('accounts', url.netloc, url.path.strip('/'))


def ids(certd, server=None):
    folder = folder_of(certd, server)
    return sorted(i for i in os.listdir(folder)
                  if not i.startswith('.')) if os.path.isdir(folder) else []


def shown(certd, *options):
    done = certd.ctl('account', 'show', *options, '--json')
    assert done.code == 0, done
    return done.json


def test_account_life(certd, zone):
    done = certd.ctl('account', 'show')
    assert done.code == 1 and 'could not find an existing account' in done.err
    done = certd.ctl('account', 'register', '--email',
                     'a@example.com,b@example.com')
    assert done.code == 0 and 'Account registered.' in done.out, done
    done = certd.ctl('register', '--agree-tos')
    assert done.code == 1 and 'there is an existing account' in done.err, done
    done = certd.ctl('account', 'show')
    assert re.fullmatch(
        r'Account details for server https://\S+/dir:\n'
        r'  Account URL: https://\S+\n'
        r'  Account Thumbprint: [\w-]{43}\n'
        r'  Email contacts: a@example.com, b@example.com\n'
        r'  Account ID: [0-9a-f]{32}\n'
        r'  Status: valid\n', done.out), done
    assert certd.issue(zone.name).code == 0       # with that account
    assert len(ids(certd)) == 1
    assert certd.ctl('update_account', '--email', 'c@example.com').code == 0
    assert shown(certd)['contacts'] == ['mailto:c@example.com']
    assert certd.ctl('account', 'update', '--no-email').code == 0
    assert 'Email contact: none' in certd.ctl('show_account').out
    assert shown(certd)['contacts'] == []
    done = certd.ctl('account', 'update')
    assert done.code == 2 and '--no-email' in done.err, done
    done = certd.ctl('account', 'update', '--email', 'nobody')
    assert done.code == 2 and 'no e-mail address' in done.err, done
    # The end, and what then happens to the certificate.
    status, text = certd.ctl_on_terminal('n\n', 'account', 'deactivate')
    assert status == 1 and 'nothing was deactivated' in text, text
    url = shown(certd)['account_url']
    assert certd.ctl('unregister', '-n').code == 0
    assert ids(certd) == []
    assert certd.ctl('account', 'deactivate').code == 1
    done = certd.ctl('account', 'frobnicate')
    assert done.code == 2 and 'rollover' in done.err, done
    assert certd.ctl('account', 'register').code == 0
    assert shown(certd)['account_url'] != url
    # Its renewal file names the account that is no more.
    done = certd.ctl('renew', '--force-renewal')
    assert done.code == 0, done
    with open(certd.path('renewal', zone.name + '.conf'),
              encoding='utf-8') as f:
        assert f'account = {ids(certd)[0]}\n' in f.read()


def test_register_asks_for_the_terms(new_certd):
    certd = new_certd(settings={'acme': {'agree-tos': None}})
    done = certd.ctl('account', 'register')
    assert done.code == 1 and '--agree-tos' in done.err, done
    status, text = certd.ctl_on_terminal('n\n', 'account', 'register')
    assert status == 1 and 'terms of service' in text, text
    assert ids(certd) == []
    status, text = certd.ctl_on_terminal('y\n', 'account', 'register')
    assert status == 0 and 'Account registered.' in text, text
    assert len(ids(certd)) == 1


def test_rollover(stage, new_certd, zone, patient_ca):
    certd = new_certd(server=patient_ca.url)
    assert certd.issue(zone.name).code == 0
    before, url = ids(certd)[0], shown(certd)['account_url']
    old_key = pem.read(os.path.join(folder_of(certd), before,
                                    'private_key.json'))
    thumbprint = shown(certd)['account_thumbprint']
    done = certd.ctl('account', 'rollover')
    assert done.code == 0 and 'has a new key' in done.out, done
    now = shown(certd)
    assert now['account_url'] == url
    assert now['account_id'] != before
    assert now['account_thumbprint'] != thumbprint
    assert ids(certd) == [now['account_id']]
    folder = os.path.join(folder_of(certd), now['account_id'])
    assert {n: oct(os.stat(os.path.join(folder, n)).st_mode & 0o777)
            for n in os.listdir(folder)} == {
        'private_key.json': '0o400', 'regr.json': '0o644',
        'meta.json': '0o644', '.private_key.json.before': '0o400'}
    with open(certd.path('renewal', zone.name + '.conf'),
              encoding='utf-8') as f:
        assert f'account = {now["account_id"]}\n' in f.read()
    done = certd.ctl('renew', '--force-renewal')
    assert done.code == 0 and '1 renewed' in done.out, done
    # certbot takes it for its own.
    certbot = Certbot(stage, certd.store, certd.folder)
    accounts = os.path.dirname(folder_of(certd))
    os.rename(accounts, os.path.join(
        os.path.dirname(accounts),
        urllib.parse.urlparse(patient_ca.url_by_address).netloc))
    done = certbot('show_account', '--server', patient_ca.url_by_address)
    assert done.code == 0 and url.rsplit('/', 1)[1] in done.out, done
    os.rename(os.path.join(
        os.path.dirname(accounts),
        urllib.parse.urlparse(patient_ca.url_by_address).netloc), accounts)
    # The CA knows the old key no more.
    path = os.path.join(folder, 'private_key.json')
    os.unlink(path)
    with open(path, 'wb') as f:
        f.write(old_key)
    os.chmod(path, 0o400)
    done = certd.ctl('account', 'show')
    assert done.code == 1, done


@pytest.mark.parametrize('lost', ['before', 'after'])
def test_rollover_whose_answer_is_lost(stage, new_certd, patient_ca, lost):
    """The CA is asked which key it knows; where that is the old one, again."""
    with Proxy(stage, {'path': 'rollover', 'reset': lost, 'times': 1},
               ca=patient_ca) as proxy:
        certd = new_certd(zone_=None, server=proxy.url)
        assert certd.ctl('account', 'register').code == 0
        before = shown(certd)
        done = certd.ctl('account', 'rollover')
        assert done.code == 0 and 'has a new key' in done.out, done
        asked = [path for _, path in proxy.requests if 'rollover' in path]
        assert len(asked) == (2 if lost == 'before' else 1)
        now = shown(certd)
        assert now['account_url'] == before['account_url']
        assert now['account_id'] != before['account_id']


@pytest.mark.parametrize('reached', [False, True])
def test_rollover_that_was_interrupted(certd, zone, reached):
    """certd dies with both keys on disk, before or after the CA has heard of
    the new one."""
    assert certd.issue(zone.name).code == 0
    before = ids(certd)[0]
    folder = os.path.join(folder_of(certd), before)
    old = pem.read(os.path.join(folder, 'private_key.json'))
    conf = pem.read(certd.path('renewal', zone.name + '.conf'))
    assert certd.ctl('account', 'rollover').code == 0
    after = ids(certd)[0]
    new = pem.read(os.path.join(folder_of(certd), after, 'private_key.json'))
    if not reached:              # back to the old key, as the CA sees it
        assert certd.ctl('account', 'rollover').code == 0
    # As it was between the request and its answer.
    current = os.path.join(folder_of(certd), ids(certd)[0])
    newest = pem.read(os.path.join(current, 'private_key.json'))
    first, second = (old, new) if reached else (newest, old)
    for name in ('private_key.json', '.private_key.json.before'):
        os.unlink(os.path.join(current, name))
    for name, data in (('private_key.json', first),
                       ('.private_key.json.next', second)):
        path = os.path.join(current, name)
        with open(path, 'wb') as f:
            f.write(data)
        os.chmod(path, 0o400)
    if reached:
        os.rename(current, folder)
        with open(certd.path('renewal', zone.name + '.conf'), 'wb') as f:
            f.write(conf)
    done = certd.ctl('renew', '--force-renewal')
    assert done.code == 0 and '1 renewed' in done.out, done
    assert 'was interrupted' in certd.log()
    if reached:
        assert ids(certd) == [after]
        assert pem.read(os.path.join(
            folder_of(certd), after, 'private_key.json')) == new
    # It can be done again, either way.
    assert certd.ctl('account', 'rollover').code == 0
    assert certd.ctl('renew', '--force-renewal').code == 0
    assert not any('next' in n for n in os.listdir(
        os.path.join(folder_of(certd), ids(certd)[0])))


def test_several_accounts_need_a_name(certd, zone):
    assert certd.issue(zone.name).code == 0
    first = ids(certd)[0]
    aside = certd.path('aside')
    os.rename(os.path.join(folder_of(certd), first), aside)
    assert certd.ctl('account', 'register').code == 0
    second = ids(certd)[0]
    os.rename(aside, os.path.join(folder_of(certd), first))
    # The renewal file binds.
    assert certd.ctl('renew', '--force-renewal').code == 0
    done = certd.ctl('account', 'show')
    assert done.code == 1 and '--account ID' in done.err, done
    assert first in done.err and second in done.err, done
    assert shown(certd, '--account', second)['account_id'] == second
    assert shown(certd, '--account', first)['account_id'] == first
    done = certd.ctl('account', 'show', '--account', 'x' * 32)
    assert done.code == 1 and 'x' * 32 in done.err, done
    done = certd.issue('www.' + zone.name, options=['--account', second])
    assert done.code == 0, done
    done = certd.issue('w3.' + zone.name)
    assert done.code == 1 and '--account ID' in done.err, done


def forget_at_the_ca(certd):
    """The account's URL becomes one that the CA has never heard of."""
    path = os.path.join(folder_of(certd), ids(certd)[0], 'regr.json')
    with open(path, encoding='utf-8') as f:
        regr = json.load(f)
    regr['uri'] += '0'
    os.chmod(path, 0o644)
    with open(path, 'w', encoding='utf-8') as f:
        json.dump(regr, f)
    return regr['uri']


def test_account_gone_at_the_ca(stage, certd, zone):
    assert certd.issue(zone.name).code == 0
    gone = forget_at_the_ca(certd)
    # Revoked with the certificate's own key, by itself.
    done = certd.ctl('revoke', '--cert-name', zone.name,
                     '--no-delete-after-revoke')
    assert done.code == 0, done
    serial = pem.serial(certd.live(zone.name))
    assert stage.ca.status(serial) == 'Revoked'
    assert "own key" in certd.log()
    # Shown: what to do.
    done = certd.ctl('account', 'show')
    assert done.code == 1 and 'account deactivate' in done.err, done
    # Issued: made anew with the same key, once.
    done = certd.ctl('renew')
    assert done.code == 0 and '1 renewed' in done.out, done
    assert shown(certd)['account_url'] != gone
    # Deactivating what is gone is no failure.
    forget_at_the_ca(certd)
    assert certd.ctl('account', 'deactivate').code == 0
    assert ids(certd) == []


HMAC_KEY = 'zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W'


def test_account_that_is_bound_to_a_customer(stage, new_certd, zone, tmp_path):
    ca = stage.new_ca(externalAccountBindingRequired=True,
                      externalAccountMACKeys={'kid-1': HMAC_KEY})
    try:
        certd = new_certd(server=ca.url)
        good, bad = tmp_path / 'good', tmp_path / 'bad'
        good.write_text(HMAC_KEY + '\n', encoding='ascii')
        bad.write_text(HMAC_KEY[::-1], encoding='ascii')
        binding = ['--eab-kid', 'kid-1', '--eab-hmac-key-file']
        done = certd.issue(zone.name)
        assert done.code == 1 and '--eab-hmac-key-file' in done.err, done
        done = certd.ctl('account', 'register', '--eab-kid', 'kid-1')
        assert done.code == 2 and 'go together' in done.err, done
        done = certd.ctl('register', '--eab-hmac-key', HMAC_KEY)
        assert done.code == 2 and HMAC_KEY not in done.text, done
        done = certd.ctl('register', *binding, '/etc/hostname')
        assert done.code == 1 and 'HMAC key is not' in done.err, done
        done = certd.ctl('register', *binding, str(good),
                         **people.as_user('nobody', 'certadmin'))
        assert done.code != 0 and ids(certd, ca.url) == [], done
        done = certd.ctl('register', *binding, str(bad))
        assert done.code == 1, done
        done = certd.ctl('register', '--eab-kid', 'kid-2',
                         '--eab-hmac-key-file', str(good))
        assert done.code == 1, done
        done = certd.ctl('register', *binding, str(good))
        assert done.code == 0 and 'Account registered.' in done.out, done
        assert certd.issue(zone.name).code == 0
        for name in os.listdir(certd.folder):
            path = os.path.join(certd.folder, name)
            if os.path.isfile(path):
                assert HMAC_KEY.encode() not in pem.read(path), path
    finally:
        ca.stop()


def test_account_deactivated_elsewhere(certd, zone):
    """The files are still here: it is told what to do."""
    assert certd.issue(zone.name).code == 0
    kept = certd.path('kept')
    shutil.copytree(certd.path('accounts'), kept)
    assert certd.ctl('account', 'deactivate').code == 0
    shutil.rmtree(certd.path('accounts'))
    os.rename(kept, certd.path('accounts'))
    # The directory that certd holds open is another one.
    certd.stop()
    certd.start()
    done = certd.ctl('renew', '--force-renewal')
    assert done.code == 1 and 'account deactivate' in done.err, done
    done = certd.ctl('account', 'show')
    assert done.code == 1 and 'account deactivate' in done.err, done
    assert certd.ctl('account', 'deactivate').code == 0
    assert certd.ctl('account', 'register').code == 0
    assert certd.ctl('renew', '--force-renewal').code == 0

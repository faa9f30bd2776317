"""certctl revoke: which certificate, with whose key, and what stays."""

import json
import os
import shutil

from stage import people, pem
from stage.proxy import Proxy

REASONS = {'unspecified': 0, 'keycompromise': 1, 'affiliationchanged': 3,
           'superseded': 4, 'cessationofoperation': 5}


def serial_of(certd, lineage, version=None):
    path = certd.live(lineage, 'cert') if version is None else certd.path(
        'archive', lineage, f'cert{version}.pem')
    return f'{pem.certificates(path)[0].serial_number:x}'


def listed(certd, lineage):
    return next(c for c in certd.ctl('list', '--json').json['certificates']
                if c['name'] == lineage)


def test_revoke_by_name_keeps_deletes_and_renews(stage, certd, zone):
    assert certd.issue(zone.name).code == 0
    serial = serial_of(certd, zone.name)
    done = certd.ctl('revoke', '--cert-name', zone.name, '--reason',
                     'superseded', '--no-delete-after-revoke')
    assert done.code == 0 and 'revoked' in done.out, done
    assert stage.ca.status(serial) == 'Revoked'
    assert stage.ca.reason(serial) == REASONS['superseded']
    # Remembered, shown, and due.
    assert listed(certd, zone.name)['status'] == 'revoked'
    assert 'REVOKED' in certd.ctl('list').out
    assert '(superseded)' in certd.ctl('show', zone.name).out
    # A second time is no failure.
    done = certd.ctl('revoke', '--cert-name', zone.name,
                     '--no-delete-after-revoke')
    assert done.code == 0 and 'revoked before' in done.out, done
    done = certd.ctl('renew')
    assert done.code == 0 and '1 renewed' in done.out, done
    assert listed(certd, zone.name)['status'] == 'valid'
    assert serial_of(certd, zone.name) != serial
    # An old version takes nothing with it.
    done = certd.ctl('revoke', '--cert-path',
                     certd.path('archive', zone.name, 'cert1.pem'),
                     '--delete-after-revoke')
    assert done.code == 0 and 'is not the one' in done.out, done
    assert listed(certd, zone.name)['status'] == 'valid'
    # Where nobody is asked, the files go, as with certbot.
    serial = serial_of(certd, zone.name)
    done = certd.ctl('revoke', '--cert-name', zone.name)
    assert done.code == 0 and f'deleted: {zone.name}' in done.out, done
    assert stage.ca.status(serial) == 'Revoked'
    assert not os.path.exists(certd.path('live', zone.name))
    assert certd.ctl('list', '--json').json['certificates'] == []


def test_revoke_asks_on_a_terminal(stage, certd, zone):
    assert certd.issue(zone.name).code == 0
    status, shown = certd.ctl_on_terminal(
        'n\n', 'revoke', '--cert-path', certd.live(zone.name))
    assert status == 0 and 'Delete certificate' in shown, shown
    assert stage.ca.status(serial_of(certd, zone.name)) == 'Revoked'
    status, shown = certd.ctl_on_terminal(
        '\n', 'revoke', '--cert-name', zone.name)
    assert status == 0 and 'deleted' in shown, shown
    assert not os.path.exists(certd.path('live', zone.name))


def test_revoke_with_the_certificates_key(stage, certd, zone):
    for key in (['--key-type', 'ecdsa'],
                ['--key-type', 'ecdsa', '--elliptic-curve', 'secp384r1'],
                ['--key-type', 'rsa']):
        assert certd.issue(zone.name, options=[
            '--cert-name', zone.name, *key]).code == 0
        done = certd.ctl('revoke', '--cert-path', certd.live(zone.name),
                         '--key-path', certd.live(zone.name, 'privkey'),
                         '--reason', 'keyCompromise',
                         '--no-delete-after-revoke')
        assert done.code == 0, done
        assert "signed with the certificate's own key" in done.out
        serial = serial_of(certd, zone.name)
        assert stage.ca.status(serial) == 'Revoked'
        assert stage.ca.reason(serial) == 1
    # The key of another one is refused, before the CA hears of it.
    other = 'www.' + zone.name
    assert certd.issue(other).code == 0
    done = certd.ctl('revoke', '--cert-name', other, '--key-path',
                     certd.live(zone.name, 'privkey'))
    assert done.code == 1 and 'not that of the certificate' in done.err, done
    assert stage.ca.status(serial_of(certd, other)) == 'Valid'
    # Without the account, the store's own key is taken by itself.
    shutil.rmtree(certd.path('accounts'))
    os.mkdir(certd.path('accounts'), 0o700)
    done = certd.ctl('revoke', '--cert-name', other, '-n')
    assert done.code == 0, done
    assert not os.path.exists(certd.path('live', other))


def test_revoke_what_is_not_in_the_store(stage, certd, zone, tmp_path):
    admin = people.as_user('nobody', 'certadmin')
    assert certd.issue(zone.name).code == 0
    kept = tmp_path / 'kept.pem'
    shutil.copy(certd.live(zone.name), kept)
    os.chmod(kept, 0o644)
    for folder in (tmp_path, *tmp_path.parents[:2]):
        os.chmod(folder, 0o755)
    serial = serial_of(certd, zone.name)
    # Somebody of the admin group: no file but the store's own.
    done = certd.ctl('revoke', '--cert-path', str(kept), **admin)
    assert done.code == 3 and 'no certificate of the store' in done.err, done
    for path in ('/etc/shadow', certd.path('live', '..', 'x', 'cert.pem'),
                 certd.path('archive', zone.name, 'privkey1.pem'),
                 certd.path('renewal', zone.name + '.conf')):
        done = certd.ctl('revoke', '--cert-path', path, **admin)
        assert done.code == 3, done
    done = certd.ctl('revoke', '--cert-name', zone.name, '--key-path',
                     str(kept), **admin)
    assert done.code == 3, done
    assert stage.ca.status(serial) == 'Valid'
    done = certd.ctl('revoke', '--cert-path',
                     certd.path('archive', zone.name, 'fullchain1.pem'),
                     '--no-delete-after-revoke', **admin)
    assert done.code == 0, done
    assert stage.ca.status(serial) == 'Revoked'
    # Root: any. What no lineage shows takes none with it.
    assert certd.issue(zone.name, options=['--force-renewal']).code == 0
    done = certd.ctl('revoke', '--cert-path', str(kept))
    assert done.code == 0 and 'revoked before' in done.out, done
    assert os.path.exists(certd.live(zone.name))
    shutil.copy(certd.live(zone.name), kept)
    done = certd.ctl('revoke', '--cert-path', str(kept), '--json')
    assert done.code == 0, done
    assert json.loads(done.out.splitlines()[0])['certificates'][0][
        'result'] == 'revoked'
    assert not os.path.exists(certd.live(zone.name))


def test_revoke_overlapping_archives_keep_both(certd, zone):
    other = 'b.' + zone.name
    for name in (zone.name, other):
        assert certd.issue(name).code == 0
    conf = certd.path('renewal', other + '.conf')
    with open(conf, encoding='utf-8') as f:
        text = f.read()
    with open(conf, 'w', encoding='utf-8') as f:
        f.write(text.replace(certd.path('archive', other) + '\n',
                             certd.path('archive', zone.name) + '\n'))
    done = certd.ctl('revoke', '--cert-name', zone.name)
    assert done.code == 0 and 'overlapping archive dirs' in done.out, done
    assert os.path.exists(certd.live(zone.name))


BAD = [
    ([], 2, 'exactly one of'),
    (['--cert-name', 'a', '--cert-path', 'b'], 2, 'exactly one of'),
    (['--cert-name', 'nobody', '--reason', 'boredom'], 2, 'cessation'),
    (['--cert-name', 'nobody'], 1, 'no certificate named'),
    (['--cert-path', '/nowhere/cert.pem'], 1, '/nowhere/cert.pem'),
    (['--cert-path', '/etc/passwd'], 1, 'no certificate in the file'),
    (['--cert-name', 'a', '--delete-after-revoke',
      '--no-delete-after-revoke'], 2, 'exclude each other'),
]


def test_revoke_bad_requests(certd):
    for words, status, text in BAD:
        done = certd.ctl('revoke', *words)
        assert done.code == status and text in done.err, (words, done)


def test_revoke_whose_answer_is_lost(stage, new_certd, zone):
    """Asked again, the CA says that it is revoked already."""
    with Proxy(stage, {'path': 'revoke-cert', 'reset': 'after',
                       'times': 1}) as proxy:
        certd = new_certd(server=proxy.url)
        assert certd.issue(zone.name).code == 0
        done = certd.ctl('revoke', '--cert-name', zone.name,
                         '--no-delete-after-revoke')
        assert done.code == 0, done
        assert stage.ca.status(serial_of(certd, zone.name)) == 'Revoked'


def test_key_in_other_hands_is_not_used_again(certd, zone):
    def key():
        return pem.public_bytes(
            pem.key(certd.live(zone.name, 'privkey')).public_key())
    assert certd.issue(zone.name, options=['--reuse-key']).code == 0
    first = key()
    for reason in 'superseded', 'keycompromise':
        assert certd.ctl('revoke', '--cert-name', zone.name, '--reason',
                         reason, '--no-delete-after-revoke').code == 0
        assert certd.ctl('renew').code == 0
        assert (key() == first) == (reason == 'superseded')
    # The new one is kept again.
    second = key()
    assert certd.ctl('renew', '--force-renewal').code == 0
    assert key() == second


def test_revoke_where_the_account_may_not(stage, new_certd, zone):
    """It was deactivated, or another one has issued it: Pebble asks for
    neither."""
    with Proxy(stage, {
            'path': 'revoke-cert', 'times': 1, 'status': 403,
            'headers': {'Content-Type': 'application/problem+json'},
            'body': json.dumps({
                'type': 'urn:ietf:params:acme:error:unauthorized',
                'detail': 'not you', 'status': 403})}) as proxy:
        certd = new_certd(server=proxy.url)
        assert certd.issue(zone.name).code == 0
        done = certd.ctl('revoke', '--cert-name', zone.name,
                         '--no-delete-after-revoke')
        assert done.code == 0, done
        assert "signed with the certificate's own key" in done.out, done
        assert stage.ca.status(serial_of(certd, zone.name)) == 'Revoked'

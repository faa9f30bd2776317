"""What lies on the disk: certbot's layout, to the letter."""

import datetime
import grp
import os
import re
import sqlite3
import stat
import threading
import time

import configobj
import pytest
from cryptography.hazmat.primitives import hashes

from stage import pem
from stage.certbot import Certbot
from stage.files import tree

# Of certbot 2 only: copies of keys and requests, and its lock.
CERTBOTS_OWN = ('keys', 'csr', '.certbot.lock')
CERTDS_OWN = ('.certd',)


def group_of(path):
    return grp.getgrgid(os.lstat(path).st_gid).gr_name


def mode_of(path):
    return stat.S_IMODE(os.lstat(path).st_mode)


def issue_with_certbot(stage, zone, folder, ca):
    """The same certificate in a tree of certbot's own."""
    other = os.path.join(folder, 'certbot-tree')
    credentials = zone.credentials(os.path.join(folder, 'certbot.ini'))
    done = Certbot(stage, other, folder, ca).certonly(
        credentials, zone.name, '*.' + zone.name)
    assert done.code == 0, done
    return other


def without_account_id(paths):
    return {re.sub(r'^(accounts/.*/)[0-9a-f]{32}', r'\1ID', p): v
            for p, v in paths.items()}


def test_tree_for_root_alone_equals_certbots(
        stage, zone, new_certd, patient_ca):
    certd = new_certd(server=patient_ca.url_by_address,
                      settings={'certd': {'store-group': ''}})
    done = certd.issue(zone.name, '*.' + zone.name)
    assert done.code == 0, done
    theirs = issue_with_certbot(stage, zone, certd.folder, patient_ca)
    assert without_account_id(tree(certd.store, CERTDS_OWN)) == \
        without_account_id(tree(theirs, CERTBOTS_OWN))
    for path in tree(certd.store):
        s = os.lstat(certd.path(path))
        assert (s.st_uid, s.st_gid) == (0, 0), path


def test_store_group_may_reach_what_it_knows_the_name_of(certd, zone):
    assert certd.issue(zone.name).code == 0
    for part in ('live', 'archive'):
        assert mode_of(certd.path(part)) == 0o710, part
        assert group_of(certd.path(part)) == 'ssl-cert', part
    key = certd.path('archive', zone.name, 'privkey1.pem')
    assert (mode_of(key), group_of(key)) == (0o640, 'ssl-cert')
    account = certd.path('accounts')
    assert mode_of(account) == 0o700


def test_modes_and_group_of_an_existing_tree_are_kept(stage, zone, new_certd):
    certd = new_certd(start=False)
    os.makedirs(certd.store)
    for part, mode in (('live', 0o750), ('archive', 0o751)):
        os.mkdir(certd.path(part))
        os.chmod(certd.path(part), mode)
    with certd:
        assert certd.issue(zone.name).code == 0
        assert (mode_of(certd.path('live')), mode_of(certd.path('archive'))) \
            == (0o750, 0o751)
        key = certd.path('archive', zone.name, 'privkey1.pem')
        os.chmod(key, 0o604)
        done = certd.issue(zone.name, options=['--force-renewal'])
        assert done.code == 0, done
    assert mode_of(certd.path('archive', zone.name, 'privkey2.pem')) == 0o604


def test_files_of_a_version_fit_together(stage, certd, zone):
    assert certd.issue(zone.name, '*.' + zone.name).code == 0
    archive = certd.path('archive', zone.name)
    assert sorted(os.listdir(archive)) == [
        'cert1.pem', 'chain1.pem', 'fullchain1.pem', 'privkey1.pem']
    cert, chain, full = (pem.read(os.path.join(archive, k + '1.pem'))
                         for k in ('cert', 'chain', 'fullchain'))
    assert full == cert + chain
    assert len(pem.certificates(certd.live(zone.name))) >= 2
    assert pem.read(certd.live(zone.name, 'privkey')).startswith(
        b'-----BEGIN PRIVATE KEY-----\n')


def identity_of(lineage):
    """Of the four files together, as certd/monitor/identity.h has it."""
    sums = [0, 0, 0, 0]
    for kind in 'cert', 'privkey', 'chain', 'fullchain':
        st = os.stat(lineage(kind))
        sums = [(total * 31 + value) % 2 ** 64 for total, value in zip(
            sums, (st.st_dev, st.st_ino, st.st_size, st.st_mtime_ns))]
    return [n - 2 ** 64 if n >= 2 ** 63 else n for n in sums]


def test_what_was_stored_needs_no_other_look(certd, zone):
    for options in [], ['--force-renewal']:
        assert certd.issue(zone.name, '*.' + zone.name,
                           options=options).code == 0
    certd.stop()
    with sqlite3.connect(os.path.join(certd.state, 'ledger.db')) as db:
        row, = db.execute('SELECT * FROM certificate WHERE lineage = ?',
                          [zone.name]).fetchall()
    db.close()
    leaf = pem.certificates(certd.live(zone.name))[0]
    assert list(row[1:5]) == identity_of(
        lambda kind: certd.live(zone.name, kind))
    assert set(row[5].split()) == {zone.name, '*.' + zone.name}
    assert int(row[6], 16) == leaf.serial_number
    assert leaf.fingerprint(hashes.SHA256()).hex() in row
    assert int(leaf.not_valid_after.replace(
        tzinfo=datetime.timezone.utc).timestamp()) in row
    certd.start()
    listed = certd.ctl('list')
    assert listed.code == 0 and zone.name in listed.out, listed


def test_renewal_file_is_certbots(stage, zone, new_certd):
    certd = new_certd(server=stage.ca.url_by_address)
    assert certd.issue(zone.name, options=['--key-type', 'rsa']).code == 0
    path = certd.path('renewal', zone.name + '.conf')
    assert mode_of(path) == 0o644
    conf = configobj.ConfigObj(path, encoding='utf-8')
    assert conf['archive_dir'] == certd.path('archive', zone.name)
    for kind in ('cert', 'privkey', 'chain', 'fullchain'):
        assert conf[kind] == certd.live(zone.name, kind)
    parameters = conf['renewalparams']
    assert parameters['authenticator'] == 'dns-cloudflare'
    assert parameters['server'] == stage.ca.url_by_address
    assert parameters['key_type'] == 'rsa'
    assert parameters['dns_cloudflare_credentials'] == certd.credentials
    folder, = [p for p in tree(certd.store) if re.fullmatch(
        r'accounts/.*/[0-9a-f]{32}', p)]
    assert parameters['account'] == os.path.basename(folder)


def test_certbot_lists_ours_as_valid(stage, zone, certd, certbot):
    assert certd.issue(zone.name, '*.' + zone.name).code == 0
    done = certbot('certificates')
    assert done.code == 0, done
    assert 'invalid' not in done.text.lower(), done
    for text in (f'Certificate Name: {zone.name}', '(VALID: 89 days)',
                 f'Certificate Path: {certd.live(zone.name)}',
                 'Serial Number: ' + pem.serial(certd.live(zone.name))):
        assert text in done.out, done


def test_certbot_renews_ours(stage, zone, new_certd, patient_ca):
    certd = new_certd(server=patient_ca.url_by_address)
    assert certd.issue(zone.name).code == 0
    done = Certbot(stage, certd.store, certd.folder)(
        'renew', '--force-renewal', '--no-random-sleep-on-renew', '--dns-cloudflare-propagation-seconds',
        '0')
    assert done.code == 0, done
    assert os.readlink(certd.live(zone.name)).endswith('fullchain2.pem')
    done = certd.issue(zone.name, options=['--force-renewal'])
    assert done.code == 0, done
    assert os.readlink(certd.live(zone.name)).endswith('fullchain3.pem')
    assert pem.is_pair(certd.live(zone.name),
                       certd.live(zone.name, 'privkey'))


def watch_live(live, samples, over):
    """Adds to samples what live/NAME was at moments when it was one and the
    same folder from the first look to the last: {kind: link target}."""
    while not over.is_set():
        sample = {}
        folder = os.open(live, os.O_RDONLY)
        try:
            for kind in ('cert', 'chain', 'fullchain', 'privkey'):
                try:
                    sample[kind] = os.readlink(kind + '.pem', dir_fd=folder)
                except FileNotFoundError:
                    sample[kind] = 'missing'
            same = os.path.samestat(os.fstat(folder), os.stat(live))
        finally:
            os.close(folder)
        if same:
            samples.add(tuple(sorted(sample.items())))


def test_live_is_whole_at_every_moment(certd, zone):
    assert certd.issue(zone.name).code == 0
    samples, over = set(), threading.Event()
    watcher = threading.Thread(target=watch_live, args=(
        certd.path('live', zone.name), samples, over))
    watcher.start()
    try:
        for _ in range(3):
            done = certd.issue(zone.name, options=['--force-renewal'])
            assert done.code == 0, done
        seen_by = time.monotonic() + 30     # it may not have had a turn
        while len(samples) < 4 and time.monotonic() < seen_by:
            time.sleep(0.01)
    finally:
        over.set()
        watcher.join()
    wanted = {tuple((k, f'../../archive/{zone.name}/{k}{n}.pem')
                    for k in ('cert', 'chain', 'fullchain', 'privkey'))
              for n in (1, 2, 3, 4)}
    assert samples == wanted


@pytest.mark.parametrize('leftover', ['archive', 'live'])
def test_leftover_folder_is_refused_before_the_order(
        certd, zone, leftover):
    folder = certd.path(leftover, zone.name)
    os.makedirs(folder)
    with open(os.path.join(folder, 'precious'), 'w', encoding='ascii') as f:
        f.write('data\n')
    done = certd.issue(zone.name)
    assert done.code == 1, done
    assert folder in done.err, done
    assert os.listdir(folder) == ['precious']
    assert zone.requests() == []
    assert not os.path.exists(certd.path('renewal', zone.name + '.conf'))

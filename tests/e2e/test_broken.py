"""What backups, full disks and editors do to a store: each breakage is named,
stops nothing else, and is repaired from what is left."""

import datetime
import glob
import os
import shutil

import pytest
from cryptography import x509 as crypto
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from stage import pem
from stage.certbot import Certbot
from stage.files import read, tree, write

KINDS = ('cert', 'privkey', 'chain', 'fullchain')


def clone(certd, source, name):
    """Another lineage with the same files."""
    shutil.copytree(certd.path('archive', source),
                    certd.path('archive', name))
    os.mkdir(certd.path('live', name))
    for kind in KINDS:
        target = os.readlink(certd.live(source, kind))
        os.symlink(target.replace(source, name), certd.live(name, kind))
    write(certd.path('renewal', name + '.conf'),
          read(certd.path('renewal', source + '.conf')).replace(
              source + '/', name + '/').replace(
                  f'archive/{source}\n', f'archive/{name}\n'))


class Lineage:
    """One that a scene breaks."""

    def __init__(self, certd, name):
        self.certd, self.name = certd, name
        self.conf = certd.path('renewal', name + '.conf')
        self.folder = certd.path('live', name)

    def live(self, kind):
        return self.certd.live(self.name, kind)

    def archive(self, kind, version=2):
        return self.certd.path('archive', self.name, f'{kind}{version}.pem')

    def edit(self, old, new):
        text = read(self.conf)
        assert old in text
        write(self.conf, text.replace(old, new))


# ---- what is done to a lineage of versions 1 and 2 ----

def link_missing(x):
    os.unlink(x.live('chain'))


def file_for_link(x):
    os.unlink(x.live('privkey'))
    shutil.copy(x.archive('privkey'), x.live('privkey'))


def copied_without_links(x):
    files = {k: read(x.live(k)) for k in KINDS}
    shutil.rmtree(x.folder)
    os.mkdir(x.folder)
    for kind, text in files.items():
        write(x.live(kind), text)


def archive_lost_copies_left(x):
    copied_without_links(x)
    shutil.rmtree(os.path.dirname(x.archive('cert')))


def live_missing(x):
    shutil.rmtree(x.folder)


def live_is_a_link(x):
    os.rename(x.folder, x.folder + '.moved')
    os.symlink(x.name + '.moved', x.folder)


def dangling(x):
    os.unlink(x.archive('fullchain'))


def zero_bytes(x):
    write(x.archive('cert'), '')


def other_key(x):
    shutil.copy(x.archive('privkey', 1), x.archive('privkey'))


def cut_key(x):
    write(x.archive('privkey'), read(x.archive('privkey'))[:100])


def cut_chain(x):
    for kind in ('chain', 'fullchain'):
        write(x.archive(kind), read(x.archive(kind))[:-60])


def parts_differ(x):
    write(x.archive('chain'), read(x.archive('chain')) + '\n')


def mixture(x):
    os.unlink(x.live('cert'))
    os.symlink(f'../../archive/{x.name}/cert1.pem', x.live('cert'))


def certbot_interrupted(x):
    """certbot changes links one after the other, and keeps the old ones for the
    way back."""
    for kind in KINDS:
        os.symlink(f'../../archive/{x.name}/{kind}1.pem',
                   os.path.join(x.folder, f'previous_{kind}.pem'))
    os.unlink(x.live('fullchain'))


def conf_missing(x):
    os.unlink(x.conf)


def conf_empty(x):
    write(x.conf, '')


def conf_unreadable(x):
    write(x.conf, read(x.conf) + '[[[half\n')


def conf_without_section(x):
    write(x.conf, read(x.conf).split('[renewalparams]')[0])


def conf_archive_dir(x):
    x.edit(f'archive_dir = {os.path.dirname(x.archive("cert"))}\n',
           'archive_dir = /\n')


def conf_paths(x):
    x.edit(x.live('cert'), '/etc/ssl/cert.pem')


# name of the scene: (what is said, the version that repair shows)
SCENES = {
    link_missing: ('chain.pem is missing', 2),
    file_for_link: ('privkey.pem is not a symbolic link', 2),
    copied_without_links: ('is not a symbolic link', 2),
    archive_lost_copies_left: ('archive/', 1),
    live_missing: ('live/', 2),
    live_is_a_link: ('live/', 2),
    dangling: ('fullchain2.pem', 1),
    zero_bytes: ('cert2.pem is empty', 1),
    other_key: ("the private key is not the certificate's", 1),
    cut_key: ('privkey.pem', 1),
    cut_chain: ('its end is missing', 1),
    parts_differ: ('fullchain.pem is not cert.pem and chain.pem', 1),
    mixture: ('shows a mixture', 2),
    certbot_interrupted: ('fullchain.pem is missing', 2),
    conf_missing: (None, 2),
    conf_empty: ('.conf is empty', 2),
    conf_unreadable: ('.conf', 2),
    conf_without_section: ('[renewalparams]', 2),
    conf_archive_dir: ('archive_dir = / is not in', 2),
    conf_paths: ('cert = /etc/ssl/cert.pem is not', 2),
}
# These can be renewed: the new version is whole.
DAMAGED = (other_key, cut_key, cut_chain, parts_differ)


@pytest.fixture
def broken(stage, new_certd, zone):
    """A certd whose store holds each breakage, and one good lineage."""
    certd = new_certd(server=stage.ca.url_by_address)
    assert certd.issue(zone.name).code == 0
    assert certd.issue(zone.name, options=['--force-renewal']).code == 0
    scenes = {}
    for scene in SCENES:
        name = scene.__name__.replace('_', '-') + '.test'
        clone(certd, zone.name, name)
        scenes[scene] = Lineage(certd, name)
        scene(scenes[scene])
    return certd, scenes


def check_whole(x, version):
    links = {k: os.readlink(x.live(k)) for k in KINDS}
    assert links == {k: f'../../archive/{x.name}/{k}{version}.pem'
                     for k in KINDS}, links
    assert pem.is_pair(x.live('fullchain'), x.live('privkey'))
    assert read(x.live('fullchain')) == \
        read(x.live('cert')) + read(x.live('chain'))


def test_every_breakage_is_named_and_stops_no_other(broken, zone):
    certd, scenes = broken
    listed = {c['name']: c for c in
              certd.ctl('list', '--json').json['certificates']}
    assert listed[zone.name]['status'] == 'valid'
    bad = {(f['subject'], f['result']): f for f in certd.ctl(
        'doctor', '--json').json['findings'] if f['check'] == 'certificates'}
    for scene, x in scenes.items():
        said, _ = SCENES[scene]
        if said is None:        # no renewal file: no lineage
            assert x.name not in listed
            continue
        assert listed[x.name]['status'] == 'broken', listed[x.name]
        assert said in listed[x.name]['last_error'], listed[x.name]
        found = bad[(x.name, 'bad')]
        assert said in found['found'] and f'certctl repair {x.name}' in \
            found['todo'], found
        shown = certd.ctl('show', x.name)
        assert shown.code == 0 and said in shown.out, shown
    plain = certd.ctl('list')
    assert 'The following renewal configurations were invalid' in plain.out
    # Whether due or not: the good one is renewed, what is only damaged too.
    done = certd.ctl('renew', '--force-renewal')
    assert done.code == 1, done
    assert os.readlink(certd.live(zone.name)).endswith('fullchain3.pem')
    for scene, x in scenes.items():
        said, _ = SCENES[scene]
        if scene in DAMAGED:
            check_whole(x, 3)
        elif said is not None:
            assert said in done.text, (said, done)


def test_repair_tells_then_makes_whole(stage, broken, zone):
    certd, scenes = broken
    for scene, x in scenes.items():
        before = tree(certd.store)
        told = certd.ctl('repair', '--dry-run', x.name)
        assert told.code == 0 and 'To do: ' in told.out, told
        asked = certd.ctl('repair', x.name)     # no terminal, no -n
        assert asked.code == 1 and 'repair -n' in asked.err, asked
        assert tree(certd.store) == before, scene
        done = certd.ctl('repair', '-n', x.name)
        assert done.code == 0, (scene, done)
        check_whole(x, SCENES[scene][1])
    listed = certd.ctl('list', '--json').json['certificates']
    assert {c['status'] for c in listed} == {'valid'}, listed
    assert len(listed) == len(SCENES) + 1
    # Nothing was lost.
    x = scenes[file_for_link]
    assert read(os.path.join(x.folder, 'privkey.pem.replaced')) == \
        read(x.archive('privkey'))
    assert '[[[half' in read(scenes[conf_unreadable].conf + '.broken')
    assert certd.ctl('repair', zone.name).out.startswith('Nothing to repair')
    # certbot takes them, and we can renew each.
    theirs = Certbot(stage, certd.store, certd.folder)('certificates')
    assert theirs.code == 0 and 'invalid' not in theirs.text.lower(), theirs
    for x in scenes.values():
        assert f'Certificate Name: {x.name}\n' in theirs.out, theirs
    done = certd.ctl('renew', '--force-renewal', '--cert-name',
                     scenes[conf_missing].name)
    assert done.code == 0, done
    check_whole(scenes[conf_missing], 3)


def test_repair_asks_on_a_terminal_and_gives_up_without_a_version(
        certd, zone):
    assert certd.issue(zone.name).code == 0
    x = Lineage(certd, zone.name)
    link_missing(x)
    status, shown = certd.ctl_on_terminal('n\n', 'repair', zone.name)
    assert status == 0 and 'Do this?' in shown, shown
    assert not os.path.lexists(x.live('chain'))
    status, shown = certd.ctl_on_terminal('\n', 'repair', zone.name)
    assert status == 0 and 'Done: ' in shown, shown
    check_whole(x, 1)
    shutil.rmtree(os.path.dirname(x.archive('cert')))
    done = certd.ctl('repair', '-n', zone.name)
    assert done.code == 1, done
    assert 'no version' in done.err and 'backup' in done.err, done
    done = certd.ctl('repair', '-n', 'nobody.test')
    assert done.code == 1 and 'no certificate nobody.test' in done.err, done


def test_zero_byte_conf_of_certbots_bug_is_refused_before_the_order(
        certd, zone):
    """certbot#5395: conf lost, archive there: it orders first, then fails and
    leaves an empty renewal file for ever."""
    assert certd.issue(zone.name).code == 0
    conf_missing(Lineage(certd, zone.name))
    before, requests = tree(certd.store), len(zone.requests())
    done = certd.issue(zone.name)
    assert done.code == 1, done
    assert f'certctl repair {zone.name}' in done.err, done
    assert tree(certd.store) == before
    assert len(zone.requests()) == requests


def test_names_that_are_no_names(certd, zone):
    """What lies in renewal/ under odd names stops nothing, and no such name can
    be asked for."""
    assert certd.issue(zone.name).code == 0
    odd = ['-rf', 'a\nb', '..', '%n', "x'y"]
    for name in odd:
        shutil.copy(certd.path('renewal', zone.name + '.conf'),
                    os.path.join(certd.path('renewal'), name + '.conf'))
    listed = certd.ctl('list', '--json').json['certificates']
    status = {c['name']: c['status'] for c in listed}
    assert status.pop(zone.name) == 'valid'
    assert set(status) == {'-rf', 'a\\nb', '%n', "x'y"}, status
    assert set(status.values()) == {'broken'}
    assert certd.ctl('renew').code == 1
    before = tree(certd.store)
    for name in ('..', '../x', '/etc', '.', ''):
        for arguments in (['delete', '-n', '--', name],
                          ['repair', '-n', '--', name],
                          ['restore', '--', name, '1'],
                          ['show', '--', name]):
            done = certd.ctl(*arguments)
            assert done.code in (1, 2), (arguments, done)
    assert tree(certd.store) == before
    assert not glob.glob(certd.path('*.deleted'))
    # Odd ones go away by their name, where it can be typed.
    done = certd.ctl('delete', '-n', '--', '-rf')
    assert done.code == 0, done
    assert certd.ctl('list', '--cert-name', zone.name).code == 0


# ---- going back ----

def test_restore_goes_back_and_stays(stage, new_certd, zone):
    certd = new_certd(server=stage.ca.url_by_address)
    for _ in range(3):
        assert certd.issue(zone.name, options=['--force-renewal']).code == 0
    x = Lineage(certd, zone.name)
    shown = certd.ctl('show', zone.name, '--json').json
    assert shown['version'] == '3', shown
    assert shown['version_3'].startswith('shown; '), shown
    assert pem.serial(x.archive('cert', 1)) in shown['version_1'], shown
    assert 'Pebble' in shown['chain'] and 'issued by' in shown['chain'], shown
    assert shown['sha256_fingerprint'] == pem.certificates(
        x.live('cert'))[0].fingerprint(hashes.SHA256()).hex(), shown
    assert shown['last_renewal'].startswith(
        datetime.datetime.utcnow().strftime('%Y-')), shown
    due = shown['renew_after']
    done = certd.ctl('restore', zone.name, '1')
    assert done.code == 0 and 'version 1' in done.out, done
    check_whole(x, 1)
    # Not the next renewal, not another start, and not the same again.
    done = certd.ctl('renew')
    assert done.code == 0 and 'not due' in done.text, done
    listed, = certd.ctl('list', '--json').json['certificates']
    assert listed['serial'] == pem.serial(x.archive('cert', 1))
    assert listed['renew_after'] <= due
    assert certd.issue(zone.name).code == 0
    certd.stop()
    certd.start(keep=True)
    assert certd.ctl('renew').code == 0
    check_whole(x, 1)
    assert not os.path.lexists(certd.path('live', f'.{zone.name}.new'))
    # certbot reads it, and what it does not know stays there.
    theirs = Certbot(stage, certd.store, certd.folder)('certificates')
    assert 'invalid' not in theirs.text.lower(), theirs
    # A new version ends it.
    assert certd.issue(zone.name, options=['--force-renewal']).code == 0
    check_whole(x, 4)
    assert 'held_until' not in read(x.conf)


def make_version(x, version, begins, ends):
    """A version with these dates (days from now), by a CA of nobody's."""
    now = datetime.datetime.now(datetime.timezone.utc)
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
    names = [crypto.Name([crypto.NameAttribute(NameOID.COMMON_NAME, n)])
             for n in (x.name, 'an issuer')]
    texts = [crypto.CertificateBuilder(
        issuer_name=names[1], subject_name=name, public_key=key.public_key(),
        serial_number=1000 + version,
        not_valid_before=now + datetime.timedelta(begins),
        not_valid_after=now + datetime.timedelta(ends),
        extensions=[crypto.Extension(
            crypto.SubjectAlternativeName.oid, False,
            crypto.SubjectAlternativeName([crypto.DNSName(x.name)]))]).sign(
                keys[1], hashes.SHA256()).public_bytes(
                    serialization.Encoding.PEM).decode()
        for name, key in zip(names, keys)]
    files = dict(zip(('cert', 'chain'), texts), fullchain=''.join(texts),
                 privkey=keys[0].private_bytes(
                     serialization.Encoding.PEM,
                     serialization.PrivateFormat.PKCS8,
                     serialization.NoEncryption()).decode())
    for kind, text in files.items():
        write(x.archive(kind, version), text)


def test_restore_holds_what_would_be_due_at_once(certd, zone):
    for _ in range(2):
        assert certd.issue(zone.name, options=['--force-renewal']).code == 0
    x = Lineage(certd, zone.name)
    make_version(x, 1, -80, 10)         # due since 20 days
    done = certd.ctl('restore', zone.name, '1')
    assert done.code == 0 and 'due already' not in done.out, done
    done = certd.ctl('renew')
    assert done.code == 0 and 'not due' in done.text, done
    check_whole(x, 1)
    # Until a tenth of its life is left, a day from now.
    after = datetime.datetime.strptime(
        certd.ctl('show', zone.name, '--json').json['renew_after'],
        '%Y-%m-%dT%H:%M:%SZ')
    left = after - datetime.datetime.utcnow()
    assert datetime.timedelta(hours=20) < left < datetime.timedelta(days=1)
    # One at its very end is renewed, and that is said; one behind it is not
    # shown at all.
    assert certd.ctl('restore', zone.name, '2').code == 0
    make_version(x, 1, -85, 5)
    done = certd.ctl('restore', zone.name, '1')
    assert done.code == 0 and 'due already' in done.out, done
    assert certd.ctl('renew').code == 0
    check_whole(x, 3)
    make_version(x, 1, -91, -1)
    done = certd.ctl('restore', zone.name, '1')
    assert done.code == 1 and 'has expired' in done.err, done
    check_whole(x, 3)


def test_restore_refuses_what_servers_cannot_use(certd, zone):
    for _ in range(2):
        assert certd.issue(zone.name, options=['--force-renewal']).code == 0
    x = Lineage(certd, zone.name)
    assert certd.ctl('restore', zone.name).code == 2
    for version, said in (('9', 'has no version 9'), ('x', 'needs a name'),
                          ('0', 'needs a name')):
        done = certd.ctl('restore', zone.name, version)
        assert done.code in (1, 2) and said in done.err, done
    shutil.copy(x.archive('privkey', 2), x.archive('privkey', 1))
    done = certd.ctl('restore', zone.name, '1')
    assert done.code == 1 and "not the certificate's" in done.err, done
    check_whole(x, 2)


def test_plain_renew_sees_what_broke_since_the_last_one(certd, zone):
    """Nothing is due, and yet: a lost link is an error, a strange key is cured
    by a new version."""
    assert certd.issue(zone.name, options=['--force-renewal']).code == 0
    assert certd.issue(zone.name, options=['--force-renewal']).code == 0
    x = Lineage(certd, zone.name)
    for _ in range(2):                  # the second one knows it already
        done = certd.ctl('renew')
        assert done.code == 0 and 'not due' in done.text, done
    link_missing(x)
    done = certd.ctl('renew')
    assert done.code == 1 and 'chain.pem is missing' in done.text, done
    assert certd.ctl('repair', '-n', zone.name).code == 0
    assert certd.ctl('renew').code == 0
    check_whole(x, 2)
    other_key(x)
    done = certd.ctl('renew')
    assert done.code == 0, done
    check_whole(x, 3)

"""Take-over and back: a tree that certbot wrote, old and new formats, goes on
with certd; certbot goes on with it after that, and certd again."""

import grp
import os
import shutil
import stat

import configobj
import pytest

from stage import pem, process
from stage.certbot import Certbot
from stage.files import read, tree, write

KINDS = ('cert', 'privkey', 'chain', 'fullchain')
RENEW = ('renew', '--force-renewal', '--no-random-sleep-on-renew',
         '--dns-cloudflare-propagation-seconds', '0')
# What certbot of today writes that certbot 2 did not, and what is nobody's.
NEWER = '''
# a comment before a section
[acme_renewal_info]
ari_retry_after = 2026-11-24T02:53:37
[somebody_elses]
    # of mine
    key = value, "quoted, too"
    [[nested]]
    deep = 1
'''


def owner(path):
    s = os.stat(path)
    return oct(stat.S_IMODE(s.st_mode)), grp.getgrgid(s.st_gid).gr_name


class World:
    """A certbot's tree with three lineages of two versions, and a certd that is
    not started yet."""

    def __init__(self, stage, zone, certd, ca):
        self.zone, self.certd, self.ca = zone, certd, ca
        self.root = os.path.join(certd.folder, 'root.pem')
        write(self.root, ca.root())
        self.certbot = Certbot(stage, certd.store, certd.folder, ca)
        self.plain = 'a.' + zone.name
        self.copy = self.plain + '-0001'
        self.rsa = 'r.' + zone.name
        self.names = [self.plain, self.copy, self.rsa]
        self.issue()
        self.make_older_and_newer()
        self.make_users_own()

    def issue(self):
        def certonly(*names, options=()):
            done = self.certbot.certonly(self.certd.credentials, *names,
                                         options=options)
            assert done.code == 0, done
        certonly(self.plain, 'b.' + self.zone.name)
        certonly(self.plain, 'b.' + self.zone.name, options=['--duplicate'])
        certonly(self.rsa, options=['--key-type', 'rsa', '--reuse-key'])
        done = self.certbot(*RENEW)
        assert done.code == 0, done
        self.check(2)

    def make_older_and_newer(self):
        path = self.certd.path
        conf = path('renewal', self.plain + '.conf')
        text = read(conf).replace('version = 2.1.0', 'version = 5.7.0.dev0')
        write(conf, 'unknown_key = kept # and why\n' + text + NEWER)
        # certbot 1 linked a key that was used again.
        key = path('archive', self.rsa, 'privkey2.pem')
        assert read(key) == read(path('archive', self.rsa, 'privkey1.pem'))
        os.unlink(key)
        os.symlink('privkey1.pem', key)
        # The accounts of ACME v1 serve for v2, by an absolute link.
        server = self.ca.url_by_address.split('//')[1]
        now, then = path('accounts', server), path('accounts', 'old', 'dir')
        os.makedirs(os.path.dirname(then), 0o700)
        os.rename(now, then)
        os.symlink(then, now)
        self.account, = os.listdir(then)
        self.account_files = tree(then)
        # One of another server.
        other = path('accounts', 'acme-v02.api.letsencrypt.org', 'directory')
        shutil.copytree(then, other)
        self.all_accounts = tree(path('accounts'))

    def make_users_own(self):
        group = grp.getgrnam('ssl-cert').gr_gid
        for part in ('live', 'archive'):
            os.chmod(self.certd.path(part), 0o710)
            os.chown(self.certd.path(part), 0, group)
        for name in self.names:
            key = self.certd.path('archive', name, 'privkey1.pem')
            for key in {key, os.path.realpath(
                    self.certd.live(name, 'privkey'))}:
                os.chmod(key, 0o640)
                os.chown(key, 0, group)
        write(self.certd.live(self.plain).replace('fullchain', 'both'), 'mine')

    def check(self, version):
        """All of them show this version, and it is whole."""
        for name in self.names:
            for kind in KINDS:
                assert os.readlink(self.certd.live(name, kind)) == \
                    f'../../archive/{name}/{kind}{version}.pem', name
            assert pem.is_pair(self.certd.live(name),
                               self.certd.live(name, 'privkey')), name
            pem.verify(self.certd.live(name), self.root)

    def check_users_own(self, version):
        for part in ('live', 'archive'):
            assert owner(self.certd.path(part)) == ('0o710', 'ssl-cert')
        for name in self.names:
            key = self.certd.path('archive', name, f'privkey{version}.pem')
            assert owner(key) == ('0o640', 'ssl-cert'), name
        assert read(self.certd.live(self.plain).replace(
            'fullchain', 'both')) == 'mine'

    def check_conf(self):
        """What we do not know is as it was, comments included. (certbot puts
        blanks of its own before them.)"""
        lines = [' '.join(line.split()) for line in read(self.certd.path(
            'renewal', self.plain + '.conf')).splitlines()]
        for line in ['unknown_key = kept # and why',
                     *NEWER.strip().splitlines()]:
            assert line.strip() in lines, line
        for name in self.names:
            conf = configobj.ConfigObj(
                self.certd.path('renewal', name + '.conf'))
            params = conf['renewalparams']
            assert params['account'] == self.account, params
            assert params['server'] == self.ca.url_by_address
            assert params['dns_cloudflare_credentials'] == \
                self.certd.credentials
            assert params['key_type'] == (
                'rsa' if name == self.rsa else 'ecdsa')
            assert params.get('reuse_key') == (
                'True' if name == self.rsa else None)

    def check_accounts(self):
        """The one account is used, where it is, and no other was made."""
        assert os.path.islink(self.certd.path(
            'accounts', self.ca.url_by_address.split('//')[1]))
        assert tree(self.certd.path('accounts', 'old', 'dir')) == \
            self.account_files
        assert tree(self.certd.path('accounts')) == self.all_accounts

    def certificates(self):
        """What certbot says of them: all valid, with their paths."""
        done = self.certbot('certificates')
        assert done.code == 0 and 'invalid' not in done.text.lower(), done
        for name in self.names:
            for text in (f'Certificate Name: {name}\n',
                         f'Certificate Path: {self.certd.live(name)}\n',
                         'Private Key Path: '
                         f'{self.certd.live(name, "privkey")}\n',
                         'Serial Number: ' + pem.serial(
                             self.certd.live(name))):
                assert text in done.out, (text, done)
        assert done.out.count('(VALID: 89 days)') == len(self.names), done
        if os.environ.get('TAKEOVER_OUTPUT'):
            with open(os.environ['TAKEOVER_OUTPUT'], 'a',
                      encoding='utf-8') as f:
                f.write(done.out)


@pytest.fixture
def world(stage, new_certd, zone, patient_ca):
    # Server, account and credentials are those of the renewal files.
    certd = new_certd(start=False, settings={'dns': {'credentials': None}})
    return World(stage, zone, certd, patient_ca)


def test_take_over_and_back(world):
    certd = world.certd
    write(certd.path('renewal', 'broken.test.conf'), '')
    before = tree(certd.store, ('.certd', '.certbot.lock'))
    with certd:
        # Looked at, and nothing is changed.
        doctor = certd.ctl('doctor', '--json')
        assert doctor.code == 1, doctor
        said = {f['subject']: f['result'] for f in doctor.json['findings']
                if f['check'] == 'certificates'}
        assert said == {**{n: 'ok' for n in world.names},
                        'broken.test': 'bad'}, doctor
        assert tree(certd.store, ('.certd', '.certbot.lock')) == before
        listed = {c['name']: c['status'] for c in
                  certd.ctl('list', '--json').json['certificates']}
        assert listed == {**{n: 'valid' for n in world.names},
                          'broken.test': 'broken'}
        # All are renewed as they were issued; the broken one stops none.
        done = certd.ctl('renew', '--force-renewal')
        assert done.code == 1 and 'broken.test' in done.text, done
        world.check(3)
        assert certd.ctl('delete', '-n', 'broken.test').code == 0
        world.check_users_own(3)
        world.check_conf()
        world.check_accounts()
        reused = certd.path('archive', world.rsa, 'privkey{}.pem')
        assert read(reused.format(3)) == read(reused.format(1))
        world.certificates()
        # And back: certbot renews what we wrote.
        done = world.certbot(*RENEW)
        assert done.code == 0, done
        world.check(4)
        world.certificates()
        # Then we again.
        assert certd.ctl('doctor').code in (0, 1)
        done = certd.ctl('renew', '--force-renewal')
        assert done.code == 0, done
        world.check(5)
        world.check_users_own(5)
        world.check_conf()
        world.check_accounts()
        world.certificates()


def test_certbot_at_work_is_waited_for(stage, new_certd, zone):
    """certbot holds its locks for as long as it runs: certd starts beside it and
    answers, and what it has to write waits."""
    certd = new_certd(start=False)
    os.makedirs(certd.store)
    certbot = Certbot(stage, certd.store, certd.folder)
    holder = certbot.hold_lock()
    with certd:
        assert certd.ctl('list').code == 0
        job = certd.issue(zone.name, options=['--detach'])
        assert job.code == 0, job
        process.wait_until(lambda: 'certbot?) is at work' in certd.log(),
                           certd.process, certd.log_file, 'a waiting job')
        assert not os.path.exists(certd.path('renewal', zone.name + '.conf'))
        holder.release()
        done = certd.ctl('watch', '1')
        assert os.path.exists(certd.live(zone.name)), done
        # restore and repair wait too.
        assert certd.issue(zone.name,
                           options=['--force-renewal']).code == 0
        for command in (['restore', zone.name, '1'],
                        ['repair', '-n', zone.name]):
            if command[0] == 'repair':
                os.unlink(certd.live(zone.name))
            done = certd.ctl_beside(certbot.hold_lock(), *command)
            assert done.code == 0 and 'waiting: ' in done.err, done
        pem.verify(certd.live(zone.name), stage.world['ca_root'])

"""certctl renew: what is due and nothing else, as it was issued, each for
itself; and certctl reconfigure: how it is done from now on."""

import json
import os
import re

import configobj
import pytest

from conftest import tree
from stage import pem
from stage.certbot import Certbot


def conf_path(certd, lineage):
    return certd.path('renewal', lineage + '.conf')


def parameters(certd, lineage):
    return configobj.ConfigObj(conf_path(certd, lineage),
                               encoding='utf-8')['renewalparams']


def edit(certd, lineage, **top):
    """Sets keys before the first section, as an administrator would."""
    path = conf_path(certd, lineage)
    with open(path, encoding='utf-8') as f:
        text = f.read()
    with open(path, 'w', encoding='utf-8') as f:
        f.write(''.join(f'{k} = {v}\n' for k, v in top.items()) + text)


def set_parameter(certd, lineage, key, value):
    conf = configobj.ConfigObj(conf_path(certd, lineage), encoding='utf-8')
    conf['renewalparams'][key] = value
    conf.write()


def version(certd, lineage):
    return int(re.search(r'(\d+)\.pem$',
                         os.readlink(certd.live(lineage))).group(1))


@pytest.fixture
def hooks(certd, tmp_path):
    """Directory hooks that note what they are told; returns what they noted
    since the last look."""
    log = os.path.join(certd.folder, 'hooks.log')
    for kind in ('pre', 'deploy', 'post'):
        path = certd.path('renewal-hooks', kind, '10-note')
        with open(path, 'w', encoding='utf-8') as f:
            f.write(f'#!/bin/sh\necho "{kind} r=$RENEWED_DOMAINS '
                    f'f=$FAILED_DOMAINS" >>{log}\n')
        os.chmod(path, 0o755)

    def noted():
        try:
            with open(log, encoding='utf-8') as f:
                lines = f.read().splitlines()
            os.unlink(log)
            return lines
        except FileNotFoundError:
            return []
    return noted


def test_nothing_due(certd, zone, hooks):
    assert certd.ctl('renew').code == 0        # an empty store
    assert certd.issue(zone.name).code == 0
    hooks()
    before, asked = tree(certd.store), len(zone.requests())
    done = certd.ctl('renew')
    assert done.code == 0 and 'not due' in done.out, done
    assert '0 renewed, 0 failed, 1 kept' in done.out, done
    done = certd.ctl('renew', '--quiet', '--no-random-sleep-on-renew')
    assert (done.code, done.text) == (0, ''), done
    assert certd.ctl('renew', '--detailed-exitcode').code == 0
    row, = certd.ctl('renew', '--json', '-n').json['certificates']
    assert (row['name'], row['result']) == (zone.name, 'kept')
    assert hooks() == [] and tree(certd.store) == before
    assert len(zone.requests()) == asked


def test_due_by_its_renewal_file(certd, zone, hooks):
    assert certd.issue(zone.name).code == 0
    edit(certd, zone.name, renew_before_expiry='100 years')
    hooks()
    done = certd.ctl('renew', '--quiet')
    assert (done.code, done.text) == (0, ''), done
    assert version(certd, zone.name) == 2
    assert hooks() == ['pre r= f=', f'deploy r={zone.name} f=',
                       f'post r={zone.name} f=']
    done = certd.ctl('renew', '--detailed-exitcode')
    assert done.code == 10 and '1 renewed, 0 failed' in done.out, done
    assert version(certd, zone.name) == 3
    # Only when it is named.
    set_parameter(certd, zone.name, 'autorenew', 'False')
    done = certd.ctl('renew')
    assert done.code == 0 and 'autorenew' in done.out, done
    assert version(certd, zone.name) == 3
    done = certd.ctl('renew', '-d', zone.name)
    assert done.code == 2 and '--domains' in done.err, done
    for named in (['--cert-name', 'no.such'], ['no.such']):
        done = certd.ctl('renew', *named)
        assert done.code == 1 and 'no.such' in done.err, done
    assert certd.ctl('renew', zone.name, '--cert-name', 'x').code == 2
    # No trial certificate in the place of a real one here either.
    done = certd.ctl('renew', zone.name, '--force-renewal', '--staging')
    assert done.code == 1 and '--break-my-certs' in done.err, done
    assert version(certd, zone.name) == 3
    done = certd.ctl('renew', zone.name, '--force-renewal')
    assert done.code == 0 and version(certd, zone.name) == 4, done


@pytest.fixture
def two(stage, zone, new_certd):
    """A certd with certificates good, bad and fine, and a function that makes
    bad fail from now on."""
    other = stage.zone()
    token = stage.token([zone.name, other.name])
    certd = new_certd(start=False)
    os.chmod(certd.credentials, 0o600)
    with open(certd.credentials, 'w', encoding='ascii') as f:
        f.write(f'dns_cloudflare_api_token = {token}\n')
    with certd:
        names = [f'good.{zone.name}', f'bad.{other.name}',
                 f'fine.{zone.name}']
        for name in names:
            assert certd.issue(name).code == 0
        log = stage.cloudflare.control('log', token=token)
        paths = [r['path'] for r in log if r['method'] == 'POST']
        place = re.match('/zones/[0-9a-f]+/', paths[1]).group(0)
        assert place not in paths[0]
        certd.break_it = lambda: stage.cloudflare.control(
            'fault', token=token, method='POST', path=place, times=-1,
            status=403, code=10000, message='Authentication error')
        certd.mend_it = lambda: stage.cloudflare.control('heal', token=token)
        yield certd, names
    other.remove()


def test_one_failure_stops_no_other(two):
    certd, (good, bad, fine) = two
    log = os.path.join(certd.folder, 'post.log')
    certd.break_it()
    options = ['--force-renewal', '--post-hook',
               f'echo "$RENEWED_DOMAINS|$FAILED_DOMAINS" >>{log}',
               '--deploy-hook', 'true a given one']
    done = certd.ctl('renew', '--detailed-exitcode', *options)
    assert done.code == 1 and '2 renewed, 1 failed' in done.out, done
    assert bad in done.err and good not in done.err, done
    assert [version(certd, n) for n in (good, bad, fine)] == [2, 1, 2]
    renewed, failed = pem.read(log).decode().strip().split('|')
    assert set(renewed.split()) == {good, fine} and failed == bad
    # What was given is kept where it went well, and nowhere else.
    for name in (good, fine):
        assert parameters(certd, name)['renew_hook'] == 'true a given one'
        assert 'RENEWED' in parameters(certd, name)['post_hook']
    assert 'renew_hook' not in parameters(certd, bad)

    # It has failed: left alone until its time has come, however often cron
    # comes by, unless that is what somebody wants.
    for name in (good, bad):
        edit(certd, name, renew_before_expiry='100 years')
    certd.mend_it()
    done = certd.ctl('renew', '--cert-name', bad)
    assert done.code == 0 and 'failed 1 times' in done.out, done
    assert '--force-renewal' in done.out and version(certd, bad) == 1
    row, = certd.ctl('list', '--json', '--cert-name',
                     bad).json['certificates']
    assert row['last_error'], row
    # A dry run tells whether it would work, and forgets nothing.
    assert certd.ctl('renew', '--dry-run', '--cert-name', bad).code == 0
    assert 'failed 1 times' in certd.ctl('renew', '--cert-name', bad).out
    done = certd.ctl('renew', '--cert-name', bad, '--force-renewal')
    assert done.code == 0 and version(certd, bad) == 2, done
    certd.break_it()
    assert certd.ctl('renew', bad).code == 1
    certd.mend_it()
    assert 'failed 1 times' in certd.ctl('renew', bad).out
    # What was reconfigured was tried out: there is nothing to wait for.
    assert certd.ctl('reconfigure', bad, '--preferred-chain', 'X').code == 0
    done = certd.ctl('renew', bad)
    assert done.code == 0 and version(certd, bad) == 3, done
    done = certd.ctl('renew', '--cert-name', bad)
    assert done.code == 0 and version(certd, bad) == 4, done
    assert version(certd, good) == 2    # it was not named


def test_what_cannot_be_renewed_stops_no_other(two):
    certd, (good, bad, fine) = two
    with open(conf_path(certd, bad), 'w', encoding='ascii'):
        pass                            # certbot's zero bytes
    set_parameter(certd, fine, 'authenticator', 'webroot')
    edit(certd, good, renew_before_expiry='100 years')
    done = certd.ctl('renew')
    assert done.code == 1 and '1 renewed, 1 failed, 1 kept' in done.out, done
    assert f'renewal/{bad}.conf is empty' in done.err, done
    assert version(certd, good) == 2
    edit(certd, fine, renew_before_expiry='100 years')
    done = certd.ctl('renew', '--cert-name', fine, '--json')
    assert done.code == 1, done
    row, = done.json['certificates']
    assert 'webroot' in row['text'] and row['advice'], done
    # A kind of key that only certbot makes, and never another one instead.
    set_parameter(certd, good, 'elliptic_curve', 'secp521r1')
    done = certd.ctl('renew', '--cert-name', good)
    assert done.code == 1 and 'certctl reconfigure' in done.err, done
    assert version(certd, good) == 2
    done = certd.ctl('reconfigure', good, '--no-dry-run', '--key-type',
                     'ecdsa', '--elliptic-curve', 'secp384r1')
    assert done.code == 0, done
    done = certd.ctl('renew', '--cert-name', good)
    assert done.code == 0 and version(certd, good) == 3, done


def test_dry_run_changes_nothing(certd, zone, hooks):
    assert certd.issue(zone.name, options=['--deploy-hook', 'false']).code == 0
    hooks()
    accounts = ('accounts',)
    before = tree(certd.store, accounts)
    conf = pem.read(conf_path(certd, zone.name))
    made = len(zone.requests('POST'))
    done = certd.ctl('renew', '--dry-run', '--rsa-key-size', '2048',
                     '--pre-hook', 'true', '--detailed-exitcode')
    assert done.code == 0 and '1 tried out' in done.out, done
    assert tree(certd.store, accounts) == before
    assert pem.read(conf_path(certd, zone.name)) == conf
    assert hooks() == ['pre r= f=', f'post r={zone.name} f=']
    assert len(zone.requests('POST')) > made and zone.records() == []


def test_options_of_the_issue_are_used_again(stage, certd, zone):
    ca = stage.new_ca()
    try:
        done = certd.issue(zone.name, options=[
            '--server', ca.url, '--key-type', 'ecdsa', '--elliptic-curve',
            'secp384r1', '--preferred-chain', 'Nobody Root', '--must-staple',
            '--dns-cloudflare-propagation-seconds', '1'])
        assert done.code == 0, done
        issued = dict(parameters(certd, zone.name))
        assert issued['server'] == ca.url
        assert issued['elliptic_curve'] == 'secp384r1'
        assert issued['preferred_chain'] == 'Nobody Root'
        assert issued['must_staple'] == 'True'
        assert issued['dns_cloudflare_propagation_seconds'] == '1'
        issuer = pem.certificates(certd.live(zone.name))[0].issuer
        assert certd.ctl('renew', '--force-renewal').code == 0
        assert dict(parameters(certd, zone.name)) == issued
        assert pem.certificates(certd.live(zone.name))[0].issuer == issuer
        assert pem.key(certd.live(zone.name, 'privkey')).curve.name == \
            'secp384r1'
        # A size given to renew stays.
        done = certd.ctl('renew', '--force-renewal', '--key-type', 'rsa',
                         '--rsa-key-size', '3072')
        assert done.code == 0, done
        assert certd.ctl('renew', '--force-renewal').code == 0
        assert pem.key(certd.live(zone.name, 'privkey')).key_size == 3072
        assert parameters(certd, zone.name)['server'] == ca.url
    finally:
        ca.stop()


def test_a_cancelled_job_is_no_failure(certd, zone):
    zone.lag(None, None)
    started = certd.issue(zone.name, options=['--detach', '--json']).json
    done = certd.ctl('cancel', str(started['certificates'][0]['job']))
    assert done.code == 0, done
    assert 'last_error' not in certd.ctl('status', '--json').json
    zone.lag(0, 0)
    assert certd.issue(zone.name).code == 0


def test_bad_options_are_usage_errors(certd):
    for options in (['--key-type', 'dsa'], ['--rsa-key-size', '1024'],
                    ['--elliptic-curve', 'secp521r1'],
                    ['--key-type', 'rsa', '--elliptic-curve', 'secp384r1'],
                    ['--elliptic-curve', 'secp384r1', '--rsa-key-size',
                     '2048'],
                    ['--reuse-key', '--no-reuse-key'],
                    ['--server', 'http://ca.example'],
                    ['--server', 'https://ca.example', '--staging'],
                    ['--dns-cloudflare-propagation-seconds', 'soon']):
        for command in (['renew'], ['issue', '-d', 'a.example']):
            done = certd.ctl(*command, *options)
            assert done.code == 2 and done.err, (options, done)


# ---- reconfigure ----

def test_reconfigure(certd, zone):
    name = zone.name
    assert certd.issue(name, options=['--deploy-hook', 'true']).code == 0
    path = conf_path(certd, name)
    with open(path, 'a', encoding='utf-8') as f:
        f.write('# mine\n[[nested]]\nunknown = 1\n')
    os.chmod(path, 0o640)
    made = len(zone.requests('POST'))
    done = certd.ctl('reconfigure', name, '--key-type', 'rsa',
                     '--deploy-hook', 'echo new', '--pre-hook', 'true',
                     '--reuse-key', '--renew-before-expiry', '20 days',
                     '--no-autorenew', '--preferred-chain', 'X')
    assert done.code == 1 and '--no-reuse-key' in done.err, done
    done = certd.ctl('reconfigure', name, '--key-type', 'rsa',
                     '--deploy-hook', 'echo new', '--pre-hook', 'true',
                     '--renew-before-expiry', '20 days', '--no-autorenew',
                     '--preferred-chain', 'X')
    assert done.code == 0 and 'reconfigured' in done.out, done
    assert len(zone.requests('POST')) > made and zone.records() == []
    assert version(certd, name) == 1 and not os.listdir(certd.path('.certd'))
    conf = configobj.ConfigObj(path, encoding='utf-8')
    told = conf['renewalparams']
    assert (told['key_type'], told['renew_hook'], told['pre_hook'],
            told['autorenew'], told['preferred_chain']) == \
        ('rsa', 'echo new', 'true', 'False', 'X')
    assert told['nested'] == {'unknown': '1'} and b'# mine' in pem.read(path)
    assert conf['renew_before_expiry'] == '20 days'
    assert os.stat(path).st_mode & 0o777 == 0o640

    # Without trying it out; "" takes things away.
    made = len(zone.requests())
    done = certd.ctl('reconfigure', '--cert-name', name, '--no-dry-run',
                     '--autorenew', '--pre-hook', '', '--reuse-key',
                     '--no-autorenew',
                     '--renew-before-expiry', '')
    assert done.code == 2, done         # both autorenew and no-autorenew
    done = certd.ctl('reconfigure', '--cert-name', name, '--no-dry-run',
                     '--autorenew', '--pre-hook', '',
                     '--renew-before-expiry', '')
    assert done.code == 0 and len(zone.requests()) == made, done
    conf = configobj.ConfigObj(path, encoding='utf-8')
    assert not {'autorenew', 'pre_hook'} & set(conf['renewalparams'])
    assert 'renew_before_expiry' not in conf
    # And what it says is what is done.
    done = certd.ctl('renew', '--force-renewal')
    assert done.code == 0, done
    assert pem.key(certd.live(name, 'privkey')).key_size == 2048
    row = certd.ctl('list', '--json').json['certificates'][0]
    assert row['status'] == 'valid'


def test_reconfigure_that_fails_changes_nothing(stage, certd, zone):
    name = zone.name
    assert certd.issue(name).code == 0
    path = conf_path(certd, name)
    before, status = pem.read(path), os.stat(path)
    cases = [
        ([], 2, 'nothing to change'),
        (['--key-type', 'dsa'], 2, 'dsa'),
        (['--renew-before-expiry', 'soon'], 2, 'soon'),
        (['--staging', '--key-type', 'rsa'], 1, '--break-my-certs'),
        (['--account', 'f' * 32], 1, 'f' * 32),
        (['--server', f'https://{stage.world["fake_address"]}:1/dir'], 1,
         'directory'),
    ]
    for options, code, told in cases:
        done = certd.ctl('reconfigure', name, *options)
        assert done.code == code and told in done.text, done
    stage.cloudflare.control('token', token=zone.token, status='disabled')
    done = certd.ctl('reconfigure', name, '--key-type', 'rsa')
    assert done.code == 1 and '9109' in done.err, done
    assert pem.read(path) == before
    assert os.stat(path).st_mtime_ns == status.st_mtime_ns
    done = certd.ctl('reconfigure', 'no.such', '--key-type', 'rsa')
    assert done.code == 1 and 'no.such' in done.err, done
    # Nobody but root sets what runs as root.
    done = certd.ctl('reconfigure', name, '--no-dry-run', '--deploy-hook',
                     'id', user='nobody', group='certadmin', extra_groups=[])
    assert done.code == 3 and 'root' in done.err, done
    assert pem.read(path) == before


def test_certbot_reads_what_was_reconfigured(stage, zone, new_certd):
    certd = new_certd(server=stage.ca.url_by_address)
    certbot = Certbot(stage, certd.store, certd.folder)
    name = zone.name
    assert certd.issue(name, options=['--reuse-key', '--key-type', 'rsa',
                                      '--post-hook', 'echo "a, b" #c']
                       ).code == 0
    key = pem.read(certd.live(name, 'privkey'))
    done = certd.ctl('reconfigure', name, '--no-dry-run',
                     '--renew-before-expiry', '6 months 1 week',
                     '--deploy-hook', "echo 'x'  \"y\"")
    assert done.code == 0, done
    done = certbot('renew', '--force-renewal', '--no-random-sleep-on-renew',
                   '--dns-cloudflare-propagation-seconds', '0')
    assert done.code == 0 and version(certd, name) == 2, done
    assert pem.read(certd.live(name, 'privkey')) == key
    # And what certbot made of the file is ours again.
    conf = configobj.ConfigObj(conf_path(certd, name), encoding='utf-8')
    assert conf['renew_before_expiry'] == '6 months 1 week'
    assert conf['renewalparams']['renew_hook'] == "echo 'x'  \"y\""
    done = certd.ctl('renew', '--detailed-exitcode')
    assert done.code == 10 and version(certd, name) == 3, done
    assert pem.read(certd.live(name, 'privkey')) == key
    assert parameters(certd, name)['post_hook'] == 'echo "a, b" #c'


# ---- cli.ini ----

def test_cli_ini_takes_effect(stage, zone, new_certd):
    certd = new_certd(start=False, settings={
        'acme': {'server': None, 'agree-tos': None},
        'dns': {'credentials': None}})
    log = os.path.join(certd.folder, 'hooks.log')
    os.makedirs(certd.store, mode=0o755)
    with open(certd.path('cli.ini'), 'w', encoding='utf-8') as f:
        f.write(f'''# as certbot's
server = {stage.ca.url}
email = admin@{zone.name}
agree-tos = True
authenticator = dns-cloudflare
dns-cloudflare-credentials = {certd.credentials}
dns-cloudflare-propagation-seconds = 1
key-type = ecdsa
elliptic-curve = secp384r1
preferred-chain = Nobody Root
reuse-key = True
pre-hook = echo pre >>{log}
post-hook = echo post >>{log}
deploy-hook = echo deploy >>{log}
max-log-backups = 0
''')
    with certd:
        done = certd.issue(zone.name)
        assert done.code == 0, done
        told = parameters(certd, zone.name)
        assert told['server'] == stage.ca.url
        assert told['preferred_chain'] == 'Nobody Root'
        assert told['dns_cloudflare_propagation_seconds'] == '1'
        assert told['reuse_key'] == 'True'
        assert pem.key(certd.live(zone.name, 'privkey')).curve.name == \
            'secp384r1'
        assert pem.read(log).decode().split() == ['pre', 'deploy', 'post']
        done = certd.ctl('account', 'show')
        assert f'admin@{zone.name}' in done.out, done
        # The certificate's own word counts more.
        set_parameter(certd, zone.name, 'elliptic_curve', 'secp256r1')
        set_parameter(certd, zone.name, 'reuse_key', 'False')
        set_parameter(certd, zone.name, 'post_hook', f'echo own >>{log}')
        assert certd.ctl('renew', '--force-renewal').code == 0
        assert pem.key(certd.live(zone.name, 'privkey')).curve.name == \
            'secp256r1'
        assert pem.read(log).decode().split()[3:] == ['pre', 'deploy', 'own']
        assert 'no setting' not in certd.log()


# ---- credentials of their own ----

def test_every_certificate_with_its_own_credentials(stage, zone, new_certd):
    certd = new_certd(start=False, settings={'dns': {'credentials': None}})
    other = stage.zone()
    mine, theirs = certd.path('mine.ini'), certd.path('theirs.ini')
    os.makedirs(certd.store, mode=0o755)
    zone.credentials(mine)
    other.credentials(theirs)
    names = [f'{n}.{zone.name}' for n in 'ab'] + [f'c.{other.name}']
    with certd:
        done = certd.issue(names[0])
        assert done.code == 1 and 'no DNS credentials' in done.err, done
        for name, path in zip(names, (mine, mine, theirs)):
            done = certd.issue(name, options=[
                '--dns-cloudflare-credentials', path])
            assert done.code == 0, done
            assert parameters(certd, name)['dns_cloudflare_credentials'] == \
                path
        done = certd.issue('x.' + zone.name, options=[
            '--dns-cloudflare-credentials', 'cf.ini'])
        assert done.code == 2 and 'absolute' in done.err, done
        done = certd.issue(
            'x.' + zone.name,
            options=['--dns-cloudflare-credentials', mine],
            user='nobody', group='certadmin', extra_groups=[])
        assert done.code == 3 and 'root' in done.err, done
        # All at once, each with its own; and what is open to others is none.
        done = certd.ctl('renew', '--force-renewal')
        assert done.code == 0 and '3 renewed' in done.out, done
        asked = {r['path'] for r in other.requests()}
        assert asked and zone.records() == other.records() == []
        os.chmod(theirs, 0o644)
        done = certd.ctl('renew', '--force-renewal')
        assert done.code == 1 and '2 renewed, 1 failed' in done.out, done
        assert theirs in done.err and 'chmod' in done.err, done
    # The renewal files are all that there is after a start, too, wherever they
    # lead.
    os.chmod(theirs, 0o600)
    for name in names[:2]:
        set_parameter(certd, name, 'dns_cloudflare_credentials',
                      certd.credentials)
    os.unlink(mine)
    with certd:
        done = certd.ctl('renew', '--force-renewal')
        assert done.code == 0 and '3 renewed' in done.out, done
    other.remove()


def test_credentials_for_all_count_for_all(certd, zone):
    done = certd.issue(zone.name, options=[
        '--dns-cloudflare-credentials', certd.credentials])
    assert done.code == 0, done
    done = certd.issue('x.' + zone.name, options=[
        '--dns-cloudflare-credentials', '/etc/other.ini'])
    assert done.code == 2 and certd.credentials in done.err, done

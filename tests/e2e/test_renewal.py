"""certctl renew: what is due and nothing else, as it was issued, each for
itself."""

import os
import re
import sys

import pytest

from stage import pem
from stage.files import tree
from stage.lineage import conf_path, edit, parameters, set_parameter, version

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))), 'bench'))
from lineages import Maker                                      # noqa: E402


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


def test_what_waits_because_it_failed_is_told(zone, new_certd):
    """Cron hears of it where there is little time left, and only then."""
    certd = new_certd(start=False)
    maker = Maker(certd.store)
    near, far = f'near.{zone.name}', f'far.{zone.name}'
    maker.make(near, days=5)
    maker.make(far, days=20)
    zone.fault(method='POST', status=403, times=-1)
    with certd:
        # The second failure in a row counts for ten minutes.
        for options in ([], ['--force-renewal']):
            done = certd.ctl('renew', *options)
            assert done.code == 1 and '2 failed' in done.out, done
        asked = len(zone.requests())
        done = certd.ctl('renew')
        assert done.code == 1, done
        assert '0 renewed, 0 failed, 2 kept, 2 of them because they have ' \
            'failed before\n' in done.out, done
        assert f'{near}: not renewed now: its certificate ends' in done.err
        done = certd.ctl('renew', '--quiet')
        assert done.code == 1 and done.out == '', done
        assert near in done.err and far not in done.err, done
        assert 'failed 2 times' in done.err, done
        done = certd.ctl('renew', '--quiet', '--cert-name', far)
        assert (done.code, done.text) == (0, ''), done
        assert len(zone.requests()) == asked
        zone.heal()
        done = certd.ctl('renew', '--force-renewal', '--quiet')
        assert (done.code, done.text) == (0, ''), done


def test_facts_of_jobs_at_once_are_filed_properly(zone, new_certd):
    certd = new_certd(start=False)
    maker = Maker(certd.store)
    names = [f'{i}.{zone.name}' for i in range(6)]
    for name in names:
        maker.make(name, days=5)
    with certd:
        done = certd.ctl('renew', '--json', '--deploy-hook', 'sleep 0.3')
        assert done.code == 0, done
        rows = done.json['certificates']
        assert sorted(row['name'] for row in rows) == names
        for row in rows:
            assert row['facts']['certificate'] == \
                certd.live(row['name']), row
            assert isinstance(row['facts']['expires'], str), row


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

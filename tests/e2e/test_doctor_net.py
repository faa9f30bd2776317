"""certctl doctor, as far as the network goes: the CA, its clock, name servers,
the token. Each with a tick or with what to do, whatever does not answer."""

import email.utils
import os
import signal
import subprocess
import time

import pytest

from stage import process
from stage.files import tree
from stage.proxy import Proxy
from test_doctor import findings

DEAD = '127.9.9.9:9'            # nobody listens there


def finding(done, check, word=''):
    found, = [f for f in findings(done, check) if word in f['subject']]
    return found['result'], found['found'], found['todo']


def test_network_that_is_well(stage, certd, zone):
    """Before there is a certificate the zones of the token are looked at; nothing
    is signed, published or written."""
    before = tree(certd.store)
    done = certd.ctl('doctor', '--json')
    assert done.code == 0, done
    assert finding(done, 'ca') == ('ok', 'the CA answers', '')
    assert finding(done, 'clock', 'https')[0] == 'ok', done
    result, found, _ = finding(done, 'dns')
    assert result == 'ok' and '2 name servers answer' in found, done
    assert finding(done, 'dns', zone.name)
    result, found, _ = finding(done, 'token', certd.credentials)
    assert result == 'ok' and zone.name in found, done
    assert tree(certd.store) == before
    assert not [r for r in zone.requests() if r['method'] != 'GET']
    assert 'act=sign' not in certd.log()
    assert certd.issue('a.' + zone.name, '*.b.' + zone.name).code == 0
    done = certd.ctl('doctor', '--json')
    assert done.code == 0 and finding(done, 'dns', zone.name)[0] == 'ok', done


def test_offline_asks_nobody(certd, zone):
    asked = len(zone.requests())
    done = certd.ctl('doctor', '--offline', '--json')
    assert done.code == 0, done
    assert not findings(done, 'ca') + findings(done, 'dns'), done
    assert len(zone.requests()) == asked
    assert 'looking at the CA' not in certd.log()


def test_ca_that_is_not_there(stage, zone, new_certd):
    """Closed, no CA at all, and one that is never heard of again."""
    certd = new_certd(server='https://127.0.0.1:9/dir')
    done = certd.ctl('doctor', '--json')
    assert done.code == 1, done
    result, found, todo = finding(done, 'ca')
    assert result == 'bad' and 'refused' in found and 'server' in todo, done
    assert finding(done, 'dns', zone.name)[0] == 'ok', done
    api = stage.world['api_url']
    certd = new_certd(server=api + '/dir')
    result, found, todo = finding(certd.ctl('doctor', '--json'), 'ca')
    assert result == 'bad' and todo, found
    with Proxy(stage, {'path': '^/dir$', 'delay': 40}) as ca:
        certd = new_certd(server=ca.url)
        done = certd.ctl('doctor', '--json')
        assert done.code == 1, done
        assert finding(done, 'ca')[:2] == ('bad', 'no answer in time'), done


@pytest.mark.parametrize('minutes, told', [
    (61, '61 minutes behind'), (-61, '61 minutes ahead of'), (1, '')])
def test_clock_of_the_ca(stage, zone, new_certd, minutes, told):
    date = email.utils.formatdate(time.time() + minutes * 60, usegmt=True)
    with Proxy(stage, {'path': '^/dir$', 'headers': {'Date': date}}) as ca:
        certd = new_certd(server=ca.url)
        done = certd.ctl('doctor', '--json')
        result, found, todo = finding(done, 'clock', ca.url)
        assert done.code == (1 if told else 0), done
        assert result == ('bad' if told else 'ok') and told in found, done
        assert ('timedatectl' in todo) == bool(told), done


def test_resolver_that_is_not_there(zone, new_certd):
    certd = new_certd(settings={'dns': {'resolver': DEAD}})
    done = certd.ctl('doctor', '--json')
    assert done.code == 1, done
    result, found, todo = finding(done, 'ca')
    assert result == 'bad' and 'cannot be resolved' in found, done
    result, found, todo = finding(done, 'token')
    assert result == 'bad' and todo, done


def test_name_servers_that_do_not_answer(stage, zone, new_certd, spoiled):
    good = stage.world['name_servers'][0]
    with spoiled({'good.stage.test': good,
                  'dead.stage.test': {'mood': 'silent'},
                  'six.stage.test': '2001:db8::53'}) as scene:
        certd = new_certd(settings={'dns': {'resolver': scene.setting}})
        done = certd.ctl('doctor', '--json')
        result, found, todo = finding(done, 'dns', zone.name)
        assert result == 'warn' and 'dead.stage.test' in found, done
        assert 'good.stage.test' not in found and 'delegation' in todo, done
    with spoiled({'lame.stage.test': {'mood': 'lame'},
                  'refused.stage.test': {'mood': 'refused'}}) as scene:
        for doh, wanted in (('', 'bad'),
                            ('https://127.0.0.1/q@127.0.0.1', 'warn')):
            certd = new_certd(settings={'dns': {
                'resolver': scene.setting, 'doh-servers': doh}})
            done = certd.ctl('doctor', '--json')
            result, found, todo = finding(done, 'dns', zone.name)
            assert result == wanted and 'none of 2' in found, done
            assert 'port 53' in todo and 'doh-servers' in todo, done


def test_without_a_worker(new_certd):
    """Somebody must run acmew: told, and the rest is looked at all the same."""
    certd = new_certd(worker=False)
    done = certd.ctl('doctor', '--json')
    assert done.code == 1, done
    result, found, todo = finding(done, 'network')
    assert result == 'bad' and 'acmew' in found and 'acmew' in todo, done
    assert finding(done, 'token')[0] == 'ok', done


def test_client_that_leaves_and_certd_that_leaves(stage, zone, new_certd):
    """Whatever goes first, in the middle of a look."""
    with Proxy(stage, {'path': '^/dir$', 'delay': 40}) as ca:
        certd = new_certd(start=False, server=ca.url)
        with certd:
            for last in (False, True):
                client = subprocess.Popen(
                    [certd.program('certctl'), '--socket',
                     os.path.join(certd.runtime, 'control.sock'), 'doctor'],
                    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                process.wait_until(
                    lambda n=last: certd.log().count('looking at the CA') > n,
                    certd.process, certd.log_file, 'the look')
                if not last:
                    client.send_signal(signal.SIGKILL)
                    client.communicate()
                    assert certd.ctl('list').code == 0
        client.communicate()
    assert certd.process.returncode == 0


# ---- the token ----

@pytest.mark.parametrize('status, expires, word', [
    ('expired', '2026-11-01T00:00:00Z', 'the token has expired, at 2026-11-01'),
    ('expired', None, 'the token has expired'),
    ('disabled', None, 'the token was disabled'),
])
def test_token_that_is_over(stage, zone, new_certd, status, expires, word):
    """Told as what it is, by doctor and by who wants a certificate."""
    stage.cloudflare.control('token', token=zone.token, zones=[zone.name],
                             status=status, expires=expires)
    certd = new_certd()
    done = certd.ctl('doctor', '--json')
    result, found, todo = finding(done, 'token')
    assert result == 'bad' and word in found and '9109' in found, done
    assert 'certctl setup --token-file' in todo, done
    done = certd.issue(zone.name)
    assert done.code == 1 and word in done.err and '9109' in done.err, done
    assert 'certctl setup --token-file' in done.err, done
    assert zone.token not in done.text + certd.log()


def test_token_that_ends_soon(stage, zone, new_certd):
    soon = time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime(time.time() + 86400))
    stage.cloudflare.control('token', token=zone.token, zones=[zone.name],
                             expires=soon)
    certd = new_certd()
    done = certd.ctl('doctor', '--json')
    warned = [f for f in findings(done, 'token', 'warn')]
    assert warned and soon in warned[0]['found'] and warned[0]['todo'], done


def test_token_that_is_unknown(zone, new_certd):
    """Nothing is known of it: Cloudflare's own words."""
    certd = new_certd(start=False)
    with open(certd.credentials, 'w', encoding='ascii') as f:
        f.write('dns_cloudflare_api_token = ' + 'x' * 40 + '\n')
    with certd:
        result, found, todo = finding(certd.ctl('doctor', '--json'), 'token')
        assert result == 'bad' and '9109' in found and 'revoked' in todo
        os.chmod(certd.credentials, 0o644)
        result, found, todo = finding(certd.ctl('doctor', '--json'), 'token')
        assert result == 'bad' and 'chmod 600' in todo

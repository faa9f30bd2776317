"""What people get wrong: names, credentials, configuration, permissions."""

import os
import pwd
import signal

import pytest

from stage import process
from stage.certd import run
from stage.people import as_user

LONG_LABEL = 'a' * 64
LONG_NAME = '.'.join(['a' * 60] * 4 + ['b' * 10, 'test'])

BAD_NAMES = [                   # what is typed, what the message must contain
    ('', 'empty'),
    ('example', 'label'),
    (LONG_NAME, '253'),
    (LONG_LABEL + '.test', '63'),
    ('a.*.example.com', '*'),
    ('*.*.example.com', '*'),
    ('foo*.example.com', '*'),
    ('under_score.example.com', '_'),
    ('192.0.2.1', 'address'),
    ('2001:db8::1', 'address'),
    ('a..example.com', 'empty'),
    ('-a.example.com', '-'),
    ('a b.example.com', ' '),
    ('exa\nmple.com', ''),
]


@pytest.mark.parametrize('name, told', BAD_NAMES,
                         ids=[repr(n)[:30] for n, _ in BAD_NAMES])
def test_bad_name_is_refused(certd, zone, name, told):
    done = certd.ctl('issue', '-d', name)
    assert done.code == 2, done
    assert told in done.err, done
    assert done.out == '' and '\n' not in done.err.strip('\n').split('\n')[0]
    assert zone.requests() == []


def test_no_name_is_a_usage_error(certd):
    done = certd.ctl('issue')
    assert done.code == 2 and '-d' in done.err, done


@pytest.mark.parametrize('typed, issued', [
    ('WWW.{zone}', 'www.{zone}'),
    ('www.{zone}.', 'www.{zone}'),
    ('bücher.{zone}', 'xn--bcher-kva.{zone}'),
    ('*.BÜCHER.{zone}', '*.xn--bcher-kva.{zone}'),
])
def test_name_is_brought_into_its_form(certd, zone, typed, issued):
    from stage import pem
    issued = issued.format(zone=zone.name)
    done = certd.issue(typed.format(zone=zone.name),
                       options=['--cert-name', 'form'])
    assert done.code == 0, done
    assert pem.names(certd.live('form')) == {issued}


def test_duplicates_are_dropped(certd, zone):
    from stage import pem
    done = certd.ctl('issue', '-d', f'{zone.name},{zone.name.upper()}', '-d',
                     f'www.{zone.name}', '-d', f'www.{zone.name}.')
    assert done.code == 0, done
    assert pem.names(certd.live(zone.name)) == {zone.name, 'www.' + zone.name}
    made = ' '.join(r['body'] for r in zone.requests('POST'))
    assert made.count('"type":"TXT"') == 2, made


def test_unknown_option_is_a_usage_error(certd):
    done = certd.ctl('issue', '--key-tpye', 'rsa', '-d', 'a.test')
    assert done.code == 2 and '--key-type' in done.err, done


@pytest.mark.parametrize('options', [
    ['--key-type', 'dsa'], ['--elliptic-curve', 'secp521r1'],
    ['--rsa-key-size', '1024', '--key-type', 'rsa'],
    ['--server', 'http://ca.test/dir'], ['--cert-name', '../evil'],
    ['--cert-name', '-x'],
])
def test_bad_option_value_is_refused(certd, zone, options):
    done = certd.issue(zone.name, options=options)
    assert done.code in (1, 2), done
    assert options[0] in done.err or options[1] in done.err, done
    assert zone.requests() == []


# ---- the credentials file ----

def write_credentials(certd, text, mode=0o400):
    if os.path.exists(certd.credentials):
        os.unlink(certd.credentials)
    with open(os.open(certd.credentials, os.O_CREAT | os.O_WRONLY, 0o600),
              'w', encoding='ascii') as f:
        f.write(text)
    os.chmod(certd.credentials, mode)


CREDENTIALS = [                 # text, mode, what is told
    ('dns_cloudflare_api_token = {token}\n', 0o444, 'others'),
    ('dns_cloudflare_api_token = {token}\n', 0o404, 'others'),
    ('', 0o400, 'dns_cloudflare_api_token'),
    ('dns_cloudflare_email = a@b.test\n', 0o400, 'dns_cloudflare_api_key'),
    ('dns_cloudflare_api_key = 0123\n', 0o400, 'dns_cloudflare_email'),
    ('dns_cloudflare_api_token = {token}\ndns_cloudflare_email = a@b.test\n'
     'dns_cloudflare_api_key = 0123\n', 0o400, 'token'),
    ('dns_cloudflare_api_token = "unclosed\n', 0o400, ':1:'),
]


@pytest.mark.parametrize('text, mode, told', CREDENTIALS)
def test_bad_credentials_are_refused(
        zone, new_certd, nothing_left, text, mode, told):
    certd = new_certd(start=False)
    write_credentials(certd, text.format(token=zone.token), mode)
    with certd:
        done = certd.issue(zone.name)
        assert done.code == 1, done
        assert certd.credentials in done.err and told in done.err, done
        assert zone.token not in done.text + certd.log()
    nothing_left(certd, zone)
    assert zone.requests() == []


def test_missing_credentials_are_refused(zone, new_certd, nothing_left):
    certd = new_certd(start=False)
    os.unlink(certd.credentials)
    with certd:
        done = certd.issue(zone.name)
        assert done.code == 1, done
        assert certd.credentials in done.err, done
        assert 'No such file' in done.err, done
    nothing_left(certd, zone)


def test_credentials_of_another_user_are_refused(zone, new_certd):
    certd = new_certd(start=False)
    os.chown(certd.credentials, pwd.getpwnam('nobody').pw_uid, -1)
    with certd:
        done = certd.issue(zone.name)
        assert done.code == 1 and certd.credentials in done.err, done


def test_no_credentials_configured_says_so(zone, new_certd):
    certd = new_certd(settings={'dns': {'credentials': None}})
    done = certd.issue(zone.name)
    assert done.code == 1 and 'credentials' in done.err, done


def test_renewed_credentials_are_used_without_a_restart(
        stage, zone, certd):
    assert certd.issue('a.' + zone.name).code == 0
    token = stage.token([zone.name])
    stage.cloudflare.control('token', token=zone.token, status='disabled')
    write_credentials(certd, f'dns_cloudflare_api_token = {token}\n')
    done = certd.issue('b.' + zone.name)
    assert done.code == 0, done


# ---- certd.conf ----

def test_unknown_key_is_warned_about(zone, new_certd):
    certd = new_certd(settings={'acme': {'sever': 'x'}})
    line = 1 + open(certd.config, encoding='utf-8').read().splitlines().index(
        'sever = x')
    assert f'{certd.config}:{line}' in certd.log(), certd.log()
    assert 'sever' in certd.log()
    assert certd.issue(zone.name).code == 0


BAD_VALUES = [                  # section, key, value, what is allowed
    ('acme', 'server', 'http://ca.test/dir', 'https'),
    ('acme', 'max-orders', '0', '1'),
    ('acme', 'agree-tos', 'perhaps', 'yes or no'),
    ('certd', 'config-dir', 'relative/path', '/'),
    ('certd', 'jail', 'maybe', 'kill'),
    ('dns', 'provider', 'route53', 'cloudflare'),
    ('dns', 'resolver', 'ns1.stage.test', 'IP'),
    ('dns', 'propagation-timeout', 'soon', 's'),
    ('hooks', 'timeout', '-1', 's'),
]


@pytest.mark.parametrize('section, key, value, allowed', BAD_VALUES,
                         ids=[k for _, k, _, _ in BAD_VALUES])
def test_bad_value_stops_the_start(new_certd, section, key, value, allowed):
    certd = new_certd(start=False, settings={section: {key: value}})
    done = run(certd.argv(), 20)
    assert done.code not in (0, None) and done.code > 0, done
    line = 1 + open(certd.config, encoding='utf-8').read().splitlines().index(
        f'{key} = {value}')
    for told in (f'{certd.config}:{line}', key, value, allowed):
        assert told in done.err, done
    assert not os.path.exists(os.path.join(certd.runtime, 'control.sock'))


def test_check_config_says_without_starting(new_certd):
    certd = new_certd(start=False)
    argv = [certd.program('certd'), '--config', certd.config, '--check-config']
    assert run(argv, 20).code == 0
    certd.write_config(settings={'dns': {'provider': 'none'}})
    done = run(argv, 20)
    assert done.code > 0 and 'provider' in done.err, done
    assert not os.path.exists(certd.runtime)


def test_missing_configuration_file_is_told(new_certd):
    certd = new_certd(start=False)
    os.unlink(certd.config)
    done = run(certd.argv(), 20)
    assert done.code > 0 and certd.config in done.err, done


@pytest.mark.parametrize('key', ['worker-user', 'dns-user', 'sign-user'])
def test_missing_user_is_told(new_certd, key):
    certd = new_certd(start=False, settings={'certd': {key: '_no-such-user'}})
    done = run(certd.argv(), 20)
    assert done.code > 0 and '_no-such-user' in done.err, done


# ---- who may ask ----

def test_certd_that_does_not_run_is_exit_4(new_certd):
    certd = new_certd(start=False)
    for command in (['list'], ['status'], ['issue', '-d', 'a.test']):
        done = certd.ctl(*command)
        assert done.code == 4, done
        assert 'control.sock' in done.err and 'certd' in done.err, done
        assert done.out == ''


def test_second_certd_on_the_same_sockets_is_refused(certd):
    done = run(certd.argv(), 20)
    assert done.code > 0 and 'run' in done.err, done
    assert certd.ctl('status').code == 0


def test_unprivileged_user_is_exit_3(certd):
    for command in (['list'], ['status'], ['issue', '-d', 'a.test']):
        done = certd.ctl(*command, **as_user('nobody'))
        assert done.code == 3, done
        assert 'certadmin' in done.err and done.out == '', done


def test_member_of_the_admin_group_may_issue(certd, zone):
    admin = as_user('nobody', 'certadmin')
    assert certd.ctl('list', **admin).code == 0
    done = certd.issue(zone.name, **admin)
    assert done.code == 0, done


def test_member_of_the_admin_group_may_not_set_hooks(certd, zone):
    done = certd.issue(zone.name, options=['--deploy-hook', 'id'],
                       **as_user('nobody', 'certadmin'))
    assert done.code == 3, done
    assert 'only root' in done.err, done
    assert zone.requests() == []


# ---- the life of certd ----

def test_every_child_that_dies_ends_certd(new_certd):
    for name in ('certd-sign', 'certd-dns', 'certd-hook', 'acmew'):
        certd = new_certd(start=False)
        certd.start()
        others = process.children(certd.process.pid)
        os.kill(certd.pids()[name], signal.SIGKILL)
        assert certd.process.wait(10) == 1, name
        assert process.survivors(others) == {}, name
        assert name in certd.log(), certd.log()


def test_unix_signals_end_certd_cleanly(new_certd):
    for number in (signal.SIGTERM, signal.SIGINT):
        certd = new_certd(start=False)
        certd.start()
        others = process.children(certd.process.pid)
        assert len(certd.pids()) == 6, certd.pids()
        certd.process.send_signal(number)
        assert certd.process.wait(10) == 0
        assert process.survivors(others) == {}


def test_killed_certd_takes_its_children_with_it(new_certd):
    certd = new_certd(start=False)
    certd.start()
    others = process.children(certd.process.pid)
    certd.process.kill()
    certd.process.wait(10)
    assert process.survivors(others) == {}

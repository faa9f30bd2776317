"""certctl setup: by options, and asked at a terminal. What it does to systemd's
units is for tests/system."""

import grp
import os
import pty
import re
import select
import signal
import stat
import subprocess
import time

import pytest

from stage.files import read


@pytest.fixture
def setup(certd, stage):
    """Runs it; the settings are written to a copy of certd's."""
    folder = os.path.join(certd.folder, 'etc')
    os.mkdir(folder)
    path = os.path.join(folder, 'certd.conf')
    with open(certd.config, encoding='utf-8') as f:
        text = f.read().replace('agree-tos = true\n', '')
    text = re.sub('credentials = .*\n', '', text)
    with open(path, 'w', encoding='utf-8') as f:
        f.write('# what an administrator wrote\n' + text)

    def run(*arguments, stdin='', **more):
        return certd.ctl('setup', '--settings', path, *arguments, stdin=None,
                         input=stdin, **more)
    run.path, run.token_path = path, os.path.join(folder, 'cloudflare.ini')
    return run


def test_by_options(setup, zone, certd):
    """Everything is written, the token is tried and told, the store is opened
    to the group; a second run changes nothing."""
    os.chmod(certd.path('live'), 0o700)
    os.chown(certd.path('live'), 0, 0)
    done = setup('--agree-tos', '--email', 'a@example.com', '--token-file',
                 '-', stdin=zone.token + '\n')
    assert done.code == 0, done
    assert f'The token sees 1 zone: {zone.name}' in done.out, done
    assert 'may do more' not in done.out and 'certctl issue' in done.out, done
    assert zone.token not in done.text
    text = read(setup.path)
    assert text.startswith('# what an administrator wrote\n')
    for line in ('agree-tos = true', 'email = a@example.com',
                 'credentials = ' + setup.token_path):
        assert line in text, text
    s = os.stat(setup.token_path)
    assert stat.S_IMODE(s.st_mode) == 0o400 and s.st_uid == 0
    assert f'dns_cloudflare_api_token = {zone.token}\n' in \
        read(setup.token_path)
    assert not os.path.exists(setup.token_path + '.new')
    s = os.stat(certd.path('live'))
    assert stat.S_IMODE(s.st_mode) == 0o710
    assert s.st_gid == grp.getgrnam('ssl-cert').gr_gid
    assert setup().code == 0
    assert read(setup.path) == text


@pytest.mark.parametrize('arguments,code,text', [
    ((), 2, 'certctl setup --agree-tos'),
    (('--agree-tos',), 2, '--token-file'),
    (('--agree-tos', '--server', 'http://ca'), 2, 'no https URL'),
    (('--agree-tos', '--token-file', '/nowhere'), 1, '/nowhere'),
    (('--agree-tos', '--no-check', '--store-group', 'no-such-group',
      '--token-file', '-'), 1, 'groupadd'),
])
def test_what_is_missing_is_named(setup, arguments, code, text):
    before = read(setup.path)
    done = setup(*arguments, stdin='t' * 40)
    assert done.code == code and text in done.err, done
    if 'no-such-group' not in arguments:
        assert read(setup.path) == before
        assert not os.path.exists(setup.token_path)


def test_tokens_are_judged(setup, stage, zone):
    """A dead one, one that lacks a right, and one that is too broad."""
    def with_token(token):
        return setup('--agree-tos', '--token-file', '-', stdin=token)
    done = with_token('d' * 40)
    assert done.code == 1 and 'token' in done.err, done
    assert not os.path.exists(setup.token_path)
    done = with_token(stage.token([]))
    assert done.code == 1 and 'sees no zone' in done.err, done
    done = with_token(stage.token([zone.name], rights=['zone:read']))
    assert done.code == 1 and '#dns_records:edit' in done.out, done
    assert not os.path.exists(setup.token_path)
    other = stage.zone()
    broad = stage.token([zone.name, other.name], rights=[
        'zone:read', 'dns:edit', 'settings:edit'])
    done = with_token(broad)
    assert done.code == 0 and 'sees 2 zones' in done.out, done
    assert 'more than it must' in done.out and \
        '#zone_settings:edit' in done.out, done
    assert 'limit it' in done.out, done
    other.remove()


def test_only_root(setup, certd):
    done = subprocess.run(
        ['setpriv', '--reuid', 'nobody', '--regid', 'nogroup',
         '--clear-groups', certd.program('certctl'), 'setup'],
        capture_output=True, text=True, check=False)
    assert done.returncode == 3 and 'sudo certctl setup' in done.stderr, done


def test_asked_at_a_terminal(setup, certd, zone):
    """Each answer is taken; the token is not shown."""
    answers = [('Which CA', '\n'), ('its directory', '\n'), 
               ('terms of service', 'yes\n'), ('e-mail', 'none\n'), ('group', '\n'),
               ('API token', zone.token + '\n')]
    pid, fd = pty.fork()
    if pid == 0:
        os.environ['TERM'] = 'xterm'
        os.execv(certd.program('certctl'), [
            'certctl', '--socket', os.path.join(certd.runtime, 'control.sock'),
            'setup', '--settings', setup.path])
    seen, at, deadline = '', 0, time.monotonic() + 60
    while time.monotonic() < deadline:
        if answers and answers[0][0] in seen[at:]:
            at = len(seen)
            os.write(fd, answers.pop(0)[1].encode())
        if not select.select([fd], [], [], 0.1)[0]:
            continue
        try:
            seen += os.read(fd, 4096).decode(errors='replace')
        except OSError:         # it has ended
            break
    else:
        os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0 and not answers, \
        (answers, seen)
    assert zone.token not in seen
    assert zone.token in read(setup.token_path)
    assert 'agree-tos = true' in read(setup.path)

"""Hooks: certbot's contract, and what is better than there: a time limit, and a
deploy hook that failed runs again."""

import os
import re
import signal
import sqlite3
import textwrap
import time

import pytest

from stage import process


def script(path, text, mode=0o755):
    with open(path, 'w', encoding='utf-8') as f:
        f.write('#!/bin/sh\n' + textwrap.dedent(text))
    os.chmod(path, mode)
    return path


class Hooks:
    """Hooks in renewal-hooks/ that write down what they saw."""

    def __init__(self, certd):
        self.certd = certd
        self.log = os.path.join(certd.folder, 'hooks.log')

    def path(self, kind, name):
        return self.certd.path('renewal-hooks', kind, name)

    def text(self, name, more=''):
        return (f"echo '{name}|'"f'"$RENEWED_LINEAGE|$RENEWED_DOMAINS|'
                f'$FAILED_DOMAINS" >>{self.log}\n{more}\n')

    def put(self, kind, name, more='', mode=0o755):
        os.makedirs(os.path.dirname(self.path(kind, name)), exist_ok=True)
        return script(self.path(kind, name),
                      self.text(f'{kind}/{name}', more), mode)

    def command(self, name):
        return script(os.path.join(self.certd.folder, name), self.text(name))

    def lines(self):
        """What has run since the last call, as lists of fields."""
        try:
            with open(self.log, encoding='utf-8') as f:
                lines = [line.rstrip('\n').split('|') for line in f]
        except FileNotFoundError:
            return []
        os.unlink(self.log)
        return lines

    def names(self):
        return [line[0] for line in self.lines()]


@pytest.fixture
def hooks(certd):
    return Hooks(certd)


def set_due(certd, lineage):
    """Renewal is due at once."""
    path = certd.path('renewal', lineage + '.conf')
    with open(path, encoding='utf-8') as f:
        text = f.read()
    with open(path, 'w', encoding='utf-8') as f:
        f.write('renew_before_expiry = 100 years\n' + text)


def test_which_run_in_which_order_and_what_they_see(certd, zone, hooks):
    for kind in ('pre', 'deploy', 'post'):
        for name in ('10-b', '2-a', 'B', '.dot', 'a b $(x)'):
            hooks.put(kind, name)
        hooks.put(kind, 'backup~')
        hooks.put(kind, 'plain', mode=0o644)
        os.mkdir(hooks.path(kind, 'folder'))
        os.symlink(hooks.path(kind, '2-a'), hooks.path(kind, 'link'))
    wanted = ['.dot', '10-b', '2-a', 'B', 'a b $(x)', '2-a']
    last = {kind: hooks.command('last-' + kind)
            for kind in ('pre', 'deploy', 'post')}
    twice = hooks.path('deploy', '2-a')
    names = [zone.name, '*.' + zone.name]
    done = certd.issue(*names, options=[
        '--pre-hook', last['pre'], '--post-hook', last['post'],
        '--deploy-hook', twice])
    assert done.code == 0, done
    seen = hooks.lines()
    assert [line[0] for line in seen] == \
        [f'pre/{n}' for n in wanted] + ['last-pre'] + \
        [f'deploy/{n}' for n in wanted] + \
        [f'post/{n}' for n in wanted] + ['last-post']
    live = certd.path('live', zone.name)
    for line in seen:
        kind = line[0].split('/')[0].replace('last-', '')
        assert line[1:] == {
            'pre': ['', '', ''], 'deploy': [live, ' '.join(names), ''],
            'post': ['', ' '.join(names), '']}[kind], line
    # Nothing due: nothing runs. Forced: what the renewal file keeps, too.
    assert certd.ctl('renew').code == 0 and hooks.lines() == []
    done = certd.ctl('renew', '--force-renewal', '--deploy-hook',
                     last['deploy'])
    assert done.code == 0, done
    assert hooks.names() == \
        [f'pre/{n}' for n in wanted] + ['last-pre'] + \
        [f'deploy/{n}' for n in wanted] + ['last-deploy'] + \
        [f'post/{n}' for n in wanted] + ['last-post']
    done = certd.ctl('renew', '--force-renewal', '--no-directory-hooks')
    assert done.code == 0, done
    assert hooks.names() == ['last-pre', 'last-deploy', 'last-post']
    done = certd.ctl('renew', '--dry-run')
    assert done.code == 0, done
    assert {n.split('/')[0] for n in hooks.names()} == {
        'pre', 'last-pre', 'post', 'last-post'}


def test_failed_deploy_hook_runs_again_until_it_succeeds(certd, zone, hooks):
    broken = os.path.join(certd.folder, 'broken')
    hooks.put('deploy', '1-good')
    bad = hooks.put('deploy', '2-bad', f'''
        echo first words; test ! -e {broken} || {{ echo it is broken; exit 7; }}
    ''')
    hooks.put('pre', 'pre')
    hooks.put('post', 'post')
    with open(broken, 'w', encoding='ascii'):
        pass
    done = certd.issue(zone.name, options=['--quiet'])
    assert done.code == 0 and done.out == '', done
    assert f'{zone.name}: deploy hook {bad}: exit status 7: it is broken' in \
        done.err, done
    assert f'certctl deploy {zone.name}' in done.err, done
    assert hooks.names() == ['pre/pre', 'deploy/1-good', 'deploy/2-bad',
                             'post/post']
    assert 'first words' in certd.log()

    # Everybody is told.
    for told in (certd.ctl('status'), certd.ctl('list', '--json'),
                 certd.ctl('show', zone.name)):
        assert 'it is broken' in told.out and 'failed 1 time' in told.out, told

    # Nothing is due, and the one that failed runs again, but nothing else.
    done = certd.ctl('renew')
    assert done.code == 0, done
    assert 'exit status 7' in done.err and '1 of 1 hook failed' in done.out
    assert hooks.names() == ['deploy/2-bad']
    done = certd.ctl('renew', '--json')
    failure, = done.json['hook_failures']
    assert failure['name'] == zone.name and failure['again'] is True
    assert 'exit status 7' in failure['text']
    assert hooks.names() == ['deploy/2-bad']
    assert 'failed 3 times' in certd.ctl('status').out
    done = certd.ctl('renew', '--dry-run')
    assert 'deploy/2-bad' not in hooks.names(), done

    # Over a restart it is not forgotten, and its environment is the same.
    assert certd.stop() == 0
    certd.start()
    os.unlink(broken)
    done = certd.ctl('renew', '--quiet')
    assert done.code == 0 and done.text == '', done
    assert hooks.lines() == [
        ['deploy/2-bad', certd.path('live', zone.name), zone.name, '']]
    for told in (certd.ctl('status'), certd.ctl('list', '--json'),
                 certd.ctl('show', zone.name)):
        assert 'broken' not in told.out, told
    assert certd.ctl('renew').code == 0 and hooks.lines() == []


def test_certctl_deploy(certd, zone, hooks):
    assert certd.issue(zone.name).code == 0
    done = certd.ctl('deploy', zone.name)
    assert done.code == 0 and 'no deploy hooks' in done.out, done
    hooks.put('deploy', 'a')
    bad = hooks.put('deploy', 'b', 'exit 3')
    done = certd.ctl('deploy', zone.name)
    assert done.code == 1 and 'exit status 3' in done.err, done
    assert '1 of 2 hooks failed' in done.out, done
    assert hooks.names() == ['deploy/a', 'deploy/b']
    as_json = certd.ctl('deploy', zone.name, '--json')
    assert as_json.code == 1
    assert (as_json.json['run'], as_json.json['failed']) == (2, 1)
    assert 'exit status 3' in as_json.json['hook_failures'][0]['text']
    assert hooks.names() == ['deploy/a', 'deploy/b']
    # What is gone is not owed any more.
    os.unlink(bad)
    assert certd.ctl('renew').code == 0
    assert hooks.names() == []
    assert 'deploy_failed' not in certd.ctl('status').out
    done = certd.ctl('deploy', 'nobody.test')
    assert done.code == 1 and 'no certificate' in done.err, done
    assert certd.ctl('deploy').code == 2


def test_bad_hooks_hurt_nobody(stage, zone, new_certd):
    certd = new_certd(settings={'hooks': {'timeout': '2s'}})
    hooks = Hooks(certd)
    hooks.put('deploy', '1-hangs', 'trap "" TERM; echo waiting; sleep 600')
    hooks.put('deploy', '2-prints',
              'head -c 8000000 /dev/zero | tr "\\0" "x"; echo; '
              'echo the end; exit 5')
    hooks.put('deploy', '3-kills', 'kill -9 $PPID; sleep 600')
    weak = hooks.put('deploy', '4-weak', mode=0o777)
    hooks.put('deploy', '5-garbage', r"printf '\033[2Jred\000\377\n'; exit 9")
    hooks.put('deploy', '6-background', 'sleep 600 & exit 0')
    hooks.put('deploy', '7-sees', f'''
        ls -l /proc/self/fd >{certd.folder}/fds; env >{certd.folder}/env
    ''')
    hooks.put('deploy', '8-good')
    done = certd.issue(zone.name)
    assert done.code == 0, done
    assert hooks.names() == ['deploy/' + n for n in (
        '1-hangs', '2-prints', '3-kills', '5-garbage', '6-background',
        '7-sees', '8-good')]
    assert '1-hangs: not done after 2 s, ended' in done.err, done
    assert '2-prints: exit status 5: the end' in done.err, done
    assert 'more bytes' in certd.log()
    assert '3-kills: exit status 137' in done.err, done
    assert f'4-weak: exit status 126: {weak} is not run: others than root ' \
        f'can change {weak}' in done.err, done
    assert '5-garbage: exit status 9: \\x1B[2Jred' in done.err, done
    assert '\033' not in certd.log() and '\033' not in done.text
    assert '6-background' not in done.text and '8-good' not in done.err
    assert len(certd.log()) < 1000000
    with open(os.path.join(certd.folder, 'fds'), encoding='utf-8') as f:
        fds = re.findall(r' (\d+) -> (\S+)', f.read())
    assert {n for n, _ in fds} <= {'0', '1', '2', '3'}, fds
    assert all(not to.startswith((certd.store, certd.state, 'socket:'))
               for _, to in fds), fds
    with open(os.path.join(certd.folder, 'env'), encoding='utf-8') as f:
        names = {line.split('=')[0] for line in f}
    assert names <= {'PATH', 'HOME', 'LANG', 'PWD', 'OLDPWD', 'SHLVL', '_',
                     'RENEWED_LINEAGE', 'RENEWED_DOMAINS'}, names
    # The certificate stands, certd serves, and only the bad ones run again.
    assert os.path.exists(certd.live(zone.name))
    for name in ('1-hangs', '3-kills', '4-weak'):
        os.unlink(hooks.path('deploy', name))
    assert certd.ctl('renew').code == 0
    assert hooks.names() == ['deploy/2-prints', 'deploy/5-garbage']


def test_hooks_are_checked_before_anything_begins(certd, zone):
    plain = script(os.path.join(certd.folder, 'plain'), 'exit 0', mode=0o644)
    weak = script(os.path.join(certd.folder, 'weak'), 'exit 0', mode=0o757)
    for option, command, reason in (
            ('--pre-hook', 'no-such-program x', 'there is no program no-such'),
            ('--post-hook', '/no/such/file', 'there is no /no/such/file'),
            ('--deploy-hook', plain, 'is not executable'),
            ('--deploy-hook', f'A=1 {weak} && true', 'others than root')):
        for verb in (['issue', '-d', zone.name], ['renew']):
            done = certd.ctl(*verb, option, command)
            assert done.code == 1, done
            assert option in done.err and reason in done.err, done
            assert '--disable-hook-validation' in done.err, done
    assert zone.requests() == []
    done = certd.issue(zone.name, options=[
        '--deploy-hook', 'no-such-program', '--disable-hook-validation'])
    assert done.code == 0 and 'exit status 127' in done.err, done


def test_hook_of_a_file_that_others_can_change_is_not_run(certd, zone, hooks):
    command = hooks.command('kept')
    assert certd.issue(zone.name, options=['--deploy-hook', command]).code == 0
    assert hooks.names() == ['kept']
    conf = certd.path('renewal', zone.name + '.conf')
    os.chmod(conf, 0o666)
    done = certd.ctl('renew', '--force-renewal')
    assert done.code == 0, done
    assert f'others than root can change {conf}' in done.err, done
    assert hooks.names() == []
    os.chmod(conf, 0o644)
    assert certd.ctl('renew').code == 0
    assert hooks.names() == ['kept']


def test_deploy_that_a_crash_interrupts_is_owed(certd, zone, hooks):
    begun = os.path.join(certd.folder, 'begun')
    hooks.put('deploy', '1', f'touch {begun}')
    hooks.put('deploy', '2', f'while ! test -e {begun}.go; do sleep 0.1; done')
    hooks.put('deploy', '3')
    assert certd.issue(zone.name, options=['--detach']).code == 0
    process.wait_until(lambda: os.path.exists(begun), certd.process,
                       certd.log_file, 'the hook')
    others = process.children(certd.process.pid)
    os.kill(certd.process.pid, signal.SIGKILL)
    certd.process.wait(30)
    with open(begun + '.go', 'w', encoding='ascii'):
        pass
    assert process.survivors({p: t for p, t in others.items()
                              if process.name(p) in ('certd-sign', 'acmew')
                              }) == {}
    hooks.lines()
    certd.start()       # which may go on with them at once
    done = certd.ctl('renew')
    assert done.code == 0, done
    ran, deadline = [], time.monotonic() + 60
    while 'deploy/3' not in ran or \
            'deploy_failed' in certd.ctl('status').out:
        assert time.monotonic() < deadline, f'what had not run: {ran}'
        ran += hooks.names()
        time.sleep(0.1)


def test_renewal_that_fails_still_deploys_what_was_owed(
        stage, certd, zone, hooks):
    bad = hooks.put('deploy', 'bad', 'exit 4')
    assert certd.issue(zone.name).code == 0
    hooks.put('deploy', 'bad')
    assert hooks.names() == ['deploy/bad'] and os.path.exists(bad)
    set_due(certd, zone.name)
    zone.fault(times=1000, status=403, code=10000, message='Authentication error')
    done = certd.ctl('renew')
    assert done.code == 1, done
    assert hooks.names() == ['deploy/bad']
    assert 'deploy_failed' not in certd.ctl('status').out


def test_pre_and_post_once_deploy_for_each_that_was_renewed(
        stage, new_certd, zone, hooks):
    bad = stage.zone()
    stage.cloudflare.control('token', token=zone.token,
                             zones=[zone.name, bad.name])
    certd = hooks.certd
    names = [f'a.{zone.name}', f'b.{zone.name}', bad.name]
    for name in names:
        assert certd.issue(name).code == 0
    bad.remove()
    for kind in ('pre', 'deploy', 'post'):
        hooks.put(kind, 'h')
    done = certd.ctl('renew', '--force-renewal')
    assert done.code == 1, done
    seen = hooks.lines()
    assert [s[0] for s in seen] == ['pre/h', 'deploy/h', 'deploy/h', 'post/h']
    assert {s[1] for s in seen[1:3]} == {certd.path('live', n)
                                         for n in names[:2]}
    assert set(seen[3][2].split()) == set(names[:2]), seen
    assert seen[3][3] == bad.name, seen
    assert '2 renewed, 1 failed' in done.out, done


def test_owed_hooks_of_a_certificate_that_is_gone_are_forgotten(
        certd, zone, hooks):
    hooks.put('deploy', 'bad', 'exit 4')
    assert certd.issue(zone.name).code == 0
    os.unlink(certd.path('renewal', zone.name + '.conf'))
    assert certd.ctl('renew').code == 0
    certd.stop()
    with sqlite3.connect(os.path.join(certd.state, 'ledger.db')) as db:
        assert db.execute('SELECT * FROM owed').fetchall() == []
    db.close()
    certd.start()

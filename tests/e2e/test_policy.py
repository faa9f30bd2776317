"""[policy]: who may have certificates for which names. The member of certadmin is
the user nobody."""

import os
import subprocess
import threading

import pytest

from stage.proxy import Proxy
from test_input import as_user

MEMBER = as_user('nobody', 'certadmin')


def add_policy(certd, text):
    """Returns the line of its first rule."""
    with open(certd.config, encoding='utf-8') as f:
        before = f.read()
    with open(certd.config, 'w', encoding='utf-8') as f:
        f.write(before + '[policy]\n' + text)
    return before.count('\n') + 2


@pytest.fixture
def ruled(new_certd, zone):
    """nobody may have ECDSA certificates for names below ok.ZONE."""
    certd = new_certd(start=False)
    certd.line = add_policy(
        certd, f'[[ours]]\nusers = nobody\nnames = ok.{zone.name}, '
        f'*.ok.{zone.name}\nkey-types = ecdsa\n')
    certd.start()
    yield certd
    assert certd.stop() == 0
    certd.check_log()


def refused(certd, done, *texts):
    assert done.code == 3, done
    for text in (*texts, f'{certd.config}:{certd.line}', 'rule ours'):
        assert text in done.err, done


def test_member_gets_what_a_rule_gives_and_nothing_else(ruled, zone):
    ok, other = f'ok.{zone.name}', f'other.{zone.name}'
    done = ruled.issue(ok, 'www.' + ok, '*.' + ok, **MEMBER)
    assert done.code == 0, done
    asked = zone.requests()
    refused(ruled, ruled.issue(other, **MEMBER), other, 'the names')
    refused(ruled, ruled.issue('y.' + ok, other, **MEMBER), other)
    refused(ruled, ruled.issue('a.b.' + ok, **MEMBER), 'a.b.' + ok)
    refused(ruled, ruled.issue('*.' + zone.name, **MEMBER), '*.' + zone.name)
    refused(ruled, ruled.issue('x.' + ok, options=['--key-type', 'rsa'],
                               **MEMBER), 'keys of type ecdsa')
    assert zone.requests() == asked, 'refused before anybody heard of it'
    # Root is not bound, but where a rule names it.
    assert ruled.issue(other).code == 0
    lines = ruled.ctl('audit', '--json', '--lines', '1000').json['lines']
    told = [a for a in lines if a['outcome'] == 'refused'
            and f'{ruled.config}:{ruled.line}' in a['what']]
    assert len(told) == 5 and all('uid=65534' in a['who'] for a in told), told


def test_there_is_no_way_around_it(ruled, zone):
    ok, other = f'ok.{zone.name}', f'other.{zone.name}'
    assert ruled.issue(other).code == 0
    assert ruled.issue(ok, **MEMBER).code == 0
    before = zone.requests()
    conf = ruled.path('renewal', other + '.conf')
    with open(conf, encoding='utf-8') as f:
        text = f.read()

    def member(*arguments):
        return ruled.ctl(*arguments, **MEMBER)
    for arguments in (
            # another name for the lineage, another lineage for the name
            ['issue', '--cert-name', ok, '-d', other, '-n',
             '--renew-with-new-domains'],
            ['issue', '--cert-name', 'mine', '-d', other],
            ['issue', '-d', other, '--duplicate'],
            ['issue', '-d', ok, '-d', other, '--expand', '-n'],
            # somebody else's certificate, with one's own names
            ['issue', '--cert-name', other, '-d', ok, '-n',
             '--renew-with-new-domains'],
            # as it is
            ['issue', '--cert-name', other, '--force-renewal'],
            ['issue', '-d', other, '--force-renewal'],
            ['issue', '-d', other, '--dry-run'],
            # a key that is not allowed, later
            ['reconfigure', ok, '--key-type', 'rsa'],
            ['reconfigure', ok, '--key-type', 'rsa', '--no-dry-run'],
            ['reconfigure', other, '--key-type', 'rsa', '--no-dry-run'],
            ['reconfigure', other, '--autorenew', '--no-dry-run'],
            ):
        refused(ruled, member(*arguments))
    done = member('renew', '--cert-name', other, '--force-renewal')
    assert done.code == 3 and 'rule ours' in done.err, done
    done = member('renew', '--force-renewal')
    assert done.code == 1 and 'rule ours' in done.err, done
    assert f'{ok}: renewed' in done.out, done
    assert '1 renewed, 1 failed' in done.out, done
    done = member('renew', '--force-renewal', '--key-type', 'rsa',
                  '--cert-name', ok)
    assert done.code == 3 and 'keys of type ecdsa' in done.err, done
    with open(conf, encoding='utf-8') as f:
        assert f.read() == text
    assert os.readlink(ruled.live(other)).endswith('fullchain1.pem')
    made = [r for r in zone.requests('POST') if r not in before]
    assert not [r for r in made if other in r['body']], made


def test_members_touch_only_what_is_theirs(ruled, zone):
    ok, other, both = (f'{n}.{zone.name}' for n in ('ok', 'other', 'both'))
    assert ruled.issue(ok, **MEMBER).code == 0
    assert ruled.issue(other).code == 0
    assert ruled.issue('x.' + ok, other, options=['--cert-name', both]).code == 0

    def tree():
        return sorted((root, files, links) for part in
                      ('live', 'archive', 'renewal')
                      for root, links, files in os.walk(ruled.path(part)))
    before = tree()
    archived = ruled.path('archive', other, 'cert1.pem')
    for name in (other, both):
        for arguments in (
                ['delete', '--cert-name', name, '-n'],
                ['revoke', '--cert-name', name, '-n'],
                ['revoke', '--cert-name', name, '--delete-after-revoke', '-n'],
                ['restore', name, '1'],
                ['repair', name, '-n'],
                ['repair', '--dry-run', name],
                ['deploy', name]):
            refused(ruled, ruled.ctl(*arguments, **MEMBER), other)
    for path in (ruled.live(other, 'cert'), archived):
        refused(ruled, ruled.ctl('revoke', '--cert-path', path, '-n',
                                 **MEMBER), other)
    for what in (['update', '--email', 'nobody@example.net'], ['rollover'],
                 ['deactivate', '-n']):
        done = ruled.ctl('account', *what, **MEMBER)
        assert done.code == 3 and 'everybody' in done.err, done
    assert ruled.ctl('account', 'show', **MEMBER).code == 0
    assert tree() == before, 'refused before anything was changed'
    lines = ruled.ctl('audit', '--json', '--lines', '1000').json['lines']
    assert not [a for a in lines if a['act'] in ('delete', 'revoke', 'restore',
                                                 'repair')
                or a['act'] == 'sign' and 'revoke' in a['what']]
    assert len([a for a in lines if a['outcome'] == 'refused'
                and 'uid=65534' in a['who']]) == 19

    # What is theirs is theirs, and what is nobody's is not found.
    assert ruled.ctl('deploy', ok, **MEMBER).code == 0
    assert ruled.ctl('revoke', '--cert-name', ok, '-n',
                     '--no-delete-after-revoke', **MEMBER).code == 0
    assert ruled.ctl('delete', '--cert-name', ok, '-n', **MEMBER).code == 0
    done = ruled.ctl('delete', '--cert-name', ok, '-n', **MEMBER)
    assert done.code == 1 and 'no certificate named' in done.err, done
    # Root is not bound.
    assert ruled.ctl('delete', '--cert-name', both, '-n').code == 0
    # What cannot be read could be anybody's.
    os.unlink(archived)
    with open(ruled.path('archive', other, 'cert1.pem'), 'w',
              encoding='utf-8') as f:
        f.write('no certificate')
    done = ruled.ctl('delete', '--cert-name', other, '-n', **MEMBER)
    assert done.code == 3 and 'cannot be read' in done.err, done
    done = ruled.ctl('issue', '-d', ok, '--cert-name', other, '--expand',
                     '--force-renewal', **MEMBER)
    assert done.code == 1 and 'is broken' in done.err, done
    assert not os.path.exists(ruled.path('archive', other, 'cert2.pem'))


def test_members_stop_only_jobs_of_their_own(stage, zone, new_certd):
    ok, other = f'ok.{zone.name}', f'other.{zone.name}'
    go_on = threading.Event()

    def hold(text):
        go_on.wait(120)
        return text
    with Proxy(stage, {'path': '/chalZ/', 'edit': hold}) as ca:
        certd = new_certd(start=False, server=ca.url)
        certd.line = add_policy(
            certd, f'[[ours]]\nusers = nobody\nnames = {ok}\n')
        try:
            with certd:
                for name in (other, ok):
                    assert certd.issue(name, options=['--detach']).code == 0
                refused(certd, certd.ctl('cancel', '1', **MEMBER), other)
                done = certd.ctl('cancel', '2', **MEMBER)
                assert 'cancelled' in done.out + done.err, done
        finally:
            go_on.set()


def test_ca_and_group_and_root(stage, zone, new_certd):
    certd = new_certd(start=False)
    certd.line = add_policy(
        certd, '[[ours]]\ngroups = certadmin\nnames = *\n'
        f'servers = {stage.ca.url}\n[[of root]]\nusers = root\n'
        f'names = .{zone.name}\n')
    with certd:
        assert certd.issue('a.' + zone.name, **MEMBER).code == 0
        refused(certd, certd.issue('b.' + zone.name, options=[
            '--server', 'https://ca.example/dir'], **MEMBER), stage.ca.url)
        assert certd.issue('c.' + zone.name).code == 0
        done = certd.issue(zone.name)
        assert done.code == 3 and 'rule of root' in done.err, done
        assert f'{certd.config}:{certd.line + 4}' in done.err, done


def test_policy_without_a_rule_lets_only_root(zone, new_certd):
    certd = new_certd(start=False)
    add_policy(certd, '')
    with certd:
        done = certd.issue(zone.name, **MEMBER)
        assert done.code == 3 and 'no rule of the policy' in done.err, done
        assert certd.issue(zone.name).code == 0


def test_bad_policy_stops_the_start_with_its_line(zone, new_certd):
    for text, told in (
            ('[[x]]\nusers = a\nnames = *bad\n', 'allowed are example.com'),
            ('[[x]]\nusers = a\nname = a.test\n', 'nothing that a rule has'),
            ('[[x]]\nnames = a.test\n', 'no users'),
            ('names = a.test\n', 'rules only')):
        certd = new_certd(start=False)
        line = add_policy(certd, text)
        for arguments in (['--check-config'], ['--foreground', '--spawn']):
            done = subprocess.run(
                [certd.program('certd'), '--config', certd.config, *arguments],
                capture_output=True, text=True, timeout=60, check=False)
            assert done.returncode == 1, done
            assert told in done.stderr and f'{certd.config}:' in done.stderr
            number = int(done.stderr.split(certd.config + ':')[1]
                         .split(':')[0])
            assert line <= number <= line + 3, done.stderr
    certd = new_certd(start=False)
    add_policy(certd, '[[x]]\nusers = nobody\nnames = .a.test\n')
    done = subprocess.run(
        [certd.program('certd'), '--config', certd.config, '--check-config'],
        capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done

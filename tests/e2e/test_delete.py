"""certctl delete: what goes, what stays, and who is asked."""

import os

import pytest

from stage.certbot import Certbot
from stage.files import tree


def of_lineage(certd, name):
    return sorted(p for p in tree(certd.store)
                  if name in p and not p.startswith('accounts'))


def test_delete_removes_one_lineage_and_certbot_agrees(
        stage, zone, certd, certbot):
    for name in ('a.' + zone.name, 'b.' + zone.name):
        assert certd.issue(name).code == 0
    done = certd.ctl('delete', '--cert-name', 'a.' + zone.name)
    assert done.code == 0, done
    assert f'Deleted: a.{zone.name}' in done.out, done
    assert of_lineage(certd, 'a.' + zone.name) == []
    listed = certbot('certificates')
    assert f'b.{zone.name}' in listed.out and f'a.{zone.name}' not in \
        listed.out and 'invalid' not in listed.out, listed
    # The name is free, and its number begins anew.
    assert certd.issue('a.' + zone.name).code == 0
    assert os.readlink(certd.live('a.' + zone.name)).endswith(
        'fullchain1.pem')
    done = certd.ctl('delete', 'nobody.' + zone.name)
    assert done.code == 1 and 'there is no certificate' in done.err, done
    done = certd.ctl('delete')
    assert done.code == 2 and '--cert-name' in done.err, done


def test_delete_asks_on_a_terminal(certd, zone):
    assert certd.issue(zone.name).code == 0
    before = of_lineage(certd, zone.name)
    status, shown = certd.ctl_on_terminal('\n', 'delete', zone.name)
    assert status == 1 and f'Delete certificate {zone.name}' in shown, shown
    assert 'VALID: 89 days' in shown, shown
    assert of_lineage(certd, zone.name) == before
    status, shown = certd.ctl_on_terminal('', '-n', 'delete', zone.name)
    assert status == 0 and 'Deleted' in shown, shown
    assert of_lineage(certd, zone.name) == []


def test_delete_follows_no_archive_dir(certd, zone):
    for archive_dir in ('/', certd.path('archive', '..'),
                        certd.path('accounts')):
        assert certd.issue(zone.name).code == 0
        conf = certd.path('renewal', zone.name + '.conf')
        with open(conf, encoding='utf-8') as f:
            text = f.read().replace(
                certd.path('archive', zone.name) + '\n', archive_dir + '\n')
        with open(conf, 'w', encoding='utf-8') as f:
            f.write(text)
        accounts = tree(certd.path('accounts'))
        done = certd.ctl('delete', '-n', '--cert-name', zone.name)
        assert done.code == 0, done
        assert 'archive_dir' in done.out and 'not followed' in done.out, done
        assert of_lineage(certd, zone.name) == []
        assert tree(certd.path('accounts')) == accounts


def test_delete_while_a_job_runs_is_refused(certd, zone):
    assert certd.issue(zone.name).code == 0
    zone.lag(None, None)        # the job waits for the name servers
    done = certd.issue(zone.name, options=['--force-renewal', '--detach'])
    assert done.code == 0, done
    done = certd.ctl('delete', '--cert-name', zone.name)
    assert done.code == 1 and 'certctl cancel' in done.err, done
    assert of_lineage(certd, zone.name)
    job = certd.ctl('status', '--json').json['job'].split()[0]
    assert certd.ctl('cancel', job).code == 0
    zone.lag(0, 0)
    assert certd.ctl('delete', '--cert-name', zone.name).code == 0


@pytest.mark.parametrize('json_', [[], ['--json']])
def test_delete_waits_for_certbot(stage, certd, zone, json_):
    assert certd.issue(zone.name).code == 0
    certbot = Certbot(stage, certd.store, certd.folder)
    done = certd.ctl_beside(certbot.hold_lock(), 'delete', *json_,
                            '--cert-name', zone.name)
    assert done.code == 0, done
    assert 'waiting: ' in done.err and 'certbot' in done.err, done
    assert of_lineage(certd, zone.name) == []

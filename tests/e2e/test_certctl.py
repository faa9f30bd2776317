"""certctl as people and scripts see it."""

import datetime
import json
import os
import pty
import re
import signal
import subprocess
import time

import pytest

from stage import pem

LIST_KEYS = {'name', 'domains', 'serial', 'key_type', 'not_before',
             'not_after', 'days_left', 'status', 'renew_after', 'certificate',
             'private_key', 'server', 'last_error'}
RFC3339 = re.compile(r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ')


def test_empty_store(certd):
    done = certd.ctl('list')
    assert done.code == 0 and 'No certificates found' in done.out, done
    assert certd.ctl('list', '--json').json == {'certificates': []}
    assert certd.ctl('certificates').out == done.out


def test_list(stage, certd, zone):
    assert certd.issue(zone.name, '*.' + zone.name).code == 0
    done = certd.ctl('list')
    for text in (zone.name, pem.serial(certd.live(zone.name)), 'ECDSA',
                 certd.live(zone.name), certd.live(zone.name, 'privkey')):
        assert text in done.out, done
    row, = certd.ctl('list', '--json').json['certificates']
    assert set(row) == LIST_KEYS
    assert row['name'] == zone.name
    assert set(row['domains']) == {zone.name, '*.' + zone.name}
    assert row['serial'] == pem.serial(certd.live(zone.name))
    assert (row['key_type'], row['status']) == ('ecdsa', 'valid')
    assert row['certificate'] == certd.live(zone.name)
    assert row['private_key'] == certd.live(zone.name, 'privkey')
    assert row['server'] == stage.ca.url
    assert row['last_error'] is None and row['days_left'] in (89, 90)
    for key in ('not_before', 'not_after', 'renew_after'):
        assert RFC3339.fullmatch(row[key]), row


def test_list_filters(certd, zone):
    for name in ('a', 'b'):
        assert certd.issue(f'{name}.{zone.name}').code == 0

    def names(*options):
        rows = certd.ctl('list', '--json', *options).json['certificates']
        return [r['name'] for r in rows]
    assert names() == [f'a.{zone.name}', f'b.{zone.name}']
    assert names('--cert-name', f'b.{zone.name}') == [f'b.{zone.name}']
    assert names('-d', f'a.{zone.name}') == [f'a.{zone.name}']
    assert names('-d', 'c.test') == []


def test_show(certd, zone):
    assert certd.issue(zone.name).code == 0
    shown = certd.ctl('show', zone.name, '--json').json
    assert LIST_KEYS <= set(shown) and shown['name'] == zone.name
    fingerprint = pem.certificates(certd.live(zone.name))[0].fingerprint(
        __import__('cryptography').hazmat.primitives.hashes.SHA256())
    assert shown['sha256_fingerprint'].replace(':', '').lower() == \
        fingerprint.hex()
    done = certd.ctl('show', zone.name)
    assert done.code == 0 and certd.live(zone.name) in done.out, done


def test_show_of_an_unknown_certificate(certd):
    done = certd.ctl('show', 'no.such')
    assert done.code == 1 and 'no.such' in done.err and done.out == '', done


def test_broken_certificate_is_listed_and_spoils_nothing(certd, zone):
    for name in ('a', 'b'):
        assert certd.issue(f'{name}.{zone.name}').code == 0
    os.unlink(certd.live(f'a.{zone.name}'))
    rows = {r['name']: r for r in
            certd.ctl('list', '--json').json['certificates']}
    assert rows[f'a.{zone.name}']['status'] == 'broken'
    assert 'fullchain' in rows[f'a.{zone.name}']['last_error']
    assert rows[f'b.{zone.name}']['status'] == 'valid'
    done = certd.ctl('list')
    assert done.code == 0 and 'invalid' in done.out, done


def test_expired_certificate_is_listed_as_such(stage, zone, new_certd):
    ca = stage.new_ca(certificateValidityPeriod=8)
    try:
        certd = new_certd(server=ca.url)
        done = certd.issue(zone.name)
        assert done.code == 0, done
        not_after = pem.certificates(certd.live(zone.name))[0].not_valid_after
        left = not_after - datetime.datetime.utcnow()
        time.sleep(max(0, left.total_seconds()) + 1.5)
        row, = certd.ctl('list', '--json').json['certificates']
        assert row['status'] == 'expired' and row['days_left'] < 0
        assert 'EXPIRED' in certd.ctl('list').out
    finally:
        ca.stop()


def test_status(certd):
    done = certd.ctl('status')
    assert done.code == 0, done
    status = certd.ctl('status', '--json').json
    assert isinstance(status, dict) and status
    assert {'worker', 'publisher', 'hooks', 'store'} <= set(status)


def test_issue_json(certd, zone):
    done = certd.issue(zone.name, options=['--json'])
    assert done.code == 0 and done.err == '', done
    result, = done.json['certificates']
    assert (result['name'], result['result']) == (zone.name, 'issued')


def test_failed_issue_json(stage, zone, certd):
    stage.cloudflare.control('token', token=zone.token, status='disabled')
    done = certd.issue(zone.name, options=['--json'])
    assert done.code == 1, done
    result, = done.json['certificates']
    assert result['result'] == 'failed' and '9109' in result['text']
    assert result['advice']


def test_error_json(new_certd):
    certd = new_certd(start=False)
    done = certd.ctl('list', '--json')
    assert done.code == 4, done
    assert done.json['error']['exit'] == 4


def test_quiet_prints_errors_only(stage, certd, zone):
    done = certd.issue(zone.name, options=['--quiet'])
    assert (done.code, done.out, done.err) == (0, '', '')
    stage.cloudflare.control('token', token=zone.token, status='disabled')
    done = certd.issue('b.' + zone.name, options=['--quiet'])
    assert done.code == 1 and done.out == '' and done.err != '', done


def test_plain_progress_names_the_stages(certd, zone):
    done = certd.issue(zone.name)
    places = [done.out.find(text) for text in (
        'placing the order', 'publishing the DNS records',
        'waiting for the name servers', 'asking for the certificate')]
    assert -1 not in places and places == sorted(places), done
    assert '\x1b' not in done.text and '\r' not in done.text


def test_live_progress_on_a_terminal(certd, zone):
    master, slave = pty.openpty()
    argv = [certd.program('certctl'), '--socket',
            os.path.join(certd.runtime, 'control.sock'), 'issue', '-d',
            zone.name]
    with subprocess.Popen(argv, stdin=slave, stdout=slave, stderr=slave,
                          env={'TERM': 'xterm', 'PATH': os.defpath}) as p:
        os.close(slave)
        seen = b''
        try:
            while part := os.read(master, 4096):
                seen += part
        except OSError:         # the other end is closed
            pass
    os.close(master)
    assert p.returncode == 0, seen
    assert b'\x1b' in seen and zone.name.encode() in seen


def test_interrupt_leaves_the_job_running(certd, zone):
    zone.lag(0, 4)
    argv = [certd.program('certctl'), '--socket',
            os.path.join(certd.runtime, 'control.sock'), 'issue', '-d',
            zone.name]
    with subprocess.Popen(argv, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True) as p:
        deadline = time.monotonic() + 10
        while not zone.records() and time.monotonic() < deadline:
            time.sleep(0.05)
        p.send_signal(signal.SIGINT)
        _, err = p.communicate(timeout=10)
    assert 'certctl watch' in err and 'certctl cancel' in err, err
    deadline = time.monotonic() + 20
    while not os.path.exists(certd.live(zone.name)) and \
            time.monotonic() < deadline:
        time.sleep(0.1)
    assert os.path.exists(certd.live(zone.name))


def test_cancel_ends_the_job_and_removes_its_records(
        certd, zone, nothing_left):
    zone.lag(None, None)
    started = certd.issue(zone.name, options=['--detach', '--json']).json
    job = str(started['certificates'][0]['job'])
    deadline = time.monotonic() + 10
    while not zone.records() and time.monotonic() < deadline:
        time.sleep(0.05)
    done = certd.ctl('cancel', job)
    assert done.code == 0, done
    deadline = time.monotonic() + 10
    while zone.records() and time.monotonic() < deadline:
        time.sleep(0.05)
    nothing_left(certd, zone)


@pytest.mark.parametrize('arguments, code', [
    (['--help'], 0), (['--version'], 0), (['issue', '--help'], 0),
    ([], 2), (['isue'], 2), (['show'], 2)])
def test_usage(new_certd, arguments, code):
    certd = new_certd(start=False)
    done = certd.ctl(*arguments)
    assert done.code == code, done
    assert (done.out if code == 0 else done.err) != ''


def test_version_of_every_program(new_certd):
    from stage.certd import run
    certd = new_certd(start=False)
    for name in ('certd', 'acmew', 'certctl'):
        done = run([certd.program(name), '--version'])
        assert done.code == 0 and re.search(r'\d+\.\d+\.\d+', done.out), done


def test_times_are_utc(certd, zone):
    assert certd.issue(zone.name).code == 0
    row, = certd.ctl('list', '--json', env={
        'PATH': os.defpath, 'TZ': 'Pacific/Auckland'}).json['certificates']
    not_after = pem.certificates(certd.live(zone.name))[0].not_valid_after
    assert datetime.datetime.strptime(
        row['not_after'], '%Y-%m-%dT%H:%M:%SZ') == not_after

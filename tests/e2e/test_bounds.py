"""What has an end: loops, waiting, interruptions. And what survives certd."""

import contextlib
import os
import re
import signal
import threading
import time

from stage import process
from stage.certbot import Holder
from stage.certd import SANITIZER

LAG = 12                        # seconds in which a job stands still


def stage_of(certd):
    """What certctl status says of the one job, or ''."""
    jobs = certd.ctl('status', '--json').json.get('job', '')
    return jobs if isinstance(jobs, str) else ' '.join(jobs)


def wait_for_stage(certd, text):
    process.wait_until(lambda: text in stage_of(certd), certd.process,
                       certd.log_file, f'a job {text}', 60)


def wait_idle(certd):
    process.wait_until(lambda: not stage_of(certd), certd.process,
                       certd.log_file, 'the job', 120)


def orders(certd):
    """How many were placed. The CA refuses a nonce now and then: what is signed
    twice, with nothing in between, is one."""
    steps = re.findall(r'new_order on|publishing the DNS|finalize on|act=end',
                       certd.log())
    return sum(step == 'new_order on' and before != step
               for before, step in zip([''] + steps, steps))


def test_loop_is_broken_whoever_asks(zone, new_certd):
    certd = new_certd(start=False,
                      settings={'acme': {'max-per-day': '2'}})
    force = ['--force-renewal']
    with certd:
        assert certd.issue(zone.name, '*.' + zone.name).code == 0
        # The same set in another order.
        done = certd.issue('*.' + zone.name, zone.name, options=[
            '--cert-name', zone.name, *force])
        assert done.code == 0, done
    before = orders(certd)
    with certd:                 # it is not forgotten
        names = (zone.name, '*.' + zone.name)
        for done in (certd.issue(*names, options=force),
                     certd.ctl('renew', *force),
                     certd.issue(*names, options=[
                         '--cert-name', 'another'])):
            assert done.code == 1, done
            assert '2 times within a day' in done.err, done
            assert '--allow-repeat' in done.err, done
        assert orders(certd) == before
        assert certd.ctl('renew').code == 0     # nothing is due: no matter
        assert certd.issue('www.' + zone.name).code == 0
        done = certd.issue(*names, options=[*force, '--dry-run'])
        assert done.code == 0, done
        done = certd.issue(*names, options=[*force, '--allow-repeat'])
        assert done.code == 0, done
        done = certd.issue(*names, options=force)
        assert done.code == 1 and '3 times' in done.err, done


def test_two_renewals_at_once_are_one(zone, new_certd):
    certd = new_certd()
    assert certd.issue(zone.name).code == 0
    before = orders(certd)
    zone.lag(LAG, LAG)
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(certd.ctl(
        'renew', '--cert-name', zone.name, '--force-renewal')))
        for _ in range(2)]
    threads[0].start()
    wait_for_stage(certd, 'name servers')
    threads[1].start()
    for t in threads:
        t.join()
    assert [a.code for a in answers] == [0, 0], answers
    assert os.readlink(certd.live(zone.name)).endswith('fullchain2.pem')
    assert orders(certd) == before + 1


def leave(certd, how):
    begin = time.monotonic()
    started = process.children(certd.process.pid)
    certd.process.send_signal(how)
    certd.process.wait(60)
    assert time.monotonic() - begin < 10        # the promise: 5 s
    assert not process.survivors(started, 10)


def test_stopped_job_is_parked_and_goes_on(zone, new_certd):
    certd = new_certd(start=False)
    with certd:
        zone.lag(LAG, LAG)
        waiting = []
        client = threading.Thread(target=lambda: waiting.append(
            certd.issue(zone.name, '*.' + zone.name)))
        client.start()
        wait_for_stage(certd, 'name servers')
        leave(certd, signal.SIGTERM)
        assert certd.process.returncode == 0
        client.join()
        assert waiting[0].code == 4, waiting
        assert 'go on when it runs again' in waiting[0].err, waiting
        assert len(zone.records()) == 2         # still needed
        before = len(zone.requests('POST'))
        certd.start()
        wait_for_stage(certd, 'name servers')
        assert len(zone.requests('POST')) == before     # found, not made
        wait_idle(certd)
        assert os.path.exists(certd.live(zone.name))
        assert zone.records() == []
        assert certd.log().count('act=unpublish') == 2, certd.log()
        assert orders(certd) == 1, certd.log()


def test_processes_that_hang_do_not_hold_certd(zone, new_certd):
    certd = new_certd(start=False)
    with certd:
        assert certd.issue(zone.name).code == 0
        pids = certd.pids()
        del pids['certd']
        assert {'certd-disk', 'certd-sign', 'certd-dns', 'certd-hook',
                'acmew'} == set(pids)
        for pid in pids.values():       # they hear of nothing any more
            os.kill(pid, signal.SIGSTOP)
        begin = time.monotonic()
        certd.process.send_signal(signal.SIGTERM)
        try:
            certd.process.wait(60)
            assert time.monotonic() - begin < 10    # the promise: 5 s
        finally:
            for pid in pids.values():
                os.kill(pid, signal.SIGKILL)
        assert certd.process.returncode == 0
        for program, pid in pids.items():
            assert f'{program} (process {pid}) does not leave' in certd.log()
        certd.start()
        assert certd.issue('www.' + zone.name).code == 0


def test_signal_is_heard_while_certbot_is_waited_for(zone, new_certd):
    certd = new_certd(start=False)
    with certd:
        assert certd.issue(zone.name).code == 0
        assert certd.issue('www.' + zone.name).code == 0
    conf = certd.path('renewal', 'www.' + zone.name + '.conf')
    os.rename(conf, conf + '.deleted')  # a deletion that was interrupted
    with contextlib.suppress(FileNotFoundError):    # it takes the note first
        os.unlink(os.path.join(certd.state, 'store.clean'))
    holder = Holder([certd.store])
    try:
        certd.process = process.spawn(certd.argv(), certd.log_file, False,
                                      {'PATH': os.defpath, **SANITIZER})
        process.wait_until(lambda: certd.is_locked_in(), certd.process,
                           certd.log_file, 'certd in its jail', 60)
        leave(certd, signal.SIGTERM)
        assert certd.process.returncode == 0, certd.log()
        assert os.path.exists(conf + '.deleted')
    finally:
        holder.release()
    with certd:
        assert not os.path.exists(conf + '.deleted')


def test_killed_in_the_middle_of_hooks_they_are_not_forgotten(
        zone, new_certd):
    certd = new_certd(start=False)
    said = os.path.join(certd.folder, 'said')

    def lines():
        if not os.path.exists(said):
            return []
        with open(said, encoding='utf-8') as f:
            return f.read().split()
    with certd:
        done = certd.issue(zone.name, options=[
            '--detach', '--pre-hook', f'echo pre >>{said}',
            '--deploy-hook', f'echo begin >>{said}; sleep 3; '
                             f'echo deployed >>{said}',
            '--post-hook', f'echo "post=$RENEWED_DOMAINS" >>{said}'])
        assert done.code == 0, done
        process.wait_until(lambda: 'begin' in lines(), certd.process,
                           certd.log_file, 'the deploy hook', 60)
        certd.process.kill()
        certd.process.wait()
        assert not any(line.startswith('post') for line in lines())
        certd.start()
        wait_idle(certd)
        process.wait_until(lambda: f'post={zone.name}' in lines(),
                           certd.process, certd.log_file, 'the post hook', 60)
        assert 'deployed' in lines()
        assert lines().count('pre') == 1, lines()
        assert orders(certd) == 1
    with certd:
        assert certd.ctl('status', '--json').json.get('job') is None


def test_job_that_brings_certd_down_is_closed(zone, new_certd):
    certd = new_certd(start=False)
    with certd:
        zone.lag(600, 600)
        assert certd.issue(zone.name, options=['--detach']).code == 0
        for _ in range(6):
            wait_for_stage(certd, 'name servers')
            certd.process.kill()
            certd.process.wait()
            certd.start()
        wait_idle(certd)
        status = certd.ctl('status').out
        assert 'interrupted 6 times' in status, status
        process.wait_until(lambda: not zone.records(), certd.process,
                           certd.log_file, 'the zone', 60)
        assert os.listdir(certd.path('.certd')) == []
        zone.lag(0, 0)
        done = certd.issue(zone.name)
        assert done.code == 0, done
        assert 'interrupted' not in certd.ctl('status').out

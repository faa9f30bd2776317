"""A disk that takes its time: certd-disk waits for it, and nobody else."""

import os
import signal
import threading

from stage import process


def wait_for_log(certd, text):
    process.wait_until(lambda: text in certd.log(), certd.process,
                       certd.log_file, text, 60)


class Issue(threading.Thread):
    """An issuance of which the disk keeps the last step waiting."""

    def __init__(self, certd, zone):
        super().__init__()
        self.certd, self.zone, self.done = certd, zone, None
        zone.lag(3, 3)
        self.start()
        wait_for_log(certd, 'waiting for the name servers')
        os.kill(certd.pids()['certd-disk'], signal.SIGSTOP)
        wait_for_log(certd, 'checking and storing')
        wait_for_log(certd, 'act=store')

    def run(self):
        self.done = self.certd.issue(self.zone.name)

    def disk_goes_on(self):
        os.kill(self.certd.pids()['certd-disk'], signal.SIGCONT)
        self.join()


def test_certd_answers_while_the_disk_is_busy(certd, zone):
    issue = Issue(certd, zone)
    try:
        status = certd.ctl('status', timeout=20)
        assert status.code == 0 and 'checking and storing' in status.out, status
        assert not os.path.exists(certd.live(zone.name))
    finally:
        issue.disk_goes_on()
    assert issue.done.code == 0, issue.done
    assert os.path.exists(certd.live(zone.name))


def test_what_goes_into_the_store_gets_there(certd, zone):
    """Its job is cancelled in between: it has not failed."""
    issue = Issue(certd, zone)
    cancel = threading.Thread(target=certd.ctl, args=('cancel', '1'))
    cancel.start()
    try:
        wait_for_log(certd, 'act=cancel')
    finally:
        issue.disk_goes_on()
        cancel.join()
    assert issue.done.code == 0, issue.done
    assert 'in place all the same' in certd.log()
    assert os.path.exists(certd.live(zone.name))
    assert 'last_error' not in certd.ctl('status', '--json').json
    assert certd.ctl('doctor', '--offline').code == 0


def test_certd_leaves_although_the_disk_is_busy(certd, zone):
    """What is half-way in the store is brought to its end, by certd itself."""
    issue = Issue(certd, zone)
    disk = certd.pids()['certd-disk']
    try:
        certd.process.send_signal(signal.SIGTERM)
        certd.process.wait(60)
    finally:
        os.kill(disk, signal.SIGCONT)
        issue.join()
    assert issue.done.code == 4, issue.done
    certd.start()
    assert os.path.exists(certd.live(zone.name))
    process.wait_until(lambda: zone.records() == [], certd.process,
                       certd.log_file, 'the records', 60)
    done = certd.issue(zone.name)
    assert done.code == 0 and 'kept' in done.out, done


def test_certd_leaves_without_certd_disk(certd, zone):
    os.kill(certd.pids()['certd-disk'], signal.SIGKILL)
    certd.process.wait(60)
    assert certd.process.returncode == 1
    assert 'certd-disk was ended by signal 9' in certd.log()
    certd.start()
    assert certd.issue(zone.name).code == 0

"""Power loss: store and ledger on an ext4 whose power is cut, so that everything
that was not forced to the disk is gone. At every instant live/NAME is one
matching pair. And real disks that are full, or read-only."""

import os
import random
import subprocess
import time

import pytest

from stage import process, struck
from stage.image import Image, Unavailable, own_mounts
from stage.scene import Scene

FULL = os.environ.get('CRASH') == 'full'
# Seconds after a store, and how often ext4 writes back what happened to names
# and sizes. The distributions' way is 5; with 1 the second that matters, when
# names are on the disk and contents are not, comes within one.
CUTS = [(s, 5) for s in (0, 1, 3, 5, 7, 12, 20)] + \
    [(s, 1) for s in (1, 2, 4)] if FULL else [(0, 5), (1, 1)]

pytestmark = pytest.mark.skipif(
    'san' in os.environ.get('STAGE_BUILD', ''),
    reason='the leak sanitizer does not work under ptrace')


@pytest.fixture
def new_image(tmp_path):
    """Makes images; unmounts them."""
    made = []

    def make(**settings):
        folder = tmp_path / str(len(made))
        folder.mkdir()
        try:
            image = Image(str(folder), **settings)
            made.append(image)
            image.check_it_forgets()
        except Unavailable as e:
            pytest.skip(f'no disk whose power can be cut: {e}')
        return image
    yield make
    for image in made:
        try:
            image.unmount()
        except Unavailable:
            subprocess.run(['umount', '-l', image.path], check=False)


def cut(scene, image):
    """The power goes: all processes with it."""
    pids = process.children(scene.certd.process.pid)
    image.cut_power()
    scene.certd.process.kill()          # strike takes all others with it
    left = process.survivors(pids)
    assert not left, left
    scene.certd.process.wait()
    image.power_up()


@pytest.mark.parametrize('seconds, commit', CUTS)
def test_power_cut_after_a_store_keeps_the_new_certificate(
        stage, zone, new_image, seconds, commit):
    image = new_image(commit=commit)
    with Scene(stage, zone, disk=image.path) as scene:
        certd = scene.fresh()
        done = scene.issue()
        for version in (1, 2):
            assert done.code == 0, done
            time.sleep(seconds)
            cut(scene, image)
            certd.check_pair(zone.name)         # before anybody repairs it
            assert os.readlink(certd.live(zone.name)).endswith(
                f'fullchain{version}.pem')
            certd.start()
            certd.wait_idle()
            certd.check_pair(zone.name)
            listed = certd.ctl('list', '--json').json['certificates']
            assert [c['status'] for c in listed] == ['valid']
            assert zone.records() == []
            done = scene.renew()
        scene.end()


def test_power_cut_at_any_point_of_a_store_is_old_or_new(
        stage, zone, new_image):
    image = new_image(commit=1)
    with Scene(stage, zone, disk=image.path) as scene:
        scene.fresh()
        assert scene.issue().code == 0
        points = range(1, len(scene.count(scene.renew, struck.DISK)) + 1)
        chosen = points if FULL else random.Random(os.getpid()).sample(
            points, 6)
        cuts = 0
        for n in chosen:
            certd = scene.certd
            certd.arm(struck.KILL_ALL, n, classes=struck.DISK)
            scene.renew()
            if not certd.disarm():
                continue
            certd.wait_gone()
            cuts += 1
            time.sleep(random.choice((0, 0, 1.2)))
            image.cut_power()
            image.power_up()
            try:
                certd.check_pair(zone.name)
                certd.start()
                certd.wait_idle()
                certd.check_pair(zone.name)
                certd.check_nothing_staged()
                assert zone.records() == []
                done = scene.renew()
                assert done.code == 0, done
            except BaseException:
                print(f'*** cut at {n}: {certd.points()[n - 1:n]}')
                print(certd.log()[-6000:])
                raise
        print(f'{cuts} cuts of {len(points)} points')
        scene.end()


# ---- disks that are full, or cannot be written ----

@pytest.fixture
def small_disk(tmp_path):
    own_mounts()
    disk = tmp_path / 'small'
    disk.mkdir()
    done = subprocess.run(
        ['mount', '-t', 'tmpfs', '-o', 'size=8m,mode=755', 'tmpfs', str(disk)],
        capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip(f'no tmpfs: {done.stderr}')
    yield str(disk)
    subprocess.run(['umount', '-l', str(disk)], check=False)


def fill(disk):
    path = os.path.join(disk, 'fill')
    with open(path, 'wb', buffering=0) as f:
        try:
            while True:
                f.write(b'\0' * 4096)
        except OSError:
            pass
    return path


def test_full_disk_is_named_and_keeps_the_old_certificate(
        stage, zone, new_certd, small_disk):
    certd = new_certd(start=False)
    certd.store, certd.state = small_disk + '/le', small_disk + '/state'
    certd.write_config()
    with certd:
        assert certd.issue(zone.name).code == 0
        before = os.readlink(certd.live(zone.name))
        orders = len(zone.requests('POST'))
        filler = fill(small_disk)
        done = certd.issue(zone.name, options=['--force-renewal'])
        assert done.code == 1, done
        assert 'No space left' in done.err and small_disk in done.err, done
        assert os.readlink(certd.live(zone.name)) == before
        assert len(zone.requests('POST')) == orders     # known before
        os.unlink(filler)
        done = certd.issue(zone.name, options=['--force-renewal'])
        assert done.code == 0, done
        assert zone.records() == []


def test_read_only_disk_is_named_at_the_start(
        stage, zone, new_certd, small_disk):
    certd = new_certd(start=False)
    certd.store = small_disk + '/le'
    certd.write_config()
    with certd:
        assert certd.issue(zone.name).code == 0
    subprocess.run(['mount', '-o', 'remount,ro', small_disk], check=True)
    with pytest.raises(RuntimeError, match='Read-only file system') as said:
        certd.start()
    assert small_disk in str(said.value)
    subprocess.run(['mount', '-o', 'remount,rw', small_disk], check=True)
    with certd:
        done = certd.issue(zone.name, options=['--force-renewal'])
        assert done.code == 0, done

"""kill -9 at every point: of the process that passes it, and of all at once.

A first run counts what certd and its children do to the world: every change of
store and ledger, every message, every byte to the CA and to the DNS provider.
Then each point is struck once. `make check` takes samples; `make check-crash`
all of them (CRASH=full)."""

import errno
import os
import random
import re

import pytest

from stage import struck
from stage.struck import Struck

FULL = os.environ.get('CRASH') == 'full'
SHARDS = 6 if FULL else 1
SAMPLES = 8                     # a scene, in make check

pytestmark = pytest.mark.skipif(
    'san' in os.environ.get('STAGE_BUILD', ''),
    reason='the leak sanitizer does not work under ptrace')


class Scene:
    """A certd with a CA of its own, so that orders can be counted."""

    def __init__(self, stage, zone):
        self.stage, self.zone = stage, zone
        self.ca = stage.new_ca()
        self.certd = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.certd and self.certd.process:
            self.certd.process.kill()
            self.certd.process.wait()
        self.ca.stop()

    def fresh(self):
        """A certd that knows nothing."""
        if self.certd:
            self.end()
        self.certd = Struck(self.stage, self.zone, label='crash',
                            server=self.ca.url)
        return self.certd.start()

    def end(self):
        """certd leaves as it should, and its ledger is empty."""
        self.certd.process.terminate()
        assert self.certd.wait_gone() == 0, self.certd.log()
        self.certd.check_ledger()
        self.certd.check_log()

    def orders(self):
        with open(os.path.join(self.ca.folder, 'pebble.log'),
                  encoding='utf-8', errors='replace') as f:
            return f.read().count('orders in the db')


# ---- what is interrupted ----

class First:
    """The first certificate, with the account at the CA."""
    fresh = True

    @staticmethod
    def act(scene):
        name = scene.zone.name
        return scene.certd.issue(name, '*.' + name)

    again = act


class Renew:
    fresh = False

    @staticmethod
    def act(scene):
        return scene.certd.ctl('renew', '--cert-name', scene.zone.name,
                               '--force-renewal')

    again = First.act           # says "kept" where it was renewed


ACTIONS = {'first': First, 'renew': Renew}


def prepare(scene, action):
    if action.fresh or scene.certd is None:
        scene.fresh()
        if not action.fresh:
            done = First.act(scene)
            assert done.code == 0, done


def count(scene, action):
    """The points of one run."""
    prepare(scene, action)
    scene.certd.arm(struck.COUNT)
    done = action.act(scene)
    assert done.code == 0, done
    scene.certd.disarm()
    return scene.certd.points()


def label(point):
    """The same in every run."""
    what = re.sub(r'z[0-9a-f#]+(?=\.test)', 'NAME', point.what)
    return (point.program, point.kind,
            re.sub(r'[0-9a-f#]{8,}', '#', what))


def strikes(points):
    """(point, mode): all that is to be tried."""
    for p in points:
        yield p, struck.KILL_ONE
        yield p, struck.KILL_ALL
        if p.kind == 'network':
            yield p, struck.LATE_ONE


def try_one(scene, action, n, mode):
    """One strike, and the promises after it. The label of what was struck, or
    None where the run was over before."""
    prepare(scene, action)
    certd, zone = scene.certd, scene.zone
    before = scene.orders()
    certd.arm(mode, n)
    done = action.act(scene)
    if not certd.disarm():
        assert done.code == 0, done
        return None
    certd.wait_gone()
    point = certd.points()[-1]
    try:
        certd.start()
        certd.wait_idle()
        assert zone.records() == []
        certd.check_nothing_staged()
        if not action.fresh or os.path.exists(certd.path('live', zone.name)):
            certd.check_pair(zone.name)
        done = action.again(scene)
        assert done.code == 0, done
        certd.check_pair(zone.name)
        certd.check_nothing_left_of_accounts()
        orders = scene.orders() - before
        assert orders <= 2, f'{orders} orders'
    except BaseException:
        print(f'*** struck at {n}: {point}, mode {mode}')
        print(certd.log()[-8000:])
        raise
    return label(point)


# ---- calls that fail ----

ERRORS = {errno.ENOSPC: 'No space left on device',
          errno.EIO: 'Input/output error',
          errno.EROFS: 'Read-only file system'}


def fail_one(scene, error, n):
    """Everything that changes the disk fails from point n on; later it works
    again. What the user was told where the renewal failed."""
    certd, zone = scene.certd, scene.zone
    old = os.readlink(certd.live(zone.name))
    certd.arm(struck.FAIL_ON, n, classes=struck.DISK, error=error)
    done = Renew.act(scene)
    hit = certd.disarm()
    point = next((p for p in certd.points() if p.n == n), None)
    try:
        certd.check_pair(zone.name)
        if hit and done.code != 0:
            assert done.code == 1, done
            assert ERRORS[error] in done.err, done
            assert os.readlink(certd.live(zone.name)) == old
        else:
            assert os.readlink(certd.live(zone.name)) != old
        done = Renew.act(scene)         # space is back
        assert done.code == 0, done
        certd.wait_idle()
        certd.check_pair(zone.name)
        certd.check_nothing_staged()
        assert zone.records() == []
    except BaseException:
        print(f'*** {error} from {n} on: {point}')
        print(certd.log()[-6000:])
        raise
    return done.err


@pytest.mark.parametrize('shard', range(SHARDS))
def test_failing_disk_keeps_the_old_certificate(stage, zone, shard):
    with Scene(stage, zone) as scene:
        prepare(scene, Renew)
        points = [p for p in count(scene, Renew) if p.kind == 'disk']
        chosen = [(e, n) for e in ERRORS
                  for n in range(1, len(points) + 1)][shard::SHARDS]
        if not FULL:
            chosen = random.Random(os.getpid()).sample(chosen, SAMPLES)
        for error, n in chosen:
            fail_one(scene, error, n)
        scene.end()


# ---- deaths ----

@pytest.mark.parametrize('shard', range(SHARDS))
@pytest.mark.parametrize('name', ACTIONS)
def test_struck_anywhere_nothing_is_lost(stage, zone, name, shard):
    with Scene(stage, zone) as scene:
        action = ACTIONS[name]
        points = count(scene, action)
        assert {p.program for p in points} >= {
            'certd', 'certd-sign', 'certd-dns', 'acmew'}
        chosen = list(strikes(points))[shard::SHARDS]
        if not FULL:
            chosen = random.Random(os.getpid()).sample(chosen, SAMPLES)
        struck_at = [try_one(scene, action, p.n, mode) for p, mode in chosen]
        scene.end()
        missed = {label(p) for p, _ in chosen} - set(struck_at)
        print(f'{name}: {len(points)} points, {len(chosen)} strikes, '
              f'{struck_at.count(None)} too late, not met: {sorted(missed)}')

"""kill -9 at every point: of the process that passes it, and of all at once.

A first run counts what certd and its children do to the world: every change of
store and ledger, every message, every byte to the CA and to the DNS provider.
Then each point is struck once, and once more with a second strike while certd
recovers from the first. `make check` takes samples; `make check-crash` all of
them (CRASH=full)."""

import errno
import os
import random
import re

import pytest

from stage import struck
from stage.scene import Scene

FULL = os.environ.get('CRASH') == 'full'
SHARDS = 6 if FULL else 1
SAMPLES = 8                     # a scene, in make check
TWICE = 4
STARTING = 60                   # points of a start with something left to do

pytestmark = pytest.mark.skipif(
    'san' in os.environ.get('STAGE_BUILD', ''),
    reason='the leak sanitizer does not work under ptrace')


# ---- what is interrupted ----

class First:
    """The first certificate, with the account at the CA."""
    fresh = True

    @staticmethod
    def prepare(scene):
        pass

    @staticmethod
    def act(scene):
        return scene.issue()

    again = act


class Renew:
    fresh = False

    @staticmethod
    def prepare(scene):
        if not os.path.exists(scene.certd.path('live', scene.zone.name)):
            done = scene.issue()
            assert done.code == 0, done

    @staticmethod
    def act(scene):
        return scene.renew()

    again = First.act           # says "kept" where it was renewed


class Revoke:
    """Not taken up again: status tells, and whoever asks again may."""
    fresh = False

    @staticmethod
    def prepare(scene):
        """A certificate that is not revoked yet."""
        path = scene.certd.live(scene.zone.name, 'cert')
        if not os.path.exists(path):
            done = scene.issue()
        elif scene.is_revoked():
            done = scene.renew()
        else:
            return
        assert done.code == 0, done

    @staticmethod
    def act(scene):
        return scene.certd.ctl('revoke', '--cert-name', scene.zone.name,
                               '--no-delete-after-revoke')

    @classmethod
    def again(cls, scene):
        done = cls.act(scene)
        assert scene.is_revoked()
        return done


ACTIONS = {'first': First, 'renew': Renew, 'revoke': Revoke}


def prepare(scene, action):
    if action.fresh or scene.certd is None:
        scene.fresh()
    action.prepare(scene)


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


def live_of(certd, zone):
    path = certd.live(zone.name)
    return os.readlink(path) if os.path.islink(path) else None


def audit_of(certd):
    path = os.path.join(certd.state, 'audit.log')
    if not os.path.exists(path):
        return []
    with open(path, encoding='utf-8') as f:
        return f.read().splitlines()


def check_told(scene, told, old):
    """What was done stands in the audit, however suddenly certd went."""
    new = audit_of(scene.certd)[told:]

    def begun(act):
        return any(f' act={act} ' in line and ' outcome=begun ' in line
                   for line in new)
    if live_of(scene.certd, scene.zone) != old:
        assert begun('store'), new
    if scene.zone.records():
        assert begun('publish'), new


def second_of(n, points):
    """Where recovery from a strike at n is struck in turn. The earlier the first
    one, the more is left to be done."""
    again = 1 + n * 7919 % (max(len(points) - n, 0) + STARTING)
    return (struck.KILL_ALL if n % 2 else struck.KILL_ONE), again


def try_one(scene, action, n, mode, second=None):
    """One strike, and the promises after it; second: (mode, point) of another
    one while certd recovers. The label of what was struck (then), or None where
    the run was over before."""
    prepare(scene, action)
    certd, zone = scene.certd, scene.zone
    before, old = scene.orders(), live_of(certd, zone)
    told = len(audit_of(certd))
    certd.arm(mode, n)
    done = action.act(scene)
    if not certd.disarm():
        assert done.code == 0, done
        return None
    certd.wait_gone()
    check_told(scene, told, old)
    point = certd.points()[n - 1]
    accepted = any(p.what == 'accepted' for p in certd.points()[:n - 1])
    points = [point]
    try:
        if second and certd.start_and_strike(*second):
            points.append(certd.points()[second[1] - 1])
            scene.twice += 1
        if not second or len(points) == 2:
            certd.start()
        certd.wait_idle()
        assert zone.records() == []
        certd.check_nothing_staged()
        if not action.fresh or os.path.exists(certd.path('live', zone.name)):
            certd.check_pair(zone.name)
        # What was taken on is done, without anybody asking again.
        if accepted and action is Revoke:
            # Who asked was told, or status tells.
            assert scene.is_revoked() or 'has left' in done.err or \
                'interrupted' in certd.ctl('status').out
        elif accepted:
            scene.resumed += 1
            new = os.readlink(certd.live(zone.name))
            assert new != old
        done = action.again(scene)
        assert done.code == 0, done
        if accepted and action is not Revoke:
            assert os.readlink(certd.live(zone.name)) == new
        certd.check_pair(zone.name)
        certd.check_nothing_left_of_accounts()
        orders = scene.orders() - before
        assert orders <= 1 + len(points), f'{orders} orders'
        scene.wasted += orders - 1 if orders > 1 else 0
    except BaseException:
        print(f'*** struck at {n}: {points}, mode {mode}, {second}')
        print(certd.log()[-8000:])
        raise
    return label(points[-1])


# ---- calls that fail ----

ERRORS = {errno.ENOSPC: 'No space left on device',
          errno.EIO: 'Input/output error',
          errno.EROFS: 'Read-only file system'}


def check_failed(scene, action, error, old, done):
    """What the user was told, and what he has now, where all went on failing."""
    certd, zone = scene.certd, scene.zone
    if old:
        certd.check_pair(zone.name)
    if done.code != 0:
        assert done.code == 1, done
        assert ERRORS[error] in done.err, done
        assert live_of(certd, zone) == old
    elif action is Revoke:
        assert scene.is_revoked()
    else:
        assert live_of(certd, zone) != old


def fail_one(scene, action, error, n):
    """Everything that changes the disk fails from point n on; later it works
    again."""
    prepare(scene, action)
    certd, zone = scene.certd, scene.zone
    old = live_of(certd, zone)
    certd.arm(struck.FAIL_ON, n, classes=struck.DISK, error=error)
    done = action.act(scene)
    certd.disarm()
    point = next((p for p in certd.points() if p.n == n), None)
    try:
        check_failed(scene, action, error, old, done)
        done = action.again(scene) if action.fresh or action is Revoke else \
            action.act(scene)           # space is back
        assert done.code == 0, done
        certd.wait_idle()
        certd.check_pair(zone.name)
        certd.check_nothing_staged()
        assert zone.records() == []
    except BaseException:
        print(f'*** {error} from {n} on: {point}')
        print(certd.log()[-6000:])
        raise


@pytest.mark.parametrize('shard', range(SHARDS))
@pytest.mark.parametrize('name', ACTIONS if FULL else ['renew'])
def test_failing_disk_keeps_the_old_certificate(stage, zone, name, shard):
    action = ACTIONS[name]
    with Scene(stage, zone) as scene:
        prepare(scene, action)
        points = scene.count(lambda: action.act(scene), struck.DISK)
        chosen = [(e, n) for e in ERRORS
                  for n in range(1, len(points) + 1)][shard::SHARDS]
        if not FULL:
            chosen = random.Random(os.getpid()).sample(chosen, SAMPLES)
        for error, n in chosen:
            fail_one(scene, action, error, n)
        print(f'{name}: {len(points)} points of the disk, {len(chosen)} '
              'failures')
        scene.end()


# ---- deaths ----

@pytest.mark.parametrize('shard', range(SHARDS))
@pytest.mark.parametrize('name', ACTIONS)
def test_struck_anywhere_nothing_is_lost(stage, zone, name, shard):
    with Scene(stage, zone) as scene:
        action = ACTIONS[name]
        prepare(scene, action)
        points = scene.count(lambda: action.act(scene))
        assert {p.program for p in points} >= {
            'certd', 'certd-sign', 'acmew'} | (
                set() if action is Revoke else {'certd-dns'})
        chosen = list(strikes(points))[shard::SHARDS]
        if not FULL:
            chosen = random.Random(os.getpid()).sample(chosen, SAMPLES)
        struck_at = [try_one(scene, action, p.n, mode) for p, mode in chosen]
        scene.end()
        kinds = {label(p) for p in points}
        print(f'{name}: {len(points)} points, {len(chosen)} strikes, '
              f'{struck_at.count(None)} too late, {scene.resumed} taken up '
              f'again, {scene.wasted} orders wasted; {len(kinds)} kinds of '
              f'points, {len(kinds & set(struck_at))} of them struck')


@pytest.mark.parametrize('shard', range(SHARDS))
def test_struck_while_it_recovers_nothing_is_lost(stage, zone, shard):
    with Scene(stage, zone) as scene:
        for name in ('first', 'renew', 'revoke') if FULL else ('renew',):
            action = ACTIONS[name]
            scene.resumed = scene.wasted = scene.twice = 0
            prepare(scene, action)
            points = scene.count(lambda: action.act(scene))
            chosen = [p.n for p in points][shard::SHARDS]
            if not FULL:
                chosen = random.Random(os.getpid()).sample(chosen, TWICE)
            struck_at = {try_one(scene, action, n, struck.KILL_ALL,
                                 second_of(n, points)) for n in chosen}
            print(f'{name}, twice: {len(chosen)} strikes, {scene.twice} of '
                  f'them twice, {scene.resumed} taken up again, '
                  f'{scene.wasted} orders wasted; {len(struck_at)} kinds of '
                  'points in the recovery')
        scene.end()

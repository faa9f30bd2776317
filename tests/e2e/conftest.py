"""Fixtures of the end-to-end tests. They need the stage around them:

    tests/with-stage /usr/bin/python3 -m pytest tests/e2e
"""

import contextlib
import os
import re
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from stage import Stage                                         # noqa: E402
from stage.certbot import Certbot                               # noqa: E402


def pytest_configure(config):
    if 'STAGE' not in os.environ:
        pytest.exit('these tests need the stage: run "make e2e", or '
                    'tests/with-stage /usr/bin/python3 -m pytest tests/e2e', 2)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if report.failed:
        for certd in getattr(item, 'certds', []):
            if os.path.exists(certd.log_file):
                report.sections.append((certd.log_file, certd.log()))


@pytest.fixture(scope='session')
def stage():
    return Stage.attach(os.environ['STAGE'])


@pytest.fixture
def zone(stage):
    """A zone that only this test has."""
    zone = stage.zone()
    yield zone
    zone.remove()


@pytest.fixture
def new_certd(stage, zone, request):
    """Starts as many certds as the test wants, stops and checks them after
    it. Arguments: those of Stage.certd(); start=False: only prepared."""
    request.node.certds = []
    with contextlib.ExitStack() as stack:
        def make(zone_=zone, start=True, **arguments):
            label = re.sub('^test_', '', request.node.originalname)
            certd = stage.certd(zone_, label=label, **arguments)
            request.node.certds.append(certd)
            if start:
                stack.enter_context(certd)
            return certd
        yield make


@pytest.fixture
def certd(new_certd):
    return new_certd()


@pytest.fixture
def certbot(stage, certd):
    """certbot on the store of certd."""
    return Certbot(stage, certd.store, certd.folder)


@pytest.fixture(scope='session')
def patient_ca(stage):
    """A CA that takes every nonce: certbot gives up when one is refused twice in
    a row, which the usual CA does once in four hundred requests."""
    ca = stage.new_ca(environment={'PEBBLE_WFE_NONCEREJECT': '0'})
    yield ca
    ca.stop()


# ---- what several tests ask ----

def tree(top, leave_out=()):
    """{path below top: (mode, link target or None)}; paths that begin with one
    of leave_out are not in it."""
    found = {}
    for folder, folders, files in os.walk(top):
        for name in folders + files:
            path = os.path.join(folder, name)
            short = os.path.relpath(path, top)
            if not short.startswith(tuple(leave_out)):
                target = os.readlink(path) if os.path.islink(path) else None
                found[short] = (oct(os.lstat(path).st_mode & 0o7777), target)
    return found


@pytest.fixture
def nothing_left(stage):
    """A check that a failed issuance left nothing: no lineage, no half-written
    file, no record."""
    def check(certd, zone):
        left = [p for p in tree(certd.store) if zone.name in p]
        assert not left, f'in the store: {left}'
        staged = certd.path('.certd')
        assert not os.path.isdir(staged) or not os.listdir(staged), \
            f'staged: {os.listdir(staged)}'
        assert zone.records() == []
    return check

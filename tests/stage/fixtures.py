"""Fixtures of every suite that needs the stage around it; a conftest.py takes
them with `from stage.fixtures import *`."""

import contextlib
import os
import re

import pytest

from . import Stage

__all__ = ['pytest_configure', 'pytest_runtest_makereport', 'stage', 'zone',
           'new_certd']

LOG_SHOWN = 20000


def pytest_configure(config):
    if 'STAGE' not in os.environ:
        pytest.exit('these tests need the stage: run "make e2e" or "make '
                    'hostile", or tests/with-stage /usr/bin/python3 -m pytest '
                    'tests/e2e', 2)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if report.failed:
        for certd in getattr(item, 'certds', []):
            if os.path.exists(certd.log_file):
                report.sections.append((certd.log_file,
                                        certd.log()[-LOG_SHOWN:]))


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

"""Fixtures of the hostile suite. It needs the stage around it:

    tests/with-stage /usr/bin/python3 -m pytest tests/hostile
"""

import collections
import contextlib
import os
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from hostile.scene import Scene                                 # noqa: E402
from hostile.wire import Table                                  # noqa: E402
from stage import Stage                                         # noqa: E402

BUILD = os.environ.get('STAGE_BUILD', 'build')


def pytest_configure(config):
    if 'STAGE' not in os.environ:
        pytest.exit('these tests need the stage: run "make hostile", or '
                    'tests/with-stage /usr/bin/python3 -m pytest '
                    'tests/hostile', 2)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if report.failed:
        for certd in getattr(item, 'certds', []):
            if os.path.exists(certd.log_file):
                report.sections.append((certd.log_file,
                                        certd.log()[-20000:]))


# ---- how many attempts came to what ----

def pytest_sessionfinish(session):
    """From a worker of xdist to the one that prints."""
    if hasattr(session.config, 'workeroutput'):
        session.config.workeroutput['tally'] = [
            [*k, n] for k, n in TALLY.items()]


def pytest_testnodedown(node, error):
    for kind, outcome, n in getattr(node, 'workeroutput', {}).get('tally', ()):
        TALLY[kind, outcome] += n


def pytest_terminal_summary(terminalreporter):
    if TALLY:
        terminalreporter.write_line('attempts by kind and outcome:')
        for (kind, outcome), n in sorted(TALLY.items()):
            terminalreporter.write_line(f'  {kind:<22} {outcome:<10} {n:>5}')
        terminalreporter.write_line(f'attempts: {sum(TALLY.values())}')


TALLY = collections.Counter()


@pytest.fixture(scope='session')
def stage():
    return Stage.attach(os.environ['STAGE'])


@pytest.fixture(scope='session')
def table():
    return Table(os.path.join(BUILD, 'tests', 'table'))


@pytest.fixture
def attempts():
    """Counted as (kind, outcome)."""
    return TALLY


@pytest.fixture
def zone(stage):
    zone = stage.zone()
    yield zone
    zone.remove()


@pytest.fixture
def new_certd(stage, zone, request):
    request.node.certds = []
    with contextlib.ExitStack() as stack:
        def make(zone_=zone, start=True, **arguments):
            certd = stage.certd(zone_, label='hostile', **arguments)
            request.node.certds.append(certd)
            if start:
                stack.enter_context(certd)
            return certd
        yield make


@pytest.fixture
def scene(stage, zone, new_certd, table):
    """At the end the neighbour finishes his work, and the attempts are
    counted."""
    scene = Scene(stage, new_certd(worker=False), zone, table)
    yield scene
    TALLY.update(scene.tally)
    scene.let_go()
    scene.neighbour_finishes()
    scene.close()

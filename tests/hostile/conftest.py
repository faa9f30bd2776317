"""Fixtures of the hostile suite. It needs the stage around it:

    tests/with-stage /usr/bin/python3 -m pytest tests/hostile
"""

import collections
import os
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from hostile.scene import Scene                                 # noqa: E402
from hostile.wire import Table                                  # noqa: E402
from stage.fixtures import *                                    # noqa: E402,F403

BUILD = os.environ.get('STAGE_BUILD', 'build')


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
def table():
    return Table(os.path.join(BUILD, 'tests', 'table'))


@pytest.fixture
def attempts():
    """Counted as (kind, outcome)."""
    return TALLY


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

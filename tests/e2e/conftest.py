"""Fixtures of the end-to-end tests. They need the stage around them:

    tests/with-stage /usr/bin/python3 -m pytest tests/e2e
"""

import itertools
import os
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from stage import dnsfake                                       # noqa: E402
from stage.certbot import Certbot                               # noqa: E402
from stage.files import tree                                    # noqa: E402
from stage.fixtures import *                                    # noqa: E402,F403


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


@pytest.fixture(scope='module')
def places(stage):
    """Addresses that nobody uses: this worker's share of them."""
    first = int(os.environ.get('PYTEST_XDIST_WORKER', 'gw0')[2:])
    return itertools.islice(dnsfake.addresses(stage), first * 25, None)


@pytest.fixture
def spoiled(stage, zone, places):
    """Makes the servers of the test's zone: see dnsfake.Zone."""
    def make(servers, **more):
        made = {host: server if isinstance(server, str) else
                dnsfake.Fake(stage, next(places), **server)
                for host, server in servers.items()}
        return dnsfake.Zone(stage, next(places), zone.name, made, **more)
    return make


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

"""Where secrets are: the memory of every process is searched for the token, the
account's key and the certificate's, while a job is under way and afterwards."""

import base64
import glob
import json
import os
import re
import subprocess
import threading
import time

import pytest
from cryptography.hazmat.primitives import serialization

from hostile.forge import b64u
from stage import pem, process
from stage.proxy import Proxy

SECONDS = 60
BUILD = os.environ.get('STAGE_BUILD', 'build')

pytestmark = pytest.mark.skipif(
    os.path.basename(BUILD) == 'san',
    reason='the sanitizer keeps what was freed, in terabytes')


def forms_of_number(number, size):
    """As a number lies in memory: big-endian, as OpenSSL keeps it, as text."""
    big = number.to_bytes(size, 'big')
    return {'raw': big, 'raw, reversed': big[::-1],
            'hex': big.hex().encode(), 'HEX': big.hex().upper().encode(),
            'base64': base64.b64encode(big)[:-2],
            'base64url': base64.urlsafe_b64encode(big).rstrip(b'=')}


def forms_of_key(path):
    """The private number of a PEM file, and the lines of the file itself."""
    text = pem.read(path)
    key = serialization.load_pem_private_key(text, None)
    numbers = key.private_numbers()
    forms = forms_of_number(numbers.private_value, key.key_size // 8)
    forms['PEM'] = text.splitlines()[2]
    return forms


def forms_of_account(certd):
    path, = glob.glob(certd.path('accounts', '*', '*', '*',
                                 'private_key.json'))
    d = json.loads(pem.read(path))['d']
    forms = forms_of_number(int.from_bytes(b64u(d), 'big'), 32)
    forms['JWK'] = d.encode()
    return forms


def forms_of_token(token):
    """With what surrounds it in a header it would be found as well."""
    raw = token.encode()
    return {'text': raw, 'hex': raw.hex().encode(),
            'base64': base64.b64encode(raw)[4:-4]}


def memory(pid):
    """Every readable area, with its name."""
    with open(f'/proc/{pid}/maps', encoding='ascii', errors='replace') as f:
        areas = [line.split(None, 5) for line in f]
    with open(f'/proc/{pid}/mem', 'rb', 0) as mem:
        for area, mode, _, _, _, *name in areas:
            begin, end = (int(n, 16) for n in area.split('-'))
            if mode[0] != 'r' or name and name[0].startswith('[v'):
                continue
            mem.seek(begin)
            try:
                yield (name or [''])[0].strip(), mem.read(end - begin)
            except OSError:     # a guard page of the secure heap
                pass


def holders(pids, secrets):
    """{secret: {program, ...}} and, for the reader, what was found where."""
    found, places = {name: set() for name in secrets}, []
    for program, pid in pids.items():
        for area, data in memory(pid):
            for name, forms in secrets.items():
                for form, value in forms.items():
                    if value in data:
                        found[name].add(program)
                        places.append(f'{program}: {name} ({form}) in '
                                      f'{area or "mmap"}')
    print('\n'.join(sorted(set(places))))
    return found


def everybody(certd, *more):
    """The programs, what they have forked, and others by name."""
    pids = dict(certd.pids())
    for pid in process.children(certd.process.pid):
        if pid not in pids.values():
            pids[f'{process.name(pid)} {pid}'] = pid
    return {**pids, **dict(more)}


def wait_for(condition, what):
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


@pytest.fixture
def ca(stage):
    """A CA that answers challenges when it is told to."""
    go_on = threading.Event()

    def hold(text):
        go_on.wait(4 * SECONDS)
        return text
    with Proxy(stage, {'path': '/chalZ/', 'edit': hold}) as ca:
        ca.go_on = go_on
        yield ca
        go_on.set()


@pytest.fixture
def under_way(zone, new_certd, ca):
    """An issuance that waits for the CA: keys and token are in use."""
    certd = new_certd(server=ca.url)
    waiting = subprocess.Popen(
        [certd.program('certctl'), '--socket',
         os.path.join(certd.runtime, 'control.sock'), 'issue', '-d',
         f'{zone.name},*.{zone.name}'], stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env={'PATH': os.defpath})
    try:
        wait_for(lambda: ca.count('/chalZ/') >= 2, 'challenges')
        assert len(zone.records()) == 2
        key, = glob.glob(certd.path('.certd', '**', '*.pem'), recursive=True)
        secrets = {'token': forms_of_token(zone.token),
                   'account key': forms_of_account(certd),
                   'certificate key': forms_of_key(key)}
        yield certd, waiting, secrets
    finally:
        waiting.kill()
        waiting.wait()
        waiting.stdout.close()


def test_secrets_are_where_the_table_says(zone, ca, under_way):
    certd, waiting, secrets = under_way
    pids = everybody(certd, ('certctl', waiting.pid))
    assert len(pids) >= 6, pids
    assert holders(pids, secrets) == {
        'token': {'certd-dns'}, 'account key': {'certd-sign'},
        'certificate key': {'certd-sign'}}

    ca.go_on.set()
    out, _ = waiting.communicate(timeout=SECONDS * 2)
    assert waiting.returncode == 0, out
    key = forms_of_key(certd.live(zone.name, 'privkey'))
    assert key == secrets['certificate key'], 'another key was searched for'
    pids = everybody(certd)
    deadline = time.monotonic() + SECONDS
    while any(holders(pids, secrets).values()):
        assert time.monotonic() < deadline, holders(pids, secrets)
        time.sleep(0.5)


def areas_with(pid, values):
    """Those that hold one of them: [(how smaps shows it, its flags)]."""
    found = []
    with open(f'/proc/{pid}/smaps', encoding='ascii') as f:
        areas = re.split(r'(?m)^(?=[0-9a-f]+-[0-9a-f]+ )', f.read())[1:]
    with open(f'/proc/{pid}/mem', 'rb', 0) as mem:
        for area in areas:
            head = area.split()
            begin, end = (int(n, 16) for n in head[0].split('-'))
            if not head[1].startswith('rw'):
                continue
            mem.seek(begin)
            data = mem.read(end - begin)
            if any(v in data for v in values):
                found.append((area, set(re.search(
                    r'VmFlags:(.*)', area).group(1).split())))
    return found


def test_secrets_are_in_locked_memory(under_way):
    """Keys are in the secure heap of OpenSSL: locked, and left out of core dumps
    besides. The token is in memory that is locked."""
    certd, _, secrets = under_way
    for program, names, flags in (
            ('certd-sign', ('account key', 'certificate key'), {'lo', 'dd'}),
            ('certd-dns', ('token',), {'lo'})):
        places = areas_with(certd.pids()[program],
                            [v for n in names for v in secrets[n].values()])
        assert places, program
        for area, has in places:
            assert flags <= has, (program, area)
    for program in ('certd-sign', 'certd-dns'):
        status = process.status(certd.pids()[program])
        assert status['VmLck'].split()[0] != '0', program
    assert 'swapped' not in certd.log()


def test_nothing_is_ever_dumped(certd_of_all):
    """No core, whoever dies and how."""
    for program, pid in certd_of_all.pids().items():
        with open(f'/proc/{pid}/limits', encoding='ascii') as f:
            assert re.search(r'Max core file size +0 +0 ', f.read()), program
        assert os.stat(f'/proc/{pid}/mem').st_uid == 0, program


@pytest.fixture
def certd_of_all(new_certd):
    return new_certd()

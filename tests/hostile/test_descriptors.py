"""Open files where others belong: what root's or a member's certctl hands over in
place of a certificate, a key, a CA's HMAC key or a token."""

import contextlib
import os
import socket
import tempfile
import time

import pytest

from hostile.forge import Forger, private_pem
from hostile.wire import Connection
from hostile.test_admin import after, knock, refused

# pylint: disable=unused-import
from hostile.test_admin import member

@contextlib.contextmanager
def descriptors(folder):
    """What a message may carry besides a file that is one: {label: descriptor}.
    The other ends stay open, so that who reads would wait for ever."""
    with contextlib.ExitStack() as stack:
        def keep(fd):
            stack.callback(os.close, fd)
            return fd

        def temporary(size=None, data=b''):
            f = stack.enter_context(tempfile.TemporaryFile(dir=folder))
            f.write(data)
            f.flush()
            if size is not None:
                os.truncate(f.fileno(), size)
            os.lseek(f.fileno(), 0, os.SEEK_SET)
            return f.fileno()

        def opened(path, flags):
            return keep(os.open(path, flags))
        fifo, path = os.path.join(folder, 'fifo'), os.path.join(folder, 'file')
        os.mkfifo(fifo, 0o600)
        with open(path, 'wb') as f:
            f.write(b'x' * 100)
        os.chmod(path, 0o600)
        pair = socket.socketpair()
        stack.callback(pair[0].close)
        stack.callback(pair[1].close)
        pipe, listener = os.pipe(), socket.socket(socket.AF_UNIX)
        stack.callback(listener.close)
        listener.bind(os.path.join(folder, 'listener'))
        listener.listen()
        terminal = os.openpty()
        yield {
            'pipe': keep(pipe[0]), 'other end of a pipe': keep(pipe[1]),
            'FIFO': opened(fifo, os.O_RDWR), 'socket': pair[0].fileno(),
            'listening socket': listener.fileno(),
            'terminal': keep(terminal[0]), 'its master': keep(terminal[1]),
            'directory': opened(folder, os.O_RDONLY),
            '/dev/zero': opened('/dev/zero', os.O_RDONLY),
            '/dev/null': opened('/dev/null', os.O_RDONLY),
            '/dev/full': opened('/dev/full', os.O_RDWR),
            'of /proc': opened('/proc/self/environ', os.O_RDONLY),
            'a terabyte of nothing': temporary(1 << 40),
            'a file that is gone': temporary(),
            '10 MB': temporary(data=b'-----BEGIN CERTIFICATE-----\n' * 400000),
            'bytes': temporary(data=os.urandom(3000)),
            'for writing only': opened(path, os.O_WRONLY),
            'a name only': opened(path, os.O_PATH),
            'in memory': keep(os.memfd_create('x')),
        }


CERTIFICATE, KEY, BINDING, TOKEN = range(4)     # enum file_use


def open_files_of(certd):
    """Of certd and its children, by process; acmew keeps connections open."""
    return {pid: len(os.listdir(f'/proc/{pid}/fd'))
            for name, pid in certd.pids().items() if name != 'acmew'}


def test_descriptors_that_are_no_files(scene):
    """Root hands them over, in place of a certificate and of a token: certd does
    not read them, signer and publisher do not wait, and nobody keeps them."""
    before = open_files_of(scene.certd)
    with descriptors(scene.certd.folder) as them:
        for label, fd in them.items():
            for use, request in ((CERTIFICATE, ('revoke_file', '/x.pem', '')),
                                 (TOKEN, ('token_check',))):
                with knock(scene, (None,)) as c:
                    c.say('file', use, fds=(fd,))
                    c.say(*request)
                    name, _, fields = c.hear_only('error', 'fact', 'accepted',
                                                  'question', 'end')
                    assert name == 'error', (label, request, name, fields)
                    assert fields['text'], (label, request)
                    c.hear_only('end')
                after(scene, f'{label} {request[0]}')
                scene.tally['root: descriptor', 'refused'] += 1
        # Those that wait for a request: the last of each use is kept, then gone.
        with knock(scene, (None,)) as c:
            for _ in range(50):
                for fd in them.values():
                    for use in (CERTIFICATE, KEY, BINDING, TOKEN):
                        c.say('file', use, fds=(fd,))
            c.say('status')
            c.hear_only('end')
    scene.tally['root: descriptor', 'in vain'] += 50 * 4 * len(them)
    after(scene, 'descriptors')
    deadline = time.monotonic() + 60
    while any(n > before[pid] for pid, n in open_files_of(scene.certd).items()):
        assert time.monotonic() < deadline, 'certd keeps what it was given'
        time.sleep(0.2)


def test_descriptors_of_members(scene, member):
    """Only root may hand files over: the request that follows is refused."""
    with descriptors(scene.certd.folder) as them:
        for label, fd in them.items():
            for use in (CERTIFICATE, KEY, BINDING, TOKEN):
                def ask(c, fd=fd, use=use):
                    c.say('file', use, fds=(fd,))
                    c.say('list')
                told = refused(scene, member, 'descriptor', label, ask, 3)
                assert 'only root' in told, told


# ---- what only a job reads ----

HMAC_KEY = 'zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W'


@pytest.fixture
def bound(stage, new_certd):
    """A certd at a CA that wants an HMAC key, with its own worker."""
    ca = stage.new_ca(externalAccountBindingRequired=True,
                      externalAccountMACKeys={'kid-1': HMAC_KEY})
    try:
        yield new_certd(server=ca.url)
    finally:
        ca.stop()


def regular(folder, name, data):
    path = os.path.join(folder, name)
    with open(path, 'wb') as f:
        f.write(data)
    return os.open(path, os.O_RDONLY)


def outcome(c, *request):
    """How the job of this request ended, and what it said."""
    c.say(*request)
    name, _, fields = c.hear_only('result', 'error')
    c.hear_only('end')
    return name == 'result' and fields['ok'], fields['text']


def test_descriptors_in_place_of_keys(bound, table):
    """The signer is shown them in the middle of a job: the key of a certificate to
    be revoked, and the HMAC key of a new account. The job says what is wrong with
    them, and nothing waits or is kept."""
    control = os.path.join(bound.runtime, 'control.sock')
    kid, = [o['number'] for o in table.options if o['word'] == 'eab-kid']
    forger, folder = Forger(), bound.folder
    certificate = regular(folder, 'a.pem', forger.pem(forger.make(
        forger.key.public_key(), ['a.test'])))
    other_key = regular(folder, 'key.pem', private_pem())
    hmac = regular(folder, 'hmac', HMAC_KEY.encode())

    def revoke(c, fd):
        os.lseek(certificate, 0, os.SEEK_SET)   # it is the same open file
        c.say('file', CERTIFICATE, fds=(certificate,))
        c.say('file', KEY, fds=(fd,))
        return outcome(c, 'revoke_file', '/x.pem', '')

    def register(c, fd):
        c.say('file', BINDING, fds=(fd,))
        c.say('option', kid, 'kid-1')
        return outcome(c, 'account', 3)
    with Connection(table, control) as c, descriptors(folder) as them:
        before = open_files_of(bound)
        for label, fd in {**them, 'another key': other_key}.items():
            for act in (revoke, register):
                ok, why = act(c, fd)
                assert not ok and why, (label, act, why)
        assert not os.listdir(bound.path('live'))
        c.say('status')
        c.hear_only('end')
        # The right one is still taken: the door is no wall.
        ok, why = register(c, hmac)
        assert ok, why
    deadline = time.monotonic() + 60
    while any(n > before[pid] for pid, n in open_files_of(bound).items()):
        assert time.monotonic() < deadline, 'somebody keeps what he was given'
        time.sleep(0.2)
    for fd in (certificate, other_key, hmac):
        os.close(fd)
    assert HMAC_KEY not in bound.log()

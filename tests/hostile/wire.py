"""The protocol from the attacker's side: the table as proto/ was compiled, and
a connection that says what it likes."""

import array
import contextlib
import json
import os
import pwd
import select
import socket
import struct
import subprocess
import time

import msgpack

PATIENCE = 60                   # seconds: a busy machine is slow, not wrong


class Table:
    """build/tests/table, read once."""

    def __init__(self, program):
        self.__dict__.update(json.loads(subprocess.run(
            [program], stdout=subprocess.PIPE, check=True).stdout))
        self.rows = {m['name']: m for m in self.messages}
        self.by_number = {m['number']: m for m in self.messages}

    def number(self, name):
        return self.rows[name]['number']

    def of(self, sender, receiver):
        """The rows that one role may send to the other."""
        a, b = self.roles[sender], self.roles[receiver]
        return [m for m in self.messages if m['from'] & a and m['to'] & b]

    def good(self, row, **given):
        """Fields that the row accepts; given: some of them."""
        return [given.get(f['name'], sample(f)) for f in row['fields']]


def sample(field):
    """A value that the field's type and bound accept."""
    kind, bound = field['type'], field['bound']
    if kind in ('u32', 'u64'):
        return min(1, bound)
    if kind == 'flag':
        return True
    if kind == 'names':
        return ['a.example.com']
    if kind == 'texts':
        return ['text'][:bound]
    if kind == 'bytes':
        return b'bytes'[:bound]
    text = {'text': 'text', 'b64u': 'A' * 43, 'hex': '0123456789abcdef',
            'name': 'a.example.com', 'record': '_acme-challenge.example.com',
            'url': 'https://acme.stage.test/x'}[kind]
    return text if kind in ('name', 'record', 'url') else text[:bound]


class Raw(bytes):
    """Msgpack that stands in a message as it is."""


def pack(value):
    if isinstance(value, Raw):
        return bytes(value)
    if isinstance(value, list):
        head = struct.pack('B', 0x90 | len(value)) if len(value) < 16 else \
            struct.pack('>BH', 0xdc, len(value))
        return head + b''.join(map(pack, value))
    return msgpack.packb(value, use_bin_type=True)


def body(number, request, fields):
    return pack([number, request, *fields])


def frame(data):
    return struct.pack('>I', len(data)) + data


@contextlib.contextmanager
def acting_as(user, groups=()):
    """This process is somebody else for a moment. Sockets remember who made
    the connection."""
    if user is None:
        yield
        return
    who, old = pwd.getpwnam(user), os.getgroups()
    os.setgroups(groups)
    os.setegid(who.pw_gid)
    os.seteuid(who.pw_uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups(old)


class Closed(Exception):
    """The other end closed the connection."""


class Connection:
    """A connection to one of certd's sockets."""

    def __init__(self, table, path, user=None, groups=(), hello=True,
                 patience=PATIENCE):
        self.table, self.last, self.data = table, 0, b''
        self.sock = socket.socket(socket.AF_UNIX)
        if not patience:
            self.sock.setblocking(False)
        try:
            with acting_as(user, groups):
                self.sock.connect(path)     # waits where the door is crowded
            self.sock.settimeout(patience)
        except OSError:
            self.sock.close()
            raise
        if hello:
            self.say('hello', table.version)

    def close(self):
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # ---- out ----

    def send(self, data, fds=()):
        """Bytes; a peer that has closed already is no error: what it thinks of
        us is read."""
        aux = [(socket.SOL_SOCKET, socket.SCM_RIGHTS,
                array.array('i', fds))] if fds else []
        try:
            sent = self.sock.sendmsg([data], aux)
            self.sock.sendall(data[sent:])
        except (BrokenPipeError, ConnectionResetError):
            pass

    def say(self, name, *fields, fds=()):
        """A whole message; returns its request number."""
        self.last += 1
        self.send(frame(body(self.table.number(name), self.last,
                             list(fields))), fds)
        return self.last

    # ---- in ----

    def _fill(self, n, deadline):
        while len(self.data) < n:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.sock], [], [], left)[0]:
                raise TimeoutError('no message')
            try:
                part = self.sock.recv(65536)
            except ConnectionResetError:
                part = b''
            if not part:
                raise Closed
            self.data += part

    def hear(self, timeout=PATIENCE):
        """The next message but hello, as (name, request, {field: value})."""
        deadline = time.monotonic() + timeout
        while True:
            self._fill(4, deadline)
            size, = struct.unpack('>I', self.data[:4])
            self._fill(4 + size, deadline)
            number, request, *fields = msgpack.unpackb(
                self.data[4:4 + size], raw=False)
            self.data = self.data[4 + size:]
            row = self.table.by_number[number]
            if row['name'] != 'hello':
                return row['name'], request, dict(zip(
                    (f['name'] for f in row['fields']), fields))

    def hear_only(self, *names, job=None):
        """The next message of these; others are passed over."""
        while True:
            name, request, fields = self.hear()
            if name in names and job in (None, fields.get('job')):
                return name, request, fields

    def is_closed(self, timeout=PATIENCE):
        """Waits for the end of the stream; True when it comes."""
        try:
            while True:
                self.hear(timeout)
        except Closed:
            return True
        except TimeoutError:
            return False

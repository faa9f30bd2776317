"""A network of our own where the kernel lets us, and addresses in it."""

import ctypes
import fcntl
import os
import socket
import struct

CLONE_NEWNET = 0x40000000
SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1


def own_namespace():
    """Moves this process (and what it starts) into a new network namespace
    that has nothing but a loopback device. False where that is not permitted,
    as in a container without privileges: then the host's loopback serves."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNET) != 0:
        return False
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        request = struct.pack('16sH22x', b'lo', 0)
        flags, = struct.unpack_from('H', fcntl.ioctl(
            s, SIOCGIFFLAGS, request), 16)
        fcntl.ioctl(s, SIOCSIFFLAGS, struct.pack(
            '16sH22x', b'lo', flags | IFF_UP))
    return True


def _is_free(address, port):
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(socket.AF_INET, kind) as s:
            if kind == socket.SOCK_STREAM:
                s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                s.bind((address, port))
            except OSError:
                return False
    return True


def free_prefix(wanted):
    """The first of 127.0.53, 127.0.54 ... on which all (last byte, port) pairs
    of wanted are free."""
    prefixes = [f'127.0.{n}' for n in range(53, 60)]
    for prefix in prefixes:
        if all(_is_free(f'{prefix}.{last}', port) for last, port in wanted):
            return prefix
    ports = sorted({port for _, port in wanted})
    raise SystemExit(
        f'stage: no free addresses: something listens on port {ports} of every '
        f'address; stop it (see ss -lntup), or allow network namespaces')


def free_port(address):
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as s:
        s.bind((address, 0))
        return s.getsockname()[1]


def tmp_folder(prefix):
    """A new folder below TMPDIR that other users may enter, not list."""
    import tempfile
    folder = tempfile.mkdtemp(prefix=prefix)
    os.chmod(folder, 0o711)
    return folder

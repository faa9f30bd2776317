#!/usr/bin/python3
"""Stands where certd-sign or certd-dns stood: passes everything on to the real
one, which lies beside it as NAME.real, until the answer that NAME.plan names.
That one is answered as the plan says."""

import array
import json
import os
import signal
import socket
import struct
import sys
import threading

MONITOR = 3


def exactly(sock, n):
    """n bytes, and the descriptors that came with the first of them."""
    data, fds = b'', []
    while len(data) < n:
        part, some, _, _ = sock.recvmsg(n - len(data), socket.CMSG_SPACE(16))
        for level, kind, raw in some:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                fds += array.array('i', raw[:len(raw) - len(raw) % 4])
        if not part:
            os._exit(0)
        data += part
    return data, fds


def frame(sock):
    head, fds = exactly(sock, 4)
    body, more = exactly(sock, struct.unpack('>I', head)[0])
    return head + body, fds + more


def send(sock, data, fds=()):
    aux = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', fds))] \
        if fds else []
    try:
        sent = sock.sendmsg([data], aux)
        sock.sendall(data[sent:])
    except OSError:
        os._exit(0)
    for fd in fds:
        os.close(fd)


def pair(path):
    """Two sockets that root has made: the real one looks."""
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(path)
        _, raw, _, _ = s.recvmsg(1, socket.CMSG_SPACE(8))
    return [socket.socket(fileno=fd) for fd in array.array('i', raw[0][2])]


def forward(monitor, real):
    while True:
        send(real, *frame(monitor))


def number_of(data):
    """Of a message: behind the length and the head of its list."""
    at = 4 + (3 if data[4] == 0xdc else 1)
    return data[at + 1] if data[at] == 0xcc else data[at]


def lie(plan, monitor, data):
    how = plan['how']
    if how == 'instead':
        send(monitor, bytes.fromhex(plan['data']))
    elif how == 'twice':
        send(monitor, data + data)
    elif how == 'descriptor':
        send(monitor, data, [os.dup(0)])
    elif how == 'half':
        send(monitor, data[:-1])
        os._exit(0)
    elif how == 'other id':     # it is the element behind the number
        at = 4 + (3 if data[4] == 0xdc else 1)
        at += 2 if data[at] == 0xcc else 1
        width = {0xcc: 1, 0xcd: 2, 0xce: 4}.get(data[at], 0)
        body = data[4:at] + b'\xce\x7f\xff\xff\xfe' + data[at + 1 + width:]
        send(monitor, struct.pack('>I', len(body)) + body)
    elif how == 'die':
        os.kill(os.getpid(), signal.SIGKILL)


def main():
    me = os.path.realpath(sys.argv[0])
    with open(me + '.plan', encoding='ascii') as f:
        plan = json.load(f)
    monitor = socket.socket(fileno=MONITOR)
    real, other = pair(me + '.pairs')
    if os.fork() == 0:
        os.dup2(other.fileno(), MONITOR)
        os.closerange(MONITOR + 1, 256)
        os.execv(me + '.real', [me + '.real', *sys.argv[1:]])
    other.close()
    threading.Thread(target=forward, args=(monitor, real),
                     daemon=True).start()
    while True:
        data, fds = frame(real)
        if number_of(data) == plan['answer'] and plan['skip'] == 0:
            lie(plan, monitor, data)
            plan['answer'] = 0
        else:
            plan['skip'] -= number_of(data) == plan['answer']
            send(monitor, data, fds)


if __name__ == '__main__':
    main()

"""A program on a terminal, and a person who answers its questions."""

import fcntl
import os
import pty
import re
import select
import subprocess
import termios
import time

INTERRUPT = object()
KEYS = {None: b'\x04', INTERRUPT: b'\x03'}
ESCAPES = re.compile(r'\x1b\[[0-9;?]*[A-Za-z]')


class Talk:
    """What was seen on the terminal (without colours and the like), and the
    exit status."""

    def __init__(self, code, text):
        self.code, self.text = code, text

    def __repr__(self):
        return f'exit {self.code}\n--- terminal\n{self.text}---'


def _take_terminal():
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def talk(argv, answers=(), timeout=60, **more):
    """Runs argv on a terminal. answers: pairs of what is waited for (a part of
    the question) and what is then typed; None ends the input (Ctrl-D), INTERRUPT
    is Ctrl-C."""
    master, slave = pty.openpty()
    more.setdefault('env', {'PATH': os.defpath, 'TERM': 'xterm',
                            'LC_ALL': 'C.UTF-8'})
    seen, place, waiting = '', 0, list(answers)
    deadline = time.monotonic() + timeout
    with subprocess.Popen(argv, stdin=slave, stdout=slave, stderr=slave,
                          start_new_session=True, preexec_fn=_take_terminal,
                          **more) as p:
        os.close(slave)
        while True:
            if waiting and waiting[0][0] in seen[place:]:
                place = seen.index(waiting[0][0], place) + len(waiting[0][0])
                typed = waiting.pop(0)[1]
                os.write(master, KEYS.get(typed) or typed.encode() + b'\n')
                continue
            left = deadline - time.monotonic()
            if left < 0:
                p.kill()
                raise AssertionError(f'{argv}: no end; waiting for '
                                     f'{waiting}; seen:\n{seen}')
            if not select.select([master], [], [], left)[0]:
                continue
            try:
                part = os.read(master, 65536)
            except OSError:             # the other end is closed
                break
            if not part:
                break
            seen = ESCAPES.sub('', (seen + part.decode(errors='replace'))
                               .replace('\r\n', '\n'))
        code = p.wait(timeout=timeout)
    os.close(master)
    assert not waiting, f'never asked: {waiting}\n{seen}'
    return Talk(code, seen)

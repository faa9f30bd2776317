"""Processes of the stage: started with a log, waited for, ended for sure."""

import ctypes
import os
import re
import signal
import subprocess
import time

PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


def _die_with_parent():
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def spawn(argv, log, keep=False, env=None):
    """Starts argv with its output in the file log. Unless keep is set, it ends
    with this process, however this process ends."""
    with open(log, 'ab') as out:
        return subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=env,
            start_new_session=True,
            preexec_fn=None if keep else _die_with_parent)


def wait_until(ready, process, log, what, seconds=20):
    """Waits until ready() is true. An error shows the end of the log."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            if ready():
                return
        except OSError:
            pass
        gone = process.poll() is not None
        if gone or time.monotonic() > deadline:
            with open(log, encoding='utf-8', errors='replace') as f:
                tail = ''.join(f.readlines()[-15:])
            how = f'ended ({process.returncode})' if gone else 'is not ready'
            raise RuntimeError(f'{what} {how}; {log} ends with:\n{tail}')
        time.sleep(0.02)


def stop(process, seconds=10):
    """Ends a process; returns its exit status (negative: a signal's)."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    return process.returncode


# ---- what /proc says ----

def stat(pid):
    """The fields of /proc/PID/stat behind the name, or None when it is gone
    (a zombie counts as gone)."""
    try:
        with open(f'/proc/{pid}/stat', encoding='utf-8') as f:
            fields = f.read().rpartition(')')[2].split()
    except OSError:
        return None
    return None if fields[0] in 'ZX' else fields


def status(pid):
    """What stands in /proc/PID/status, {} when it is gone."""
    try:
        with open(f'/proc/{pid}/status', encoding='utf-8') as f:
            return dict(re.findall(r'^(\w+):[ \t]*(.*)$', f.read(), re.M))
    except OSError:
        return {}


def start_time(pid):
    fields = stat(pid)
    return fields and int(fields[19])


def children(pid):
    """All descendants of a process, as {pid: start time}."""
    parents = {}
    for entry in os.listdir('/proc'):
        if entry.isdigit():
            fields = stat(int(entry))
            if fields:
                parents[int(entry)] = (int(fields[1]), int(fields[19]))
    found, todo = {}, [pid]
    while todo:
        parent = todo.pop()
        for child, (its_parent, started) in parents.items():
            if its_parent == parent and child not in found:
                found[child] = started
                todo.append(child)
    return found


def name(pid):
    try:
        with open(f'/proc/{pid}/comm', encoding='utf-8') as f:
            return f.read().strip()
    except OSError:
        return ''


def survivors(pids, seconds=3):
    """Those of {pid: start time} that still run after so many seconds."""
    deadline = time.monotonic() + seconds
    while True:
        left = {p: name(p) for p, t in pids.items()
                if t is not None and start_time(p) == t}
        if not left or time.monotonic() > deadline:
            return left
        time.sleep(0.02)

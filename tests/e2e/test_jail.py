"""What each process could do if it were taken over: one system call from inside
its jail, made by it (inject.c). Everything forbidden fails or kills it. Of
certd-hook that is the process that reads messages; what runs the hooks is a
child of it, and must be free."""

import ctypes
import os
import pwd
import re
import subprocess

import pytest

from stage import process

USERS = {'certd': 'root', 'certd-disk': '_certd-sign',
         'certd-sign': '_certd-sign',
         'certd-dns': '_certd-dns', 'certd-hook': 'root', 'acmew': '_acmew'}
INET = {'certd-dns', 'acmew'}   # may open internet sockets
ROOT = {'certd', 'certd-hook'}
AT_FDCWD, AF_INET, AF_INET6, AF_NETLINK, AF_PACKET = -100, 2, 10, 16, 17
SOCK_STREAM, SOCK_RAW, PTRACE_ATTACH, PROT_RWX = 1, 3, 16, 7
MAP_PRIVATE_ANONYMOUS, CLONE_NEWUSER = 0x22, 0x10000000

FORBIDDEN = {                   # label: (call, arguments, who may all the same)
    'open a file of root': ('openat', [AT_FDCWD, '=/etc/shadow', 0, 0], set()),
    'open the old way': ('open', ['=/etc/shadow', 0, 0], set()),
    'open any file': ('openat', [AT_FDCWD, '=/etc/hostname', 0, 0], set()),
    'look into another process': (
        'openat', [AT_FDCWD, '=/proc/{sibling}/mem', 2, 0], set()),
    'open an internet socket': ('socket', [AF_INET, SOCK_STREAM, 0], INET),
    'open an IPv6 socket': ('socket', [AF_INET6, SOCK_STREAM, 0], INET),
    'open a netlink socket': ('socket', [AF_NETLINK, SOCK_RAW, 0], set()),
    'open a packet socket': ('socket', [AF_PACKET, SOCK_RAW, 0], set()),
    'execute': ('execve', ['=/bin/true', 0, 0], set()),
    'execute the new way': (
        'execveat', [AT_FDCWD, '=/bin/true', 0, 0, 0], set()),
    'trace a sibling': ('ptrace', [PTRACE_ATTACH, '{sibling}', 0, 0], set()),
    'read a sibling\'s memory': (
        'process_vm_readv', ['{sibling}', 0, 0, 0, 0, 0], set()),
    'become root': ('setresuid', [0, 0, 0], ROOT),
    'make a namespace': ('unshare', [CLONE_NEWUSER], set()),
    'mount': ('mount', ['=none', '=/mnt', '=tmpfs', 0, 0], set()),
    'map memory to write and execute': (
        'mmap', [0, 4096, PROT_RWX, MAP_PRIVATE_ANONYMOUS, -1, 0], set()),
    'ask for io_uring': ('io_uring_setup', [8, 0], set()),
    'load a kernel module': ('init_module', [0, 0, 0], set()),
    'use the key ring': ('keyctl', [0, 0, 0, 0, 0], set()),
    'program the kernel': ('bpf', [0, 0, 0], set()),
}
# An argument the kernel would refuse anyhow proves nothing; a jail's answers
# are these, and death.
ANSWERS = {'EACCES', 'EAFNOSUPPORT', 'ENOSYS', 'EPERM'}


LANDLOCK_CREATE_RULESET = 444   # with flag 1 it tells its version


def has_landlock():
    return ctypes.CDLL(None).syscall(LANDLOCK_CREATE_RULESET, None, 0, 1) > 0


def inject(pid, call, arguments):
    path = os.path.join(os.environ.get('STAGE_BUILD', 'build'), 'tests',
                        'inject')
    done = subprocess.run([path, str(pid), call, *map(str, arguments)],
                          capture_output=True, text=True, timeout=20)
    if done.returncode == 3:
        pytest.skip('no ptrace here: ' + done.stderr.strip())
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.mark.parametrize('program', USERS)
def test_forbidden_calls_fail_or_kill(new_certd, program):
    allowed = {}
    certd = None
    for label, (call, arguments, exempt) in FORBIDDEN.items():
        if program in exempt:
            continue
        if program == 'certd' and call.startswith('open') and \
                not has_landlock():
            continue            # the store is all it has to open, by rights
        if certd is None:
            certd = new_certd(start=False)
            certd.start()
        pids = certd.pids()
        sibling = pids['certd-sign' if program != 'certd-sign' else 'acmew']
        outcome = inject(pids[program], call, [
            str(a).format(sibling=sibling) for a in arguments])
        print(f'{program}: {label}: {" ".join(outcome)}')
        if outcome[0] == 'died':
            assert outcome[1:] == ['31', 'SYS'], (label, outcome)
            certd.process.wait(10)      # crash-only: the rest leaves too
            assert process.survivors(
                {p: process.start_time(p) for p in pids.values()}) == {}
            certd = None
        elif outcome[0] != 'failed' or outcome[2] not in ANSWERS:
            allowed[label] = outcome
    if certd is not None:
        certd.stop()
    assert not allowed, allowed


def test_harmless_call_works(certd):
    """The tool works, so that the refusals above mean something."""
    pids = certd.pids()
    for program in USERS:
        assert inject(pids[program], 'getpid', []) == [
            'returned', str(pids[program])]
    assert certd.ctl('status').code == 0


def test_users_and_locks(certd):
    pids = certd.pids()
    assert set(pids) == set(USERS)
    for program, user in USERS.items():
        status = process.status(pids[program])
        uid = str(pwd.getpwnam(user).pw_uid)
        assert set(status['Uid'].split()) == {uid}, program
        if user != 'root':
            assert status['Groups'].strip() == '', program
            assert int(status['CapEff'], 16) == 0, program
            assert int(status['CapPrm'], 16) == 0, program
        assert status['NoNewPrivs'] == '1', program
        assert status['Seccomp'] == '2', program
        owner = os.stat(f'/proc/{pids[program]}/mem').st_uid
        assert owner == 0, f'{program} is dumpable'
        with open(f'/proc/{pids[program]}/limits', encoding='utf-8') as f:
            assert re.search(r'Max core file size\s+0\s+0\s', f.read()), program


def test_no_program_has_descriptors_that_it_does_not_need(certd):
    for program, pid in certd.pids().items():
        targets = [os.readlink(f'/proc/{pid}/fd/{fd}')
                   for fd in os.listdir(f'/proc/{pid}/fd')]
        files = [t for t in targets if t.startswith('/') and not
                 t.startswith('/dev/null')]
        if program == 'certd':
            files = [t for t in files if not t.startswith(certd.folder)]
        assert not files, f'{program}: {files}'


def test_children_have_an_empty_environment(certd):
    allowed = {'PATH', 'LOG_PRIORITIES', 'ASAN_OPTIONS', 'LSAN_OPTIONS',
               'UBSAN_OPTIONS'}
    for program, pid in certd.pids().items():
        if program == 'certd':
            continue
        with open(f'/proc/{pid}/environ', 'rb') as f:
            names = {v.split(b'=')[0].decode() for v in f.read().split(b'\0')
                     if v}
        assert names <= allowed, f'{program}: {names - allowed}'


def test_sockets_are_closed_to_others(certd):
    control = os.stat(os.path.join(certd.runtime, 'control.sock'))
    worker = os.stat(os.path.join(certd.runtime, 'worker.sock'))
    assert control.st_mode & 0o007 == 0
    assert worker.st_mode & 0o007 == 0
    for user in ('nobody', '_acmew'):
        done = certd.ctl('list', user=pwd.getpwnam(user).pw_uid,
                         group=pwd.getpwnam(user).pw_gid, extra_groups=[])
        assert done.code == 3, done


def threads_of(pid):
    return [int(t) for t in os.listdir(f'/proc/{pid}/task')]


def test_threads_are_locked_in(certd):
    """certd-sign has three; all of them can do as much as the first."""
    for program, pid in certd.pids().items():
        threads = threads_of(pid)
        assert len(threads) == (3 if program == 'certd-sign' else 1), program
        for thread in threads:
            status = process.status(thread)
            assert status['NoNewPrivs'] == '1', (program, thread)
            assert status['Seccomp'] == '2', (program, thread)
            assert int(status['CapEff'], 16) == 0 or program in ROOT
    signer = certd.pids()['certd-sign']
    for thread in set(threads_of(signer)) - {signer}:
        outcome = inject(thread, 'openat',
                         [AT_FDCWD, '=/etc/hostname', 0, 0])
        assert outcome[0] == 'failed' and outcome[2] in ANSWERS, outcome
    assert certd.ctl('status').code == 0

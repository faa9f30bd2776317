"""A disk whose power can be cut: an ext4 image on a loop device. What was not
forced to it when the power goes is lost."""

import ctypes
import fcntl
import os
import struct
import subprocess

FS_IOC_SHUTDOWN = 0x8004587d    # _IOR('X', 125, __u32)
NO_LOG_FLUSH = 2                # EXT4_GOING_FLAGS_NOLOGFLUSH
MEGABYTES = 48


CLONE_NEWNS = 0x20000
MS_REC, MS_PRIVATE = 0x4000, 0x40000
_hidden = []                    # whether this process has mounts of its own


class Unavailable(Exception):
    """Why this machine cannot play it."""


def _run(*argv):
    done = subprocess.run(argv, capture_output=True, text=True, errors='replace')
    if done.returncode != 0:
        raise Unavailable(f'{" ".join(argv)}: {done.stderr.strip()}')


def own_mounts():
    """From now on nobody else sees what is mounted, and keeps it in use."""
    libc = ctypes.CDLL(None, use_errno=True)
    if not _hidden and libc.unshare(CLONE_NEWNS) == 0:
        libc.mount(b'none', b'/', None, MS_REC | MS_PRIVATE, None)
    _hidden.append(True)


class Image:
    """Mounted at path. commit: every so many seconds ext4 writes back what
    happened to names, sizes and modes; contents take longer."""

    def __init__(self, folder, commit=5):
        own_mounts()
        self.file = os.path.join(folder, 'disk.img')
        self.path = os.path.join(folder, 'disk')
        self.commit, self.mounted = commit, False
        os.mkdir(self.path)
        with open(self.file, 'wb') as f:
            f.truncate(MEGABYTES << 20)
        _run('mkfs.ext4', '-q', '-F', '-E', 'lazy_itable_init=0', self.file)
        self._mount()
        os.chmod(self.path, 0o755)

    def _mount(self):
        _run('mount', '-t', 'ext4', '-o',
             f'loop,commit={self.commit},noatime', self.file, self.path)
        self.mounted = True

    def cut_power(self):
        """Nothing reaches the disk any more. Who still runs gets errors."""
        fd = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.ioctl(fd, FS_IOC_SHUTDOWN, struct.pack('I', NO_LOG_FLUSH))
        finally:
            os.close(fd)

    def power_up(self):
        """After cut_power(), and after all who used it have gone."""
        self.unmount()
        self._mount()           # ext4 reads its journal

    def unmount(self):
        if self.mounted:
            _run('umount', self.path)
            self.mounted = False

    def check_it_forgets(self):
        """A power cut that loses nothing would prove nothing."""
        path = os.path.join(self.path, 'unforced')
        with open(path, 'w', encoding='ascii') as f:
            f.write('x' * 10000)
        self.cut_power()
        self.power_up()
        if os.path.exists(path) and os.path.getsize(path) == 10000:
            raise Unavailable('a file that was not forced to the disk '
                              'survives the power cut')

"""A place for a store of a hundred thousand lineages: a million files, which are
made and thrown away in seconds on an ext4 of their own in memory. Where that
cannot be had, or is not worth it, a folder serves."""

import os
import shutil
import subprocess

from stage import image

WORTH = 10000                   # lineages
BYTES_EACH, FILES_EACH = 40 << 10, 12


def memory_left():
    with open('/proc/meminfo', encoding='ascii') as f:
        fields = dict(line.split(':') for line in f)
    return int(fields['MemAvailable'].split()[0]) << 10


class Large:
    """As a context: the folder's path."""

    def __init__(self, folder, count):
        self.path = os.path.join(folder, 'le')
        self.memory = os.path.join(folder, 'memory')
        self.count, self.mounted = count, []

    def mount(self, path, *argv):
        os.makedirs(path, exist_ok=True)
        subprocess.run(['mount', *argv, path], check=True, capture_output=True)
        self.mounted.append(path)

    def make(self):
        size = (64 << 20) + self.count * BYTES_EACH
        file = os.path.join(self.memory, 'image')
        if memory_left() < 2 * size:
            raise OSError('little memory')
        image.own_mounts()
        self.mount(self.memory, '-t', 'tmpfs', '-o', f'size={2 * size}', 'none')
        with open(file, 'wb') as f:
            f.truncate(size)
        subprocess.run(
            ['mkfs.ext4', '-q', '-F', '-N', str(self.count * FILES_EACH),
             '-E', 'lazy_itable_init=0,lazy_journal_init=1,nodiscard', file],
            check=True, capture_output=True)
        self.mount(self.path, '-o', 'loop,noatime', file)
        os.rmdir(os.path.join(self.path, 'lost+found'))
        os.chmod(self.path, 0o755)

    def __enter__(self):
        if self.count >= WORTH:
            try:
                self.make()
            except (OSError, subprocess.CalledProcessError):
                self.unmount()
        return self.path

    def unmount(self):
        for path in reversed(self.mounted):
            subprocess.run(['umount', path], check=False)
        self.mounted = []

    def __exit__(self, *_):
        self.unmount()
        shutil.rmtree(self.path, ignore_errors=True)

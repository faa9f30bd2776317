"""Places for stores: a folder, or an ext4 of their own where that can be had."""

import os
import shutil
import subprocess

from stage import image

SPARE = 5000                    # lineages, of what is issued beside
BYTES_EACH, FILES_EACH = 40 << 10, 12
OWN_BYTES = 2 << 30


def memory_left():
    with open('/proc/meminfo', encoding='ascii') as f:
        fields = dict(line.split(':') for line in f)
    return int(fields['MemAvailable'].split()[0]) << 10


class Place:
    """As a context: the folder's path. make() mounts what it wants there; where
    it raises OSError, the folder serves as it is."""

    def __init__(self, path):
        self.path, self.mounted = path, []

    def make(self):
        pass

    def mount(self, path, *argv):
        os.makedirs(path, exist_ok=True)
        subprocess.run(['mount', *argv, path], check=True, capture_output=True)
        self.mounted.append(path)

    def mount_ext4(self, file, size, *options):
        """On file, which is made."""
        with open(file, 'wb') as f:
            f.truncate(size)
        subprocess.run(
            ['mkfs.ext4', '-q', '-F', *options, '-E',
             'lazy_itable_init=0,lazy_journal_init=1,nodiscard', file],
            check=True, capture_output=True)
        self.mount(self.path, '-o', 'loop,noatime', file)
        os.rmdir(os.path.join(self.path, 'lost+found'))
        os.chmod(self.path, 0o755)

    def __enter__(self):
        image.own_mounts()
        try:
            self.make()
        except (OSError, subprocess.CalledProcessError):
            self.unmount()
        os.makedirs(self.path, exist_ok=True)
        return self.path

    def unmount(self):
        for path in reversed(self.mounted):
            subprocess.run(['umount', path], check=False)
        self.mounted = []

    def __exit__(self, *_):
        self.unmount()
        shutil.rmtree(self.path, ignore_errors=True)


class Large(Place):
    """For a hundred thousand lineages: a million files, made and thrown away in
    seconds, in memory; any other size as well, so that they compare."""

    def __init__(self, folder, count):
        super().__init__(os.path.join(folder, 'le'))
        self.memory = os.path.join(folder, 'memory')
        self.count = count

    def make(self):
        lineages = self.count + SPARE
        size = lineages * BYTES_EACH
        if memory_left() < 2 * size:
            raise OSError('little memory')
        self.mount(self.memory, '-t', 'tmpfs', '-o', f'size={2 * size}', 'none')
        self.mount_ext4(os.path.join(self.memory, 'image'), size, '-N',
                        str(lineages * FILES_EACH))


class Fresh(Place):
    """On the same disk, as an ext4 with a journal, as Debian makes it. Machines for
    tests have one without, which gives no inode away that was freed within the
    last minutes, and passes over each of them whenever a file is made: after
    many tests that takes longer than all else that certd does."""

    def make(self):
        self.mount_ext4(self.path + '.image', OWN_BYTES)

    def __exit__(self, *_):
        super().__exit__()
        os.unlink(self.path + '.image')

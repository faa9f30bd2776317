"""Files as tests look at them."""

import os


def read(path):
    with open(path, encoding='utf-8') as f:
        return f.read()


def write(path, text):
    with open(path, 'w', encoding='utf-8') as f:
        f.write(text)


def tree(top, leave_out=()):
    """{path below top: (mode, link target or None)}; paths that begin with one
    of leave_out are not in it."""
    found = {}
    for folder, folders, files in os.walk(top):
        for name in folders + files:
            path = os.path.join(folder, name)
            short = os.path.relpath(path, top)
            if not short.startswith(tuple(leave_out)):
                target = os.readlink(path) if os.path.islink(path) else None
                found[short] = (oct(os.lstat(path).st_mode & 0o7777), target)
    return found

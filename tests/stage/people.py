"""The users and groups that the programs run as."""

import grp
import pwd
import subprocess

USERS = ('_acmew', '_certd-sign', '_certd-dns')
GROUPS = ('certadmin', 'ssl-cert')


def make():
    """Makes those that are missing, as a package would; they stay. Returns
    their names."""
    made = []
    for name in GROUPS:
        try:
            grp.getgrnam(name)
        except KeyError:
            subprocess.run(['/usr/sbin/groupadd', '--system', name],
                           check=True)
            made.append(name)
    for name in USERS:
        try:
            pwd.getpwnam(name)
        except KeyError:
            subprocess.run(
                ['/usr/sbin/useradd', '--system', '--user-group',
                 '--home-dir', '/nonexistent', '--no-create-home',
                 '--shell', '/usr/sbin/nologin', name],
                check=True, stdout=subprocess.DEVNULL)
            made.append(name)
    return made


def as_user(name, *groups):
    """Arguments of subprocess.run() to be that user, in these groups too."""
    who = pwd.getpwnam(name)
    return {'user': who.pw_uid, 'group': who.pw_gid,
            'extra_groups': [grp.getgrnam(g).gr_gid for g in groups]}

"""A Debian root with the servers that use certificates, made once by debootstrap
and kept in a cache; each test has a layer of its own over it."""

import hashlib
import os
import shutil
import subprocess

MIRROR = 'http://deb.debian.org/debian'
SUITE = os.environ.get('SYSTEM_SUITE', 'bookworm')
# The servers, certbot, and what our package depends on: no network is needed
# afterwards. Names that differ between releases: the first that exists.
PACKAGES = '''apache2 dovecot-imapd exim4-daemon-light ssl-cert openssl cron
    certbot python3-certbot-dns-cloudflare bash-completion
    libevent-core-2.1-7|libevent-core-2.1-7t64 libmsgpackc2|libmsgpack-c2
    libcurl4|libcurl4t64 libc-ares2|libcares2 libjansson4
    libsqlite3-0 libseccomp2 libidn2-0 libssl3|libssl3t64'''.split()
BASE = 'systemd-sysv,dbus,ca-certificates,procps'
CACHE = os.environ.get('SYSTEM_CACHE', '/var/cache/certd-system')


class CannotMake(Exception):
    """There is no such root, and none can be made here."""


def run(*command, log, **more):
    with open(log, 'ab') as out:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=out,
                              stderr=out, check=False, **more)
    if done.returncode != 0:
        with open(log, encoding='utf-8', errors='replace') as f:
            raise CannotMake(f'{" ".join(command)}: exit status '
                             f'{done.returncode}\n{f.read()[-2000:]}')


def write(path, text, mode=0o644):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'w', encoding='utf-8') as f:
        f.write(text)
    os.chmod(path, mode)


def _candidates(folder, log):
    """The packages of the list, as this release calls them."""
    names = []
    for package in PACKAGES:
        for name in package.split('|'):
            done = subprocess.run(
                ['chroot', folder, 'apt-cache', 'show', name],
                stdin=subprocess.DEVNULL, capture_output=True, check=False)
            if done.returncode == 0 and done.stdout:
                names.append(name)
                break
        else:
            raise CannotMake(f'{SUITE} has no package {package} ({log})')
    return names


def _make(folder, log):
    write(f'{folder}/etc/dpkg/dpkg.cfg.d/test', 'force-unsafe-io\n')
    run('debootstrap', '--variant=minbase', '--include=' + BASE, SUITE, folder,
        MIRROR, log=log)
    write(f'{folder}/etc/apt/sources.list',
          f'deb {MIRROR} {SUITE} main\n'
          f'deb http://deb.debian.org/debian-security {SUITE}-security main\n')
    # Nothing starts while it is made; the machine starts it when it boots.
    write(f'{folder}/usr/sbin/policy-rc.d', '#!/bin/sh\nexit 101\n', 0o755)
    environment = {**os.environ, 'DEBIAN_FRONTEND': 'noninteractive',
                   'LC_ALL': 'C.UTF-8'}
    run('chroot', folder, 'apt-get', '-qq', 'update', log=log, env=environment)
    run('chroot', folder, 'apt-get', '-qq', '-y', '--no-install-recommends',
        'install', *_candidates(folder, log), log=log, env=environment)
    os.unlink(f'{folder}/usr/sbin/policy-rc.d')
    run('chroot', folder, 'apt-get', 'clean', log=log)


def base():
    """The folder of the root; made where it is not there. The list of packages
    is in its name, so that a new list makes a new one."""
    key = hashlib.sha256(repr((SUITE, PACKAGES, BASE)).encode()).hexdigest()
    folder = os.path.join(CACHE, f'{SUITE}-{key[:12]}')
    if os.path.isdir(folder):
        return folder
    if not shutil.which('debootstrap'):
        raise CannotMake('there is no debootstrap')
    os.makedirs(CACHE, exist_ok=True)
    work = folder + '.new'
    shutil.rmtree(work, ignore_errors=True)
    os.mkdir(work)
    print(f'# making a root of {SUITE} in {folder}', flush=True)
    try:
        _make(work, folder + '.log')
    except CannotMake:
        shutil.rmtree(work, ignore_errors=True)
        raise
    os.rename(work, folder)
    return folder

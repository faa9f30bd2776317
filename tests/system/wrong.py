"""Scenes of a server that is not in order: each thing is told with what to do,
and mended by that."""

import os
import socket
import time


def what_is_wrong_is_told(w):
    """A user or group that is missing, a socket that is open, a token that others
    can read, an unknown key, a second certd, a value that cannot be, a store or an
    /etc that is read-only, no resolver: each is named with what to do, and mended
    by that."""
    m = w.machine
    w.gone()
    m.run('userdel', '_certd-sign')
    done = m.run('certctl', 'list')
    assert done.code == 1 and '_certd-sign' in done.err and \
        'useradd' in done.err, done
    done = m.run('certctl', 'doctor')
    assert done.code == 1 and 'systemd-sysusers' in done.out, done
    assert m.run('systemd-sysusers').code == 0
    assert m.run('certctl', 'list').code == 0
    m.sh('chmod 666 /run/certd/control.sock; groupdel certadmin')
    done = m.run('certctl', 'doctor')
    for text in ('control.sock: is open to others (mode 0666)',
                 'certadmin: this group does not exist'):
        assert done.code == 1 and text in done.out, done
    done = m.sh('systemd-sysusers && chmod 660 /run/certd/control.sock && '
                'chgrp certadmin /run/certd/control.sock')
    assert done.code == 0, done
    os.chmod(m.path('/etc/certd/cloudflare.ini'), 0o644)
    done = m.run('certctl', 'renew', '--cert-name', 'mail.example.com',
                 '--force-renewal')
    assert done.code == 1 and 'chmod' in done.err, done
    assert 'chmod' in m.run('certctl', 'doctor').out
    os.chmod(m.path('/etc/certd/cloudflare.ini'), 0o400)
    settings = m.read('/etc/certd/certd.conf')
    m.write('/etc/certd/certd.conf', settings + '[hooks]\nnew-key = 1\n')
    assert m.run('certctl', 'list').code == 0
    assert 'new-key is no setting' in m.journal('-u', 'certd', '-o', 'cat')
    w.gone()
    done = m.run('certd', '--foreground', '--spawn')
    assert done.code == 1 and 'systemctl stop certd.socket' in done.err, done
    for _ in range(8):          # systemd takes sockets from who starts often
        m.write('/etc/certd/certd.conf', settings + '#\n')
        assert m.run('certctl', 'list').code == 0
        m.write('/etc/certd/certd.conf', settings)
        assert m.run('certctl', 'list').code == 0
    m.write('/etc/certd/certd.conf', settings.replace(
        '[acme]', '[acme]\nmax-orders = many'))
    done = m.run('certctl', 'list')
    assert done.code == 1 and 'max-orders = many' in done.err, done
    m.write('/etc/certd/certd.conf', settings)
    disk_is_read_only(w)
    etc_is_read_only(w)
    no_resolver(w)
    done = m.run('certctl', 'doctor')
    assert done.code == 0, done


def disk_is_read_only(w):
    """As the kernel makes it after errors: told, and nothing is changed."""
    m, before = w.machine, w.tree()
    w.gone()
    store = '/etc/letsencrypt'
    done = m.sh(f'mount --bind {store} {store} && '
                f'mount -o remount,ro,bind {store}')
    assert done.code == 0, done
    try:
        assert m.run('certctl', 'list').code == 0
        done = m.run('certctl', 'renew', '--cert-name', 'mail.example.com',
                     '--force-renewal')
        assert done.code == 1 and 'Read-only file system' in done.err, done
        done = m.run('certctl', 'doctor')
        assert done.code == 1 and 'is read-only' in done.out, done
    finally:
        w.gone()                # it has a mount of its own
        done = m.run('umount', store)
    assert done.code == 0, done
    assert w.tree() == before
    assert w.served('mail') == w.serial('mail.example.com')


def no_resolver(w):
    """An empty resolv.conf: told with where it is looked for."""
    m, before = w.machine, w.serial('mail.example.com')
    resolvers = m.read('/etc/resolv.conf')
    w.gone()
    m.write('/etc/resolv.conf', '')
    try:
        done = m.run('certctl', 'renew', '--cert-name', 'mail.example.com',
                     '--force-renewal')
        assert done.code == 1 and 'resolv.conf' in done.err, done
    finally:
        m.write('/etc/resolv.conf', resolvers)
        w.gone()
    assert w.serial('mail.example.com') == before


def etc_is_read_only(w):
    """All of /etc, as on a machine whose root is an image: setup and renew say
    so, and change nothing."""
    m, before = w.machine, w.tree()
    settings, token = m.read('/etc/certd/certd.conf'), w.token_text()
    w.gone()
    done = m.sh('mount --bind /etc /etc && mount -o remount,ro,bind /etc')
    assert done.code == 0, done
    try:
        done = m.run('certctl', 'setup', '--agree-tos', '--email', 'b@x.test',
                     '--token-file', '-', stdin=w.zone.token + '\n')
        assert done.code == 1 and 'Read-only file system' in done.err and \
            '/etc/certd' in done.err, done
        done = m.run('certctl', 'renew', '--cert-name', 'mail.example.com',
                     '--force-renewal')
        assert done.code == 1 and 'Read-only file system' in done.err, done
        done = m.run('certctl', 'doctor')
        assert done.code == 1 and 'is read-only' in done.out, done
    finally:
        w.gone()
        done = m.run('umount', '--lazy', '/etc')
    assert done.code == 0, done
    assert w.tree() == before
    assert m.read('/etc/certd/certd.conf') == settings
    assert w.token_text() == token


def no_network_at_boot(w):
    """The plug is pulled while records stand in DNS, and then there is no network:
    the timer's run ends in time and says why; with the network all is made
    good."""
    m, before = w.machine, w.serial('imap.example.com')
    resolvers = m.read('/etc/resolv.conf')
    client = w.busy('certctl', 'renew', '--cert-name', 'imap.example.com',
                    '--force-renewal')
    m.off(hard=True)
    client.communicate()
    assert w.zone.records()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(('127.9.9.9', 53))      # and nobody reads what comes
        m.write('/etc/resolv.conf', 'nameserver 127.9.9.9\n')
        m.boot()
        begin = time.monotonic()
        done = m.run('systemctl', 'start', 'certd-renew.service', timeout=600)
        took = time.monotonic() - begin
        assert done.code != 0 and took < 300, (took, done)
        told = m.journal('-b', '-u', 'certd-renew', '-o', 'cat')
        assert 'imap.example.com' in told and 'cannot be resolved' in told \
            and 'resolv.conf' in told, told
        done = m.run('certctl', 'doctor', timeout=300)
        assert done.code == 1 and 'cannot be resolved' in done.out, done
        m.write('/etc/resolv.conf', resolvers)
        w.gone()
    assert w.serial('imap.example.com') == before
    done = m.run('certctl', 'renew', '--cert-name', 'imap.example.com',
                 '--force-renewal')
    assert done.code == 0 and w.serial('imap.example.com') != before, done
    m.until(lambda: not w.zone.records(), 'records of before are removed')
    assert m.run('systemctl', 'start', 'certd-renew.service').code == 0
    w.gone()
    return f'without a network the run of the timer took {took:.0f} s:\n{told}'

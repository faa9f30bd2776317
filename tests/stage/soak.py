"""A soak: many issuances in bad weather, while processes are killed all the time.

Every fifth nonce is refused, every tenth answer of the CA and of the DNS
provider is an error, and every few seconds one of certd's processes (now and
then all of them) gets SIGKILL; a supervisor starts certd again, as systemd
would. What is asked: a certificate for every name, no record left in DNS, no
pair that a TLS server cannot load.

On a slow machine the seconds are longer ones: half the time that an issuance
takes which nobody disturbs. Where no life of certd is long enough for anything,
nothing is shown."""

import concurrent.futures
import os
import random
import signal
import ssl
import threading
import time

from . import process
from .proxy import Proxy

CA_WEATHER = (
    {'method': 'POST', 'bad_nonce': True, 'rate': 0.2},
    {'rate': 0.1, 'status': 503, 'headers': {'Retry-After': '1'}, 'body': ''},
)
API_WEATHER = ({'rate': 0.1, 'status': 502, 'body': 'Bad Gateway'},)
PATIENCE = 1200                 # seconds for one certificate: machines are slow


class Soak:
    def __init__(self, stage, number, at_once=8, kill_secs=3, seed=1,
                 tell=None):
        self.stage, self.number, self.at_once = stage, number, at_once
        self.tell, self.done = tell, 0
        self.kill_secs, self.random = kill_secs, random.Random(seed)
        self.over = threading.Event()
        self.kills, self.starts, self.tries, self.failed = 0, 0, 0, []
        self.lock = threading.Lock()

    # ---- the supervisor and its enemy ----

    def supervise(self):
        while not self.over.is_set():
            if self.certd.process.poll() is not None:
                self.start()
            time.sleep(0.1)

    def start(self):
        for _ in range(20):
            try:
                self.certd.start()
                self.starts += 1
                return
            except (RuntimeError, AssertionError, OSError):
                self.certd.process.kill()   # it was killed while it started
                self.certd.process.wait()
        raise RuntimeError('certd does not start any more')

    def kill(self):
        while not self.over.wait(self.random.uniform(
                self.kill_secs / 2, self.kill_secs * 1.5)):
            try:
                pids = list(self.certd.pids().items())
            except (OSError, TypeError):
                continue
            if self.random.random() >= 0.2 and pids:
                pids = [self.random.choice(pids)]
            for _, pid in pids:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            self.kills += 1

    # ---- the users ----

    def obtain(self, name):
        """Asks until there is a certificate, as a person or cron would."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            with self.lock:
                self.tries += 1
            have = os.path.exists(self.certd.live(name))
            try:
                # After a failure it would wait for a minute: here it need not.
                done = self.certd.issue(
                    name, '*.' + name, timeout=600,
                    options=[] if have else ['--force-renewal'])
                if done.code == 0:
                    self.count()
                    return True
            except (OSError, ValueError):
                pass
            time.sleep(0.5)
        with self.lock:
            self.failed.append(name)
        return False

    def count(self):
        with self.lock:
            self.done += 1
            if self.tell and self.done % 50 == 0:
                self.tell(f'{self.done} certificates, {self.kills} kills')

    def is_idle(self):
        done = self.certd.ctl('status', '--json')
        return done.code == 0 and not done.json.get('job') and \
            not done.json.get('record_left_in_dns')

    def calibrate(self, name):
        begin = time.monotonic()
        self.obtain(name)
        self.kill_secs = max(self.kill_secs, (time.monotonic() - begin) / 2)

    # ---- the whole ----

    def run(self):
        """A summary: {what: how many}."""
        begin = time.monotonic()
        zone = self.stage.zone(limit=1000000)
        names = [f'n{n:04}.{zone.name}' for n in range(self.number)]
        with Proxy(self.stage, *CA_WEATHER) as ca, \
                Proxy(self.stage, *API_WEATHER, upstream='api', seed=2) as api:
            self.certd = self.stage.certd(
                zone, label='soak', server=ca.url,
                settings={'dns': {'api-url': api.api_url}})
            self.start()
            self.calibrate(names[0])
            threads = [threading.Thread(target=t, daemon=True)
                       for t in (self.supervise, self.kill)]
            for t in threads:
                t.start()
            try:
                with concurrent.futures.ThreadPoolExecutor(
                        self.at_once) as pool:
                    list(pool.map(self.obtain, names[1:]))
                self.over.set()
                for t in threads:
                    t.join()
                if self.certd.process.poll() is not None:
                    self.start()
                # The weather clears up: what could not be removed is removed
                # at the next start.
                self.certd.stop()
                self.certd.write_config()
                self.certd.start()
                process.wait_until(self.is_idle, self.certd.process,
                                   self.certd.log_file, 'the last work', 120)
            finally:
                self.over.set()
                if self.certd.process.poll() is None:
                    self.certd.stop()
            orders = ca.count('order-plz')
        left, broken = len(zone.records()), self.broken(names)
        staged = os.listdir(self.certd.path('.certd'))
        summary = {
            'certificates': self.number - len(self.failed),
            'of': self.number, 'records left': left,
            'broken pairs': len(broken), 'staged keys': len(staged),
            'kills': self.kills, 'starts of certd': self.starts,
            'seconds between kills': round(self.kill_secs, 1),
            'requests of users': self.tries,
            'newOrder requests, refused nonces and errors too': orders,
            'seconds': int(time.monotonic() - begin)}
        zone.remove()
        return summary

    def broken(self, names):
        found = []
        for name in set(names) - set(self.failed):
            try:
                ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(
                    self.certd.live(name), self.certd.live(name, 'privkey'))
            except (OSError, ssl.SSLError):
                found.append(name)
        return found


def is_good(summary):
    return summary['certificates'] == summary['of'] and not any(
        summary[k] for k in ('records left', 'broken pairs', 'staged keys'))

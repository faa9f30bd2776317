"""A failed order leaves no authorization pending."""

import json
import os
import re
import urllib.parse

import pytest

from stage import process
from stage.acme import Account
from stage.proxy import Proxy


def account_of(certd):
    url = urllib.parse.urlparse(certd.stage.world['ca']['url'])
    folder = certd.path('accounts', url.netloc, url.path.strip('/'))
    return Account(certd.stage.ca, os.path.join(
        folder, next(i for i in os.listdir(folder) if not i.startswith('.'))))


def closed(certd):
    return re.findall(r'act=sign what="close on ([^"]+)"', certd.log())


def end_by_deadline(certd, zone):
    zone.lag(None, None)
    certd.issue(zone.name, '*.' + zone.name, 'www.' + zone.name)


def end_by_cancel(certd, zone):
    zone.lag(None, None)
    done = certd.issue(zone.name, '*.' + zone.name, 'www.' + zone.name,
                       options=['--detach'])
    assert done.code == 0, done
    process.wait_until(lambda: 'waiting for the name servers' in certd.log(),
                       certd.process, certd.log_file, 'the job')
    job = certd.ctl('status', '--json').json['job'].split()[0]
    certd.ctl('cancel', job)


def end_by_provider(certd, zone):
    zone.fault(method='POST', status=403, times=50)
    certd.issue(zone.name, '*.' + zone.name, 'www.' + zone.name)
    zone.heal()


def test_earlier_orders_of_a_failed_job_are_closed(
        stage, new_certd, zone, patient_ca):
    """Each of three orders fails by one of its two authorizations."""
    odd = {'skip': 1, 'times': 1, 'path': '/authZ/', 'method': 'POST',
           'status': 404}
    said = []

    def listen(text):
        said.append(json.loads(text)['status'])
        return text

    with Proxy(stage, {**odd}, {**odd, 'skip': 2}, {**odd, 'skip': 3},
               {'path': '/authZ/', 'edit': listen}, ca=patient_ca) as ca:
        certd = new_certd(server=ca.url)
        done = certd.issue(zone.name, 'www.' + zone.name)
        assert done.code == 1, done
        assert ca.count('/order-plz') == 3
        urls = closed(certd)
        assert len(set(urls)) == 3, certd.log()
        assert said.count('deactivated') == 3, said


@pytest.mark.parametrize('end', [end_by_deadline, end_by_cancel,
                                 end_by_provider])
def test_failed_order_is_closed(new_certd, zone, end):
    certd = new_certd(settings={'dns': {'propagation-timeout': '2s'}})
    end(certd, zone)
    process.wait_until(lambda: not certd.ctl(
        'status', '--json').json.get('job'), certd.process, certd.log_file,
        'the end of the job')
    urls = closed(certd)
    assert len(set(urls)) == 3, certd.log()
    account = account_of(certd)
    for url in urls:
        assert account.get(url)['status'] == 'deactivated'
    assert account.get(account.url)['status'] == 'valid'
    # The account is good for the next order, and for what it was.
    zone.lag(0, 0)
    done = certd.issue(zone.name)
    assert done.code == 0, done
    assert closed(certd) == urls

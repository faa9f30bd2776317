"""The answer to the CA waits until every name server shows every value."""

import pytest


def test_slow_name_server_is_waited_for(zone, certd):
    zone.lag(0, 4)
    done = certd.issue(zone.name, '*.' + zone.name)
    assert done.code == 0, done
    assert done.seconds > 4, done
    assert zone.records() == []


def test_stale_value_does_not_disturb(stage, zone, certd):
    stage.cloudflare.control(
        'record_add', zone=zone.name, content='"stale"',
        name='_acme-challenge.' + zone.name)
    zone.lag(2, 0)
    done = certd.issue(zone.name, '*.' + zone.name)
    assert done.code == 0, done


@pytest.mark.parametrize('lags, server', [((None, 0), 0), ((0, None), 1)])
def test_name_server_that_never_shows_it_is_named(
        stage, zone, new_certd, nothing_left, lags, server):
    certd = new_certd(settings={'dns': {'propagation-timeout': '5s'}})
    zone.lag(*lags)
    done = certd.issue(zone.name)
    assert done.code == 1, done
    assert 4 < done.seconds < 20, done
    names = [f'ns{server + 1}.stage.test', stage.world['name_servers'][server]]
    assert any(n in done.err for n in names), done
    assert '_acme-challenge.' + zone.name in done.err, done
    nothing_left(certd, zone)


def test_settle_time_is_waited(zone, new_certd):
    certd = new_certd(settings={'dns': {'propagation-settle': '3s'}})
    done = certd.issue(zone.name)
    assert done.code == 0 and done.seconds > 3, done


def test_least_time_of_cli_ini_is_waited(zone, new_certd):
    import os
    certd = new_certd(start=False)
    os.makedirs(certd.store)
    with open(certd.path('cli.ini'), 'w', encoding='ascii') as f:
        f.write('dns-cloudflare-propagation-seconds = 3\n')
    with certd:
        done = certd.issue(zone.name)
        assert done.code == 0 and done.seconds > 3, done


def test_zone_that_is_not_delegated_is_told(stage, zone, certd, nothing_left):
    other = stage.cloudflare.control('zone_add', name='p' + zone.name,
                                     status='pending')
    assert other['name_servers']
    stage.cloudflare.control('token', token=zone.token,
                             zones=['p' + zone.name])
    certd.write_config(settings={'dns': {'propagation-timeout': '5s'}})
    assert certd.stop() == 0
    certd.start()
    done = certd.issue('p' + zone.name)
    assert done.code == 1, done
    stage.cloudflare.control('zone_remove', name='p' + zone.name)

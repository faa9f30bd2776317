"""--preferred-chain: which of the CA's chains goes into the store."""

import pytest

from cryptography.x509.oid import NameOID

from stage import pem


@pytest.fixture(scope='module', name='ca')
def fixture_ca(stage):
    """A CA with three roots."""
    ca = stage.new_ca(environment={'PEBBLE_ALTERNATE_ROOTS': '2'})
    yield ca
    ca.stop()


def top_issuer(path):
    name = pem.certificates(path)[-1].issuer
    return name.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value


def roots(ca, tmp_path):
    names = []
    for n in range(3):
        path = tmp_path / f'root{n}.pem'
        path.write_text(ca.root(n))
        names.append(top_issuer(path))
    return names


def test_preferred_chain(new_certd, zone, ca, tmp_path):
    certd = new_certd(server=ca.url, settings={'acme': {'max-per-day': '50'}})
    names = roots(ca, tmp_path)
    assert len(set(names)) == 3
    assert certd.issue(zone.name).code == 0
    assert top_issuer(certd.live(zone.name)) == names[0]
    for n, name in enumerate(names):
        done = certd.issue(zone.name, options=[
            '--force-renewal', '--preferred-chain', name])
        assert done.code == 0 and 'warning' not in done.out, done
        path = certd.live(zone.name)
        assert top_issuer(path) == name
        pem.verify(path, tmp_path / f'root{n}.pem')
        assert pem.is_pair(path, certd.live(zone.name, 'privkey'))
    # Kept for renewals.
    done = certd.ctl('renew', '--force-renewal')
    assert done.code == 0, done
    assert top_issuer(certd.live(zone.name)) == names[2]
    # None of them: the default, and a word about it.
    done = certd.issue(zone.name, options=[
        '--force-renewal', '--preferred-chain', 'Nobody Root'])
    assert done.code == 0, done
    assert 'no chain of the CA ends with the issuer "Nobody Root"' in \
        done.out, done
    assert top_issuer(certd.live(zone.name)) == names[0]

"""A certificate of a store: its renewal file, and which version live/ shows."""

import os
import re

import configobj


def conf_path(certd, lineage):
    return certd.path('renewal', lineage + '.conf')


def parameters(certd, lineage):
    return configobj.ConfigObj(conf_path(certd, lineage),
                               encoding='utf-8')['renewalparams']


def edit(certd, lineage, **top):
    """Sets keys before the first section, as an administrator would."""
    path = conf_path(certd, lineage)
    with open(path, encoding='utf-8') as f:
        text = f.read()
    with open(path, 'w', encoding='utf-8') as f:
        f.write(''.join(f'{k} = {v}\n' for k, v in top.items()) + text)


def set_parameter(certd, lineage, key, value):
    conf = configobj.ConfigObj(conf_path(certd, lineage), encoding='utf-8')
    conf['renewalparams'][key] = value
    conf.write()


def version(certd, lineage):
    return int(re.search(r'(\d+)\.pem$',
                         os.readlink(certd.live(lineage))).group(1))

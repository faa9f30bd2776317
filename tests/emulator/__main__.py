"""python3 -m emulator SETTINGS.json

{"address": ["127.0.53.3", 8443], "certificate": PEM file, "log": file,
 "name_servers": [{"name", "address", "folder", "secret"}, ...]}
"""

import json
import signal
import sys

from .model import Model
from .publish import NameServer, Publisher
from .server import Emulator, serve


def main():
    with open(sys.argv[1], encoding='utf-8') as f:
        settings = json.load(f)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    log = lambda text: print(text, file=sys.stderr, flush=True)
    publisher = Publisher(
        [NameServer(**s) for s in settings['name_servers']], log)
    emulator = Emulator(Model(publisher), settings['log'])
    serve(emulator, settings['address'],
          settings['certificate']).serve_forever()


main()

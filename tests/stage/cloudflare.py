"""What tests tell the emulator, and ask it: /control/ of tests/emulator."""

import json
import ssl
import urllib.error
import urllib.request


class Cloudflare:
    def __init__(self, url, ca_file):
        self.url = url          # https://ADDRESS:PORT
        self.context = ssl.create_default_context(cafile=ca_file)

    def control(self, what, **arguments):
        """Calls control_<what>() of emulator/server.py."""
        request = urllib.request.Request(
            f'{self.url}/control/{what}', json.dumps(arguments).encode(),
            {'Content-Type': 'application/json'})
        try:
            with urllib.request.urlopen(request, timeout=30,
                                        context=self.context) as reply:
                return json.load(reply)['result']
        except urllib.error.HTTPError as e:
            raise RuntimeError(f'{what}: {json.load(e)["error"]}') from None

    def is_up(self):
        self.control('log', token='nobody')
        return True

"""Cloudflare's API v4, as far as an ACME client sees it: zones, DNS records,
tokens and their rights, its errors, its limits, and its bad days on demand.
What it is told to publish is served by real name servers."""

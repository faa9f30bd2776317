"""The world around certd, on this machine alone: a CA (Pebble), two name
servers (knot), Cloudflare's API (tests/emulator), each on a loopback address of
its own; and certd instances that live in it."""

from .world import Stage

__all__ = ['Stage']

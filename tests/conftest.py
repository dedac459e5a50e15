"""Fixtures shared by all tests; each module below says what it gives."""

from importlib.util import find_spec

pytest_plugins = [
    name for name in ("tests.servers", "tests.bus_fixture") if find_spec(name) is not None
]
